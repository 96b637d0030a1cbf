"""A journal and its clock: what is said of them, up and down."""

from typing import Annotated, Literal, TypeAlias

import msgspec

from common.events.terms import Count, Identifier, Instant, Name, Nanoseconds, Number, Payload, Text
from common.ordered_settings import OrderedSettings

RolledBackBecause: TypeAlias = Literal["no_link", "no_answer", "restarts", "replaced"]


class JournalOpened(Payload, frozen=True, kw_only=True):
    """A new journal goes on where `previous` was closed; `last_common` is what headquarters surely holds of it."""

    previous: Identifier
    reason: Literal["fork", "chain", "ahead", "disagrees", "damaged"]
    last_common: Count


class Rescued(Payload, frozen=True, kw_only=True):
    """An event copied from a closed journal: its exact bytes in base64url without padding."""

    line: str


class EventWithheld(Payload, frozen=True, kw_only=True):
    """An event that can never be sent (it is malformed): its number, and SHA-256 of its line in base64url."""

    number: Number
    sha256: str


class ClockSet(Payload, frozen=True, kw_only=True):
    """The clock has become synchronised: at `mono` of `boot` it was `time`."""

    boot: Identifier
    mono: Nanoseconds
    time: Instant


class ClockStepped(Payload, frozen=True, kw_only=True):
    """A synchronised clock was stepped by more than 2 s."""

    boot: Identifier
    mono: Nanoseconds
    before: Instant
    after: Instant


class StationStarted(Payload, frozen=True, kw_only=True):
    """The daemon began to serve."""

    agent: Name


class StationStopped(Payload, frozen=True, kw_only=True):
    """The daemon was asked to stop, and did."""


class OrderApplied(Payload, frozen=True, kw_only=True):
    """An order was carried out; `order` is its id, or of a snapshot order the id it stands for."""

    order: Identifier


class OrderFailed(Payload, frozen=True, kw_only=True):
    """An order was passed over, and why."""

    order: Name
    reason: Text


class SettingsChanged(Payload, frozen=True, kw_only=True):
    """Settings that headquarters ordered are in force: where they moved the link, its signed word has come that way."""

    order: Identifier


class SettingsRolledBack(Payload, frozen=True, kw_only=True):
    """Settings that headquarters ordered did not hold; those before them are in force, as if it had not ordered them.

    `reason`: the broker could not be reached, or headquarters did not answer there, in time; the process was started
    again and again meanwhile; another order came before they were known to be good.
    """

    order: Identifier
    reason: RolledBackBecause


class OrdersOpened(Payload, frozen=True, kw_only=True):
    """The first line of every orders journal."""

    generation: Number


class SettingsSet(Payload, frozen=True, kw_only=True):
    """What headquarters wants otherwise than the station's own settings file has it, in place of all it ordered before.

    Where that moves the link, headquarters' signed word has to come over the new broker within `within_s` seconds, or
    the station goes back by itself. `order` as elsewhere.
    """

    settings: OrderedSettings
    within_s: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 180
    order: Identifier | None = None
    expires: Instant | None = None
