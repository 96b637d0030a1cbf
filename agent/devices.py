"""The device room: how every device of the station stands, all kinds alike, and what of it is a `device.changed`."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agent.database import JournalError
from agent.journal import Journal
from agent.pen import Projector
from agent.view import DeviceView
from common.events.equipment import DeviceChanged, DeviceKind
from drivers.device import State

SCHEMA = """
-- Every device as its last device.changed told.
CREATE TABLE IF NOT EXISTS devices(name TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

SETTLE_S = 1.0
"""How long a device's state has to be older than the last `device.changed`, and the pause after a failed append."""

_REASON_LIMIT = 200


class Standing(Protocol):
    """What every driver says of its device."""

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
    kind: DeviceKind
    journaled: tuple[str, str] | None

    @property
    def standing(self) -> tuple[State, str]:
        return self.device.state, self.device.reason[:_REASON_LIMIT]


class Devices:
    """Every device of the station, by name.

    Hand `projectors()` and SCHEMA to the journal, `state` to every driver as `on_state`, `watch` the driver; keep
    `run()` alive. Everything belongs to the loop. `changed()` is called when `views` are others than before.
    """

    def __init__(self, journal: Journal) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._journal = journal
        self._watched: dict[str, _Watched] = {}
        self._wake = asyncio.Event()

    def watch(self, device: Standing, kind: DeviceKind) -> None:
        """Show and journal how a device stands; its driver has to call `state`. Raises JournalError."""
        journaled = self._journal.query(lambda connection: _journaled(connection, device.name))
        self._watched[device.name] = _Watched(device, kind, journaled)
        self._wake.set()

    def state(self, state: str, reason: str) -> None:  # noqa: ARG002 - every device says itself how it stands
        """Hear that a device stands otherwise; never waits. `device.changed` follows when it has settled."""
        self._wake.set()
        self.changed()

    def views(self) -> tuple[DeviceView, ...]:
        """Return the devices as they stand."""
        return tuple(
            DeviceView(name=name, kind=device.kind, state=device.standing[0], reason=device.standing[1])
            for name, device in self._watched.items()
        )

    def up(self) -> dict[DeviceKind, bool]:
        """Return of each kind that the station has whether all of it is ready."""
        kinds = Counter(device.kind for device in self._watched.values())
        ready = Counter(device.kind for device in self._watched.values() if device.standing[0] == "ready")
        return {kind: ready[kind] == count for kind, count in kinds.items()}

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
