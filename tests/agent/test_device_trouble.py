"""A device that floods, hangs, opens slowly or lies slows neither another nor a call for help."""

import asyncio
import contextlib
import os
import random
import threading
import time

import pytest
from help_rig import until
from room_rig import House, WirePanel
from station_rig import black_hole

from agent import devices
from drivers.button_memory import ButtonMemory, Edge
from drivers.card_reader import CardReader
from drivers.firmware import frames
from drivers.panel import Panel
from drivers.simulators.pty_line import open_line

LIMIT_S = 1.0


@pytest.fixture
async def house(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "SETTLE_S", 0.02)
    house = House(tmp_path / "station.db")
    await house.start(("front", True))
    yield house
    await house.stop()
    for wire in house.wires.values():
        os.close(wire.master)
        os.close(wire.slave)


@contextlib.contextmanager
def flood(data: bytes):
    """A line on which somebody sends the same bytes as fast as they are taken; yields port and a count of bytes."""
    master, slave, port = open_line()
    os.set_blocking(master, True)
    stop, sent = threading.Event(), [0]

    def pour() -> None:
        with contextlib.suppress(OSError):
            while not stop.is_set():
                sent[0] += os.write(master, data)

    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    try:
        yield port, sent
    finally:
        stop.set()
        os.set_blocking(master, False)
        with contextlib.suppress(BlockingIOError):
            while os.read(slave, 65536):  # the thread may wait for room
                pass
        thread.join(5)
        os.close(slave)
        os.close(master)


def add_panel(house, name, port) -> Panel:
    panel = Panel(name, port, monotonic=time.monotonic, on_press=house.panels.press, on_state=house.devices.state)
    house.devices.watch(panel, "panel")
    house.panels.add(panel, buzzer=True)
    house.tasks.append(asyncio.create_task(panel.run()))
    return panel


async def rings(house, number) -> None:
    """Press, and see that it rings and is acknowledged within the limit."""
    front = house.wires["front"]
    began = time.monotonic()
    front.press(number)
    await until(lambda: front.shows("raised", 1) and front.acknowledged(number), LIMIT_S * 5)
    assert time.monotonic() - began < LIMIT_S


async def test_a_call_rings_while_one_device_floods_one_hangs_and_one_opens_slowly(house):
    noise = random.Random(4).randbytes(4096)
    with flood(noise) as (port, sent), flood(noise) as (other_port, other_sent), black_hole() as hole:
        flooding = add_panel(house, "flooding", port)
        cards = CardReader("cards", other_port, monotonic=time.monotonic, on_state=house.devices.state)
        house.devices.watch(cards, "card_reader")
        house.tasks.append(asyncio.create_task(cards.run()))
        house.wires["hanging"] = WirePanel()  # it takes what fits into its pty, and never says a word
        add_panel(house, "hanging", house.wires["hanging"].port)
        slow = add_panel(house, "slow", f"socket://127.0.0.1:{hole}")
        await until(lambda: sent[0] > 200_000 and other_sent[0] > 200_000)
        for number in range(1, 6):
            await rings(house, number)
        assert slow.state == "absent"
        assert flooding.noise_bytes > 0
        assert flooding.frames_bad > 0


async def test_a_panel_that_presses_by_itself_as_fast_as_it_can_slows_no_other_panel(house):
    presses = b"".join(
        frames.encode(frames.Press(epoch=2, number=number, button=0, age_ms=0, test=False), number % 255 + 1)
        for number in range(1, 65)
    )
    with flood(presses) as (port, sent):
        add_panel(house, "lying", port)
        await until(lambda: sent[0] > 100_000)
        for number in range(1, 6):
            await rings(house, number)
    await until(lambda: house.types().count("help.pressed_again") >= 64)
    assert house.types().count("help.raised") + house.types().count("help.pressed_again") == 64 + 5


async def test_a_panel_that_sends_synthetic_presses_as_fast_as_it_can_slows_no_other_and_fills_no_journal(house):
    tests = frames.encode(frames.Press(epoch=2, number=1, button=0, age_ms=0, test=True), 1)
    with flood(tests * 100) as (port, sent):
        add_panel(house, "lying", port)
        await until(lambda: sent[0] > 100_000 and house.tested)
        for number in range(1, 4):
            await rings(house, number)
    assert house.types().count("help.tested") == 0


async def test_a_gpio_line_that_never_rests_fills_its_latch_and_nothing_else():
    memory = ButtonMemory("door", 1)
    memory.opened(0, pressed=False)
    for number in range(1, 100_001):
        memory.edge(Edge(number % 2 == 1, number, number))
    assert len(memory.due(10**9)) == 64
