"""Older copies, second copies and old words: what headquarters had is not lost, and nothing comes twice."""

import contextlib
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    answered,
    calls,
    close_call,
    counted,
    hq_row,
    journaled,
    press_recorded,
    query,
    said,
    status,
    until,
)
from stranger import stranger

from hq.store import Store
from jingting import layout
from jingting.child import Child, jingting
from jingting.city import City
from jingting.count import Tally, read_hq, read_panel_log, tally
from jingting.ports import Ports
from jingting.web import base_url, fetch
from sync import topics

pytestmark = pytest.mark.slow


def copy_database(file: Path, to: Path) -> None:
    """Copy an SQLite database that nobody has open, over another one if need be."""
    for suffix in ("", "-wal", "-shm"):
        here, there = (path.with_name(path.name + suffix) for path in (file, to))
        there.unlink(missing_ok=True)
        if here.exists():
            shutil.copy(here, there)


def generation(city: City) -> int:
    return max(query(city.hq_database, "SELECT generation FROM order_journals WHERE station = ?", STATION))


async def test_headquarters_restored_from_an_older_copy_gets_every_press_again_and_can_answer(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await press_recorded(city)
        await all_there_once(city, 1)
        await city.process("hq").stop()
        copy_database(city.hq_database, tmp_path / "yesterday.db")
        await city.restart("hq")
        await press_recorded(city)
        await answered(city)
        await close_call(city)
        await press_recorded(city)
        await all_there_once(city, 3)
        before = generation(city)

        await city.process("hq").stop()
        copy_database(tmp_path / "yesterday.db", city.hq_database)
        restored = Store.open(f"sqlite:///{city.hq_database}")
        restored.new_epoch()
        restored.close()
        await city.restart("hq")
        assert counted(city).at_hq < 3
        await city.restart("broker")  # else the stations take up to a minute, by design: not all of them at once
        await press_recorded(city)
        await all_there_once(city, 4)
        await answered(city)
        assert generation(city) > before
        assert hq_row(city)["missing"] == 0


async def test_a_station_restored_from_an_older_copy_closes_its_journal_and_loses_nothing(tmp_path):
    async with City(tmp_path, stations=1) as city:
        station = city.process(f"station-{STATION}")
        data = city.station_folder(STATION) / "data"
        await press_recorded(city)
        await all_there_once(city, 1)
        await station.stop()
        copy_database(data / "station.db", tmp_path / "yesterday.db")
        await city.restart(station.name)
        await press_recorded(city)
        await press_recorded(city)
        await all_there_once(city, 3)

        # The second time that copy names a journal which headquarters knows to be closed.
        for presses in (4, 5):
            await station.stop()
            copy_database(tmp_path / "yesterday.db", data / "station.db")
            await city.restart(station.name)
            await press_recorded(city)
            await all_there_once(city, presses)
            [opened] = journaled(city, "journal.opened")
            assert opened["data"]["reason"] in {"ahead", "disagrees", "fork"}
        await close_call(city)
        await press_recorded(city)
        await all_there_once(city, 6)
        await answered(city)


@contextlib.contextmanager
def ports() -> Iterator[Ports]:
    taken = Ports()
    try:
        yield taken
    finally:
        taken.release()


@contextlib.asynccontextmanager
async def copied_kiosk(city: City, port: int) -> AsyncIterator[Child]:
    """A second kiosk from the first one's card: same id, same keys, same journal; a panel of its own, returned."""
    home = city.folder / "copy"
    await city.process(f"station-{STATION}").stop()
    shutil.copytree(city.station_folder(STATION), home, symlinks=True, ignore=shutil.ignore_patterns("panel*"))
    settings = home / "station.toml"
    text = re.sub(r"(?<=\[web\]\nport = )\d+", "0", settings.read_text())
    settings.write_text(re.sub(r"(?<=duty_port = )\d+", str(port), text))
    simulated = jingting("simulate", "panel", "--link", home / "panel", "--log", home / "panel.jsonl")
    panel = Child("copied-panel", simulated, log=city.folder / "logs/copied-panel.log")
    station = Child("copied-station", jingting("station", "--config", settings), log=city.folder / "logs/copied.log")
    panel.start()
    station.start()
    try:
        await city.restart(f"station-{STATION}")
        await until(lambda: fetch(base_url("127.0.0.1", port) + "/status.json"))
        yield panel
    finally:
        await station.stop()
        await panel.stop()


async def test_two_kiosks_with_one_card_are_noticed_both_are_heard_and_the_one_that_stays_recovers(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await press_recorded(city)
        await all_there_once(city, 1)
        logs = [city.panel_log(STATION), tmp_path / "copy/panel.jsonl"]

        def tallies() -> list[Tally]:
            return [tally(read_panel_log(log, layout.PANEL), read_hq(city.hq_database, STATION)) for log in logs]

        with ports() as taken:
            async with copied_kiosk(city, taken.take()) as copied_panel:
                presses = 0
                while presses < 3 or "takeover" not in hq_row(city)["alarms"]:
                    presses += 1
                    copied_panel.say("press")
                    await press_recorded(city)
                    await until(lambda: len(read_panel_log(logs[1], layout.PANEL).acknowledged) == presses)  # noqa: B023
                    await until(lambda: not any(tally.lost for tally in tallies()), within=20)
        await press_recorded(city)
        await until(lambda: status(city)["link"] == "up", within=20)
        await until(lambda: not any(tally.lost for tally in tallies()), within=20)
        assert [(tally.made, tally.duplicates) for tally in tallies()] == [(presses + 2, 0), (presses, 0)]
        await answered(city)


async def test_an_old_ack_said_again_moves_nothing_back(tmp_path):
    topic = topics.ack(STATION, "up")
    async with City(tmp_path, stations=1) as city, stranger(city, STATION, [topic]) as listener:
        for presses in range(1, 4):
            await press_recorded(city)
            await all_there_once(city, presses)
        old = listener.payloads(topic)
        assert len(old) >= 3
        async with stranger(city, "hq") as liar:
            for payload in old:
                await liar.says(topic, payload)
            await until(lambda: len(listener.payloads(topic)) >= 2 * len(old))
        await press_recorded(city)
        await all_there_once(city, 4)
        assert [call["at_hq"] for call in calls(city)] == [True]
        assert not journaled(city, "journal.opened")


async def test_two_workers_share_one_store_and_take_turns_at_dying(tmp_path):
    async with City(tmp_path, stations=1) as city:
        with ports() as taken:
            port = taken.take()
            one, two = city.folder / "hq/hq.toml", city.folder / "hq/two.toml"
            text = re.sub(r"(?<=\[web\]\nport = )\d+", str(port), one.read_text())
            two.write_text(text.replace('worker = "one"', 'worker = "two"'))
            second = Child("hq-two", jingting("hq", "--config", two), log=city.folder / "logs/hq-two.log")
            try:
                second.start()
                await until(lambda: fetch(base_url("127.0.0.1", port) + "/health.json"))
                await until(lambda: said(city, "hq", "is up") and "urgent connection" in second.log.read_text())
                presses = 0
                for dying in (city.process("hq"), second) * 2:
                    presses += 2
                    await press_recorded(city)
                    dying.kill()
                    await dying.ended()
                    await press_recorded(city)
                    await all_there_once(city, presses)
                    dying.start()
                    await until(lambda: fetch(city.hq_url + "/health.json"))
                await answered(city)
            finally:
                await second.stop()
        assert not journaled(city, "journal.opened")
        assert hq_row(city)["missing"] == 0
