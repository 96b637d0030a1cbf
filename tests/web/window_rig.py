"""The station's window behind the pages: real records on a real journal, and a reader that is a card on the wire."""

import asyncio
import contextlib
import functools
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from agent import (
    alarm_shelf,
    attendance,
    calls,
    dispatches,
    figure_rows,
    found,
    handover_rows,
    loans,
    notices,
    orders,
    patrols,
    record_rows,
    rota_row,
    staff,
)
from agent.counter import Counter
from agent.day_figures import FigureBook
from agent.handovers import Handovers
from agent.journal import Journal
from agent.queue import Queue
from agent.rating import Ratings
from agent.records import Records
from agent.reveals import Reveals
from agent.scans import Scans
from agent.shift_keys import ShiftKeys
from agent.shifts import Shifts
from agent.sign_in import SignIn
from agent.visits import Visits
from common import catalogue, pins, things
from common.clock import Clock
from common.events.desk import StaffMember, StaffSet
from drivers.identity import Identity, NotRead
from sync.sealing import SealingPublicKey, new_sealing_key

CATALOGUE, THINGS = catalogue.load(), things.load()
_PRIVATE, PUBLIC = new_sealing_key()

CARD = {"name": "欧阳甲测", "number": "11010119900307651X", "address": "某市某区虚构路一百零八号"}
"""Nobody's."""


class MovingClock(Clock):
    """The machine's clocks, ahead by as many seconds as a test says."""

    ahead_s = 0.0

    def mono_ns(self):
        return super().mono_ns() + int(self.ahead_s * 1e9)


class Reader:
    """Whoever holds the card decides when it is read, and what comes of it."""

    def __init__(self):
        self.asked = asyncio.Event()
        self._said = asyncio.get_running_loop().create_future()

    def tap(self, fields=CARD):
        self._said.set_result(fields)

    def fail(self, reason, status=0):
        self._said.set_exception(NotRead(reason, status))

    async def read(self, fields, *, timeout_s):
        self.asked.set()
        try:
            said = await self._said
        finally:
            self._said = asyncio.get_running_loop().create_future()
        return Identity("resident", {name: said[name] for name in fields if name in said})


STAFF, PIN = "012345", "480913"
_kept = functools.cache(pins.kept)  # one hash for all tests: each takes its time by design


async def _is_pin(pin, kept):
    """Look at it here: the process of its own has tests of its own."""
    return pins.matches(pin, kept)


async def on_the_list(journal, number=STAFF):
    """Do what headquarters' order does."""
    ordered = StaffSet(staff=(StaffMember(number=number, pin=_kept(PIN)),))
    await journal.run(lambda pen: staff.apply(pen, "", ordered))


@contextlib.asynccontextmanager
async def a_window(changed, calling=lambda: False, broken=()):
    """Open a window in a folder of its own; `changed` is told when what it shows is another.

    `calling` tells whether a call for help is open; `broken` are devices at the desk's handover.
    """
    clock = MovingClock()
    with tempfile.TemporaryDirectory() as folder:
        journal = await Journal.open(
            Path(folder, "station.db"),
            source="/stations/sjz-001",
            clock=clock,
            projectors=figure_rows.counting(
                calls.projectors()
                | attendance.projectors()
                | dispatches.projectors()
                | found.projectors()
                | loans.projectors()
                | notices.projectors()
                | patrols.projectors()
                | record_rows.projectors()
                | handover_rows.projectors()
                | alarm_shelf.projectors(),
                ZoneInfo("Asia/Shanghai"),
            ),
            schema=(
                calls.SCHEMA,
                attendance.SCHEMA,
                orders.SCHEMA,
                record_rows.SCHEMA,
                rota_row.SCHEMA,
                staff.SCHEMA,
                handover_rows.SCHEMA,
                dispatches.SCHEMA,
                patrols.SCHEMA,
                figure_rows.SCHEMA,
                notices.SCHEMA,
                found.SCHEMA,
                loans.SCHEMA,
                alarm_shelf.SCHEMA,
            ),
        )
        keys = ShiftKeys(journal, station="sjz-001", to=SealingPublicKey(PUBLIC), clock=clock)
        zone = ZoneInfo("Asia/Shanghai")
        records = Records(journal, clock, catalogue=CATALOGUE, code="JW012", zone=zone, seals=keys)
        visits = Visits(records, clock, reader=Reader(), waiting=calling)
        visits.changed = changed
        ratings = Ratings(journal, clock, CATALOGUE, gives_way=lambda: calling() or visits.view() is not None)
        ratings.changed = changed
        running = [asyncio.create_task(run()) for run in (visits.run, ratings.run)]
        try:
            reveals = Reveals(records, journal, clock, seals=keys)
            scans = Scans(clock.mono_ns, changed)
            queue = Queue(journal, clock)
            sign_in = SignIn(journal, clock, changed=changed, is_pin=_is_pin)

            sent = dispatches.Dispatches(journal, clock, changed)

            async def new_key():
                sign_in.shift_ended()
                await keys.new_shift()

            shifts = Shifts(journal, clock, zone=zone, new_key=new_key)
            records.team = shifts.team
            alarms = alarm_shelf.AlarmShelf(journal, clock, turn=shifts.turn, changed=changed)
            handovers = Handovers(
                journal,
                teams=shifts.handing_over,
                devices=lambda: tuple(broken),
                alarms=alarms.items,
                sign_in=sign_in,
            )
            there = attendance.Attendance(journal, clock)
            there.restore()
            there.changed = changed
            parts = (records, queue, ratings, reveals, visits, scans, sign_in, sent, there)
            walked = patrols.Patrols(journal, clock, zone=zone, changed=changed)
            options = {"is_record": lambda number: records.by_number(number) is not None, "changed": changed}
            lists = (
                loans.Loans(journal, clock, THINGS, **options),
                found.FoundThings(journal, clock, THINGS, **options),
            )
            told = notices.Notices(journal, clock, changed)
            book = FigureBook(journal, records, clock)
            yield Counter(*parts, walked, told, clock, changed, shifts, handovers, book, *lists, alarms), journal, keys
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await journal.stop()
