"""A CSV file that the city owns, read whole (pure): its rows, or every mistake with line, column, found and expected.

What spreadsheets do is taken: a byte order mark, CRLF, quoted commas and quotes (RFC 4180), empty rows, empty columns
behind the last one, days as 2026/11/22, digits and dashes typed full-width. What they spoil for good is told.
"""

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeAlias

MOST_BYTES: Final = 1024 * 1024
"""A file may be so long; a station's own neighbourhood takes a hundredth of it."""

MOST_ROWS: Final = 5000

STALE_AFTER: Final = timedelta(days=180)
"""An entry that nobody has checked for longer is marked."""

NamedBytes: TypeAlias = tuple[str, bytes]
"""What mistakes call a file, and what is in it."""

_LONGEST_SHOWN: Final = 40
_FEWEST_DIGITS: Final = 3
_NEVER: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})  # Unicode's general categories
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?")
_PHONE: Final = re.compile(r"[+(]?[0-9][0-9 ()-]{1,22}")
_ROUNDED: Final = re.compile(r"[0-9.]+E[+-]?[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake of a file. `line` counts from 1, 0: the file as a whole; `column` is "" where it is no one cell's."""

    file: str
    line: int
    column: str
    found: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.where}: found {self.found}; expected {self.expected}{hint}"

    @property
    def where(self) -> str:
        """File, line and column: what may stand in a log, since it tells nothing of what stands in the file."""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line}: {self.column}" if self.column else f"{self.file}{line}"


class Row:
    """One row; every method reads one cell, notes what is wrong with it, and then returns a stand-in."""

    def __init__(self, sheet: "Sheet", line: int, cells: dict[str, str]) -> None:
        self.line = line
        self._sheet = sheet
        self._cells = cells

    def mistake(self, column: str, *, expected: str, found: str = "", hint: str = "") -> None:
        """Note a mistake at a cell; also for what only a look at other cells can tell."""
        found = found or _shown(self._cells.get(column, ""))
        self._sheet.mistakes.append(Mistake(self._sheet.file, self.line, column, found, expected, hint))

    def has(self, column: str) -> bool:
        """Tell whether something stands in a cell."""
        return bool(self._cells.get(column))

    def text(self, column: str, *, most: int, optional: bool = False) -> str:
        """Return text of one line, at most so many characters; "" once it is wrong."""
        text = self._cells.get(column, "")
        if not text and optional:
            return ""
        bad = next(
            (sign for sign in text if unicodedata.category(sign) in _NEVER or sign == "\N{REPLACEMENT CHARACTER}"), None
        )
        if bad is not None:
            hint = "such a private-use character looks different on each machine" if "\ue000" <= bad <= "\uf8ff" else ""
            self.mistake(column, found=f"the character U+{ord(bad):04X}", expected="characters to be read", hint=hint)
            return ""
        if not 1 <= len(text) <= most:
            self.mistake(
                column,
                found=f"{len(text)} characters" if text else "nothing",
                expected=f"text, 1 to {most} characters",
            )
            return ""
        return text

    def code(self, column: str, pattern: str, *, expected: str) -> str:
        """Return a code that matches `pattern` as a whole; `expected` says the pattern in words."""
        text = self._plain(column)
        if not re.fullmatch(pattern, text):
            self.mistake(column, expected=expected)
            return ""
        return text

    def choice(self, column: str, options: Collection[str]) -> str:
        """Return one of `options`."""
        text = self._plain(column).lower()
        if text not in options:
            self.mistake(column, expected="one of " + ", ".join(options), hint=_meant(text, options))
            return ""
        return text

    def whole(self, column: str, *, least: int, most: int) -> int:
        """Return a whole number, `least` to `most`; `least` once it is wrong."""
        text = self._plain(column)
        # So many digits at most: int() of a very long text is refused with an error of its own.
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            self.mistake(column, expected=f"a whole number, {least} to {most}")
            return least
        return int(text)

    def phone(self, column: str, *, optional: bool = False) -> str:
        """Return a telephone number as the city writes it: digits, blanks, hyphens, parentheses, + in front."""
        text = self._plain(column)
        if not text and optional:
            return ""
        if not _PHONE.fullmatch(text) or sum(sign.isdigit() for sign in text) < _FEWEST_DIGITS:
            hint = (
                "a spreadsheet has rounded it: make the column Text and type it again"
                if _ROUNDED.fullmatch(text)
                else ""
            )
            self.mistake(column, expected="one telephone number, such as 0311-00000101", hint=hint)
            return ""
        return text

    def day(self, column: str, *, today: date | None) -> date:
        """Return a day that has been (`today`: None when nobody knows what day it is); 0001-01-01 once it is wrong."""
        match = _DAY.fullmatch(self._plain(column))
        try:
            day = date(*map(int, match.groups())) if match else None
        except ValueError:  # there is no such day
            day = None
        if day is None:
            self.mistake(column, expected="a day, such as 2026-11-22")
            return date.min
        if today is not None and day > today:
            self.mistake(column, expected=f"a day that has been: today is {today}")
            return date.min
        return day

    def _plain(self, column: str) -> str:
        """Return a cell with what was typed full-width made plain (NFKC, Unicode Standard Annex 15)."""
        return unicodedata.normalize("NFKC", self._cells.get(column, "")).translate(_DASHES).strip()


