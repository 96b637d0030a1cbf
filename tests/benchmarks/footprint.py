"""What a station costs a kiosk: memory after a while with both pages open, time until ready, idle CPU, threads.

A real station in a real city, idle, its event streams held open as by the two screens. At the end every page that it
has is drawn, in both languages, and more streams are held open: what then is resident. Beside it in the same minutes
run thingsboard-gateway, connected and idle, ready once its connector takes events; and a bare asyncio process with a
paho-mqtt connection and an SQLite journal, which serves nothing. Figures are of five stretches of the time, and starts;
what is written to the disk is what the kernel charged the process (`write_bytes` of /proc/PID/io, proc(5)), by the day.
"""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Final

import psutil

from jingting.child import Child
from jingting.city import City
from jingting.web import fetch
from tests.benchmarks import comparison, gateway
from tests.benchmarks.comparison import Row
from tests.benchmarks.far_end import FarEnd
from tests.benchmarks.press import guest

SECONDS = 60.0
STARTS = STRETCHES = 5
OURS: Final = "Jingting"
BARE: Final = "bare asyncio, paho, sqlite3"
_DAY_S = 86_400
_REST_S = 12.0
EVERY_PAGE = (
    ("/", "/live", "/queue"),
    (
        *("/duty", "/duty/new", "/duty/new?service=HZ-01", "/duty/patrols", "/duty/figures", "/duty/handover"),
        *("/duty/sign-in", "/duty/shift", "/no-such-page", "/status.json"),
    ),
)
"""Of the citizen's listener, and of the desk's."""
AIMS = {
    "memory": 48.0,
    "every page": 48.0,
    "ready": 0.5,
    "idle CPU": 3.0,
    "threads": 4,
    "disk written while idle": None,
}
BESIDE_GATEWAY = {"memory": 0.75, "idle CPU": 0.02, "disk written while idle": 1.0}
"""The ratios to aim for."""
UNITS = {
    "memory": "MiB",
    "every page": "MiB",
    "ready": "s",
    "idle CPU": "ms/s",
    "threads": "",
    "disk written while idle": "MiB/day",
}


@dataclass
class Footprint:
    """One process: resident MiB and threads, seconds until ready; while idle, CPU ms and MiB written a second.

    `every_page`: resident MiB once every page was drawn.
    """

    memory: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    written: list[float] = field(default_factory=list)
    every_page: float = 0.0


@contextlib.contextmanager
def service_manager() -> Iterator[socket.socket]:
    """Listen where processes that are started inside the block say that they are ready."""
    name = f"@jingting-bench-{uuid.uuid4()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        listening.settimeout(30)
        os.environ["NOTIFY_SOCKET"] = name
        try:
            yield listening
        finally:
            del os.environ["NOTIFY_SOCKET"]


async def ready_s(child: Child) -> float:
    """Start a process that does not run, and return the seconds until it says READY=1."""
    with service_manager() as manager:
        began = time.perf_counter()
        child.start()
        while await asyncio.to_thread(manager.recv, 100) != b"READY=1":
            pass
        return time.perf_counter() - began


def cpu_ms(pid: int) -> float:
    """CPU time of all threads so far (Documentation/scheduler/sched-stats.rst: ns spent on the CPU come first)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6


def written_b(pid: int) -> int:
    """Bytes that a process has had written to a disk so far."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["write_bytes"])


def look_at(url: str) -> None:
    with urllib.request.urlopen(url, timeout=10) as page:
        page.read()


