"""Figures of days at headquarters: counted in the transaction that changes a call, a record or a dispatch.

What each counts for is `common.counted`'s, the same as at the station: an event that comes twice, late or in another
order changes nothing. The rows stay when what they were counted from is forgotten.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, delete, insert, update

from common.counted import Key
from hq import tables
from hq.prepared import Prepared

CITY: Final = ZoneInfo("Asia/Shanghai")
"""Where a day begins and ends, if `calendar.zone` of the settings does not say so."""

_LONGEST: Final = 64

_figures = tables.figures
_THIS = (
    (_figures.c.station == bindparam("of"))
    & (_figures.c.day == bindparam("on"))
    & (_figures.c.what == bindparam("sort"))
    & (_figures.c.which == bindparam("one"))
)
_ADD = Prepared(update(_figures).where(_THIS).values(count=_figures.c.count + bindparam("by")))
_NEW = Prepared(insert(_figures), columns=("station", "day", "what", "which", "count"))
_NOTHING_LEFT = Prepared(delete(_figures).where(_THIS, _figures.c.count == bindparam("none")))


def count(connection: Connection, station: str, changes: Iterable[tuple[Key, int]]) -> None:
    """Add to a station's figures; the caller holds the station's lock."""
    summed = Counter[Key]()
    for (day, what, which), by in changes:
        summed[day, what, which[:_LONGEST]] += by
    for (day, what, which), by in summed.items():
        if not by:
            continue
        this = {"of": station, "on": day, "sort": what, "one": which}
        if not _ADD.run(connection, this | {"by": by}):
            row = {"station": station, "day": day, "what": what, "which": which, "count": by}
            _NEW.run(connection, row)
        elif by < 0:
            _NOTHING_LEFT.run(connection, this | {"none": 0})
