"""The end of a station's life on this machine: its keys go first, then all it has written.

A flash disk may keep what was overwritten until it needs the place. What was personal is sealed with keys that were
never on it (`docs/link.md`, "Sealed fields"), so that nothing there can be read without headquarters.
"""

import fcntl
import os
import shutil
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from agent.key_folder import LINK

_KEYS: Final = (
    ("keys", "station"),
    ("keys", "headquarters"),
    ("keys", "sealing"),
    ("broker", "key"),
    ("broker", "certificate"),
    ("broker", "ca"),
)
_KEPT: Final = ("headquarters.json", "headquarters.json.new", "time.floor", "time.floor.new", "lock")
_PIECE: Final = 1024 * 1024


class NotWipedError(Exception):
    """Nothing was destroyed; the message says why, and what to do."""


def wipe(file: Path, *, force: bool, tell: Callable[[str], None]) -> None:
    """Destroy the station whose settings are `file`, keys first; `tell` hears what was done, a line each.

    Only what the settings name, and the station's own files, are touched; settings that could serve no station, such as
    those of one that is half destroyed, will do. Without `force` not while events wait for headquarters.
    Raises NotWipedError before anything is destroyed; OSError for a file that cannot be, then it may be done again.
    """
    keys, data = _named(file)
    with _claimed(data):
        waiting = _waiting(data / "station.db")
        if waiting != 0 and not force:
            many = f"{waiting} events wait for headquarters"
            if waiting is None:
                many = "the journal cannot be read, so events may wait for headquarters"
            raise NotWipedError(f"{many}; let the station run until it has them, or lose them with: --force")
        _destroy_all(_all_keys(keys, file.parent), "keys and certificates", tell)
        _destroy_all(sorted(data.glob("station.db*")), "journal and orders", tell)
        _destroy_all([*(data / name for name in _KEPT), *sorted(data.glob("city-*.csv*"))], "what else it kept", tell)
        _destroy_all([file, file.with_name(f"{file.name}.new")], "settings", tell)
        shutil.rmtree(data / "content", ignore_errors=True)  # nobody's secrets: what every screen shows
    if data.is_dir() and not any(data.iterdir()):
        data.rmdir()
    for folder in (data, file.parent):
        left = sorted(path.name for path in folder.iterdir() if path != data) if folder.is_dir() else []
        if left:
            tell(f"left alone in {folder}: {', '.join(left)}")


def _named(file: Path) -> tuple[list[Path], Path]:
    """Return the key files that settings name, and the folder of the journal. Raises NotWipedError."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotWipedError(f"{file}: {error}; name the settings of the station to be wiped") from None
    found: list[Path] = []
    for table, name in _KEYS:
        section = values.get(table)
        value = section.get(name) if isinstance(section, dict) else None
        found += [
            file.parent / text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)
        ]
    station = values.get("station")
    data = station.get("data") if isinstance(station, dict) else None
    if not isinstance(data, str):
        raise NotWipedError(f"{file}: station.data is missing; name the settings of the station to be wiped")
    return found, file.parent / data


@contextmanager
def _claimed(folder: Path) -> Iterator[None]:
    """Hold the station's lock, so that no daemon runs meanwhile. Raises NotWipedError when one does."""
    if not folder.is_dir():
        yield
        return
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise NotWipedError("the station runs; stop it first: systemctl disable --now jingting-station") from None
    finally:
        os.close(descriptor)


def _waiting(database: Path) -> int | None:
    """Return how many events headquarters has not acknowledged; None when the journal cannot tell."""
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            (cursor,) = connection.execute("SELECT cursor FROM journal").fetchone()
            (waiting,) = connection.execute("SELECT count(*) FROM events WHERE number > ?", (cursor,)).fetchone()
    except (sqlite3.Error, TypeError):  # TypeError: there is no row
        return None
    return int(waiting)


def _all_keys(named: list[Path], home: Path) -> list[Path]:
    """Return every file of keys and certificates, private ones first, old and unfinished ones too."""
    found = [path.resolve() for path in named]
    found += [path.with_name(f"{path.name}.pub") for path in found if path.suffix == ".key"]
    for folder in home.glob(f"{LINK}-*"):
        found += folder.iterdir()
    found.sort(key=lambda path: path.suffix != ".key")
    return [*dict.fromkeys(found), *(path for path in (home / LINK, home / f"{LINK}.new") if path.is_symlink())]


def _destroy_all(paths: list[Path], what: str, tell: Callable[[str], None]) -> None:
    destroyed = sum(_destroy(path) for path in paths)
    for folder in {path.parent for path in paths}:
        if folder.name.startswith(f"{LINK}-"):
            shutil.rmtree(folder, ignore_errors=True)
    tell(f"destroyed {what}: {destroyed} files")


def _destroy(path: Path) -> bool:
    """Overwrite a file, as far as its disk does that, and remove it; False when there was none. Raises OSError."""
    if path.is_symlink():
        path.unlink()
        return True
    try:
        with path.open("r+b", buffering=0) as file:
            left = path.stat().st_size
            while left > 0:
                left -= file.write(bytes(min(left, _PIECE)))
            os.fsync(file.fileno())
    except FileNotFoundError:
        return False
    path.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
