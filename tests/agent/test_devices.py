import asyncio
import os

import pytest
from help_rig import MovingClock, failing_disk, slow_disk, until

from agent import calls, devices
from agent.devices import FLOOD, Devices
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Ladder
from agent.settings import RELAY
from common.identifiers import uuid7
from drivers.firmware import frames
from drivers.panel import Panel
from drivers.simulators.pty_line import open_line


class WirePanel:
    """A panel as bytes on a pty: what a test sends, and the last that the station told it."""

    def __init__(self) -> None:
        self.master, self.slave, self.port = open_line()
        self.decoder = frames.Decoder()
        self.sequence = 0
        self.outputs = None
        self.acks = []

    def send(self, message) -> None:
        os.write(self.master, frames.encode(message, self.sequence))
        self.sequence = frames.following(self.sequence)

    def status(self, faults=0) -> None:
        self.send(frames.Status(lamp="off", tone=0, relay=False, latched=0, faults=faults))

    def press(self, number, age_ms=0) -> None:
        self.send(frames.Press(epoch=1, number=number, button=1, age_ms=age_ms, test=False))

    async def repeat_until_acknowledged(self, number) -> None:
        def repeated() -> bool:
            self.press(number, age_ms=frames.REPEAT_MS)
            return self.acknowledged(number)

        await until(repeated)

    def read(self) -> None:
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return
        for payload in self.decoder.feed(data):
            message = frames.decode(payload)
            if isinstance(message, frames.PressAck):
                self.acks.append(message.number)
            elif isinstance(message, frames.Outputs):
                self.outputs = (message.lamp, message.tone, message.relay)

    def shows(self, lamp, tone, *, relay=False) -> bool:
        self.read()
        return self.outputs == (lamp, tone, relay)

    def acknowledged(self, *numbers) -> bool:
        self.read()
        return set(numbers) <= set(self.acks)


class House:
    """The station's panels on real ptys, its desk and its journal."""

    def __init__(self, path) -> None:
        self.path = path
        self.clock = MovingClock()
        self.wires = {}
        self.tasks = []

    async def start(self, *panels, second_output=RELAY) -> None:
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors={**calls.projectors(), **devices.projectors()},
            schema=(calls.SCHEMA, devices.SCHEMA),
        )
        self.desk = HelpDesk(self.journal, self.clock, Ladder())
        self.devices = Devices(self.desk, self.journal, self.clock, second_output=second_output)
        self.desk.changed = self.devices.show
        await self.desk.restore()
        loop = asyncio.get_running_loop()
        for name, buzzer in panels:
            wire = self.wires.setdefault(name, WirePanel())
            panel = Panel(
                name, wire.port, monotonic=loop.time, on_press=self.devices.press, on_state=self.devices.state
            )
            self.devices.add(panel, buzzer=buzzer)
            self.tasks.append(asyncio.create_task(panel.run()))
        self.tasks.append(asyncio.create_task(self.devices.run()))
        for name, _ in panels:
            await until(lambda name=name: self.state(name) == "starting")
            self.wires[name].status()
        await until(lambda: all(view.state == "ready" for view in self.devices.views()))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks.clear()
        await self.journal.stop()

    def state(self, name) -> str:
        return next(view.state for view in self.devices.views() if view.name == name)

    def types(self) -> list[str]:
        def look(connection):
            rows = connection.execute("SELECT line -> '$.type' FROM (SELECT CAST(line AS TEXT) AS line FROM events)")
            types = [event_type.strip('"') for (event_type,) in rows]
            return [event_type for event_type in types if not event_type.startswith("clock.")]

        return self.journal.query(look)

    def after(self, seconds) -> None:
        self.clock.advance(seconds)
        self.desk.look()

    def new_id(self) -> str:
        return uuid7(wall_ms=self.clock.wall_ms())


@pytest.fixture
async def house(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "SETTLE_S", 0.02)
    house = House(tmp_path / "station.db")
    yield house
    await house.stop()
    for wire in house.wires.values():
        os.close(wire.master)
        os.close(wire.slave)


async def test_a_press_on_the_wire_rings_is_recorded_and_then_acknowledged(house):
    await house.start(("front", True))
    front = house.wires["front"]
    front.press(1)
    await until(lambda: front.acknowledged(1) and front.shows("raised", 1))
    assert house.types().count("help.raised") == 1


async def test_a_press_the_disk_refuses_rings_and_is_acknowledged_only_when_it_is_recorded(house):
    await house.start(("front", True))
    front = house.wires["front"]
    with failing_disk():
        front.press(1)
        await until(lambda: bool(house.desk.unrecorded_since) and front.shows("raised", 1))
        assert not front.acks
    await front.repeat_until_acknowledged(1)
    assert house.types().count("help.raised") == 1


