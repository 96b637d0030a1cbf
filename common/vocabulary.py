"""The vocabulary as Markdown, for `docs/link.md`: `python -m common.vocabulary` prints what stands there."""

import sys
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import inspect

from common.events import EVENTS, ORDERS, URGENT_ORDERS, is_urgent_event
from common.events.journal import Rescued
from common.events.terms import Day, Digest, Identifier, Instant, Nanoseconds, Payload, RecordNumber, StaffNumber
from common.rota import TimeOfDay

BEGIN: Final = "<!-- vocabulary: what `python -m common.vocabulary` prints -->"
END: Final = "<!-- end of the vocabulary -->"


def _pattern(alias: object) -> str | None:
    info = inspect.type_info(alias)
    assert isinstance(info, inspect.StrType)
    return info.pattern


_PATTERNS: Final = {
    _pattern(Identifier): "UUID",
    _pattern(Nanoseconds): "nanoseconds, as decimal text",
    _pattern(Instant): "time",
    _pattern(Day): "day `YYYY-MM-DD`",
    _pattern(TimeOfDay): "local time of the day `HH:MM`",
    _pattern(StaffNumber): "1 to 32 of letters, digits and `._/-`",
    _pattern(Digest): "SHA-256 in hexadecimal",
    _pattern(RecordNumber): "text such as `JW012-20261122-0007`",
}


def markdown() -> str:
    """Return the tables of events and orders, one row a type."""
    urgent_events = {name for name in EVENTS if is_urgent_event(name)}
    return "\n".join(
        (
            "### Events (up)",
            "",
            *_table(EVENTS, urgent_events),
            "",
            "### Orders (down)",
            "",
            *_table(ORDERS, URGENT_ORDERS),
            "",
        )
    )


def _table(types: dict[str, type[Payload]], urgent: set[str] | frozenset[str]) -> Iterator[str]:
    yield "| type | lane | `data` | |"
    yield "|---|---|---|---|"
    for name, payload in types.items():
        info = inspect.type_info(payload)
        assert isinstance(info, inspect.StructType)
        fields = "; ".join(_field(field) for field in info.fields)
        meaning = " ".join((payload.__doc__ or "").split())
        lane = "as what it carries" if payload is Rescued else "urgent" if name in urgent else "log"
        yield f"| `{name}` | {lane} | {fields or 'nothing'} | {meaning} |"


def _field(field: inspect.Field) -> str:
    if field.required:
        return f"`{field.encode_name}` {_words(field.type)}"
    default = "" if field.default in (None, ()) else f", absent means {msgspec.json.encode(field.default).decode()}"
    return f"`{field.encode_name}` {_words(field.type)} (optional{default})"


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.StrType(pattern=pattern) if pattern is not None:
            words = _PATTERNS[pattern]
        case inspect.StrType(min_length=least, max_length=most) if most is not None:
            words = f"text of {least or 0} to {most} characters"
        case inspect.StrType():
            words = "text"
        case inspect.IntType(ge=least, le=most) if least is not None:
            words = f"integer from {least}" + ("" if most is None else f" to {most}")
        case inspect.BoolType():
            words = "true or false"
        case inspect.VarTupleType(item_type=item, max_length=most):
            words = f"list of {'' if most is None else f'at most {most}: '}{_words(item)}"
        case inspect.LiteralType(values=values):
            words = " or ".join(f"`{value}`" for value in values)
        case inspect.StructType(fields=fields):
            words = "{ " + "; ".join(_field(field) for field in fields) + " }"
        case inspect.UnionType(types=types):
            words = " or ".join(_words(each) for each in types if not isinstance(each, inspect.NoneType))
        case _:
            raise TypeError(f"{kind}: say here how the contract calls this type")
    return words


if __name__ == "__main__":
    sys.stdout.write(markdown())
