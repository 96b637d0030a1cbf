"""The manners of the real `jingting station` process, alone: no broker, no headquarters, a panel on a pty."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time

import pytest
from station_rig import DEADLINE_S, House, Manager, black_hole, cpu_s, environment, libraries_mib, rss_mib, until

from jingting.city import City
from jingting.web import base_url, page

WATCHDOG_S = 0.2
STOP_S = 2.0


@pytest.fixture
async def house(tmp_path):
    house = House(tmp_path)
    yield house
    await house.clear()


@pytest.fixture
def manager(monkeypatch):
    """The service manager that every process started by this test hears of."""
    manager = Manager()
    for name, value in environment(manager, watchdog_s=WATCHDOG_S).items():
        monkeypatch.setenv(name, value)
    yield manager
    manager.close()


def command(*arguments) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "jingting", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


async def fed(manager: Manager, times: int = 3) -> None:
    """Wait until the watchdog was fed so often again."""
    before = manager.heard("WATCHDOG=1")
    await until(lambda: manager.heard("WATCHDOG=1") >= before + times)


# -- what the service manager hears ------------------------------------------------------------------------------------


async def test_it_is_ready_within_two_seconds_feeds_the_watchdog_and_says_that_it_stops(house, manager):
    house.panel.start()
    house.station.start()
    assert await until(lambda: manager.heard("READY=1")) < 2.0
    await fed(manager)
    assert await house.stop() < STOP_S
    assert house.station.exit_code == 0
    assert manager.heard("STOPPING=1") == 1
    assert manager.heard("READY=1") == 1
    assert [len(house.events(name)) for name in ("station.started", "station.stopped")] == [1, 1]


async def test_the_watchdog_starves_while_the_journal_cannot_be_written_and_is_fed_again_when_it_can(house, manager):
    await house.start()
    await fed(manager)
    with house.disk_held():
        await until(lambda: house.said("watchdog withheld"))
        # The page answers all the while: the loop does not wait for the disk.
        view = await house.status()
        assert view["journal_ok"] is False
        hungry = manager.heard("WATCHDOG=1")
        await until(lambda: [shown["lamp"] for shown in house.panel_events("outputs")] == ["off", "fault"])
        assert manager.heard("WATCHDOG=1") == hungry
    await fed(manager)
    await until(lambda: house.panel_events("outputs")[-1]["lamp"] == "off")
    assert (await house.status())["journal_ok"]
    assert house.said("watchdog withheld") == 1
    assert house.said("Traceback") == 0


async def test_a_dead_disk_does_not_starve_the_watchdog_while_a_call_rings(house, manager):
    await house.start()
    with house.disk_held():
        await house.press()
        await until(house.sounds)
        await house.sees(lambda view: not view["journal_ok"])
        await fed(manager, times=5)
        assert house.said("watchdog withheld") == 0
        assert house.sounds()


# -- stopping ----------------------------------------------------------------------------------------------------------


async def test_sigterm_ends_it_within_two_seconds_with_a_call_open_both_pages_open_and_no_broker(house):
    await house.start()
    await house.press()
    await house.sees(lambda view: view["calls"] and view["calls"][0]["recorded"])
    async with house.pages() as pages:
        assert await house.stop() < STOP_S
        for page in pages:
            await asyncio.wait_for(page.read(), DEADLINE_S)
    assert house.station.exit_code == 0
    assert house.said("Traceback") == 0
    assert len(house.events("station.stopped")) == 1


async def test_sigterm_ends_it_within_two_seconds_while_the_broker_swallows_every_packet(tmp_path):
    with black_hole() as port:
        house = House(tmp_path, broker_port=port)
        try:
            await house.start()
            async with house.pages():
                assert await house.stop() < STOP_S
        finally:
            await house.clear()
    assert house.station.exit_code == 0
    assert house.said("Traceback") == 0


async def test_sigterm_ends_it_within_two_seconds_while_the_disk_hangs(house):
    await house.start()
    await house.press()
    await house.sees(lambda view: view["calls"] and view["calls"][0]["recorded"])
    with house.disk_held():
        await house.press()
        assert await house.stop() < STOP_S
    assert house.station.exit_code == 0
    assert house.said("Traceback") == 0


# -- starting again ----------------------------------------------------------------------------------------------------


async def test_killed_and_started_again_a_call_rings_at_its_rung_and_presses_made_meanwhile_are_recorded(house):
    with house.config.open("a") as config:
        config.write("\n[help]\nlouder_after_s = 1\nescalate_after_s = 1.2\n")
    await house.start()
    await house.press()
    await until(lambda: house.events("help.escalated"))
    (call,) = (await house.sees(lambda view: view["calls"] and view["calls"][0]["escalated"]))["calls"]
    house.station.kill()
    await house.station.ended()
    await until(lambda: house.panel_events("host_gone"))
    await house.press()
    house.station.start()
    view = await house.sees(lambda view: view["calls"])
    assert [again["id"] for again in view["calls"]] == [call["id"]]
    assert view["calls"][0]["age_s"] >= call["age_s"]
    assert view["calls"][0]["escalated"]
    await until(lambda: len(house.panel_events("acknowledged")) == 2)
    assert [shown["tone"] for shown in house.panel_events("outputs")] == [0, 1, 2]  # never lower again
    counted = [len(house.events(f"help.{what}")) for what in ("raised", "pressed_again", "escalated")]
    assert counted == [1, 1, 1]


async def test_a_press_made_before_the_station_was_ever_started_is_recorded_once_it_is(house):
    house.panel.start()
    await until((house.home / "panel").exists)
    await house.press()
    house.station.start()
    await until(lambda: house.panel_events("acknowledged"))
    await until(house.sounds)
    (raised,) = house.events("help.raised")
    assert raised["data"]["press"]["number"] == house.panel_events("pressed")[0]["number"]


async def test_a_damaged_journal_is_set_aside_and_the_button_rings_and_is_recorded(house):
    house.journal.parent.mkdir(exist_ok=True)
    house.journal.write_bytes(b"these bytes are no database at all\n" * 200)
    await house.start()
    await house.press()
    await until(house.sounds)
    await until(lambda: house.panel_events("acknowledged"))
    aside = list(house.journal.parent.glob("station.db.damaged-*"))
    assert [path.read_bytes()[:11] for path in aside] == [b"these bytes"]
    assert house.said("a fresh journal begins") == 1
    assert len(house.events("help.raised")) == 1


async def test_a_second_station_in_the_same_folder_says_so_and_exits_1_and_the_first_goes_on(house):
    await house.start()
    second = await asyncio.to_thread(command, "station", "--config", house.config)
    assert second.returncode == 1
    assert "another station serves from this folder" in second.stderr
    assert "Traceback" not in second.stderr
    await house.press()
    await until(lambda: house.panel_events("acknowledged"))


@pytest.mark.parametrize("taken", ["web_port", "duty_port"])
async def test_an_address_that_is_taken_is_told_once_and_the_button_rings_all_the_same(house, taken):
    port = getattr(house, taken)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    try:
        house.panel.start()
        await until((house.home / "panel").exists)
        house.station.start()
        await house.press()
        await until(house.sounds)
        await until(lambda: house.panel_events("acknowledged"))
    finally:
        server.close()
        await server.wait_closed()
    assert house.said("address already in use") == 1
    await house.sees(lambda view: view["calls"])
    await until(lambda: page(base_url("127.0.0.1", port) + "/"))  # once it is free, the pages are there


async def test_a_journal_that_cannot_be_opened_silences_no_button_and_the_press_is_recorded_once_it_can(house):
    house.journal.mkdir(parents=True)
    house.panel.start()
    await until((house.home / "panel").exists)
    house.station.start()
    await house.press()
    await until(house.sounds)
    assert not house.panel_events("acknowledged")
    house.journal.rmdir()
    await until(lambda: house.panel_events("acknowledged"))
    await house.sees(lambda view: view["calls"] and view["calls"][0]["recorded"])
    assert len(house.events("help.raised")) == 1


async def test_a_station_without_a_journal_stops_when_asked(house):
    house.journal.mkdir(parents=True)
    house.station.start()
    await until(lambda: house.said("The button rings without it"))
    assert await house.stop() < 2
    assert house.station.exit_code == 0


# -- what it costs, and how quick it is --------------------------------------------------------------------------------


async def test_without_a_broker_a_press_sounds_within_half_a_second(tmp_path):
    with black_hole() as port, contextlib.ExitStack() as later:
        house = House(tmp_path, broker_port=port)
        later.callback(house.station.kill)
        try:
            await house.start()
            await house.press()
            await until(house.sounds)
            (pressed,), sounding = house.panel_events("pressed"), house.panel_events("outputs")
            heard = next(output for output in sounding if output["tone"])
            assert heard["mono_ns"] - pressed["mono_ns"] < 500_000_000
            assert await until(lambda: house.panel_events("acknowledged")) < DEADLINE_S
        finally:
            await house.clear()


async def test_with_both_pages_drawn_and_open_it_is_four_threads_idle_and_little_beside_its_libraries(house):
    await house.start()
    async with house.pages() as pages:
        process = house.process()
        assert process.num_threads() <= 4
        before = cpu_s(process)
        began = asyncio.get_running_loop().time()
        # A heartbeat comes when nothing was to be told for 5 s.
        await asyncio.wait_for(pages[0].readuntil(b"event: heartbeat"), DEADLINE_S)
        passed = asyncio.get_running_loop().time() - began
        assert (cpu_s(process) - before) / passed < 0.05
        for port, path in ((house.web_port, "/"), (house.duty_port, "/duty")):
            assert await asyncio.to_thread(page, base_url("127.0.0.1", port) + path)
        assert process.num_threads() <= 4
        # What the libraries take differs from one build of Python to another; `make bench` has the whole of it.
        assert rss_mib(process) - libraries_mib() <= 16


# -- in a city --------------------------------------------------------------------------------------------------------


async def test_all_well_status_exits_0_and_with_a_frozen_broker_station_and_headquarters_stop_within_two_seconds(
    tmp_path,
):
    async with City(tmp_path, stations=1) as city:
        station = city.stations[0]
        config = city.station_folder(station) / "station.toml"
        asked = await asyncio.to_thread(command, "station", "status", "--config", config)
        assert asked.returncode == 0, asked.stdout
        assert "headquarters online" in asked.stdout
        city.process("broker").send(signal.SIGSTOP)
        try:
            for name in (f"station-{station}", "hq"):
                began = time.monotonic()
                city.process(name).send(signal.SIGTERM)
                await city.process(name).ended(10)
                assert time.monotonic() - began < STOP_S
                assert city.process(name).exit_code == 0
                assert "Traceback" not in city.process(name).log.read_text()
        finally:
            city.process("broker").send(signal.SIGCONT)


# -- asking it ---------------------------------------------------------------------------------------------------------


async def test_status_exits_1_and_says_what_is_wrong_and_3_once_it_is_stopped(house):
    await house.start()
    asked = await asyncio.to_thread(command, "station", "status", "--config", house.config)
    assert asked.returncode == 1
    assert "no connection to the broker" in asked.stdout
    as_json = await asyncio.to_thread(command, "station", "status", "--json", "--config", house.config)
    assert as_json.returncode == 1
    view = json.loads(as_json.stdout)
    assert (view["station"], view["link"], view["devices"][0]["state"]) == ("jt-001", "down", "ready")
    await house.stop()
    gone = await asyncio.to_thread(command, "station", "status", "--json", "--config", house.config)
    assert (gone.returncode, gone.stdout) == (3, "")
