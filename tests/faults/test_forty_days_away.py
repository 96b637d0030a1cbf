"""A new kiosk by one command; and one that comes back after forty days, in 1970, its certificate long expired.

Real processes throughout: Mosquitto, `jingting hq`, `jingting station`, its clock moved by libfaketime, so that
OpenSSL's moves too.
"""

import asyncio
import contextlib
import datetime as dt
import sqlite3
import subprocess
from pathlib import Path

import pytest

from agent import calls
from agent.journal import Journal
from common import certificates
from common.clock import Clock
from common.events.calls import HelpAcknowledged, HelpClosed, HelpRaised
from common.identifiers import uuid7
from hq.authority import Authority
from jingting.child import Child, jingting
from jingting.ports import Ports
from jingting.web import base_url, fetch
from tests.headquarters import Headquarters, until

pytestmark = pytest.mark.slow

STATION = "jt-009"
(LIBRARY,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
AWAY_DAYS, LIFE_DAYS = 40, 90


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = jingting(*map(str, arguments))
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Town:
    """Headquarters that enrols, and a kiosk of the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "kiosk"
        self.hq = Headquarters(folder, stations=())
        self.ports = Ports()
        self.port, self.web_port, self.duty_port = (self.ports.take() for _ in range(3))
        self.config = folder / "hq/hq.toml"
        with self.config.open("a", encoding="utf-8") as config:
            config.write(
                f'\n[enrolment]\nhost = "127.0.0.1"\nport = {self.port}\nname = "127.0.0.1"\n'
                f"broker_port = {self.hq.port}\n"
            )
        self.kiosk: Child | None = None

    @property
    def settings(self) -> Path:
        return self.home / "station.toml"

    async def enrol(self) -> subprocess.CompletedProcess[str]:
        stick = self.folder / "stick"
        invite = ("hq", "invite", "--config", self.config, "--station", STATION, "--folder", stick)
        invited = await asyncio.to_thread(run, *invite)
        assert invited.returncode == 0, invited.stderr
        done = await asyncio.to_thread(run, "station", "enroll", "--folder", stick, "--dir", self.home)
        text = self.settings.read_text(encoding="utf-8") if self.settings.exists() else ""
        text = text.replace("port = 8080", f"port = {self.web_port}").replace("= 8082", f"= {self.duty_port}")
        self.settings.write_text(text, encoding="utf-8")
        return done

    def start(self, *before: str) -> None:
        command = (*before, *jingting("station", "--config", self.settings))
        self.kiosk = Child("kiosk", command, log=self.folder / "kiosk.log")
        self.kiosk.start()

    def view(self) -> dict:
        return fetch(base_url("127.0.0.1", self.duty_port) + "/status.json") or {}

    def held(self) -> int:
        """Events of the kiosk that headquarters' database holds."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/hq/data/hq.db?mode=ro", uri=True)) as connection:
            rows = "SELECT count(*) FROM events JOIN journals ON journals.id = journal_id WHERE station = ?"
            return connection.execute(rows, (STATION,)).fetchone()[0]

    async def stop(self) -> None:
        if self.kiosk is not None:
            await self.kiosk.stop()
        await self.hq.stop()
        self.ports.release()


@pytest.fixture
async def town(tmp_path):
    town = Town(tmp_path)
    await town.hq.start()
    yield town
    await town.stop()


async def test_a_new_kiosk_is_a_station_after_one_command_at_each_end(town):
    done = await town.enrol()
    assert done.returncode == 0, done.stderr
    assert f"jingting station --config {town.settings}" in done.stdout
    town.start()
    await until(lambda: town.view().get("hq_online"))
    await until(lambda: town.held() > 0)
    again = await town.enrol()
    assert again.returncode == 1
    assert "station wipe" in again.stderr


async def live(town: Town, until_ms: int, count: int) -> None:
    """What the kiosk journaled while nobody answered, up to a time."""
    clock = Clock()
    behind = clock.wall_ms() - until_ms
    clock.wall_ms = lambda: Clock().wall_ms() - behind
    clock.trusted = lambda: True
    journal = await Journal.open(
        town.home / "data/station.db",
        source=f"/stations/{STATION}",
        clock=clock,
        projectors=calls.projectors(),
        schema=(calls.SCHEMA,),
    )
    for _ in range(count):
        call = uuid7(wall_ms=clock.wall_ms())
        await journal.append(HelpRaised(call=call, origin="screen"), event_id=call)
        await journal.append(HelpAcknowledged(call=call, after_ms=4000))
        await journal.append(HelpClosed(call=call, reason="helped"))
    await journal.stop()


async def test_after_forty_days_a_boot_in_1970_and_a_kill_in_between_it_finds_its_way_back_with_all_it_kept(
    town,
):
    assert (await town.enrol()).returncode == 0
    now = dt.datetime.now(dt.UTC)
    authority = Authority.load(town.folder / "hq/authority")
    public = certificates.read_key(town.home / "keys/tls.key").public_key()
    born = now - dt.timedelta(days=LIFE_DAYS + AWAY_DAYS)
    (town.home / "keys/tls.pem").write_bytes(authority.issue_client(STATION, public, now=born, days=LIFE_DAYS))
    await live(town, int((now - dt.timedelta(days=AWAY_DAYS + 31)).timestamp() * 1000), 20)
    town.start("env", f"LD_PRELOAD={LIBRARY}", "FAKETIME=@1970-01-01 00:02:00", "FAKETIME_DONT_FAKE_MONOTONIC=1")
    await until(lambda: town.view().get("waits_for"))
    view = town.view()
    assert view["waits_for"][0] == "clock"
    assert "broker" in view["waits_for"]
    assert view["waiting"] >= 60
    asked = await asyncio.to_thread(run, "station", "status", "--config", town.settings)
    assert "waits for clock, broker" in asked.stdout
    await until((town.home / "keys-2/tls.key").exists)
    town.kiosk.kill()
    await town.kiosk.ended()
    certificates.check_pair(town.home / "keys/tls.pem", town.home / "keys/tls.key")
    town.kiosk.start()
    await until(lambda: town.view().get("hq_online") and town.view()["waiting"] == 0)
    assert town.view()["waits_for"] == ["clock"]
    assert town.held() >= 60
    made = certificates.read_certificate(town.home / "keys/tls.pem")
    assert made.not_valid_after_utc > now + dt.timedelta(days=LIFE_DAYS - 1)
    assert not town.view()["clock_trusted"]
    assert "Traceback" not in town.kiosk.log.read_text()
