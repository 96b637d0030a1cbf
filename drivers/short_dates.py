"""Dates whose year has two digits, `YYMMDD`, as ICAO Doc 9303-3, 4.8, and older identity numbers write them."""

from datetime import date

_CENTURY = 100
# A document that has expired half a century ago, or does so in half a century, is of the other century.
_HALF = 50


def born(yymmdd: str, today: date) -> date | None:
    """Return the latest day not after `today` that `YYMMDD` can mean, or None when the calendar has none.

    Whoever is over a hundred years old is taken for a child: two digits cannot tell.
    """
    this = today.year // _CENTURY * _CENTURY
    for century in (this, this - _CENTURY):
        day = full_date(f"{century + int(yymmdd[:2]):04}{yymmdd[2:]}")
        if day is not None and day <= today:
            return day
    return None


def expires(yymmdd: str, today: date) -> date | None:
    """Return the day nearest to `today`, from 50 years before it to 49 after, or None when the calendar has none."""
    first = today.year - _HALF
    year = first + (int(yymmdd[:2]) - first) % _CENTURY
    return full_date(f"{year:04}{yymmdd[2:]}")


def full_date(yyyymmdd: str) -> date | None:
    """Return the day that eight digits say, or None when the calendar has no such day."""
    try:
        return date(int(yyyymmdd[:4]), int(yyyymmdd[4:6]), int(yyyymmdd[6:]))
    except ValueError:
        return None
