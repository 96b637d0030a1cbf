"""Working days: what is due in so many of them. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Calendar:
    """A city's: its time zone, and the days on which its offices are closed beside Saturdays and Sundays."""

    zone: ZoneInfo
    holidays: frozenset[date] = frozenset()

    def day(self, wall_ms: int) -> date:
        """Return the local date of a moment (milliseconds since 1970)."""
        return datetime.fromtimestamp(wall_ms / 1000, self.zone).date()

    def due(self, wall_ms: int, working_days: int) -> date:
        """Return the last day of a period that begins with the working day after a moment."""
        return after(self.day(wall_ms), working_days, self.holidays)


def after(day: date, working_days: int, holidays: Collection[date] = ()) -> date:
    """Return the day that is so many working days after `day`, which itself does not count."""
    left = working_days
    while left > 0:
        day += timedelta(days=1)
        left -= is_working(day, holidays)
    return day


def is_working(day: date, holidays: Collection[date] = ()) -> bool:
    """Tell whether a day is one."""
    return day.weekday() < _SATURDAY and day not in holidays
