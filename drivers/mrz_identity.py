"""A machine readable zone as the identity that every reader returns, and as the JSON that a technician reads."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

from drivers.identity import Field, Identity, Kind
from drivers.mrz import MrzError, Zone, parse


def identity(zone: Zone) -> Identity:
    """Return the identity a zone tells of.

    `name_en` as permanent residents' cards have it, `ERIKSSON, ANNA MARIA`: which part is the surname is never lost.
    `issuer` and `nationality` are the zone's codes (ISO 3166-1 alpha-3 and those of Doc 9303-3, 5). What was mended in
    the zone, or may be cut off (a name that fills its field), is in `doubts`.
    """
    fields: dict[Field, str | None] = {
        "name_en": _name(zone),
        "sex": zone.sex,
        "birth": zone.birth,
        "number": zone.number,
        "issuer": zone.issuer,
        "valid_to": zone.valid_to,
        "nationality": zone.nationality,
    }
    mended = [name for name in zone.repaired if name in fields]
    return Identity(kind(zone), fields, tuple(dict.fromkeys([*mended, *zone.doubts])))


def kind(zone: Zone) -> Kind:
    """Return the kind of document: visas are told by their format, passports begin with P (Doc 9303-4, 4.2.2).

    China's permits to travel to and from Hong Kong, Macau and Taiwan begin with C (GA/T 704.14-2015, 4.1.1).
    """
    if zone.format.startswith("MRV"):
        return "visa"
    if zone.document_code.startswith("P"):
        return "passport"
    return "travel_permit" if zone.document_code.startswith("C") and zone.issuer == "CHN" else "travel_document"


def decode(lines: Iterable[str], *, today: date | None) -> dict[str, Any]:
    """Return everything a zone says, or `{"problem": …, "where": …}`, for `jingting device decode`.

    The keys are `kind`, `name_en` and those of `mrz.Zone`.
    """
    try:
        zone = parse(lines, today=today)
    except MrzError as error:
        return {"problem": error.problem, "where": error.where}
    return {"kind": kind(zone), **asdict(zone), "name_en": _name(zone)}


def _name(zone: Zone) -> str:
    return f"{zone.surname}, {zone.given_names}" if zone.given_names else zone.surname
