"""When calls were really raised whose station did not know the time: found in the lines it sent, when asked for."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from common.counted import CallFigure
from common.events import EVENTS, read_payload
from common.events.journal import ClockSet, ClockStepped
from hq import tables
from hq.corrected_time import Known, Stamp, correct, known_by, read_stamp
from hq.journals import each_line, journal_row
from hq.usable import unwrap
from sync.receiver import check_line

_journals = tables.journals
_OF_STATION = select(_journals).where(_journals.c.station == bindparam("of")).order_by(_journals.c.id)
_RESCUED: Final = b'"rescued"'


def raised_ms(connection: Connection, station: str, calls: Sequence[CallFigure]) -> list[int | None]:
    """Return for each of a station's calls when it was raised (ms since 1970); None where its boot never learned it."""
    boots = {call.boot for call in calls}
    known: list[Known] = []
    sure: dict[str, Stamp] = {}
    for event in _events(connection, station, [boot.encode() for boot in boots]):
        payload = read_payload(EVENTS, event)
        told = known_by(payload) if isinstance(payload, ClockSet | ClockStepped) else None
        if told is not None:
            known.append(told)
        stamp = read_stamp(event, None)
        if stamp is not None and stamp.boot in boots and not stamp.unsure:
            last = sure.get(stamp.boot)
            sure[stamp.boot] = stamp if last is None or stamp.mono_ns >= last.mono_ns else last
    asked = [
        Stamp(number=None, boot=call.boot, mono_ns=call.mono_ns, written_ms=call.raised_ms or 0, unsure=True)
        for call in calls
    ]
    return [found.time_ms for found in correct([*asked, *sure.values()], known)[: len(asked)]]


def _events(connection: Connection, station: str, boots: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the events of these boots that are kept; of other boots' lines hardly any is read."""
    for found in connection.execute(_OF_STATION, {"of": station}).all():
        journal = journal_row(found)
        last = journal.standing.held[-1][1] if journal.standing.held else 0
        for line in each_line(connection, journal, 0, last):
            if _RESCUED in line.line or any(boot in line.line for boot in boots):
                event = unwrap(check_line(line.line))
                if event is not None:
                    yield event
