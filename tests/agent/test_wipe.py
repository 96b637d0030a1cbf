"""The end of a station on a machine: keys first, then all it wrote, and nothing by accident."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from agent import calls, record_rows, wipe
from agent.enrolling import Devices, enrol
from agent.journal import Journal
from agent.key_folder import KeyFolders
from agent.wipe import NotWipedError
from common.clock import Clock
from common.events.journal import StationStarted
from jingting.child import jingting
from tests.enrolment_rig import Office

STATION = "sjz-001"
PLANTED = "PLANTED-PERSON-110101199003070017"


class Killed(BaseException):
    """The process was killed just here."""


@pytest.fixture
def station(tmp_path):
    """The settings of an enrolled station; an unfinished folder of keys lies beside the one in use."""
    office = Office(tmp_path / "hq")
    office.start()
    home = tmp_path / "kiosk"
    settings = enrol(office.invite(STATION), home, Devices(panel=None, card_reader=None), check_dates=lambda: True)
    (home / "keys-2").mkdir()
    (home / "keys-2/station.key").write_text("an unfinished one")
    office.stop()
    return settings


async def live(settings: Path, *, acknowledged: bool) -> None:
    """Journal somebody's data, which no station would in the plain, and leave wrecks of it."""
    data = settings.parent / "data"
    journal = await Journal.open(
        data / "station.db",
        source=f"/stations/{STATION}",
        clock=Clock(),
        projectors=calls.projectors() | record_rows.projectors(),
        schema=(calls.SCHEMA, record_rows.SCHEMA),
    )
    for _ in range(3):
        number = (await journal.append(StationStarted(agent=PLANTED))).number
    if acknowledged:
        await journal.acknowledged(number)
    await journal.stop()
    for name in ("station.db.damaged-1", "station.db.damaged-1.rescued", "time.floor"):
        (data / name).write_text(PLANTED)


def everything(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def told(settings: Path, *, force: bool = False) -> list[str]:
    lines: list[str] = []
    wipe.wipe(settings, force=force, tell=lines.append)
    return lines


async def test_nothing_planted_and_no_key_is_left(station):
    await live(station, acknowledged=True)
    home = station.parent
    secrets = [path.read_bytes().strip() for path in home.glob("keys-*/*.key")]
    assert len(secrets) == 3
    assert all(secret in everything(home) for secret in (*secrets, PLANTED.encode()))
    lines = told(station)
    assert list(home.rglob("*")) == []
    assert [line.partition(":")[0].removeprefix("destroyed ") for line in lines] == [
        "keys and certificates",
        "journal and orders",
        "what else it kept",
        "settings",
    ]


async def test_what_is_destroyed_was_overwritten_before(station, monkeypatch):
    await live(station, acknowledged=True)
    held = {path: path.open("rb") for path in station.parent.rglob("*") if path.is_file()}
    told(station)
    for path, file in held.items():
        with file:
            assert set(file.read()) <= {0}, path


async def test_what_waits_for_headquarters_is_lost_only_by_force(station):
    await live(station, acknowledged=False)
    kept = [*station.parent.glob("keys*/*"), station, station.parent / "data/station.db"]
    before = [path.read_bytes() for path in kept]
    with pytest.raises(NotWipedError, match=r"3 events wait for headquarters.*--force"):
        told(station)
    assert [path.read_bytes() for path in kept] == before
    told(station, force=True)
    assert not station.exists()


async def test_a_journal_that_cannot_be_read_counts_as_one_that_waits(station):
    (station.parent / "data/station.db").write_bytes(b"no database" * 1000)
    with pytest.raises(NotWipedError, match="cannot be read"):
        told(station)
    told(station, force=True)


async def test_a_station_that_runs_is_not_wiped_even_by_force(station):
    await live(station, acknowledged=True)
    with (station.parent / "data/lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(NotWipedError, match="the station runs; stop it first"):
            told(station, force=True)
    assert KeyFolders(station.parent).current is not None


async def test_private_keys_go_before_anything_else_and_a_wipe_cut_off_is_ended_by_the_next(station, monkeypatch):
    await live(station, acknowledged=True)
    destroy, gone = wipe._destroy, []

    def killed_at(count):
        def one(path):
            if len(gone) == count:
                raise Killed
            gone.append(path.name)
            return destroy(path)

        return one

    for count in (3, 8, 12):
        gone.clear()
        monkeypatch.setattr(wipe, "_destroy", killed_at(count))
        with pytest.raises(Killed):
            told(station)
        assert list(station.parent.glob("keys-*/*.key")) == []
        assert (station.parent / "data/station.db").exists() or count > 3
    monkeypatch.setattr(wipe, "_destroy", destroy)
    told(station)
    assert everything(station.parent) == b""


async def test_what_is_not_the_stations_stays_and_is_named(station):
    await live(station, acknowledged=True)
    (station.parent / "notes.txt").write_text("a technician's")
    (station.parent / "data/other.db").write_text("another program's")
    lines = told(station)
    assert (station.parent / "notes.txt").read_text() == "a technician's"
    assert (station.parent / "data/other.db").exists()
    assert any("notes.txt" in line for line in lines)
    assert any("other.db" in line for line in lines)


@pytest.mark.parametrize("text", ["", "[station]\n", "not toml", "[station]\ndata = 1\n"])
def test_settings_of_no_station_destroy_nothing(tmp_path, text):
    file = tmp_path / "station.toml"
    file.write_text(text)
    with pytest.raises(NotWipedError):
        told(file, force=True)
    assert file.exists()


async def test_the_command_says_what_it_did_and_what_comes_next(station):
    await live(station, acknowledged=False)

    def run(*arguments):
        command = jingting("station", "wipe", "--config", station, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    refused = run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "Nothing was destroyed: 3 events wait" in refused.stderr
    done = run("--force")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("destroyed keys and certificates")
    assert "tell headquarters" in done.stdout
    assert PLANTED not in done.stdout + done.stderr
