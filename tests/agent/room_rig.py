"""The station's panels on real ptys, its desk and its journal: what tests of the device room share."""

import asyncio
import os

from help_rig import MovingClock, until

from agent import calls, devices
from agent.device_settings import RELAY
from agent.devices import Devices
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Ladder
from agent.panels import Panels
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
        self.tested = []

    async def start(self, *panels, second_output=RELAY) -> None:
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors={**calls.projectors(), **devices.projectors()},
            schema=(calls.SCHEMA, devices.SCHEMA),
        )
        self.desk = HelpDesk(self.journal, self.clock, Ladder())
        self.devices = Devices(self.journal)
        self.panels = Panels(
            self.desk, self.journal, self.clock, second_output=second_output, on_test=self.tested.append
        )
        self.desk.changed = self.devices.changed = self.panels.show
        await self.desk.restore()
        loop = asyncio.get_running_loop()
        for name, buzzer in panels:
            wire = self.wires.setdefault(name, WirePanel())
            panel = Panel(name, wire.port, monotonic=loop.time, on_press=self.panels.press, on_state=self.devices.state)
            self.devices.watch(panel, "panel")
            self.panels.add(panel, buzzer=buzzer)
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
