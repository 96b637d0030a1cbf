"""Child processes of the city: heard, ended, and never left behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jingting.child import Child

OBEYS = "import sys; print('here', flush=True); print(sys.stdin.readline().strip(), flush=True); sys.stdin.read()"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"


def until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


async def test_what_a_process_says_is_in_its_log_and_it_hears_a_line(tmp_path):
    child = Child("one", (sys.executable, "-c", OBEYS), log=tmp_path / "one.log")
    child.start()
    child.say("hello")
    until(lambda: child.log.read_text() == "here\nhello\n")
    assert child.running
    assert child.exit_code is None
    await child.stop()
    assert not child.running
    assert child.exit_code == -signal.SIGTERM
    assert child.last_words() == "here ⏎ hello"


async def test_a_killed_process_starts_again_and_its_log_goes_on(tmp_path):
    child = Child("one", (sys.executable, "-c", OBEYS), log=tmp_path / "one.log")
    for time_around in (1, 2):
        child.start()
        until(lambda: child.log.read_text().count("here") == time_around)  # noqa: B023 - called at once
        child.kill()
        await child.ended(10)
    assert child.exit_code == -signal.SIGKILL
    child.kill()


async def test_a_process_deaf_to_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("jingting.child._STOP_S", 0.2)
    child = Child("deaf", (sys.executable, "-c", DEAF), log=tmp_path / "deaf.log")
    child.start()
    until(lambda: child.log.read_text() == "here\n")
    await child.stop()
    assert child.exit_code == -signal.SIGKILL


async def test_waiting_for_a_process_has_an_end(tmp_path):
    child = Child("one", (sys.executable, "-c", OBEYS), log=tmp_path / "one.log")
    child.start()
    with pytest.raises(TimeoutError, match="one runs on"):
        await child.ended(0.01)
    await child.stop()


def test_a_killed_city_leaves_no_process_behind(tmp_path):
    city = (
        "import sys, time; from pathlib import Path; from jingting.child import Child;"
        "sleeps = (sys.executable, '-c', 'import time; time.sleep(60)');"
        f"child = Child('one', sleeps, log=Path({str(tmp_path)!r}, 'log'));"
        "child.start(); print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", city], stdout=subprocess.PIPE) as running:
        pid = int(running.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        running.kill()
    until(lambda: _is_gone(pid))


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
