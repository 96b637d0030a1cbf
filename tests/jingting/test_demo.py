"""`jingting demo`: a city that tells its story, counts itself, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def demo(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "jingting", "demo", *map(str, arguments)]


def test_the_count_at_the_end_is_one_json_object_and_every_press_is_there_once(tmp_path):
    command = demo("--seconds", 4, "--stations", 2, "--seed", 1, "--dir", tmp_path / "city", "--json")
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 0, result.stderr
    counted = json.loads(result.stdout)
    assert set(counted["stations"]) == {"jt-001", "jt-002"}
    for one in (*counted["stations"].values(), counted["total"]):
        assert one["lost"] == one["duplicates"] == 0
        assert one["help_calls"]["made"] == one["help_calls"]["at_hq"]
        assert one["records"]["made"] == one["records"]["at_hq"]
        assert 0 < one["wire_bytes_per_event"] < 2000
    assert counted["total"]["help_calls"]["made"] > 0
    assert counted["total"]["records"]["made"] > 0
    assert 0 < counted["total"]["help_ms"]["p50"] <= counted["total"]["help_ms"]["p99"] < 10_000
    assert sorted(path.name for path in (tmp_path / "city").iterdir()) == ["broker", "hq", "logs", "stations"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_ends_cleanly_and_leaves_no_process(number):
    with subprocess.Popen(
        demo("--stations", 1), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as running:
        giving_up = threading.Timer(60, running.kill)
        giving_up.start()
        told = [running.stdout.readline()]
        while told[-1] and "Ctrl-C stops" not in told[-1]:
            told.append(running.stdout.readline())
        children = children_of(running.pid)
        # Beside those that stay there may be the one that sends a content pack, and ends with that.
        assert len([pid for pid in children if b"content" not in command_line(pid)]) == 5
        running.send_signal(number)
        rest = running.stdout.read()
        assert running.wait(30) == 0
        giving_up.cancel()
    assert "Lost: 0. Twice: 0." in rest
    assert "http://127.0.0.1:" in "".join(told)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_without_mosquitto_it_says_what_to_do():
    environment = os.environ | {"PATH": "/nowhere"}
    script = "from jingting import cli, layout; layout._SBIN = ''; cli.main(['demo'])"
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "make setup" in result.stderr


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b"content, and over"


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
