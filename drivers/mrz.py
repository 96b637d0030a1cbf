"""The machine readable zone of a travel document (ICAO Doc 9303-3 to -7): lines of text -> what they say.

Every check digit there is must be right. One character of a field that has one may be mended when nothing else can
have stood there:

- where only a digit may stand (dates, check digits) and a letter that looks like one does, and the check digit agrees;
- in a number, when of all letters and digits there that may have been taken for each other exactly one makes the check
  digit agree, and it is a letter, not the first, for a digit. States begin numbers with letters; and digits that might
  be letters are too many for the one that agrees to be more than chance.

What was mended is named in `Zone.repaired`. Names, states, nationality and sex have no check digit: never mended.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from drivers import check_digits, short_dates
from drivers.mrz_layout import Format, Layout, Part, layout_of

MrzProblem: TypeAlias = Literal["format", "character", "check_digit", "name"]
Checked: TypeAlias = Literal["number", "birth", "valid_to", "optional", "composite"]
"""What has a check digit of its own."""

_CHECKS: Mapping[Checked, Part] = {
    "number": "number_check",
    "birth": "birth_check",
    "valid_to": "valid_to_check",
    "optional": "optional_check",
    "composite": "composite_check",
}
_DIGITS = frozenset("0123456789")
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ<")
_FILLER = "<"
_ALLOWED: Mapping[Part, frozenset[str]] = {
    "document_code": _LETTERS,
    "issuer": _LETTERS,
    "names": _LETTERS,
    "nationality": _LETTERS,
    # X is what the visual zone prints for <; some states print it here too.
    "sex": frozenset("MFX<"),
}
_ANY = frozenset(check_digits.ALPHABET)
_LOOKS_LIKE: Mapping[str, str] = {
    "O": "0",
    "Q": "0",
    "D": "0",
    "I": "1",
    "L": "1",
    "Z": "2",
    "S": "5",
    "G": "6",
    "B": "8",
}
# In a number, either way. Not L and G, whose values are those of 1 and 6 modulo 10, so that no check digit tells them
# apart; not D and Q, which look like 0 less often than they are meant.
_LETTERS_ALIKE = {letter: _LOOKS_LIKE[letter] for letter in "OIZSB"}
_ALIKE_IN_NUMBER = _LETTERS_ALIKE | {digit: letter for letter, digit in _LETTERS_ALIKE.items()}
# Two lines may come as one, and so may three.
_JOINED = {2 * 44: 44, 2 * 36: 36, 3 * 30: 30}
_NUMBER_LENGTH = 9
_YEAR, _MONTH = 2, 4


class MrzError(Exception):
    """A zone cannot be used: what is wrong with it, and where; nothing of its text.

    format: lines of no known number and length; `where` tells what there was. character: one that cannot stand there,
    `where` as `line 2, column 21`. check_digit: it does not agree; `where` is one of `Checked`. name: there is none.
    """

    def __init__(self, problem: MrzProblem, where: str) -> None:
        super().__init__(f"{problem}: {where}")
        self.problem = problem
        self.where = where


@dataclass(frozen=True, slots=True, repr=False)
class Zone:
    """What a zone says. Fillers are taken off; inside a number they stay.

    `birth`, `valid_to`: ISO 8601; a birth of which only year or month is known, as 1974 or 1974-08; None when nothing
    is. What is no date stands as it is in the zone, `YYMMDD`, and is in `doubts`; so does everything when today is not
    known. `sex` is m, f or not_stated. `given_names` is empty for a holder of one name. `optional`: the personal number
    or what else a state puts there; `optional_2`: TD1's second. `checks`: whose check digits were there and right.
    """

    format: Format
    document_code: str
    issuer: str
    surname: str
    given_names: str
    number: str
    nationality: str
    birth: str | None
    sex: Literal["m", "f", "not_stated"]
    valid_to: str | None
    optional: str
    optional_2: str
    checks: tuple[Checked, ...]
    repaired: tuple[Checked, ...]
    doubts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Zone of a {self.format}>"


def parse(lines: Iterable[str], *, today: date | None) -> Zone:
    """Return what the lines of a zone say; white space around them, empty ones, and all in one line are no matter.

    `today` tells which century is meant; None when no clock is trusted. Raises MrzError.
    """
    draft = _Draft(_split(lines))
    draft.verify_number()
    draft.verify("birth")
    draft.verify("valid_to")
    draft.verify("optional")
    draft.verify_composite()
    surname, given_names = draft.names()
    birth, birth_doubt = _birth(draft.text("birth"), today)
    valid_to, valid_to_doubt = _valid_to(draft.text("valid_to"), today)
    doubts = {"name_en": draft.text("names")[-1] != _FILLER, "birth": birth_doubt, "valid_to": valid_to_doubt}
    sex = draft.text("sex")
    return Zone(
        format=draft.layout.format,
        document_code=draft.text("document_code").strip(_FILLER),
        issuer=draft.text("issuer").strip(_FILLER),
        surname=surname,
        given_names=given_names,
        number=draft.number,
        nationality=draft.text("nationality").strip(_FILLER),
        birth=birth,
        sex="m" if sex == "M" else "f" if sex == "F" else "not_stated",
        valid_to=valid_to,
        optional=draft.optional(),
        optional_2=draft.text("optional_2").strip(_FILLER) if "optional_2" in draft.layout.parts else "",
        checks=tuple(draft.checks),
        repaired=tuple(draft.repaired),
        doubts=tuple(name for name, doubtful in doubts.items() if doubtful),
    )


class _Draft:
    """A zone while its check digits are looked at. Raises MrzError, here and everywhere."""

    def __init__(self, lines: Sequence[str]) -> None:
        layout = layout_of(lines)
        if layout is None:
            raise MrzError("format", f"lines of {', '.join(str(len(line)) for line in lines) or 'no'} characters")
        self.layout: Layout = layout
        self._lines = list(lines)
        self.checks: list[Checked] = []
        self.repaired: list[Checked] = []
        self.number = ""
        self._number_in_optional = 0
        for part, place, column in layout.places():
            if lines[place.line][column] not in _ALLOWED.get(part, _ANY):
                raise self._misplaced(part, column - place.start)
        if lines[0].startswith(_FILLER):
            raise self._misplaced("document_code", 0)

    def text(self, part: Part) -> str:
        place = self.layout.parts[part]
        return self._lines[place.line][place.start : place.end]

    def optional(self) -> str:
        """Return what stands there beside the end of a long number."""
        return self.text("optional")[self._number_in_optional :].strip(_FILLER)

    def names(self) -> tuple[str, str]:
        surname, _, given_names = self.text("names").partition(_FILLER * 2)
        if not surname or surname.startswith(_FILLER):
            raise MrzError("name", self._where("names", 0))
        return surname.rstrip(_FILLER).replace(_FILLER, " "), " ".join(given_names.replace(_FILLER, " ").split())

    def verify_number(self) -> None:
        """Verify the document's number, and keep it."""
        if self.text("number").startswith(_FILLER):
            raise self._misplaced("number", 0)
        if self.layout.long_numbers and self.text("number_check") == _FILLER:
            self._verify_long_number()
        else:
            self.verify("number")
            self.number = self.text("number").rstrip(_FILLER)

    def _verify_long_number(self) -> None:
        """Doc 9303-5, 4.2.2, note j: the rest stands in the optional data, with the check digit behind it."""
        first, optional = self.text("number"), self.text("optional")
        rest, _, _ = optional.partition(_FILLER)
        number, check = first + rest[:-1], rest[-1:]
        if _FILLER in first or len(number) <= _NUMBER_LENGTH or check_digits.of(number) != check:
            raise MrzError("check_digit", "number")
        self.number, self._number_in_optional = number, len(rest)
        self.checks.append("number")

    def verify(self, checked: Literal["number", "birth", "valid_to", "optional"]) -> None:
        """Verify a field by its check digit, if it has one, mending one character where that is sure."""
        part: Part = checked
        check_part = _CHECKS[checked]
        if check_part not in self.layout.parts:
            return
        field, check = self.text(part), self.text(check_part)
        if checked == "optional" and check == _FILLER and not field.strip(_FILLER):
            return
        self._put(check_part, self._mended(checked, check_part, _DIGITS))
        if checked in ("birth", "valid_to"):
            self._put(part, self._mended(checked, part, _DIGITS | {_FILLER}))
            if self.repaired.count(checked) > 1:
                raise self._misplaced(part, next(at for at, this in enumerate(field) if this.isalpha()))
        elif check_digits.of(field) != check and checked not in self.repaired:
            self._put(part, self._number_mended(checked, field, check))
        if check_digits.of(self.text(part)) != self.text(check_part):
            raise MrzError("check_digit", checked)
        self.checks.append(checked)

    def verify_composite(self) -> None:
        if not self.layout.composite:
            return
        check = self._mended("composite", "composite_check", _DIGITS)
        whole = "".join(self._lines[line][start:end] for line, start, end in self.layout.composite)
        if check_digits.of(whole) != check:
            raise MrzError("check_digit", "composite")
        self.checks.append("composite")

    def _mended(self, checked: Checked, part: Part, allowed: frozenset[str]) -> str:
        """Return a part in which only digits may stand, with one letter taken for the digit it looks like."""
        text = self.text(part)
        wrong = [at for at, character in enumerate(text) if character not in allowed]
        if not wrong:
            return text
        at = wrong[0]
        if len(wrong) > 1 or text[at] not in _LOOKS_LIKE:
            raise self._misplaced(part, at)
        self.repaired.append(checked)
        return text[:at] + _LOOKS_LIKE[text[at]] + text[at + 1 :]

    def _number_mended(self, checked: Checked, field: str, check: str) -> str:
        """Return a number with one letter taken for the digit it looks like, nothing else being as likely."""
        right = [
            (at, character, mended)
            for at, character in enumerate(field)
            if character in _ALIKE_IN_NUMBER
            for mended in (field[:at] + _ALIKE_IN_NUMBER[character] + field[at + 1 :],)
            if check_digits.of(mended) == check
        ]
        if len(right) != 1 or right[0][0] == 0 or right[0][1] in _DIGITS:
            raise MrzError("check_digit", checked)
        self.repaired.append(checked)
        return right[0][2]

    def _put(self, part: Part, text: str) -> None:
        line, start, end = self.layout.parts[part]
        self._lines[line] = self._lines[line][:start] + text + self._lines[line][end:]

    def _misplaced(self, part: Part, at: int) -> MrzError:
        return MrzError("character", self._where(part, at))

    def _where(self, part: Part, at: int) -> str:
        place = self.layout.parts[part]
        return f"line {place.line + 1}, column {place.start + at + 1}"


