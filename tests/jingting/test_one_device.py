"""A technician at one device: real commands, played devices on real lines."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jingting.child import Child, jingting
from jingting.device_trial import tried
from jingting.one_device import Address, build

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0


def device(*arguments):
    command = [sys.executable, "-m", "jingting", "device", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


class Played:
    """A played device as a process, with what it answers."""

    def __init__(self, kind, folder):
        self.link = folder / kind
        self.log = folder / f"{kind}.jsonl"
        logged = () if kind == "code-scanner" else ("--log", self.log)
        self._child = Child(kind, jingting("simulate", kind, "--link", self.link, *logged), log=folder / f"{kind}.out")
        self._child.start()
        self.until(self.link.is_symlink)

    def say(self, command):
        self._child.say(command)

    def until(self, condition):
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, self._child.last_words()
            time.sleep(0.01)  # a process has no event of ours

    def logged(self, event):
        return [line for line in self.log.read_text().splitlines() if f'"event": "{event}"' in line]

    async def stop(self):
        await self._child.stop()


@pytest.fixture
async def played(tmp_path):
    devices = []

    def play(kind):
        devices.append(Played(kind, tmp_path))
        return devices[-1]

    yield play
    for one in devices:
        await one.stop()


async def test_a_panel_is_tried_without_a_hand_and_its_test_press_is_not_left_waiting(played):
    panel = played("panel")
    done = device("test", "--json", "--driver", "panel", "--port", panel.link)
    assert json.loads(done.stdout) == {"device": "panel", "driver": "panel", "passed": True, "reason": ""}
    assert done.returncode == 0
    panel.until(lambda: panel.logged("test_acknowledged"))
    assert '"tone": 1' in panel.logged("outputs")[0]
    assert '"tone": 0' in panel.logged("outputs")[-1]


async def test_presses_that_a_technician_watches_are_told_once_and_stay_for_the_station(played):
    panel = played("panel")
    panel.say("press 2")
    panel.until(lambda: panel.logged("pressed"))
    done = device("watch", "--driver", "panel", "--port", panel.link, "--seconds", "2")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    presses = [one for one in told if one["event"] == "press"]
    assert [(one["button"], one["test"]) for one in presses] == [(2, False)]
    assert {"event": "state", "state": "ready", "reason": ""} in told
    assert panel.logged("acknowledged") == []


async def test_a_device_that_is_not_there_is_told_with_the_reason_and_exit_1(tmp_path):
    result = await tried(
        Address(driver="panel", name="front", port=str(tmp_path / "nothing")), lambda _: None, ready_s=0.5
    )
    assert result == {"device": "front", "driver": "panel", "passed": False, "reason": "not_found"}


async def test_a_code_is_what_a_scanner_is_tried_with(played):
    scanner = played("code-scanner")
    asked = []

    def ask(words):
        asked.append(words)
        scanner.say("scan JW012-20261122-0007")

    result = await tried(Address(driver="code_scanner", name="codes", port=str(scanner.link)), ask)
    assert (result["passed"], asked) == (True, ["Scan any code within 30 s."])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Give --driver and --port, or --config and --name."),
        (("--driver", "gpio_button", "--port", "17"), "no CHIP:LINE"),
        (("--driver", "panel", "--port", "/dev/null", "--suffix", "cr"), "suffix"),
        (("--driver", "panel", "--port", "nonsense://x"), "nonsense"),
    ],
)
def test_what_names_no_device_is_a_wrong_command_line(arguments, says):
    done = device("watch", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_button_is_named_by_its_chip_and_line():
    button = build(Address(driver="gpio_button", name="b", port="pinctrl-rp1:GPIO17"), lambda _: None)
    assert (button.state, button.reason) == ("absent", "")
