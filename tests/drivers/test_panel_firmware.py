"""The panel's real firmware under the real MicroPython, and the station's real driver, over a pty."""

import os
import random
import signal
import time

import psutil
import pytest
from panel_rig import Host, Simulator, until

from drivers.firmware import frames
from drivers.panel import Outputs
from drivers.simulators.board import micropython

# A whole minute of presses belongs to the nights.
SECONDS = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 4


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path) as simulator:
        yield simulator


async def ready(host):
    host.panel.show(Outputs())
    await until(lambda: host.panel.state == "ready", "ready")


def key(told):
    return told["epoch"], told["number"], told["button"]


def test_it_runs_under_micropython_wherever_there_is_one(simulator):
    assert simulator.ready["interpreter"] == micropython()
    command = psutil.Process(simulator.ready["pid"]).cmdline()
    assert ("micropython" in " ".join(command)) == (micropython() is not None)


async def test_without_micropython_the_same_files_run_under_cpython_and_say_so(tmp_path):
    code = "from drivers.simulators import board; board.micropython = lambda: None; "
    with Simulator(tmp_path, code=code) as simulator:
        assert simulator.ready["interpreter"] is None
        assert "micropython" not in psutil.Process(simulator.ready["pid"]).cmdline()[0]
        async with Host(simulator.link) as host:
            await ready(host)
            press = key(simulator.ask("press 1"))
            await until(lambda: simulator.presses("acknowledged") == [press], "the acknowledgement")
            assert set(host.presses) == {press}


async def test_a_press_is_on_the_line_within_sixty_ms_of_its_contact(simulator):
    async with Host(simulator.link) as host:
        await ready(host)
        for button in range(4):
            simulator.ask(f"press {button}")
        took_ms = sorted(
            (pressed["mono_ns"] - contact["mono_ns"]) / 1e6
            for contact, pressed in zip(simulator.log("contact"), simulator.log("pressed"), strict=True)
        )
        assert took_ms[0] > 20
        assert took_ms[1] <= 60, took_ms  # a busy machine may hold up one or two


async def test_a_bouncing_press_of_fifty_ms_is_one_call(simulator):
    async with Host(simulator.link) as host:
        await ready(host)
        told = [simulator.ask(f"bounce {button} 50") for button in (0, 1, 0)]
        await until(lambda: len(simulator.log("acknowledged")) == 3, "the acknowledgements")
        assert set(host.presses) == set(map(key, told))
        assert len(simulator.log("contact")) == len(simulator.log("pressed")) == 3


@pytest.mark.parametrize(
    ("spoil", "reason", "mend"),
    [
        ("loop short 2", "loop_short", "loop normal 2"),
        ("loop cut 3", "loop_cut", "loop normal 3"),
        ("tamper open", "case_open", "tamper shut"),
    ],
)
async def test_a_fault_is_told_within_half_a_second_and_presses_still_count(simulator, spoil, reason, mend):
    async with Host(simulator.link) as host:
        await ready(host)
        simulator.ask(spoil)
        asked_at = time.monotonic()
        await until(lambda: (host.panel.state, host.panel.reason) == ("faulty", reason), "the fault")
        assert time.monotonic() - asked_at < 0.9, "not waited for the heartbeat"
        assert simulator.status()["lamp"] == "fault"
        press = key(simulator.ask("press 0"))
        await until(lambda: press in host.presses, "the press")
        simulator.ask(mend)
        await until(lambda: host.panel.state == "ready", "ready again")


async def test_lamp_and_buzzer_really_go_on_and_off(simulator):
    async with Host(simulator.link) as host:
        host.panel.show(Outputs(lamp="raised", tone=2, relay=True))
        await until(lambda: min(simulator.status()["changes"].values()) >= 1, "everything to go on")
        before = simulator.status()["changes"]
        await until(lambda: simulator.status()["changes"]["lamp"] > before["lamp"] + 1, "the lamp to blink")
        await until(lambda: simulator.status()["changes"]["buzzer"] > before["buzzer"] + 1, "the buzzer to pulse")
        assert simulator.status()["driven"]["relay"]
        host.panel.show(Outputs(lamp="acknowledged"))
        await until(lambda: simulator.status()["driven"] == {"lamp": True, "buzzer": False, "relay": False}, "steady")


async def test_presses_made_while_the_host_is_down_arrive_once_each(simulator):
    presses = {key(simulator.ask(f"press {number % 4}")) for number in range(12)}
    await until(lambda: simulator.status()["latched"] == 12, "the last one's STATUS")
    async with Host(simulator.link) as host:
        await until(lambda: simulator.status()["latched"] == 0, "the acknowledgements")
        assert set(host.presses) == presses == set(simulator.presses("acknowledged"))


async def test_a_full_latch_takes_no_more_says_so_and_loses_none_of_those_it_has(simulator):
    """Pressed with four fingers at a time, since each needs a while to come off its button."""
    presses = {key(simulator.ask(f"press {number % 4} 30")) for number in range(64)}
    assert "the latch is full" in simulator.ask("press 0")["error"]
    assert simulator.status()["faults"] == frames.FULL
    async with Host(simulator.link) as host:
        await until(lambda: simulator.status()["latched"] == 0, "the acknowledgements")
        assert set(host.presses) == presses
        await ready(host)


async def test_presses_made_while_the_line_is_garbled_arrive_once_each(simulator):
    async with Host(simulator.link) as host:
        await ready(host)
        simulator.ask("garble 4")
        presses = {key(simulator.ask(f"press {number % 4}")) for number in range(12)}
        await until(lambda: host.panel.frames_bad > 3 and simulator.status()["frames_bad"] > 1, "garbled frames")
        simulator.ask("garble 0")
        await until(lambda: set(simulator.presses("acknowledged")) == presses, "the acknowledgements")
        assert set(host.presses) == presses


