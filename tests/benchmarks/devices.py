"""CPU time of a station's drivers while nothing happens: every kind, each polled or listened to as it is in service.

Panel, card reader, passport reader and code scanner are played by their simulators, processes of their own, over ptys;
the GPIO line is faked, since no machine has one. The drivers run alone in a process, whose own CPU time is the figure.
The baseline is a bare asyncio loop on which one timer for each of the five devices ticks once a second.
"""

import asyncio
import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from drivers.button_memory import ButtonMemory
from drivers.card_reader import CardReader
from drivers.code_scanner import CodeScanner
from drivers.gpio_button import GpioButton, LineSettings
from drivers.panel import Outputs, Panel
from drivers.passport_reader import PassportReader
from jingting.child import Child, jingting
from tests.gpio_line import FakeLine

SECONDS = 20.0
AIM_MS = 3.0
READY_S = 20.0
LOGGING = ("panel", "card-reader")
PLAYED = (*LOGGING, "passport-reader", "code-scanner")


@contextlib.contextmanager
def played(folder: Path) -> Iterator[None]:
    """Every device that can be played, on `folder/<kind>`."""
    children = []
    try:
        for kind in PLAYED:
            log = ("--log", folder / f"{kind}.jsonl") if kind in LOGGING else ()
            child = Child(kind, jingting("simulate", kind, "--link", folder / kind, *log), log=folder / f"{kind}.log")
            children.append(child)
            child.start()
        deadline = time.monotonic() + READY_S
        while not all((folder / kind).exists() for kind in PLAYED):
            assert time.monotonic() < deadline, "a simulator did not come up"
            time.sleep(0.02)
        yield
    finally:
        for child in children:
            child.kill()


def _ours(folder: Path) -> list[Panel | CardReader | PassportReader | CodeScanner | GpioButton]:
    def ignore(*_: object) -> None:
        """Nobody listens."""

    panel = Panel("panel", str(folder / "panel"), monotonic=time.monotonic, on_press=ignore, on_state=ignore)
    panel.show(Outputs())
    reader = CardReader("cards", str(folder / "card-reader"), monotonic=time.monotonic, on_state=ignore)
    passports = PassportReader(
        "passports",
        str(folder / "passport-reader"),
        monotonic=time.monotonic,
        today=lambda: None,
        on_state=ignore,
    )
    codes = CodeScanner(
        "codes", str(folder / "code-scanner"), monotonic=time.monotonic, on_state=ignore, on_code=ignore
    )
    button = GpioButton(
        "door",
        LineSettings(chip="played", line=17),
        memory=ButtonMemory("door", 1),
        on_press=ignore,
        on_state=ignore,
        request=lambda _: FakeLine(),
    )
    return [panel, reader, passports, codes, button]


async def _serve(folder: Path, seconds: float) -> float:
    devices = _ours(folder)
    tasks = [asyncio.create_task(device.run()) for device in devices]
    deadline = time.monotonic() + READY_S
    while any(device.state != "ready" for device in devices):
        assert time.monotonic() < deadline, [(device.name, device.state, device.reason) for device in devices]
        await asyncio.sleep(0.05)
    used_ms = await _idle(seconds)
    assert all(device.state == "ready" for device in devices)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return used_ms


async def _tick(_folder: Path, seconds: float) -> float:
    loop = asyncio.get_running_loop()

    def tick() -> None:
        loop.call_later(1, tick)

    for _ in (*PLAYED, "gpio-button"):
        tick()
    return await _idle(seconds)


async def _idle(seconds: float) -> float:
    """Return the CPU time (ms) this process used in each second of a while."""
    used, began = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    return (time.process_time() - used) * 1000 / (time.monotonic() - began)


def _child(
    work: Callable[[Path, float], Coroutine[object, object, float]], folder: Path, seconds: float, answer: Connection
) -> None:
    answer.send(asyncio.run(work(folder, seconds)))


def _measured(work: Callable[[Path, float], Coroutine[object, object, float]], folder: Path, seconds: float) -> float:
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_child, args=(work, folder, seconds, there), daemon=True
    )
    process.start()
    there.close()
    used_ms: float = here.recv()
    process.join()
    return used_ms


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure both for half of `seconds`; milliseconds of CPU time a second."""
    with tempfile.TemporaryDirectory() as folder:
        bare = _measured(_tick, Path(folder), seconds / 2)
        with played(Path(folder)):
            ours = _measured(_serve, Path(folder), seconds / 2)
    return [
        {
            "name": "devices, idle CPU of all drivers",
            "value": round(ours, 2),
            "unit": "ms/s",
            "baseline": round(bare, 2),
            "ratio": round(ours / bare, 1),
            "aim": AIM_MS,
            "met": ours <= AIM_MS,
        }
    ]
