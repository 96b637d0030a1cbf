"""What was captured on a device's line, told as JSON objects; whom a document is of can be masked."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

from common.privacy import mask_name, mask_number
from drivers import card_capture, codes, mrz_identity, panel_capture

Told = dict[str, Any]

DRIVERS: Final = {"card_reader": card_capture.told, "code_scanner": codes.told, "panel": panel_capture.told}
"""What tells of bytes, by the driver's name; `zones` tells of a passport reader's lines."""

_HIDDEN: Final = "*"
_NAMES: Final = frozenset({"name", "name_en", "surname", "given_names"})
_NUMBERS: Final = frozenset(
    {"number", "pass_number", "association", "management_number", "serial", "optional", "optional_2"}
)
_YEAR: Final = 4


def zones(lines: Iterable[str], *, today: date | None) -> Iterator[Told]:
    """Tell of each machine-readable zone; a blank line stands between two."""
    zone: list[str] = []
    for line in lines:
        if line.strip():
            zone.append(line)
        elif zone:
            yield mrz_identity.decode(zone, today=today)
            zone = []
    if zone:
        yield mrz_identity.decode(zone, today=today)


def masked(told: Mapping[str, Any]) -> Told:
    """Return what was told as anybody may see it over a shoulder: of a birth the year, of an address a star."""
    return {key: _masked(key, value) for key, value in told.items()}


def _masked(key: str, value: Any) -> Any:
    if not isinstance(value, str) or not value:
        return value
    if key in _NAMES:
        return mask_name(value)
    if key in _NUMBERS:
        return mask_number(value)
    if key == "birth":
        return value[:_YEAR] + _HIDDEN
    return _HIDDEN if key in ("address", "text") else value
