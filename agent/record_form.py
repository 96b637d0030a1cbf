"""What a form about a record may say: checked whole against catalogue and transition table, before anything is written.

Pure. Nothing raised here carries what somebody typed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Final, Literal, TypeAlias

from common import personal, workflow
from common.catalogue import OTHER, Catalogue, Service
from common.identifiers import is_identifier
from common.record import Record

Problem: TypeAlias = Literal[
    "missing", "unknown", "wrong", "past", "future", "too_long", "not_taken", "personal", "taken"
]
"""missing: needed and not there; unknown: not in the catalogue; wrong: not written as it must be; past: a day gone by;
future: a time to come; too_long: over its length; not_taken: kept nowhere: a personal field of a service that takes
none, or of no known name; personal: somebody's number where nothing is sealed; taken: another one has it."""

_CODE: Final = re.compile(r"[0-9A-Za-z._/-]{1,64}", re.ASCII)
_TEAM: Final = re.compile(r"\w{1,8}")
_NUMBER: Final = re.compile(r"[A-Z0-9]{2,8}-[0-9]{8}-[0-9]{4,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One field of a form, and what is wrong with it."""

    field: str
    problem: Problem


class WrongForm(ValueError):
    """A form that cannot be journaled; `mistakes` names each, nothing was written, and nothing typed is in here."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{mistake.field}: {mistake.problem}" for mistake in self.mistakes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is said of a record in the open: codes, so that nobody's name can stand there. None leaves it as it is."""

    service: str | None = None
    priority: Literal["normal", "urgent"] | None = None
    team: str | None = None
    staff: str | None = None
    grid: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What is filled in for a step; each step needs some of it (`common.workflow.Step.requires`).

    Days are `YYYY-MM-DD`, `duplicate_of` is a record's number; `staff` and `reference` are somebody else's codes, the
    others the catalogue's.
    """

    staff: str | None = None
    missing: tuple[str, ...] = ()
    until: str | None = None
    target: str | None = None
    due: str | None = None
    consent: bool = False
    reference: str | None = None
    result: str | None = None
    duplicate_of: str | None = None
    reason: str | None = None


def check_id(event_id: str) -> None:
    """Check the event id that a form carries; raises WrongForm.

    A damaged one is not replaced: under a new one, a form submitted twice would count twice.
    """
    if not is_identifier(event_id):
        raise WrongForm([Mistake("event_id", "wrong")])


def check_staff(staff: str | None) -> None:
    """Check a staff number that stands alone; raises WrongForm."""
    if staff is not None and not _CODE.fullmatch(staff):
        raise WrongForm([Mistake("staff", "wrong")])


def check_opening(catalogue: Catalogue, header: Header, typed: Mapping[str, str], *, registered: bool) -> None:
    """Check a new record; raises WrongForm. `typed`: its personal fields. A draft may still lack anything."""
    service = catalogue.services.get(header.service or "")
    mistakes = [*_header(catalogue, header), *_personal(service, typed)]
    if service is None and header.service is None:
        mistakes.append(Mistake("service", "missing"))
    if registered:
        mistakes += registering(service, has_number=bool(typed.get("number")), reference=header.reference)
    _refuse(mistakes)


def check_amending(catalogue: Catalogue, record: Record, header: Header, typed: Mapping[str, str]) -> None:
    """Check an amendment; raises WrongForm. The team that opened a record stays."""
    service = catalogue.services.get(header.service or record.service)
    mistakes = [*_header(catalogue, header), *_personal(service, typed)]
    if header.team is not None:
        mistakes.append(Mistake("team", "not_taken"))
    if service is not None and service.reference_only and record.on_file:
        mistakes.append(Mistake("service", "not_taken"))
    if record.state != "draft":
        has_number = bool(typed.get("number", "number" in record.on_file))
        mistakes += registering(service, has_number=has_number, reference=header.reference or record.reference)
    _refuse(mistakes)


def check_step(
    catalogue: Catalogue, record: Record, step: workflow.Step, filled: Filled, *, today: date | None
) -> None:
    """Check what is filled in for a step; raises WrongForm. Without `today` (the clock is unsure) no day is past."""
    mistakes = [Mistake(field, "missing") for field in step.requires if not getattr(filled, field)]
    unasked = {field.name for field in fields(Filled)} - {*step.requires, "staff", "reference", "consent"}
    mistakes += [Mistake(field, "wrong") for field in sorted(unasked) if getattr(filled, field)]
    mistakes += _header(catalogue, Header(staff=filled.staff, reference=filled.reference))
    service = catalogue.services.get(record.service)
    if step.target == "registered":
        reference = filled.reference or record.reference
        mistakes += registering(service, has_number="number" in record.on_file, reference=reference)
    # A service that left the catalogue while its record was open may need any material, and go to any target.
    materials = (*service.bring, OTHER) if service else tuple(catalogue.materials)
    targets = service.refer if service else tuple(catalogue.targets)
    known: tuple[tuple[str, Iterable[str | None], Iterable[str]], ...] = (
        ("missing", filled.missing, materials),
        ("target", (filled.target,), targets),
        ("result", (filled.result,), catalogue.results),
        ("reason", (filled.reason,), catalogue.reopenings),
    )
    mistakes += [
        Mistake(field, "unknown") for field, codes, of in known if any(code and code not in of for code in codes)
    ]
    target = catalogue.targets.get(filled.target or "")
    if target is not None and target.consent and not filled.consent:
        mistakes.append(Mistake("consent", "missing"))
    for name, day in (("until", filled.until), ("due", filled.due)):
        mistakes += _day(name, day, today)
    if filled.duplicate_of and (not _NUMBER.fullmatch(filled.duplicate_of) or filled.duplicate_of == record.number):
        mistakes.append(Mistake("duplicate_of", "wrong"))
    _refuse(mistakes)


def registering(service: Service | None, *, has_number: bool, reference: str | None) -> list[Mistake]:
    """Return what a record still lacks that is to be more than a draft."""
    mistakes: list[Mistake] = []
    if service is not None and service.identity == "required" and not has_number:
        mistakes.append(Mistake("number", "missing"))
    if service is not None and service.reference_only and not reference:
        mistakes.append(Mistake("reference", "missing"))
    return mistakes


def _refuse(mistakes: Iterable[Mistake]) -> None:
    if told := tuple(dict.fromkeys(mistakes)):
        raise WrongForm(told)


def _header(catalogue: Catalogue, header: Header) -> list[Mistake]:
    mistakes: list[Mistake] = []
    if header.service is not None and header.service not in catalogue.services:
        mistakes.append(Mistake("service", "unknown"))
    if header.priority not in (None, "normal", "urgent"):
        mistakes.append(Mistake("priority", "wrong"))
    spelt = (
        ("team", header.team, _TEAM),
        ("staff", header.staff, _CODE),
        ("grid", header.grid, _CODE),
        ("reference", header.reference, _CODE),
    )
    mistakes += [Mistake(name, "wrong") for name, text, of in spelt if text is not None and not of.fullmatch(text)]
    return mistakes


def _personal(service: Service | None, typed: Mapping[str, str]) -> list[Mistake]:
    if service is not None and service.reference_only:
        return [Mistake("personal", "not_taken")] if any(typed.values()) else []
    return [Mistake(name, "not_taken" if name == "?" else "too_long") for name in personal.unfit(typed)]


def _day(name: str, day: str | None, today: date | None) -> list[Mistake]:
    if not day:
        return []
    try:
        # Of the many spellings of ISO 8601 that Python reads, the event has one.
        read = date.fromisoformat(day)
    except ValueError:
        return [Mistake(name, "wrong")]
    if read.isoformat() != day:
        return [Mistake(name, "wrong")]
    return [Mistake(name, "past")] if today is not None and read < today else []
