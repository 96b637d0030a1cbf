"""Who may sign in at a station's duty desk: staff numbers, with PINs that are drawn here and good at that one alone.

The list is the `staff.set` order that holds at the station: it is read from there, changed, and ordered anew, in one
transaction. Of a PIN only what is kept of it (`common.pins`) is ever written.
"""

import re
import uuid
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection

from common import pins
from common.events.desk import StaffMember, StaffSet
from hq import audit
from hq.audit import Act
from hq.journals import lock_station
from hq.orders import Orders
from hq.snapshot import standing
from hq.store import Store

_NUMBER: Final = re.compile(r"[0-9A-Za-z._/-]{1,32}", re.ASCII)
_MOST: Final = 200
_Pins: TypeAlias = dict[str, str]


class NotOnTheListError(Exception):
    """The station's list has no such staff number."""


class GivenBeforeError(Exception):
    """The order of that id was given before: a form came a second time, and the PIN it drew was shown then."""


class StationStaff:
    """The lists of all stations. Each change is in the audit; `wall_ms` is headquarters' wall clock."""

    def __init__(self, store: Store, orders: Orders, wall_ms: Callable[[], int], *, who: str) -> None:
        self._store = store
        self._orders = orders
        self._wall_ms = wall_ms
        self._who = who

    def numbers(self, station: str) -> list[str]:
        """Return the staff numbers that may sign in at a station."""
        with self._store.database.read() as connection:
            return sorted(_read(connection, station))

    def issue(self, station: str, number: str, *, order_id: str | None = None) -> str:
        """Put somebody on a station's list, and return their new PIN, which is nowhere else; an earlier one is void.

        `order_id`: a UUID made with the form, so that one that comes again makes no PIN void.
        Raises ValueError for what is no staff number, and for more of them than a station takes; GivenBeforeError.
        """
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"{number!r} is no staff number: 1 to 32 of 0-9, A-Z, a-z, ., _, / and -")
        pin = pins.draw()
        text = pins.kept(pin)

        def add(held: _Pins) -> None:
            held[number] = text
            if len(held) > _MOST:
                raise ValueError(f"{station} has {_MOST} staff numbers already: withdraw some")

        self._change(station, "staff-issue", number, add, order_id=order_id)
        return pin

    def withdraw(self, station: str, number: str) -> None:
        """Take somebody off a station's list; raises NotOnTheListError."""

        def remove(held: _Pins) -> None:
            if held.pop(number, None) is None:
                raise NotOnTheListError(f"{number} is not on the list of {station}")

        self._change(station, "staff-withdraw", number, remove)

    def reset(self, station: str) -> int:
        """Make all PINs of a station void, and return how many: its kiosk was stolen."""
        gone = 0

        def clear(held: _Pins) -> None:
            nonlocal gone
            gone = len(held)
            held.clear()

        self._change(station, "staff-reset", "", clear)
        return gone

    def _change(
        self,
        station: str,
        what: Literal["staff-issue", "staff-withdraw", "staff-reset"],
        number: str,
        change: Callable[[_Pins], None],
        *,
        order_id: str | None = None,
    ) -> None:
        with self._store.database.write() as connection:
            lock_station(connection, station)
            held = _read(connection, station)
            before = dict(held)
            change(held)
            if held == before:
                return
            act = Act(who=self._who, what=what, station=station, event=number, reason="")
            audit.record(connection, act, at_ms=self._wall_ms())
            members = (StaffMember(number=one, pin=pin) for one, pin in sorted(held.items()))
            order = StaffSet(staff=tuple(members))
            if self._orders.give(connection, station, order, order_id or str(uuid.uuid4())) is None:
                raise GivenBeforeError
        self._orders.on_append(station)


def _read(connection: Connection, station: str) -> _Pins:
    listed = standing(connection, station, StaffSet(staff=()), "staff.set")
    return {member.number: member.pin for member in listed.staff} if isinstance(listed, StaffSet) else {}
