"""The installed station under systemd: what its unit allows, what the watchdog does, what it keeps, what it takes."""

import re

import pytest

from tests.machine.kiosk import HOME, until

pytestmark = pytest.mark.timeout(1800)


def restarted(kiosk, what: str, *, before: str) -> None:
    """Wait until systemd has started the station anew and it has headquarters and all its devices again."""
    took = until(lambda: kiosk.property("NRestarts") != before, "restart", seen=kiosk.log)
    whole = until(kiosk.whole, "whole station", seen=kiosk.log)
    kiosk.say(f"{what}: started anew after {took:.0f} s, whole {whole:.0f} s later (the host's seconds)")


def test_an_enrolled_kiosk_starts_under_its_unit_and_a_press_of_the_panel_reaches_headquarters(kiosk):
    kiosk.press_panel()
    until(lambda: kiosk.office.presses("front").keys() >= kiosk.panel().acknowledged, "press at headquarters")
    # What its unit promises, by the kernel's own word.
    process = kiosk.machine.run(f"cat /proc/{kiosk.property('MainPID')}/status")
    words = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
    assert (words["NoNewPrivs"], words["Seccomp"], words["CapEff"]) == ("1", "2", "0" * 16)
    assert words["Uid"].split()[0] == kiosk.machine.run("id -u jingting").strip()
    assert kiosk.machine.run(f"find {HOME} ! -user jingting") == ""
    assert kiosk.machine.run(f"stat -c %a {HOME}") == "700\n"
    assert kiosk.machine.run(f"find {HOME}/ -name '*.key' -perm /077") == ""


def test_a_station_that_hangs_is_killed_by_the_watchdog_and_one_that_is_killed_comes_back_with_every_press(kiosk):
    kiosk.press_panel()
    before = kiosk.property("NRestarts")
    kiosk.machine.run(f"kill -STOP {kiosk.property('MainPID')}")
    kiosk.devices["front"].say("press")  # nobody listens: the panel keeps it
    restarted(kiosk, "stopped, and killed by its watchdog", before=before)
    assert "watchdog" in kiosk.machine.run("journalctl -u jingting-station --no-pager | grep -i watchdog")
    before = kiosk.property("NRestarts")
    kiosk.press_panel()
    kiosk.machine.run(f"kill -KILL {kiosk.property('MainPID')}")
    kiosk.devices["front"].say("press")
    restarted(kiosk, "kill -9", before=before)
    panel = kiosk.panel()
    until(lambda: kiosk.panel().pressed_ns.keys() == kiosk.panel().acknowledged, "acknowledgement of every press")
    until(lambda: kiosk.office.presses("front").keys() >= kiosk.panel().acknowledged, "presses at headquarters")
    assert all(len(ids) == 1 for ids in kiosk.office.presses("front").values()), panel


def test_with_both_pages_drawn_it_leaves_more_than_half_of_256_mb_to_the_rest(kiosk):
    for port, path in ((8080, "/"), (8082, "/duty")):
        assert "<html" in kiosk.page(port, path)
    said = kiosk.machine.run(f"cat /proc/{kiosk.property('MainPID')}/status /proc/meminfo")
    kib = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", said, re.MULTILINE)}
    kiosk.say(
        f"the station: {kib['VmRSS'] / 1024:.1f} MiB resident, at most {kib['VmHWM'] / 1024:.1f}; "
        f"of the machine's {kib['MemTotal'] / 1024:.0f} MiB {kib['MemAvailable'] / 1024:.0f} are available"
    )
    assert kib["VmRSS"] < 64 * 1024  # here, not on x86: the aim of 48 MiB is missed by some (docs/reliability.md)
    assert kib["MemAvailable"] > 112 * 1024
