"""The stations' public keys: a file each, and for a while the one a station had before (`docs/link.md`, "Keys").

<id>.pub         the key the station signs with
<id>.previous    the one before; accepted until the new one has been used and 24 h have passed since
<id>.used        when the new one was first used: milliseconds since 1970 on headquarters' clock
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common import keyfiles
from sync import base64url
from sync.enrolment import KeyStanding
from sync.signing import VerifyKey
from sync.topics import STATION_ID

GRACE_MS: Final = 24 * 3600 * 1000
"""How long a station's previous key is accepted after its new one was used, in milliseconds."""


class _NewKey(VerifyKey):
    """A station's new key, until it is seen to be used: `on_used` is called at its first right signature."""

    def __init__(self, raw: bytes, on_used: Callable[[], None]) -> None:
        super().__init__(raw)
        self._on_used = on_used

    def verifies(self, signature: bytes, header: bytes) -> bool:
        """Tell whether the signature is right, and remember that there was one."""
        right = super().verifies(signature, header)
        if right:
            self._on_used()
        return right


@dataclass(slots=True)
class _Known:
    changed: tuple[int, int]
    current: VerifyKey
    previous: VerifyKey | None
    used_ms: int | None


class StationKeys:
    """Whose signatures count as a station's; a key that is put into the folder later is found when it is needed."""

    def __init__(self, folder: Path, wall_ms: Callable[[], int] | None = None) -> None:
        self._folder = folder
        self._wall_ms = wall_ms or (lambda: time.time_ns() // 1_000_000)
        self._known: dict[str, _Known] = {}

    def find(self, station: str, key_id: bytes) -> VerifyKey | None:
        """Return the station's key of that id, if it may sign now."""
        known = self._look(station)
        if known is None:
            return None
        if known.current.id == key_id:
            if known.previous is not None and known.used_ms is None:
                return _NewKey(known.current.raw, lambda: self._used(station, known))
            return known.current
        if known.previous is not None and known.previous.id == key_id and self._in_grace(station, known):
            return known.previous
        return None

    def standing(self, station: str, key_id: bytes) -> KeyStanding:
        """Tell what a key is to a station, without using it."""
        known = self._look(station)
        if known is not None and known.current.id == key_id:
            return "current"
        if known is None or known.previous is None or known.previous.id != key_id:
            return "unknown"
        return "previous" if self._in_grace(station, known) else "unknown"

    def replace(self, station: str, key: VerifyKey) -> None:
        """Make this the station's only key: another kiosk stands there now. Raises OSError."""
        known = self._look(station)
        if known is not None and known.current.id == key.id:
            return
        for suffix in ("previous", "used"):
            (self._folder / f"{station}.{suffix}").unlink(missing_ok=True)
        self._write(station, "pub", _line(key))

    def rotate(self, station: str, key: VerifyKey) -> None:
        """Make this the station's key, and keep the one it has as its previous one. Raises OSError."""
        known = self._look(station)
        if known is not None and known.current.id == key.id:
            return
        if known is not None:
            # In this order a kill between two steps takes no key away that a station may still have.
            self._write(station, "previous", _line(known.current))
            (self._folder / f"{station}.used").unlink(missing_ok=True)
        self._write(station, "pub", _line(key))

    def _look(self, station: str) -> _Known | None:
        if not STATION_ID.fullmatch(station):
            return None
        path = self._folder / f"{station}.pub"
        try:
            status = path.stat()
            changed = status.st_mtime_ns, status.st_ino
            known = self._known.get(station)
            if known is None or known.changed != changed:
                current, previous = VerifyKey(keyfiles.read_public(path)), self._read_previous(station)
                used_ms = None if previous is None else self._read_used(station)
                known = self._known[station] = _Known(changed, current, previous, used_ms)
        except (OSError, ValueError):
            return None
        return known

    def _read_previous(self, station: str) -> VerifyKey | None:
        try:
            return VerifyKey(keyfiles.read_public(self._folder / f"{station}.previous"))
        except (OSError, ValueError):
            return None

    def _read_used(self, station: str) -> int | None:
        try:
            return int((self._folder / f"{station}.used").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def _in_grace(self, station: str, known: _Known) -> bool:
        if known.used_ms is None:
            known.used_ms = self._read_used(station)  # another process may have seen it used
        return known.used_ms is None or self._wall_ms() < known.used_ms + GRACE_MS

    def _used(self, station: str, known: _Known) -> None:
        if known.used_ms is not None:
            return
        # Another process may have noted it already: its word is the older one.
        known.used_ms = self._read_used(station) or self._wall_ms()
        with contextlib.suppress(OSError):  # a folder that cannot be written: this process remembers, others ask anew
            self._write(station, "used", f"{known.used_ms}\n".encode())

    def _write(self, station: str, suffix: str, content: bytes) -> None:
        path = self._folder / f"{station}.{suffix}"
        passing = path.with_name(f"{path.name}.{os.getpid()}.new")
        with passing.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _line(key: VerifyKey) -> bytes:
    return base64url.encode(key.raw).encode() + b"\n"
