"""JSON as the link allows it: one meaning for one text, whoever reads it.

`docs/link.md`, "Signed messages": no duplicate key at any depth, no integer literal of 2^53 or
more, no NaN or infinity, no lone surrogate, at most 32 levels (the outermost object counts as 1).
"""

import json
from typing import Annotated, Any, NoReturn, TypeAlias

import msgspec

MAX_NESTING = 32
_MAX_INTEGER = 2**53
_MAX_INTEGER_DIGITS = 16


def parse_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object that `data` is. Raises ValueError, saying what is wrong, for anything else."""
    value = _as_we_write(data)
    return _as_anybody_writes(data) if value is None else value


def _as_we_write(data: bytes) -> dict[str, Any] | None:
    """Return a shallow object that would be written again byte for byte as it came; None for any other.

    So no key was there twice, and nothing was lost in reading it. That is what our own events are, and three times as
    quick; whatever is spelt another way, or wrong, is for the careful reader.
    """
    try:
        value: dict[str, Any] = _shallow.decode(data)
        return value if _encode(value) == data else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _as_anybody_writes(data: bytes) -> dict[str, Any]:
    text = data.decode("utf-8")
    try:
        value = _decode(text)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_NESTING} levels") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for everything a peer may have sent
    # Every level costs an opening byte, so few of them prove a shallow object without a walk.
    if data.count(b"{") + data.count(b"[") > MAX_NESTING and _depth(value) > MAX_NESTING:
        raise ValueError(f"nested deeper than {MAX_NESTING} levels")
    if "\\u" in text:  # only an escape can smuggle in a lone surrogate; UTF-8 itself has none
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a duplicate key")
    return result


def _integer(literal: str) -> int:
    if len(literal.lstrip("-")) > _MAX_INTEGER_DIGITS or abs(int(literal)) >= _MAX_INTEGER:
        raise ValueError("an integer of 2^53 or more")
    return int(literal)


def _real(literal: str) -> float:
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number beyond the range of a double")
    return value


def _constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is no JSON")


def _depth(value: Any) -> int:
    deepest, rest = 0, [(value, 1)]
    while rest:
        node, level = rest.pop()
        deepest = max(deepest, level)
        children = node.values() if isinstance(node, dict) else node
        rest.extend((child, level + 1) for child in children if isinstance(child, dict | list))
    return deepest


_Scalar: TypeAlias = bool | Annotated[int, msgspec.Meta(gt=-_MAX_INTEGER, lt=_MAX_INTEGER)] | float | str | None
_Deepest: TypeAlias = _Scalar | list[_Scalar] | dict[str, _Scalar]
_Deeper: TypeAlias = _Scalar | list[_Deepest] | dict[str, _Deepest]
_Deep: TypeAlias = _Scalar | list[_Deeper] | dict[str, _Deeper]
# An event, its data, what is sealed there, and one level to spare.
_shallow: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, _Deep])
_encode = msgspec.json.Encoder().encode
_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_real, parse_constant=_constant
).decode
