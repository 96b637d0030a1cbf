"""Settings as headquarters orders them: stored, tried beside those in force, then kept or rolled back.

Every step is written before it takes effect, but for the way back, which waits for no disk: after a kill at any moment
the next start finds a trial that goes on, or settings that were good before. What an order changes takes effect without
a restart, and only the link ever moves for it.
"""

import contextlib
import logging
import sqlite3
from asyncio import Event, timeout
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import msgspec

from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.orders import OrderRefused
from agent.pen import Pen
from agent.settings import StationSettings, overlaid
from agent.settings_trial import Candidate, next_step, why_rolled_back
from agent.view import SettingsView
from common import ordered_settings
from common.events.journal import RolledBackBecause, SettingsChanged, SettingsRolledBack, SettingsSet
from common.ordered_settings import OrderedSettings
from common.settings import SettingsError

log = logging.getLogger(__name__)

SCHEMA: Final = """
-- place: kept, what holds; candidate, what is to be tried; back, the last one that was rolled back.
CREATE TABLE IF NOT EXISTS settings_orders(
    place TEXT PRIMARY KEY,
    set_by TEXT NOT NULL,         -- the order's id
    settings TEXT NOT NULL,       -- `common.ordered_settings.OrderedSettings` as JSON
    within_s INTEGER NOT NULL,
    boot TEXT NOT NULL,           -- '' while it is not tried; else since when, on CLOCK_BOOTTIME of that boot
    began_ns INTEGER NOT NULL,
    starts INTEGER NOT NULL,
    reason TEXT NOT NULL          -- why it was rolled back
) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

LOOK_EVERY_S: Final = 1.0
"""How often a trial is looked at while nothing happens, in seconds."""

_AGAIN_S: Final = 5.0
_ROW: Final = "SELECT set_by, settings, within_s, boot, began_ns, starts FROM settings_orders WHERE place = ?"


@dataclass(frozen=True, slots=True)
class _Stored:
    kept: OrderedSettings | None
    candidate: Candidate | None
    back: str


class SettingsOrders:
    """What headquarters ordered of this station's settings; the journal needs SCHEMA. Keep `run()` alive.

    `own` are the settings of the station's file. `calm()` tells that no call for help is open; `link()` whether there
    is a session, and whether headquarters' signed word has come over the broker in use. `apply(settings)` is called
    with what is in force whenever that is another; `changed()` when `view` is. Everything but `set` belongs to the
    loop. Raises JournalError.
    """

    def __init__(self, journal: Journal, clock: Clock, own: StationSettings, *, calm: Callable[[], bool]) -> None:
        self.apply: Callable[[StationSettings], None] = lambda _settings: None
        self.changed: Callable[[], None] = lambda: None
        self.link: Callable[[], tuple[bool, bool]] = lambda: (False, False)
        self._journal = journal
        self._clock = clock
        self._own = own
        self._calm = calm
        self._owed: Callable[[Pen], object] | None = None
        self._wake = Event()
        self._kept: OrderedSettings | None = None
        self._candidate: Candidate | None = None
        self._back = ""

    @property
    def now(self) -> StationSettings:
        """The settings in force: what was kept, and on trial the candidate's broker."""
        kept = overlaid(self._own, self._kept)
        if self._candidate is None or not self._candidate.boot:
            return kept
        return replace(kept, broker=overlaid(self._own, self._candidate.settings).broker)

    def view(self) -> SettingsView:
        """Return what is shown of it."""
        candidate = self._candidate
        return SettingsView(
            ordered=self._kept is not None,
            trial="none" if candidate is None else "tried" if candidate.boot else "waits",
            rolled_back=self._back,
        )

    def set(self, pen: Pen, order_id: str, payload: SettingsSet) -> None:
        """Carry out the order `settings.set`, in the transaction that stores it; raises OrderRefused."""
        try:
            ordered_settings.check(payload.settings)
        except SettingsError as error:
            raise OrderRefused(f"{len(error.mistakes)} mistakes; {error.mistakes[0]}") from None
        before = _candidate(pen.connection)
        if before is not None:
            _roll_back(before, "replaced", pen)
        _write(Candidate(order=order_id, settings=payload.settings, within_s=payload.within_s), pen)

    async def resume(self) -> None:
        """Take up what the last process left; until it is written, what was kept is in force."""
        stored = self._journal.query(_stored)
        self._kept, self._back = stored.kept, stored.back
        if stored.candidate is None:
            return
        self._candidate = stored.candidate.waiting()
        resumed = stored.candidate.resumed(self._clock.boot, self._clock.mono_ns())
        await self._journal.run(partial(_write, resumed))
        if self._step(resumed) in ("wait", "keep"):
            self._candidate = resumed
        elif resumed.boot:
            self._leave(resumed)

    def orders_applied(self) -> None:
        """Hear that orders were carried out, perhaps one of these."""
        with contextlib.suppress(JournalError):  # the journal has logged it; the next order, or start, reads it again
            found = self._journal.query(_candidate)
            if found is not None and (self._candidate is None or found.order != self._candidate.order):
                self._candidate = found.waiting()
                self._in_force()
                self.soon()

    def soon(self) -> None:
        """Look soon: something happened on which a trial may hang."""
        if self._candidate is not None or self._owed is not None:
            self._wake.set()

    async def run(self) -> None:
        """Try, keep and roll back, for ever."""
        while True:
            self._wake.clear()
            try:
                pause = await self.look()
            except JournalError:  # the journal has logged it
                pause = _AGAIN_S
            with contextlib.suppress(TimeoutError):
                async with timeout(pause):
                    await self._wake.wait()

    async def look(self) -> float | None:
        """Do what is due now, and return in how many seconds to look again; None when only an order can change it."""
        if self._owed is not None:
            await self._journal.run(self._owed)
            self._owed = None
        candidate = self._candidate
        if candidate is None:
            return None
        match self._step(candidate):
            case "begin":
                begun = candidate.begun(self._clock.boot, self._clock.mono_ns())
                if await self._journal.run(partial(_update, begun)) and self._candidate is candidate:
                    log.info("Settings that headquarters ordered are tried: the link moves.")
                    self._candidate = begun
                    self._in_force()
            case "keep":
                if await self._journal.run(partial(_keep, candidate)) and self._candidate is candidate:
                    log.info("Settings that headquarters ordered are in force.")
                    self._kept, self._candidate, self._back = candidate.settings, None, ""
                    self._in_force()
                    return None
            case "put_off" | "roll_back":
                self._leave(candidate)
                return 0.0  # and write it
            case _:
                return LOOK_EVERY_S
        return LOOK_EVERY_S

    def _step(self, candidate: Candidate) -> str:
        _, heard = self.link()
        kept, tried = (overlaid(self._own, one).broker for one in (self._kept, candidate.settings))
        return next_step(candidate, now_ns=self._clock.mono_ns(), calm=self._calm(), heard=heard, moves=kept != tried)

    def _leave(self, candidate: Candidate) -> None:
        """Go back at once to what was kept, for the time of a call or for good; the disk hears of it next."""
        if self._step(candidate) == "put_off":
            log.info("A call for help: the link is where it was, ordered settings are tried again after it.")
            self._candidate = candidate.waiting()
            self._owed = partial(_update, self._candidate)
        else:
            because = why_rolled_back(candidate, up=self.link()[0])
            log.warning("Settings that headquarters ordered are rolled back: %s.", because)
            self._candidate, self._back = None, because
            self._owed = partial(_roll_back, candidate, because)
        self._in_force()

    def _in_force(self) -> None:
        self.apply(self.now)
        self.changed()


