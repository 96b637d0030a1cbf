"""The Pico's own files under the real MicroPython, as far as a machine without a Pico can tell."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from panel_rig import ROOT

from drivers.simulators.board import micropython

FIRMWARE = sorted((ROOT / "drivers/firmware").glob("*.py"))
pytestmark = pytest.mark.skipif(micropython() is None, reason="there is no MicroPython for this machine")


def run(*arguments, **more):
    return subprocess.Popen(
        [micropython(), *arguments],
        env=os.environ | {"MICROPYPATH": f"{ROOT}:.frozen"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **more,
    )


@pytest.mark.parametrize("file", FIRMWARE, ids=lambda file: file.name)
def test_every_file_of_the_firmware_is_micropython(file):
    with run("-X", "compile-only", str(file)) as process:
        assert process.wait(20) == 0


def test_the_pico_reads_its_pins_keeps_its_flash_and_follows_its_outputs():
    with run(str(Path(__file__).with_name("pico_script.py"))) as process:
        assert process.stdout.readline() == b"ask\n"
        process.stdin.write(b"\x03hello")
        process.stdin.flush()
        sent = process.stdout.read()
        assert process.wait(20) == 0
    assert sent.startswith(b"\x00raw\n\x00"), "the line is raw"
    assert json.loads(sent[6:]) == {
        "watchdog_reset": True,
        "at_first": [[0, 44500], [1, 44500], [2, 44500], [3, 65535], [4, 0]],
        "nothing_new": [],
        "noise": [],
        "news": [[2, 18000], [3, 0], [4, 65535]],
        "line": ["\x03hello"],
        "empty_store": "",
        "store": "press 299",
        "follows": [True, False],
        "reference": [True, False],
        "fed": 1,
    }
