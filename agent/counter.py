"""The station's window: its records, whom they are about, and the citizen's visit with its card reader."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from agent.alarm_shelf import AlarmShelf
from agent.attendance import Attendance
from agent.day_figures import FigureBook
from agent.dispatches import Dispatches
from agent.entry import Clock
from agent.found import FoundThings
from agent.handovers import Handovers
from agent.journal import Journal
from agent.loans import Loans
from agent.notices import Notices
from agent.patrols import Patrols
from agent.queue import Queue
from agent.rating import Ratings
from agent.records import Records
from agent.reveals import Reveals
from agent.scans import Scans
from agent.settings import StationSettings
from agent.shift_keys import ShiftKeys
from agent.shifts import Shifts
from agent.sign_in import SignIn
from agent.supervisor import Supervisor
from agent.view import DeviceView
from agent.visits import Reader, Visits
from common import catalogue, things
from common.catalogue import Catalogue
from common.settings import SettingsError
from common.things import Things

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counter:
    """What the pages need of it. `changed()` has to be called when a page has changed a record."""

    records: Records
    queue: Queue
    ratings: Ratings
    reveals: Reveals
    visits: Visits
    scans: Scans
    sign_in: SignIn
    dispatches: Dispatches
    attendance: Attendance
    patrols: Patrols
    notices: Notices
    clock: Clock
    changed: Callable[[], None]
    shifts: Shifts
    handovers: Handovers
    figures: FigureBook
    loans: Loans
    found: FoundThings
    alarms: AlarmShelf

    @property
    def hears_of_orders(self) -> tuple[Shifts, SignIn, Dispatches, Notices]:
        """Whose `orders_applied` has to be called when orders were carried out."""
        return self.shifts, self.sign_in, self.dispatches, self.notices


def open_counter(
    settings: StationSettings,
    journal: Journal,
    clock: Clock,
    *,
    seals: ShiftKeys,
    reader: Reader | None,
    scans: Scans,
    supervisor: Supervisor,
    changed: Callable[[], None],
    devices: Callable[[], tuple[DeviceView, ...]],
    waiting: Callable[[], bool],
    attendance: Attendance,
) -> Counter:
    """Open the window; `changed` is told when what it shows is another. Raises JournalError.

    `reader`: what reads documents, if the station has anything that does. `waiting`: whether somebody waits for help.
    `devices`: how they stand. `attendance`: whether anybody is at the desk.
    """
    station = settings.station
    records = Records(
        journal,
        clock,
        catalogue=own_catalogue(station.catalogue),
        code=station.code,
        zone=ZoneInfo(station.zone),
        seals=seals,
    )
    lists = own_things(station.things)

    def is_record(number: str) -> bool:
        return records.by_number(number) is not None

    dispatches = Dispatches(journal, clock, changed)
    supervisor.keep("dispatches", dispatches.run)
    notices = Notices(journal, clock, changed)
    supervisor.keep("notices", notices.run)
    sign_in = SignIn(journal, clock, changed=changed)
    supervisor.keep("sign-in", sign_in.run)

    async def new_key() -> None:
        sign_in.shift_ended()
        await seals.new_shift()

    shifts = Shifts(journal, clock, zone=ZoneInfo(station.zone), new_key=new_key)
    shifts.changed = changed
    supervisor.keep("shifts", shifts.run)
    records.team = shifts.team
    visits = Visits(records, clock, reader=reader, waiting=waiting)
    visits.changed = changed
    supervisor.keep("visits", visits.run)
    ratings = Ratings(journal, clock, records.catalogue, gives_way=lambda: waiting() or visits.view() is not None)
    ratings.changed = changed
    supervisor.keep("ratings", ratings.run)
    alarms = AlarmShelf(journal, clock, turn=shifts.turn, changed=changed)
    supervisor.keep("alarms", alarms.run)
    return Counter(
        records,
        Queue(journal, clock),
        ratings,
        Reveals(records, journal, clock, seals=seals),
        visits,
        scans,
        sign_in,
        dispatches,
        attendance,
        Patrols(journal, clock, zone=ZoneInfo(station.zone), changed=changed),
        notices,
        clock,
        changed,
        shifts,
        Handovers(journal, teams=shifts.handing_over, devices=devices, alarms=alarms.items, sign_in=sign_in),
        FigureBook(journal, records, clock),
        Loans(journal, clock, lists, is_record=is_record, changed=changed),
        FoundThings(journal, clock, lists, is_record=is_record, changed=changed),
        alarms,
    )


def own_catalogue(own: Path | None) -> Catalogue:
    """Return the city's own catalogue, or the one that comes with this, where there is none or it cannot be used."""
    return _own("catalogue", own, catalogue.load) or catalogue.load()


def own_things(own: Path | None) -> Things:
    """Return the city's own lists of things to lend and things found, likewise."""
    return _own("list of things", own, things.load) or things.load()


def _own(what: str, own: Path | None, load: Callable[[Path], T]) -> T | None:
    if own is None:
        return None
    try:
        return load(own)
    except SettingsError as error:
        for mistake in error.mistakes:
            log.warning("%s", mistake)
        log.warning("The %s %s cannot be used: mend it and start again. Until then it is the usual one.", what, own)
    return None
