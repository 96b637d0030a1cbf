"""What a station costs a kiosk: memory after a while with both pages open, time until ready, idle CPU, threads.

A real station in a real city, idle, its event streams held open as by the two screens. At the end every page that it
has is drawn, in both languages, and more streams are held open: what then is resident. The baseline runs beside it in
the same minutes: a bare asyncio process with a paho-mqtt connection and an SQLite journal, which serves nothing.
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
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from jingting.child import Child
from jingting.city import City
from jingting.web import fetch
from tests.benchmarks.press import guest

SECONDS = 300.0
STARTS = 5
PAGES = 2
EVERY_PAGE = (
    ("/", "/live", "/queue"),
    (
        *("/duty", "/duty/new", "/duty/new?service=HZ-01", "/duty/patrols", "/duty/figures", "/duty/handover"),
        *("/duty/sign-in", "/duty/shift", "/no-such-page", "/status.json"),
    ),
)
"""Of the citizen's listener, and of the desk's."""
AIMS = {"memory": 48.0, "every page": 48.0, "ready": 0.6, "idle CPU": 3.0, "threads": 4}
UNITS = {"memory": "MiB", "every page": "MiB", "ready": "s", "idle CPU": "ms/s", "threads": ""}


@dataclass
class Footprint:
    """One process: resident MiB and threads at the end, seconds until READY=1, CPU ms a second while idle.

    `every_page`: resident MiB once every page was drawn.
    """

    memory: float
    every_page: float
    ready: float
    cpu: float
    threads: int


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


async def _draw_every_page(*listeners: str) -> list[asyncio.Task[None]]:
    """Draw what there is in both languages, and hold one more stream of each listener: the queue's, another desk's."""
    for url, paths in zip(listeners, EVERY_PAGE, strict=True):
        for path in paths:
            for language in ("zh-CN", "en"):
                with contextlib.suppress(urllib.error.HTTPError):
                    await asyncio.to_thread(look_at, f"{url}{path}{'&' if '?' in path else '?'}lang={language}")
    return [await hold_page(int(url.rpartition(":")[2])) for url in listeners]


async def measure(seconds: float) -> tuple[Footprint, Footprint]:
    with tempfile.TemporaryDirectory() as folder:
        async with City(Path(folder), stations=1) as city:
            name = city.stations[0]
            station = city.process(f"station-{name}")
            program = (sys.executable, "-m", "tests.benchmarks.bare_station")
            broker = guest(city, "bench-bare", "write bench/#")
            arguments = (str(broker.port), str(broker.ca), str(broker.certificate), str(broker.key), folder)
            bare = Child("bare", (*program, *arguments), log=Path(folder) / "logs/bare.log")
            ready: dict[Child, list[float]] = {station: [], bare: []}
            for _ in range(STARTS):
                for child, took in ready.items():
                    await child.stop()
                    took.append(await ready_s(child))
            await city.connected()
            citizen, duty = city.station_url(name), city.duty_url(name)
            for page in (f"{citizen}/", f"{duty}/duty"):
                await asyncio.to_thread(look_at, page)
            pages = [await hold_page(int(url.rpartition(":")[2])) for url in (citizen, duty)]
            before = {child: cpu_ms(child.pid) for child in ready}
            began = time.perf_counter()
            await asyncio.sleep(seconds)
            passed = time.perf_counter() - began
            assert not any(page.done() for page in pages), "the station closed a page's stream"
            assert (fetch(duty + "/status.json") or {}).get("hq_online"), "the station lost headquarters meanwhile"
            found = [
                Footprint(
                    memory=psutil.Process(child.pid).memory_info().rss / 2**20,
                    every_page=0.0,
                    ready=median(took),
                    cpu=(cpu_ms(child.pid) - before[child]) / passed,
                    threads=psutil.Process(child.pid).num_threads(),
                )
                for child, took in ready.items()
            ]
            pages += await _draw_every_page(citizen, duty)
            for child, figure in zip(ready, found, strict=True):
                figure.every_page = psutil.Process(child.pid).memory_info().rss / 2**20
            for page in pages:
                page.cancel()
            await bare.stop()
    return found[0], found[1]


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure for about `seconds`; one row for each figure."""
    ours, bare = asyncio.run(measure(seconds))
    figures = {
        "memory": (ours.memory, bare.memory),
        "every page": (ours.every_page, bare.every_page),
        "ready": (ours.ready, bare.ready),
        "idle CPU": (ours.cpu, bare.cpu),
        "threads": (ours.threads, bare.threads),
    }
    return [
        {
            "name": f"footprint, {name}",
            "value": round(value, 2),
            "unit": UNITS[name],
            "baseline": round(baseline, 2),
            "ratio": round(value / baseline, 2),
            "aim": AIMS[name],
            "met": value <= AIMS[name],
        }
        for name, (value, baseline) in figures.items()
    ]
