"""A scanner for QR codes and barcodes on a serial line: it says the text of a code when one is held to it.

The text is a stranger's: whoever gets it must treat it so. Here it is held to a length, to characters that show as what
they are, and to having come whole, in one piece, with the suffix behind it.
"""

import logging
import unicodedata
from collections.abc import Callable
from typing import Literal, TypeAlias

from drivers import device
from drivers.one_way_line import OneWayLine

Suffix: TypeAlias = Literal["cr", "crlf"]

_SUFFIXES = {"cr": b"\r", "crlf": b"\r\n"}
# Control characters; format characters, which hide text or turn it round; halves of a pair; what no standard has
# assigned; ends of line and paragraph. Private use is let through: rare Chinese characters are there.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_TO_DO = {
    "not_found": "check that the code scanner is plugged in and that `port` names it",
    "busy": "another program holds the port: stop it",
    "no_permission": "let this user open the port (group dialout)",
    "cannot_open": "check cable, adapter and `port`",
    "hung_up": "check the code scanner's cable",
    "garbled": "it speaks without a pause: check speed, cable, shield and ground; 8N1",
}

_log = logging.getLogger(__name__)


def text_of(code: bytes) -> str | None:
    """Return a code's text, or None when it is empty, no text, or has characters that do not show.

    UTF-8, else GB18030: of what is not ASCII hardly anything is both, and QR codes made in China are either.
    """
    for encoding in ("utf-8", "gb18030"):
        try:
            text = code.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text if text and not any(unicodedata.category(character) in _REFUSED for character in text) else None
    return None


class CodeScanner:
    """One scanner; lives through unplugging, noise and restarts of either side.

    `on_code(text)` gets each code. `on_state(state, reason)` is told when either changed, `reason` as in
    `PassportReader`; ready says that the port is open. Both are called on the loop and must not wait. `baud` and
    `suffix` as the scanner is set (8N1): with cr there may be a line feed behind it, with crlf there must.
    `longest`: bytes of a code, suffix not counted; a QR code of version 40 holds 2953. `quiet_s`: what stops for so
    long in the middle is not gone on with. `codes` and `refused` count both. Raises ValueError when `port_url` is of no
    kind that pyserial knows.
    """

    def __init__(
        self,
        name: str,
        port_url: str,
        *,
        monotonic: Callable[[], float],
        on_state: Callable[[device.State, str], None],
        on_code: Callable[[str], None],
        baud: int = 9600,
        suffix: Suffix = "cr",
        longest: int = 2953,
        quiet_s: float = 0.3,
    ) -> None:
        self.name = name
        self.codes = 0
        self.refused = 0
        self._on_code = on_code
        self._suffix = _SUFFIXES[suffix]
        self._longest = longest
        self._begun = b""
        self._too_long = False
        self._line = OneWayLine(
            f"code scanner {name} at {port_url}",
            port_url,
            baud=baud,
            quiet_s=quiet_s,
            monotonic=monotonic,
            on_state=on_state,
            on_burst=self._hear,
            to_do=_TO_DO,
            log=_log,
        )

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._line.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._line.reason

    async def run(self) -> None:
        """Serve the scanner until cancelled; may be run again after that."""
        await self._line.run()

    def _hear(self, data: bytes, begins: bool) -> None:  # noqa: FBT001 - a callback's only two arguments
        if begins:
            self.refused += self._too_long or self._begun not in (b"", b"\n")
            self._begun, self._too_long = b"", False
        *ended, self._begun = (self._begun + data).split(self._suffix)
        for code in ended:
            self._take(code)
        # A suffix may have been cut in two.
        if len(self._begun) > self._longest + len(self._suffix):
            self._begun, self._too_long = b"", True

    def _take(self, code: bytes) -> None:
        too_long, self._too_long = self._too_long, False
        if self._suffix == b"\r":
            code = code.removeprefix(b"\n")
        text = None if too_long or len(code) > self._longest else text_of(code)
        if text is None:
            self.refused += 1
            return
        self.codes += 1
        self._on_code(text)
