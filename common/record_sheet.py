"""Records as a table for a spreadsheet or a program: a row each, as CSV (RFC 4180) or as a line of JSON. Pure.

CSV is for spreadsheets. One of those takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
formula, whatever wrote it there (OWASP, CSV injection), and a cell of digits for a number, of which it keeps the first
15: an identity number has 18. Such a cell gets an apostrophe in front, and every cell is quoted. The file begins with a
byte order mark, without which Excel reads it as GBK. JSON is for programs: exact, and without a mark (RFC 8259, 8.1).
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import chain, islice
from typing import Final, TypeAlias

import msgspec

from common.personal import ON_FILE, PERSONAL
from common.record import Record

Row: TypeAlias = Mapping[str, object]
"""From a column's name to what stands there: a text, a truth, a list of texts, or None for nothing."""

MASKED: Final = "on file"
"""What stands in a personal column whose text exists and is not shown."""

_BOM: Final = "\ufeff"
_NOT_HEADER: Final = ("id", "on_file", "rating", "change", "marks")
HEADER: Final[tuple[str, ...]] = tuple(name for name in Record.__struct_fields__ if name not in _NOT_HEADER)
PERSONAL_COLUMNS: Final[tuple[str, ...]] = tuple(f"person_{name}" for name in PERSONAL)

_MOST_DIGITS: Final = 15
# The fullwidth forms too: spreadsheets for Chinese and Japanese take them for the same.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def row_of(record: Record, opened: Mapping[str, object] | None = None) -> dict[str, object]:
    """Return a record's row, its rating left out; `opened`: its personal fields, None when they are not to be shown.

    Of fields that are not shown only those have `on file` that may be told to exist.
    """
    row: dict[str, object] = {name: getattr(record, name) for name in HEADER}
    for name in PERSONAL:
        masked = MASKED if name in ON_FILE and name in record.on_file else None
        row[f"person_{name}"] = masked if opened is None else opened.get(name) or None
    return row


def falls_within(record: Record, first: date | None, last: date | None) -> bool:
    """Tell whether a record is of the days from `first` to `last`, both included; None: no limit on that side."""
    if first is None and last is None:
        return True
    day = record.opened_day
    return day is not None and (first is None or day >= first) and (last is None or day <= last)


def as_csv(columns: Iterable[str], rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of a CSV file, each with its CRLF, the columns' names first behind the byte order mark.

    They are yielded once the first row could be had: where there are none to be read, there is no empty table either.
    """
    names, left = tuple(columns), iter(rows)
    begin = list(islice(left, 1))
    yield _BOM + _line(names)
    for row in chain(begin, left):
        yield _line(_cell(row[name]) for name in names)


def as_json(columns: Iterable[str], rows: Iterable[Row]) -> Iterator[str]:
    """Yield a JSON object for each row, each with its newline."""
    names = tuple(columns)
    for row in rows:
        yield msgspec.json.encode({name: row[name] for name in names}).decode() + "\n"


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(cells)
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) or _is_changed_as_number(text) else text


def _is_changed_as_number(text: str) -> bool:
    """Tell whether a spreadsheet would show other digits than stand there: no leading zeros, and no more than 15."""
    return text.isdigit() and (len(text) > _MOST_DIGITS or (text[0] == "0" and len(text) > 1))
