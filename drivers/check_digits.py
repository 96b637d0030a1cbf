"""The check digit of ICAO Doc 9303-3, 4.9: weights 7 3 1, modulo 10. Permanent residents' cards of 2017 use it too."""

from collections.abc import Mapping

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
"""What may stand in a machine readable zone."""

_VALUES: Mapping[str, int] = {character: value for value, character in enumerate(ALPHABET[:-1])} | {"<": 0}
_WEIGHTS = (7, 3, 1)


def of(text: str) -> str:
    """Return the check digit of `text`. Raises KeyError for a character that is not in ALPHABET."""
    return str(sum(_VALUES[character] * _WEIGHTS[at % 3] for at, character in enumerate(text)) % 10)
