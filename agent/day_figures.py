"""The figures of a day and its month, as the duty desk shows them."""

import sqlite3
from dataclasses import dataclass
from datetime import date

from agent import figure_rows
from agent.entry import Clock
from agent.journal import Journal
from agent.records import Records
from common import figures
from common.figures import Figures


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Of a day, of its month, how often somebody asked for help on each of the month's days.

    `since`: the first day of which calls and dispatches are kept whole; "" when all are.
    """

    of_day: Figures
    of_month: Figures
    by_day: dict[str, int]
    since: str


class FigureBook:
    """Reads what is counted."""

    def __init__(self, journal: Journal, records: Records, clock: Clock) -> None:
        self._journal = journal
        self._records = records
        self._clock = clock

    def today(self) -> tuple[date, bool]:
        """Return the local day, and whether that is known for sure."""
        known = self._records.today()
        return (known, True) if known is not None else (self._records.day(self._clock.wall_ms()), False)

    def read(self, day: date) -> DayFigures:
        """Return the figures of a day; raises JournalError."""
        days = list(figures.days_of(day))

        def look(connection: sqlite3.Connection) -> DayFigures:
            counted = figure_rows.help_by_day(connection, days[0], days[-1])
            return DayFigures(
                figure_rows.read(connection, day.isoformat(), day.isoformat()),
                figure_rows.read(connection, days[0], days[-1]),
                {each: counted.get(each, 0) for each in days},
                figure_rows.since(connection),
            )

        return self._journal.query(look)