async def test_four_buttons_pressed_every_second_are_counted_exactly(simulator):
    """The contacts are counted by whoever closes them, not by the panel."""
    async with Host(simulator.link) as host:
        await ready(host)
        for turn in range(SECONDS):
            for button in range(4):
                simulator.ask(f"bounce {button}")
            await until(lambda turn=turn: _age_s(simulator, turn * 4) >= 1, "the next second")
        await until(lambda: len(simulator.log("acknowledged")) == SECONDS * 4, "the acknowledgements")
        contacts = [entry["button"] for entry in simulator.log("contact")]
        assert sorted(button for *_, button in set(host.presses)) == sorted(contacts) == sorted([0, 1, 2, 3] * SECONDS)


def _age_s(simulator, contact):
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - simulator.log("contact")[contact]["mono_ns"]) / 1e9


async def test_firmware_and_host_killed_in_turns_lose_and_invent_nothing(simulator):
    rng = random.Random(5)
    made = set()
    for turn in range(6):
        async with Host(simulator.link, acknowledging=turn % 3 != 0) as host:
            made |= {key(simulator.ask(f"press {rng.randrange(4)}")) for _ in range(3)}
            os.kill(simulator.status()["pid"], signal.SIGKILL)
            await until(lambda turn=turn: len(simulator.log("started")) == turn + 2, "the firmware to be back")
            made |= {key(simulator.ask(f"press {rng.randrange(4)}")) for _ in range(2)}
            await until(lambda host=host: host.presses, "a press")
    async with Host(simulator.link) as host:
        await until(lambda: simulator.status()["latched"] == 0, "the last acknowledgement")
        assert set(host.presses) <= made
    assert set(simulator.presses("acknowledged")) == made == set(simulator.presses("pressed"))
    assert len(simulator.log("contact")) == len(made)
    assert {entry["cause"] for entry in simulator.log("restarted")} == {"power"}


async def test_firmware_that_hangs_is_restarted_by_its_watchdog_which_is_told(simulator):
    async with Host(simulator.link, acknowledging=False) as host:
        await ready(host)
        press = key(simulator.ask("press 3"))
        simulator.ask("hang")
        await until(lambda: simulator.log("restarted"), "the watchdog")
        await until(lambda: host.panel.reason == "watchdog_reset", "the fault")
        assert simulator.log("restarted")[0]["cause"] == "watchdog"
        count = host.presses.count(press)
        await until(lambda: host.presses.count(press) > count, "the press, again")
        assert set(host.presses) == {press}


async def test_a_self_test_ends_with_a_press_that_says_what_it_is(simulator):
    async with Host(simulator.link) as host:
        await ready(host)
        before = simulator.status()["changes"]
        host.panel.self_test()
        await until(lambda: [reading.test for reading in host.readings] == [True], "the test press")
        await until(lambda: simulator.log("test_acknowledged"), "its acknowledgement")
        assert [entry["failed"] for entry in simulator.log("tested")] == [0]
        await until(lambda: simulator.status()["driven"]["lamp"] is False, "the lamp to go off")
        after = simulator.status()["changes"]
        assert after["lamp"] > before["lamp"]
        assert after["buzzer"] > before["buzzer"]
        press = key(simulator.ask("press 1"))
        await until(lambda: simulator.presses("acknowledged") == [press], "a real press")
        assert [reading.test for reading in host.readings] == [True, False]
        assert host.panel.state == "ready"


async def test_a_self_test_that_fails_is_told_until_one_goes_well(simulator, caplog):
    async with Host(simulator.link) as host:
        await ready(host)
        simulator.ask("fail lamp adc")
        host.panel.self_test()
        await until(lambda: host.panel.reason == "self_test_failed", "the fault")
        assert "the lamp's output does not follow; the converter reads nonsense" in caplog.text
        await until(lambda: simulator.log("test_acknowledged"), "the test press, all the same")
        simulator.ask("fail")
        host.panel.self_test()
        await until(lambda: host.panel.state == "ready", "ready")


async def test_a_self_test_asked_for_on_a_bad_line_is_made_once(simulator):
    async with Host(simulator.link, acknowledging=False) as host:
        await ready(host)
        simulator.ask("garble 3")
        host.panel.self_test()
        await until(lambda: host.panel._test is None, "the result")
        simulator.ask("garble 0")
        await until(lambda: host.readings, "the test press")
        assert len({reading.number for reading in host.readings}) == 1
        assert len(simulator.log("test_pressed")) == 1


async def test_a_person_who_presses_beside_a_test_press_is_heard_at_once(simulator):
    async with Host(simulator.link, acknowledging=False) as host:
        await ready(host)
        host.panel.self_test()
        await until(lambda: host.readings, "the test press")
        press = key(simulator.ask("press 0"))
        await until(lambda: press in host.presses, "the press")
        assert {(reading.number, reading.test) for reading in host.readings} == {(1, True), (2, False)}
        host.panel.acknowledge(*press[:2])
        await until(lambda: simulator.presses("acknowledged") == [press], "the acknowledgement")


async def test_the_firmware_ends_with_its_parent_however_that_ends(simulator):
    firmware = psutil.Process(simulator.ready["pid"])
    simulator.kill()
    await until(lambda: not firmware.is_running() or firmware.status() == psutil.STATUS_ZOMBIE, "the firmware to end")