def _stored(connection: sqlite3.Connection) -> _Stored:
    row = connection.execute(_ROW, ("kept",)).fetchone()
    back = connection.execute("SELECT reason FROM settings_orders WHERE place = 'back'").fetchone()
    kept = None if row is None else _read(row).settings
    return _Stored(kept, _candidate(connection), "" if back is None else back[0])


def _candidate(connection: sqlite3.Connection) -> Candidate | None:
    row = connection.execute(_ROW, ("candidate",)).fetchone()
    return None if row is None else _read(row)


def _read(row: tuple[Any, ...]) -> Candidate:
    order, text, within_s, boot, began_ns, starts = row
    settings = msgspec.json.decode(text, type=OrderedSettings)
    return Candidate(order=order, settings=settings, within_s=within_s, boot=boot, began_ns=began_ns, starts=starts)


def _write(candidate: Candidate, pen: Pen, *, place: str = "candidate", reason: str = "") -> None:
    text = msgspec.json.encode(candidate.settings).decode()
    trial = candidate.within_s, candidate.boot, candidate.began_ns, candidate.starts
    pen.connection.execute(
        "INSERT OR REPLACE INTO settings_orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (place, candidate.order, text, *trial, reason),
    )


def _update(candidate: Candidate, pen: Pen) -> bool:
    """Write how the candidate stands; False when it is another one by now."""
    found = _candidate(pen.connection)
    if found is None or found.order != candidate.order:
        return False
    _write(candidate, pen)
    return True


def _keep(candidate: Candidate, pen: Pen) -> bool:
    if not _taken(candidate, pen):
        return False
    _write(candidate.waiting(), pen, place="kept")
    pen.connection.execute("DELETE FROM settings_orders WHERE place = 'back'")
    pen.append(SettingsChanged(order=candidate.order))
    return True


def _roll_back(candidate: Candidate, because: RolledBackBecause, pen: Pen) -> None:
    if _taken(candidate, pen):
        _write(candidate.waiting(), pen, place="back", reason=because)
        pen.append(SettingsRolledBack(order=candidate.order, reason=because))


def _taken(candidate: Candidate, pen: Pen) -> bool:
    gone = "DELETE FROM settings_orders WHERE place = 'candidate' AND set_by = ?"
    return pen.connection.execute(gone, (candidate.order,)).rowcount == 1