def _split(lines: Iterable[str]) -> list[str]:
    split = [line for line in map(str.strip, lines) if line]
    if len(split) == 1 and (width := _JOINED.get(len(split[0]))):
        return [split[0][at : at + width] for at in range(0, len(split[0]), width)]
    return split


def _birth(yymmdd: str, today: date | None) -> tuple[str | None, bool]:
    """Return a birth date and whether it is in doubt; what is not known of it is filler, from the right."""
    known = yymmdd.rstrip(_FILLER)
    if not known:
        return None, False
    length = {_YEAR: len("2026"), _MONTH: len("2026-11"), len(yymmdd): len("2026-11-25")}.get(len(known))
    if length is None or _FILLER in known:
        return yymmdd, True
    day = _dated(short_dates.born, (known + "0101"[len(known) - _YEAR :])[: len(yymmdd)], today)
    return (yymmdd, True) if day is None else (day[:length], False)


def _valid_to(yymmdd: str, today: date | None) -> tuple[str | None, bool]:
    if not yymmdd.strip(_FILLER):
        return None, False
    day = None if _FILLER in yymmdd else _dated(short_dates.expires, yymmdd, today)
    return (yymmdd, True) if day is None else (day, False)


def _dated(meant: Callable[[str, date], date | None], yymmdd: str, today: date | None) -> str | None:
    day = None if today is None else meant(yymmdd, today)
    return None if day is None else day.isoformat()
