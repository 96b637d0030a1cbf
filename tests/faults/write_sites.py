"""Every place at which a station writes files of its own, acted once: `write_sites.py SITE FOLDER` does it.

The journal itself (`station.db`) is broken elsewhere; these are the small files beside it. Of each: how it is before,
what is done, and what a station believes that starts then.
"""

import hashlib
import sqlite3
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT)]

from agent import finding  # noqa: E402
from agent.ballast import Ballast  # noqa: E402
from agent.content_files import ContentFiles  # noqa: E402
from agent.database import JournalError, open_database, suspect  # noqa: E402
from agent.key_folder import KeyFolder, KeyFolders  # noqa: E402
from agent.key_folder import write as write_whole  # noqa: E402
from agent.pinned_keys import PinnedKeys  # noqa: E402
from agent.time_floor import StationClock  # noqa: E402
from agent.wipe import _destroy  # noqa: E402
from common import certificates, keyfiles  # noqa: E402
from common.events.records import KeyRotated  # noqa: E402
from common.pack import CHUNK  # noqa: E402
from sync import base64url  # noqa: E402
from sync.signing import SigningKey  # noqa: E402

OLD, NEW = "old", "new"
_OLD_KEY, _NEW_KEY = (SigningKey(bytes([number]) * 32).public for number in (1, 2))
_PACK = bytes(range(256)) * (2 * CHUNK // 256)
_PACK_NAME = hashlib.sha256(_PACK).hexdigest()


class Site(ABC):
    """`functions`: which of the product's do the writing, as (file, function)."""

    functions: tuple[tuple[str, str], ...] = ()

    def prepare(self, folder: Path) -> None:  # noqa: B027 - most begin with nothing
        """Make the folder as it is before."""

    @abstractmethod
    def act(self, folder: Path) -> None:
        """Write. Raises OSError or JournalError."""

    @abstractmethod
    def believed(self, folder: Path) -> str:
        """Return what a start finds: OLD, NEW, or what is neither."""


class TimeFloor(Site):
    functions = (("agent/time_floor.py", "_write"),)

    def prepare(self, folder: Path) -> None:
        self._keep(folder, 10**12)

    def act(self, folder: Path) -> None:
        self._keep(folder, 2 * 10**12)

    def believed(self, folder: Path) -> str:
        return {10**12: OLD, 2 * 10**12: NEW}.get(floor := StationClock(folder / "time.floor").floor_ms, str(floor))

    def _keep(self, folder: Path, at: int) -> None:
        clock = StationClock(folder / "time.floor")
        clock.seen(at)
        clock.keep()


class PinnedKey(Site):
    functions = (("agent/pinned_keys.py", "_keep"),)

    def act(self, folder: Path) -> None:
        pen: Any = None
        self._keys(folder).rotate(pen, "", KeyRotated(use="order", key=base64url.encode(_NEW_KEY.raw)))

    def believed(self, folder: Path) -> str:
        return NEW if self._keys(folder).find("jt-001", _NEW_KEY.id) else OLD

    def _keys(self, folder: Path) -> PinnedKeys:
        return PinnedKeys(folder / "headquarters.json", order=[_OLD_KEY.raw], sealing=b"", monotonic=lambda: 0.0)


class FreshKeys(Site):
    functions = (
        ("agent/key_folder.py", "make_keys"),
        ("common/keyfiles.py", "write_new"),
    )

    def act(self, folder: Path) -> None:
        KeyFolder(folder / "keys-1").make_keys()

    def believed(self, folder: Path) -> str:
        try:
            keyfiles.read_private(folder / "keys-1/station.key")
            keyfiles.read_public(folder / "keys-1/station.key.pub")
            certificates.read_key(folder / "keys-1/tls.key")
        except (OSError, ValueError):
            return OLD
        return NEW


class OwnKey(Site):
    """`jingting keys new FILE`: what failed half-way stands in nobody's way."""

    functions = (("common/keyfiles.py", "write_new"), ("common/keyfiles.py", "write_pair"))

    def act(self, folder: Path) -> None:
        keyfiles.create(folder / "own.key")

    def believed(self, folder: Path) -> str:
        if not (folder / "own.key").exists() and not (folder / "own.key.pub").exists():
            return OLD
        keyfiles.read_private(folder / "own.key")
        keyfiles.read_public(folder / "own.key.pub")
        return NEW


class SwappedKeys(Site):
    functions = (("agent/key_folder.py", "swap"), ("agent/key_folder.py", "take_signing_key"))

    def prepare(self, folder: Path) -> None:
        KeyFolder(folder / "keys-1").make_keys()
        KeyFolders(folder).swap()
        KeyFolder(folder / "keys-2").make_keys()

    def act(self, folder: Path) -> None:
        if self.believed(folder) == NEW:
            return
        KeyFolder(folder / "keys-2").take_signing_key(KeyFolder(folder / "keys-1"))
        KeyFolders(folder).swap()

    def believed(self, folder: Path) -> str:
        current = KeyFolders(folder).current
        assert current is not None
        keyfiles.read_private(current.path / "station.key")
        return {"keys-1": OLD, "keys-2": NEW}[current.path.name]


class Whole(Site):
    """Settings and certificates of an enrolment."""

    functions = (("agent/key_folder.py", "write"), ("agent/enrolling.py", "enrol"))

    def prepare(self, folder: Path) -> None:
        (folder / "station.toml").write_text(OLD)

    def act(self, folder: Path) -> None:
        write_whole(folder / "station.toml", NEW.encode())

    def believed(self, folder: Path) -> str:
        return (folder / "station.toml").read_text()


class CityFile(Site):
    functions = (("agent/finding.py", "_keep"),)

    def prepare(self, folder: Path) -> None:
        (folder / "places.csv").write_text(OLD)

    def act(self, folder: Path) -> None:
        finding._keep(folder / "places.csv", NEW.encode())

    def believed(self, folder: Path) -> str:
        return (folder / "places.csv").read_text()


class Pack(Site):
    """A content pack from a medium: nothing is shown of it before all of it was looked at."""

    functions = tuple(("agent/content_files.py", name) for name in ("allocate", "put", "take_in", "sweep"))

    def act(self, folder: Path) -> None:
        files = ContentFiles(folder / "content", free=lambda _: 2**40)
        files.sweep([])
        files.take_in(_PACK_NAME, BytesIO(_PACK), len(_PACK), beside=0)
        files.put(_PACK_NAME, 0, _PACK[:CHUNK])

    def believed(self, folder: Path) -> str:
        path = folder / "content" / _PACK_NAME
        return NEW if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == _PACK_NAME else OLD


class Reserve(Site):
    """Whatever comes of it, it can be given up, and held again."""

    functions = (("agent/ballast.py", "hold"), ("agent/ballast.py", "release"))

    def act(self, folder: Path) -> None:
        Ballast(folder / "station.db").hold(2**20)

    def believed(self, folder: Path) -> str:
        file = folder / "station.db-reserve"
        return NEW if file.exists() and file.stat().st_size == 2**20 else OLD


class SetAside(Site):
    """A damaged journal is set aside and a fresh one begins; one that cannot be is not touched, and still there."""

    functions = tuple(("agent/database.py", name) for name in ("_prepare", "_quarantine", "suspect"))

    def prepare(self, folder: Path) -> None:
        open_database(folder / "station.db", ())
        suspect(folder / "station.db")

    def act(self, folder: Path) -> None:
        open_database(folder / "station.db", ())

    def believed(self, folder: Path) -> str:
        aside = [file for file in folder.glob("*.damaged-*") if not file.name.endswith(("-wal", "-shm"))]
        there = [*aside, *folder.glob("station.db")]
        journals = {id_ for file in there if file.stat().st_size and (id_ := _journal(file))}
        assert len(aside) <= 1
        assert journals, "the journal is gone"
        return NEW if aside and (folder / "station.db").exists() and len(journals) == 2 else OLD


class Wiped(Site):
    functions = (("agent/wipe.py", "_destroy"),)

    def prepare(self, folder: Path) -> None:
        (folder / "station.key").write_text("a secret")

    def act(self, folder: Path) -> None:
        _destroy(folder / "station.key")

    def believed(self, folder: Path) -> str:
        return OLD if (folder / "station.key").exists() else NEW


SITES: Final[Mapping[str, Site]] = {
    site.__name__: site()
    for site in (TimeFloor, PinnedKey, FreshKeys, OwnKey, SwappedKeys, Whole, CityFile, Pack, Reserve, SetAside, Wiped)
}

ELSEWHERE: Final = {
    (
        "agent/opening.py",
        "_claim",
    ): "test_a_station_that_starts_on_a_disk_that_cannot_be_read_rings_and_comes_back_by_itself",
    (
        "agent/salvage.py",
        "_rename",
    ): "test_a_power_cut_at_any_boundary_loses_nothing_confirmed_and_leaves_a_journal_that_goes_on",
    (
        "agent/housekeeping.py",
        "_drop_damaged",
    ): "test_a_disk_that_lets_nothing_be_removed_keeps_housekeeping_from_nothing_else",
    ("agent/wipe.py", "_claimed"): "test_every_write_that_fails_at_a_site_is_told_and_nothing_half_written_is_believed",
    (
        "agent/wipe.py",
        "_destroy_all",
    ): "test_every_write_that_fails_at_a_site_is_told_and_nothing_half_written_is_believed",
    ("agent/wipe.py", "wipe"): "test_every_write_that_fails_at_a_site_is_told_and_nothing_half_written_is_believed",
}
"""What else writes, and the test that breaks it (of a wipe the part that writes: the others only take files away)."""


def _journal(file: Path) -> str:
    connection = sqlite3.connect(file)
    try:
        return str(connection.execute("SELECT id FROM journal").fetchone()[0])
    finally:
        connection.close()


def main(name: str, folder: Path) -> int:
    """Act at a site; say what came of it."""
    try:
        SITES[name].act(folder)
    except (OSError, JournalError) as error:
        print(f"refused: {error}")
    else:
        print("done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
