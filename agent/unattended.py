"""When nobody was at the duty desk, as spans of time. Pure: times of this boot are CLOCK_BOOTTIME (ns)."""

from collections.abc import Sequence
from typing import Final

import msgspec

MOST: Final = 64
"""So many spans are told apart; older ones become one."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when nobody was there; `until_boot` is "" while that is still so.

    Each moment is of the boot beside it; `since_ms` is the wall clock's, for another boot.
    """

    boot: str
    since_ns: int
    since_ms: int
    until_boot: str = ""
    until_ns: int = 0


Spans = tuple[Span, ...]
"""The last ones, one after the other; only the last may still go on."""


def is_unattended(spans: Spans) -> bool:
    """Tell whether nobody is there now."""
    return bool(spans) and not spans[-1].until_boot


def left(spans: Spans, *, boot: str, ns: int, ms: int) -> Spans:
    """Return the spans once everybody has left; the same when nobody was there anyway."""
    if is_unattended(spans):
        return spans
    return _bounded((*spans, Span(boot=boot, since_ns=ns, since_ms=ms)))


def returned(spans: Spans, *, boot: str, ns: int) -> Spans:
    """Return the spans once somebody is back; the same when somebody was there anyway."""
    if not is_unattended(spans):
        return spans
    return (*spans[:-1], msgspec.structs.replace(spans[-1], until_boot=boot, until_ns=ns))


def first_at(spans: Sequence[Span], since_ns: int, *, boot: str) -> int | None:
    """Return the first moment from `since_ns` of this boot on at which nobody was there; None when there was none.

    The moment of coming back is one of them: what was due in it stays due.
    """
    for span in spans:
        began = span.since_ns if span.boot == boot else 0
        if not span.until_boot or (span.until_boot == boot and span.until_ns >= since_ns):
            return max(began, since_ns)
    return None


def age_s(spans: Spans, *, boot: str, now_ns: int, now_ms: int) -> int | None:
    """Return for how many whole seconds nobody has been there; None while somebody is."""
    if not is_unattended(spans):
        return None
    last = spans[-1]
    if last.boot == boot:
        return max(0, now_ns - last.since_ns) // 1_000_000_000
    # Of an earlier boot there are only the wall clocks of then and now.
    return max(0, now_ms - last.since_ms) // 1000


def _bounded(spans: Spans) -> Spans:
    """Make one of the two oldest where there are too many: what lay between makes rungs only sooner, never later."""
    if len(spans) <= MOST:
        return spans
    first, second, *rest = spans
    return msgspec.structs.replace(first, until_boot=second.until_boot, until_ns=second.until_ns), *rest
