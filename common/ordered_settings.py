"""What headquarters may change of a station's settings from afar, and within which bounds.

Nothing that a call for help needs at the station itself is here: no device, no port of one, no page's address, no key,
no file. The ladder of help has bounds of its own: no order may make it so slow that nobody hears. Each table is given
whole; what an order does not name is as the station's own file has it.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec

from common.rota import TimeOfDay
from common.settings import Section, Settings

SLOWEST_LADDER_S: Final = (120, 300, 600)
"""At the latest so many seconds after a press it is louder, headquarters' desk rings, the time promised has passed."""

TIME_OF_DAY: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"
"""A time of a station's own day, as its settings have it."""

MOST_DAYS: Final = 3650

Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=3600)]
Days: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)]
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Host: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One table of settings."""


class OrderedBroker(_Table, frozen=True, kw_only=True):
    """Where the MQTT broker is; the city's root certificate and the station's own stay as they are."""

    host: Host
    port: Port


class OrderedHelp(_Table, frozen=True, kw_only=True):
    """The escalation ladder: seconds since the press."""

    louder_after_s: Seconds
    escalate_after_s: Seconds
    breach_after_s: Seconds


class OrderedSelfTest(_Table, frozen=True, kw_only=True):
    """When each panel is tested."""

    at: TimeOfDay


class OrderedHealth(_Table, frozen=True, kw_only=True):
    """How often a health sample goes out, in seconds."""

    every_s: Seconds


class OrderedJournal(_Table, frozen=True, kw_only=True):
    """How many days the journal keeps what headquarters has stored, and the desk a closed record."""

    rewind_days: Days
    header_days: Days


class OrderedSettings(_Table, frozen=True, kw_only=True):
    """The tables an order names, each whole; none of them: the station's own file alone holds."""

    broker: OrderedBroker | None = None
    help: OrderedHelp | None = None
    self_test: OrderedSelfTest | None = None
    health: OrderedHealth | None = None
    journal: OrderedJournal | None = None


def load(file: Path) -> OrderedSettings:
    """Read a file of settings to be ordered, TOML. Raises SettingsError with every mistake at once."""
    return _read(Settings.read(file))


def parse(text: str) -> OrderedSettings:
    """Read what such a file says, as `load` does."""
    return _read(Settings.parse(text, Path("settings.toml")))


def check(ordered: OrderedSettings) -> None:
    """Look at what an order brought as at a file. Raises SettingsError with every mistake."""
    _read(Settings(Path("settings.set"), msgspec.to_builtins(ordered)))


def check_ladder(section: Section, rungs: Sequence[tuple[str, float]]) -> bool:
    """Note each rung of the ladder, its key and its seconds, that does not come after the one below it.

    Tell whether there was none.
    """
    climbs = True
    for (lower, sooner), (upper, later) in itertools.pairwise(rungs):
        if later <= sooner:
            section.mistake(upper, found=f"{later:g}", expected=f"more than {lower}, which is {sooner:g}")
            climbs = False
    return climbs


def _read(settings: Settings) -> OrderedSettings:
    root = settings.root
    found = OrderedSettings(
        broker=_broker(root.optional_section("broker")),
        help=_help(root.optional_section("help")),
        self_test=_self_test(root.optional_section("self_test")),
        health=_health(root.optional_section("health")),
        journal=_journal(root.optional_section("journal")),
    )
    settings.finish()
    return found


def _broker(section: Section | None) -> OrderedBroker | None:
    if section is None:
        return None
    host = section.text("host", pattern=r"[0-9A-Za-z.:-]{1,253}", expected="an address or host name")
    return OrderedBroker(host=host, port=section.port("port", least=1))


def _help(section: Section | None) -> OrderedHelp | None:
    if section is None:
        return None
    keys = ("louder_after_s", "escalate_after_s", "breach_after_s")
    louder, escalate, breach = (
        section.whole(key, least=5, most=most) for key, most in zip(keys, SLOWEST_LADDER_S, strict=True)
    )
    if section.sound(*keys):
        check_ladder(section, tuple(zip(keys, (louder, escalate, breach), strict=True)))
    return OrderedHelp(louder_after_s=louder, escalate_after_s=escalate, breach_after_s=breach)


def _self_test(section: Section | None) -> OrderedSelfTest | None:
    if section is None:
        return None
    return OrderedSelfTest(at=section.text("at", pattern=TIME_OF_DAY, expected="a time of the day, such as 04:10"))


def _health(section: Section | None) -> OrderedHealth | None:
    return None if section is None else OrderedHealth(every_s=section.whole("every_s", least=10, most=3600))


def _journal(section: Section | None) -> OrderedJournal | None:
    if section is None:
        return None
    # Less than a week would leave too little to a headquarters that was put back from a copy.
    return OrderedJournal(
        rewind_days=section.whole("rewind_days", least=7, most=MOST_DAYS),
        header_days=section.whole("header_days", least=1, most=MOST_DAYS),
    )
