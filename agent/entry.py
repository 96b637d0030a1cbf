"""One event before it has a number: its exact line, made once and checked before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from common.clock import rfc3339
from common.events import encode_event, is_urgent_event, type_of
from common.events.journal import Rescued
from common.events.terms import Payload
from common.identifiers import uuid7
from sync.strict_json import parse_object

LINE_LIMIT = 32 * 1024
"""Most bytes of an event's line (`docs/link.md`, "Signed messages")."""

RESCUED_LIMIT = 48 * 1024
"""Most bytes of a `rescued` event's line: it carries another line in base64url."""


class LineLimitError(ValueError):
    """An event that headquarters would refuse for ever as malformed: too long, too deep, or a number too large.

    Nothing was written. The caller has to make the event smaller; repeating it changes nothing.
    """


class Clock(Protocol):
    """The clocks an event is stamped with; `common.clock.Clock` is the one of this machine."""

    @property
    def boot(self) -> str:
        """Kernel boot id."""

    def wall_ms(self) -> int:
        """Return wall time in milliseconds since 1970."""

    def mono_ns(self) -> int:
        """Return CLOCK_BOOTTIME in nanoseconds."""

    def trusted(self) -> bool:
        """Tell whether the wall clock is synchronised."""


class Moment(msgspec.Struct, frozen=True):
    """One instant on all clocks: ms since 1970, CLOCK_BOOTTIME in ns, and whether the first is synchronised."""

    wall_ms: int
    mono_ns: int
    trusted: bool

    @property
    def offset_ms(self) -> int:
        """Wall time less CLOCK_BOOTTIME, in milliseconds: it changes only when somebody sets the clock."""
        return self.wall_ms - self.mono_ns // 1_000_000


class Entry(msgspec.Struct, frozen=True):
    """An event ready to be written, stamped `at`: `line` are its bytes for ever, `event` the same parsed."""

    at: Moment
    id: str
    type: str
    urgent: bool
    payload: Payload
    line: bytes
    event: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a station puts around a payload: its own name as `source`, and its clocks."""

    source: str
    clock: Clock

    def now(self) -> Moment:
        """Read all clocks at one instant."""
        # Trust first: a clock set right between the two is then called unsure, not a wrong one sure.
        trusted = self.clock.trusted()
        return Moment(self.clock.wall_ms(), self.clock.mono_ns(), trusted)

    def entry(self, payload: Payload, event_id: str | None = None, *, at: Moment | None = None) -> Entry:
        """Stamp `payload`, now or `at`, under `event_id` or a new UUIDv7; raises LineLimitError."""
        at = at or self.now()
        event_id = event_id or uuid7(wall_ms=at.wall_ms)
        line = encode_event(
            payload,
            event_id=event_id,
            source=self.source,
            time=rfc3339(at.wall_ms),
            boot=self.clock.boot,
            mono=at.mono_ns,
            unsure=not at.trusted,
        )
        event_type = type_of(payload)
        limit = RESCUED_LIMIT if isinstance(payload, Rescued) else LINE_LIMIT
        if len(line) > limit:
            raise LineLimitError(f"{event_type}: a line of {len(line)} bytes, {limit} are allowed; shorten its fields")
        try:
            # The very check headquarters makes: what passes here can never be refused there as malformed.
            event = parse_object(line)
        except ValueError as error:
            raise LineLimitError(f"{event_type}: {error}; headquarters would refuse it") from error
        return Entry(at, event_id, event_type, is_urgent_event(event_type), payload, line, event)
