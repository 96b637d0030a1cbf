"""Process manners: what the service manager hears, and what a log line looks like."""

import asyncio
import contextlib
import io
import logging
import os
import signal
import socket
import subprocess
import sys
import uuid

import pytest

from common import process


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request, tmp_path, monkeypatch):
    """Return the service manager's end of NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "a path" else f"@jingting-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


@pytest.fixture
def root_logger():
    """Put the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = handlers, level


def test_the_service_manager_hears_a_state(manager):
    assert process.notify("READY=1")
    assert manager.recv(100) == b"READY=1"


def test_nobody_to_tell_is_no_error(monkeypatch, tmp_path):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not process.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not process.notify("READY=1")


async def test_the_watchdog_is_fed_only_while_the_checks_pass(manager, monkeypatch, caplog):
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    well, looked = True, asyncio.Event()

    def check() -> bool:
        looked.set()
        return well

    caplog.set_level(logging.INFO)
    manager.setblocking(False)
    feeding = asyncio.create_task(process.watchdog({"the journal": check}))
    loop = asyncio.get_running_loop()
    assert await asyncio.wait_for(loop.sock_recv(manager, 100), 10) == b"WATCHDOG=1"
    well = False
    for _ in range(3):
        looked.clear()
        await asyncio.wait_for(looked.wait(), 10)
    with contextlib.suppress(BlockingIOError):
        while manager.recv(100):
            pass
    looked.clear()
    await asyncio.wait_for(looked.wait(), 10)
    with pytest.raises(BlockingIOError):
        manager.recv(100)
    well = True
    assert await asyncio.wait_for(loop.sock_recv(manager, 100), 10) == b"WATCHDOG=1"
    feeding.cancel()
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert "the journal failed" in caplog.text


async def test_a_watchdog_meant_for_another_process_is_left_alone(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000")
    monkeypatch.setenv("WATCHDOG_PID", "1")

    def check() -> bool:
        raise AssertionError

    feeding = asyncio.create_task(process.watchdog({"never asked": check}))
    done, _ = await asyncio.wait({feeding}, timeout=0.05)
    assert not done
    feeding.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_to_stop(number):
    stop = process.stop_requested()
    os.kill(os.getpid(), number)
    await asyncio.wait_for(stop.wait(), 10)
    for one in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(one)


@pytest.mark.parametrize("journald", [True, False])
def test_a_record_is_one_line_whatever_is_in_it(monkeypatch, root_logger, journald):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    if journald:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    else:
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    process.set_up_logging()
    error = ValueError("first\nsecond")
    logging.getLogger("there").error("broken\nERROR forged", exc_info=error)
    [line] = written.getvalue().splitlines()
    assert line.startswith("<3>ERROR there: broken") == journald
    assert line[:4].isdigit() != journald


def test_a_process_that_leaves_no_trace_has_no_core_dump_and_cannot_be_traced():
    """Tried in a process of its own: there is no way back."""
    program = (
        "import ctypes, resource; from common.process import leave_no_trace; leave_no_trace();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "(0, 0) 0\n"