async def test_a_press_that_stalls_is_let_pass_when_it_is_repeated(house):
    await house.start(("front", True))
    front = house.wires["front"]
    with slow_disk(house.path):
        for age_ms in range(0, 2000, 250):
            front.press(1, age_ms)
        await until(lambda: front.shows("raised", 1))
        assert [task.get_name() for task in asyncio.all_tasks()].count("press") == 1
    await until(lambda: front.acknowledged(1))
    assert house.types().count("help.raised") == 1
    assert not house.devices._under_way


async def test_a_flood_of_presses_is_recorded_noted_once_and_all_of_it_acknowledged(house, caplog):
    await house.start(("front", True))
    front = house.wires["front"]
    count = FLOOD + 20
    for number in range(1, count + 1):
        front.press(number)
        if number % 40 == 0:  # a pty holds 4 KiB
            await until(lambda number=number: front.acknowledged(number))
    await until(lambda: front.acknowledged(*range(1, count + 1)))
    assert house.types().count("help.pressed_again") == count - 1
    assert caplog.text.count("presses in 10 s") == 1


async def test_the_lamp_follows_the_call_and_the_tone_stops_when_it_is_acknowledged(house):
    await house.start(("front", True))
    front = house.wires["front"]
    front.press(1)
    await until(lambda: front.shows("raised", 1))
    call = house.desk.views(house.clock.mono)[0].id
    await house.desk.acknowledge(call, house.new_id())
    await until(lambda: front.shows("acknowledged", 0))
    await house.desk.close(call, house.new_id(), "helped")
    await until(lambda: front.shows("off", 0))


async def test_a_panel_without_buzzer_shows_the_lamp(house):
    await house.start(("front", True), ("back", False))
    house.wires["back"].press(1)
    await until(lambda: house.wires["back"].shows("raised", 0) and house.wires["front"].shows("raised", 1))


async def test_the_relay_closes_when_it_grows_louder(house):
    await house.start(("front", True), second_output=RELAY)
    house.wires["front"].press(1)
    await until(lambda: house.wires["front"].shows("raised", 1))
    house.after(15)
    await until(lambda: house.wires["front"].shows("raised", 2, relay=True))


async def test_another_panel_as_second_output_sounds_when_it_grows_louder(house):
    await house.start(("front", True), ("guardroom", True), second_output="guardroom")
    front, guardroom = house.wires["front"], house.wires["guardroom"]
    front.press(1)
    await until(lambda: front.shows("raised", 1) and guardroom.shows("raised", 0))
    house.after(15)
    await until(lambda: front.shows("raised", 2) and guardroom.shows("raised", 2, relay=True))


async def test_the_second_panel_sounds_at_once_when_no_other_panel_can(house):
    await house.start(("front", True), ("guardroom", True), second_output="guardroom")
    house.wires["front"].status(faults=frames.CUT)
    await until(lambda: house.state("front") == "faulty")
    house.wires["guardroom"].press(1)
    await until(lambda: house.wires["guardroom"].shows("raised", 1))


async def test_without_a_call_the_lamp_tells_that_the_journal_fails(house):
    await house.start(("front", True))
    with failing_disk():
        house.wires["front"].status(faults=frames.CUT)
        await until(lambda: house.journal.failure is not None)
        house.devices.show()
        await until(lambda: house.wires["front"].shows("fault", 0))
    await until(lambda: house.journal.failure is None)


async def test_a_changed_device_is_one_event_and_a_restart_none(house):
    await house.start(("front", True))
    await until(lambda: house.types() == ["device.changed"])
    await house.stop()
    await house.start(("front", True))
    house.wires["front"].status(faults=frames.STUCK)
    await until(lambda: house.types() == ["device.changed"] * 2)
    assert [view.reason for view in house.devices.views()] == ["button_stuck"]


async def test_a_flickering_device_while_the_disk_fails_is_one_event_afterwards(house):
    await house.start(("front", True))
    await until(lambda: house.types() == ["device.changed"])
    front = house.wires["front"]
    with failing_disk():
        for faults in [frames.CUT, 0] * 10 + [frames.SHORT]:
            front.status(faults)
        await until(lambda: house.devices.views()[0].reason == "loop_short" and house.journal.failure is not None)
    await until(lambda: house.devices._watched["front"].journaled == ("faulty", "loop_short"))
    assert house.types() == ["device.changed"] * 2
