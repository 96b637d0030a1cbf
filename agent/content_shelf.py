"""The content packs that are whole, as the idle screen asks for them."""

from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from agent.content_files import ContentFiles
from agent.content_show import Due, IdleShow
from common.pack import HTML, Opened

LANGUAGES: Final = ("zh-CN", "en")
"""A pack is shown in the one, then in the other: nobody has said yet which one they read."""


class Leaf(NamedTuple):
    """One page as HTML that was checked when its pack came (`common.pack.check_fragment`), and its language."""

    html: str
    language: str


class Clock(Protocol):
    """The clocks of the idle screen; `agent.time_floor.StationClock` is the one there is."""

    def known_ms(self) -> int | None:
        """Return the wall time in milliseconds since 1970, None while it is not known."""

    def mono_ns(self) -> int:
        """Return CLOCK_BOOTTIME in nanoseconds."""


class Shelf:
    """`whole`: by name. While the time is not known nothing is due: nobody could say whether it still holds."""

    def __init__(self, files: ContentFiles, clock: Clock, zone: ZoneInfo) -> None:
        self.whole: dict[str, Opened] = {}
        self.show = IdleShow()
        self._files = files
        self._clock = clock
        self._zone = zone

    def leaf(self) -> Leaf | None:
        """Return the page that the resting screen shows now, if any; None too when the disk does not give it."""
        now = self.show.look(self._clock.mono_ns() / 1e9, self.due())
        if now is None:
            return None
        pack, turn = now
        opened = self.whole[pack]
        language, page = LANGUAGES[turn // len(opened.head.pages)], opened.head.pages[turn % len(opened.head.pages)]
        try:
            html = self._files.piece(pack, opened.place(page.zh if language == LANGUAGES[0] else page.en)).decode()
        except (OSError, ValueError):
            return None
        return Leaf(html, language)

    def picture(self, sha256: str) -> tuple[str, bytes] | None:
        """Return a picture's type and content by its hash, None if no pack here has it. Raises OSError."""
        for pack, opened in self.whole.items():
            for index, file in enumerate(opened.head.files):
                if file.sha256 == sha256 and file.type != HTML:
                    return file.type, self._files.piece(pack, opened.place(index))
        return None

    def due(self) -> list[Due]:
        """Return the packs whose time it is, those first that began first."""
        now = self.now()
        if now is None:
            return []
        return [
            Due(pack, len(LANGUAGES) * len(opened.head.pages), opened.head.seconds)
            for pack, opened in sorted(self.whole.items(), key=lambda item: (item[1].head.begins, item[0]))
            if opened.head.is_due(now)
        ]

    def now(self) -> datetime | None:
        """Return the station's local time, None while it is not known."""
        now_ms = self._clock.known_ms()
        return None if now_ms is None else datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(self._zone)
