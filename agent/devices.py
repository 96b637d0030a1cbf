"""From device readings to calls and `device.changed`, and back: what every panel's lamp and tone show."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from agent.database import JournalError
from agent.entry import Clock
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Alarm
from agent.pen import Projector
from agent.settings import RELAY
from agent.view import DeviceView
from common.events import DeviceChanged
from drivers.device import State
from drivers.panel import Outputs, Panel, PressReading

Kind: TypeAlias = Literal["panel", "card_reader"]

log = logging.getLogger(__name__)

SCHEMA = """
-- Every device as its last device.changed told.
CREATE TABLE IF NOT EXISTS devices(name TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

SETTLE_S = 1.0
"""How long a device's state has to be older than the last `device.changed`, and the pause after a failed append."""

FLOOD = 100
"""More new presses than this within FLOOD_S from one panel are noted: no hand presses so fast."""

FLOOD_S = 10

_REASON_LIMIT = 200
_NS = 1_000_000_000


class Standing(Protocol):
    """What every driver says of its device; a station only watches those that are no panel."""

    @property
    def name(self) -> str:
        """Its name in the settings."""

    @property
    def state(self) -> State:
        """How it stands."""

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""


@dataclass(slots=True, eq=False)
class _Watched:
    """A device of the station, and what was last journaled of it."""

    device: Standing
    kind: Kind
    journaled: tuple[str, str] | None

    @property
    def standing(self) -> tuple[State, str]:
        return self.device.state, self.device.reason[:_REASON_LIMIT]


@dataclass(slots=True, eq=False)
class _Device:
    """A panel: what it was last asked to show, and how fast it is pressed.

    `newest` is the press with the highest number; `presses` counts new ones since `since_ns`.
    """

    panel: Panel
    buzzer: bool
    shown: Outputs | None = None
    newest: tuple[int, int] = (0, 0)
    presses: int = 0
    since_ns: int = 0
    floods: bool = False


class Devices:
    """The station's panels, by name, and what else it watches.

    Hand `projectors()` and SCHEMA to the journal, `press` and `state` to every Panel as `on_press` and `on_state`,
    `add` the panel, call `show` when the desk has `changed`; keep `run()` alive. Everything belongs to the loop.
    `changed()` is called when `views` are others than before.
    """

    def __init__(self, desk: HelpDesk, journal: Journal, clock: Clock, *, second_output: str) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._desk = desk
        self._journal = journal
        self._clock = clock
        self._second_output = second_output
        self._devices: dict[str, _Device] = {}
        self._watched: dict[str, _Watched] = {}
        self._under_way: dict[tuple[str, int, int], asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    def add(self, panel: Panel, *, buzzer: bool) -> None:
        """Take in a panel, and let it show how things stand; raises JournalError."""
        self.watch(panel, "panel")
        self._devices[panel.name] = _Device(panel, buzzer)
        self.show()

    def watch(self, device: Standing, kind: Kind) -> None:
        """Show and journal how a device stands; its driver has to call `state`. Raises JournalError."""
        journaled = self._journal.query(lambda connection: _journaled(connection, device.name))
        self._watched[device.name] = _Watched(device, kind, journaled)
        self._wake.set()

    def press(self, reading: PressReading) -> None:
        """Take a press, new or repeated: it rings in the loop's next turn; journaled, it is acknowledged to its panel.

        However fast they come nothing grows: one that is under way is let pass, since its answer is coming.
        """
        device = self._devices[reading.panel]
        self._count(device, reading)
        key = (reading.panel, reading.epoch, reading.number)
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._deliver(device.panel, reading), name="press")

    def state(self, state: str, reason: str) -> None:  # noqa: ARG002 - every device says itself how it stands
        """Hear that a device stands otherwise; never waits. `device.changed` follows when it has settled."""
        self._wake.set()
        self.show()
        self.changed()

    def show(self) -> None:
        """Let every panel show the worst of all open calls; without a call, whether the journal fails."""
        alarm = self._desk.alarm
        for name, device in self._devices.items():
            outputs = self._outputs(name, device, alarm)
            if outputs != device.shown:
                device.shown = outputs
                device.panel.show(outputs)

    def views(self) -> tuple[DeviceView, ...]:
        """Return the devices as they stand."""
        return tuple(
            DeviceView(name=name, kind=device.kind, state=device.standing[0], reason=device.standing[1])
            for name, device in self._watched.items()
        )

    async def run(self) -> None:
        """Journal what has changed, for ever: at most one event a device in SETTLE_S, whatever it went through."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(SETTLE_S)
            self._wake.clear()
            try:
                for name, device in tuple(self._watched.items()):
                    await self._journal_state(name, device)
            except JournalError:  # the journal has logged it
                self._wake.set()

    async def _journal_state(self, name: str, device: _Watched) -> None:
        standing = device.standing
        if standing != device.journaled:
            state, reason = standing
            await self._journal.append(DeviceChanged(device=name, kind=device.kind, state=state, reason=reason))
            device.journaled = standing

    async def _deliver(self, panel: Panel, reading: PressReading) -> None:
        try:
            if await self._desk.press(reading):
                panel.acknowledge(reading.epoch, reading.number)
        finally:
            del self._under_way[reading.panel, reading.epoch, reading.number]

    def _outputs(self, name: str, device: _Device, alarm: Alarm) -> Outputs:
        lamp = "fault" if alarm.lamp == "off" and self._journal.failure is not None else alarm.lamp
        is_second = name == self._second_output
        silent = not device.buzzer or (is_second and not alarm.second_output and self._another_sounds(device))
        relay = alarm.second_output and (is_second or self._second_output == RELAY)
        return Outputs(lamp=lamp, tone=0 if silent else alarm.tone, relay=relay)

    def _another_sounds(self, device: _Device) -> bool:
        """Tell whether a ready panel sounds from the first second: if none does, the second output sounds for it."""
        others = (other for other in self._devices.values() if other is not device)
        return any(other.buzzer and other.panel.state == "ready" for other in others)

    def _count(self, device: _Device, reading: PressReading) -> None:
        epoch, number = device.newest
        if reading.epoch == epoch and reading.number <= number:
            return  # repeated, until it is acknowledged
        device.newest = reading.epoch, reading.number
        now = self._clock.mono_ns()
        if now - device.since_ns >= FLOOD_S * _NS:
            if device.floods and device.presses <= FLOOD:
                device.floods = False
                log.warning("Panel %s is pressed at a usual pace again.", reading.panel)
            device.since_ns, device.presses = now, 0
        device.presses += 1
        if device.presses > FLOOD and not device.floods:
            device.floods = True
            log.warning(
                "Panel %s sent over %d presses in %d s; all are calls for help until someone has looked at its button.",
                reading.panel,
                FLOOD,
                FLOOD_S,
            )


def projectors() -> dict[str, Projector]:
    """Return what to hand to `Journal.open(projectors=...)`, by event type."""
    return {"device.changed": _changed}


def _changed(connection: sqlite3.Connection, _: int, __: str, payload: DeviceChanged, ___: Mapping[str, Any]) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (payload.device, payload.state, payload.reason)
    )


def _journaled(connection: sqlite3.Connection, name: str) -> tuple[str, str] | None:
    row: tuple[str, str] | None = connection.execute(
        "SELECT state, reason FROM devices WHERE name = ?", (name,)
    ).fetchone()
    return row