async def hold_page(port: int) -> asyncio.Task[None]:
    """Keep one event stream open, as a screen does, until the task is cancelled."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    await reader.readuntil(b"data: ")

    async def read() -> None:
        with contextlib.closing(writer):
            while await reader.read(4096):
                pass

    return asyncio.create_task(read())


async def _at_rest(pid: int) -> None:
    """Wait until a process has written what its start was about: nothing for some seconds."""
    quiet_since, written = time.monotonic(), written_b(pid)
    began = quiet_since
    while time.monotonic() < quiet_since + _REST_S:
        assert time.monotonic() < began + 10 * _REST_S, "it goes on writing"
        await asyncio.sleep(0.5)
        if (now := written_b(pid)) != written:
            quiet_since, written = time.monotonic(), now


async def _draw_every_page(*listeners: str) -> list[asyncio.Task[None]]:
    """Draw what there is in both languages, and hold one more stream of each listener: the queue's, another desk's."""
    for url, paths in zip(listeners, EVERY_PAGE, strict=True):
        for path in paths:
            for language in ("zh-CN", "en"):
                with contextlib.suppress(urllib.error.HTTPError):
                    await asyncio.to_thread(look_at, f"{url}{path}{'&' if '?' in path else '?'}lang={language}")
    return [await hold_page(int(url.rpartition(":")[2])) for url in listeners]


async def measure(seconds: float, gateways: list[str]) -> dict[str, Footprint]:
    """Return, by who it is, what it takes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        async with City(folder / "city", stations=1) as city:
            name = city.stations[0]
            station = city.process(f"station-{name}")
            program = (sys.executable, "-m", "tests.benchmarks.bare_station")
            broker = guest(city, "bench-bare", "write bench/#")
            arguments = (str(broker.port), str(broker.ca), str(broker.certificate), str(broker.key), str(folder))
            bare = Child("bare", (*program, *arguments), log=folder / "bare.log")
            found = {OURS: Footprint(), BARE: Footprint()} | {who: Footprint() for who in gateways}
            for _ in range(STARTS):
                for who, child in ((OURS, station), (BARE, bare)):
                    await child.stop()
                    found[who].ready.append(await ready_s(child))
            pids = {OURS: station.pid, BARE: bare.pid}
            for who in gateways:
                theirs, found[who].ready = _gateway(stack, folder / "gateway")
                pids[who] = theirs.pid
            await city.connected()
            citizen, duty = city.station_url(name), city.duty_url(name)
            for page in (f"{citizen}/", f"{duty}/duty"):
                await asyncio.to_thread(look_at, page)
            pages = [await hold_page(int(url.rpartition(":")[2])) for url in (citizen, duty)]
            await _at_rest(station.pid)
            for _ in range(STRETCHES):
                before = {who: (cpu_ms(pid), written_b(pid)) for who, pid in pids.items()}
                began = time.perf_counter()
                await asyncio.sleep(seconds / STRETCHES)
                passed = time.perf_counter() - began
                for who, pid in pids.items():
                    process = psutil.Process(pid)
                    found[who].cpu.append((cpu_ms(pid) - before[who][0]) / passed)
                    found[who].written.append((written_b(pid) - before[who][1]) / 2**20 / passed)
                    found[who].memory.append(process.memory_info().rss / 2**20)
                    found[who].threads.append(process.num_threads())
            assert not any(page.done() for page in pages), "the station closed a page's stream"
            assert (fetch(duty + "/status.json") or {}).get("hq_online"), "the station lost headquarters meanwhile"
            pages += await _draw_every_page(citizen, duty)
            found[OURS].every_page = psutil.Process(station.pid).memory_info().rss / 2**20
            for page in pages:
                page.cancel()
            await bare.stop()
    return found


def _gateway(stack: ExitStack, folder: Path) -> tuple[gateway.Gateway, list[float]]:
    """Start the gateway as it is shipped several times, and leave it running; return the seconds until it was ready."""
    far = stack.enter_context(FarEnd(folder / "far"))
    theirs = gateway.Gateway(folder, far.port, tuned=False)
    stack.callback(theirs.close)
    ready = []
    for _ in range(STARTS):
        theirs.kill()
        began = time.perf_counter()
        theirs.start()
        theirs.line()
        ready.append(time.perf_counter() - began)
    return theirs, ready


def rows(seconds: float) -> list[Row]:
    """Measure for about `seconds`; a row for each figure and each who it is beside."""
    gateways, why = gateway.both()
    measured = asyncio.run(measure(seconds, [who for who, tuned in gateways.items() if not tuned]))
    ours = measured.pop(OURS)
    found = []
    for name, unit in UNITS.items():
        said, aim = f"footprint, {name}", AIMS[name]
        figures = _of(ours, name)
        if name == "every page":
            found.append(comparison.alone(said, unit, figures, aim=aim, at_most=True))
            continue
        for who, theirs in measured.items():
            beside = {"aim": aim, "of_value": True}
            if who != BARE and name in BESIDE_GATEWAY:
                beside = {"aim": BESIDE_GATEWAY[name]}
            found.append(comparison.beside(said, unit, figures, _of(theirs, name), who=who, at_most=True, **beside))
        if why:
            found.append(comparison.without(said, unit, figures, who=gateway.PACKAGE, why=why))
    return found


def _of(footprint: Footprint, name: str) -> list[float]:
    return {
        "memory": footprint.memory,
        "every page": [footprint.every_page],
        "ready": footprint.ready,
        "idle CPU": footprint.cpu,
        "threads": footprint.threads,
        "disk written while idle": [fmean(footprint.written) * _DAY_S],
    }[name]