class Sheet:
    """One file while it is read: its rows, and the mistakes noted so far.

    `columns`: every column it may have, those of `optional` need not be there. `whole`: all its rows could be told
    apart, so that what another file says of them can be checked.
    """

    def __init__(self, named: NamedBytes, *, columns: Sequence[str], optional: Collection[str]) -> None:
        self.file, data = named
        self.mistakes: list[Mistake] = []
        self.rows: list[Row] = []
        self.whole = False
        self._columns = columns
        self._optional = optional
        text = self._decoded(data)
        if text is not None:
            self._read(text)

    def told(self) -> tuple[Mistake, ...]:
        """Return every mistake, in the order of the lines."""
        return tuple(sorted(self.mistakes, key=lambda mistake: mistake.line))

    def _mistake(self, line: int, column: str = "", *, found: str, expected: str, hint: str = "") -> None:
        self.mistakes.append(Mistake(self.file, line, column, found, expected, hint))

    def _decoded(self, data: bytes) -> str | None:
        if len(data) > MOST_BYTES:
            self._mistake(0, found=f"more than {MOST_BYTES} bytes", expected="a shorter file")
            return None
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            # Counted in `error.object`: that is the bytes behind a byte order mark, if there is one.
            found = f"a byte that is not UTF-8, {error.object[error.start]:#04x}"
            line = error.object.count(b"\n", 0, error.start) + 1
            cut = error.end == len(error.object)
            hint = "the file seems to be cut off" if cut else "in Excel: save as “CSV UTF-8”"
            self._mistake(line, found=found, expected="text in UTF-8", hint=hint)
            return None

    def _read(self, text: str) -> None:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        names: list[str] | None = None
        begins = 1
        try:
            for at, cells in enumerate(lines):
                if names is None:
                    names = self._names([cell.strip() for cell in cells])
                elif at > MOST_ROWS:
                    self._mistake(begins, found=f"more than {MOST_ROWS} rows", expected="a shorter file")
                    return
                elif names:
                    self._row(begins, names, [cell.strip() for cell in cells])
                begins = lines.line_num + 1
        except csv.Error as error:
            self._mistake(
                begins,
                found=f"what is no CSV: {error}",
                expected="a cell with a comma or a quote inside in double quotes, and such a quote doubled",
            )
            return
        if text and text[-1] not in "\r\n":  # else nobody could tell a file from the first part of it
            found, hint = "a last line that does not end", "the file may be cut off; if not, press Enter there"
            self._mistake(lines.line_num, found=found, expected="an end of line behind every line", hint=hint)
        if names is None:
            self._mistake(0, found="nothing", expected="the names of the columns, and one row or more")
        elif names and not self.rows and not self.mistakes:
            self._mistake(0, found="no row", expected="one row or more under the names of the columns")
        self.whole = bool(names)

    def _names(self, names: list[str]) -> list[str]:
        """Return the names of the columns, as the first line has them; none once they are wrong."""
        while names and not names[-1]:
            names.pop()
        if len(names) == 1 and (sign := next((sign for sign in ";\t" if sign in names[0]), "")):
            found = "columns separated by " + ("semicolons" if sign == ";" else "tabs")
            self._mistake(1, found=found, expected="columns separated by commas")
            return []
        for at, name in enumerate(names):
            if name not in self._columns:
                expected = "one of " + ", ".join(self._columns)
                found = f"the column {_shown(name)}" if name else "a column without a name"
                self._mistake(1, found=found, expected=expected, hint=_meant(name, self._columns))
            elif name in names[:at]:
                self._mistake(1, name, found="a second column of that name", expected="each column once")
        missing = [name for name in self._columns if name not in names and name not in self._optional]
        if missing:
            expected = "the names of the columns in the first line"
            self._mistake(1, found="no column " + ", ".join(missing), expected=expected)
        return [] if self.mistakes else names

    def _row(self, line: int, names: list[str], cells: list[str]) -> None:
        if not any(cells):
            return
        many, expected = len(cells), f"{len(names)}, as in the first line"
        if any(cells[len(names) :]):
            hint = "a text with a comma inside stands in double quotes"
            self._mistake(line, found=f"{many} cells", expected=expected, hint=hint)
        elif many < len(names):
            self._mistake(line, found=f"{many} cells", expected=expected)
        else:
            self.rows.append(Row(self, line, dict(zip(names, cells, strict=False))))


def id_of(*parts: object) -> str:
    """Return a word for the address of an entry, made of what it says: it stays when other lines come or go."""
    return hashlib.blake2s("\n".join(map(str, parts)).encode(), digest_size=6).hexdigest()


def stale(checked: date, today: date | None) -> bool | None:
    """Tell whether an entry was last checked too long ago; None when nobody knows what day it is."""
    return None if today is None else today - checked > STALE_AFTER


def _shown(text: str) -> str:
    """Return what stands in a cell as one short piece of a line, whatever it may do to a terminal."""
    if not text:
        return "nothing"
    short = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
    return '"' + "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in short) + '"'


def _meant(text: str, options: Collection[str]) -> str:
    import difflib  # noqa: PLC0415 - a mistake alone needs it, and a kiosk keeps what it imports

    close = difflib.get_close_matches(text, options, n=1)
    return f"did you mean {close[0]}?" if close else ""
