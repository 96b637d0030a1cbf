"""What a station is told: `station.toml`, typed. `config/station.toml` is the commented example."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from pathlib import Path

from agent.device_settings import (
    RELAY,
    CardReaderSettings,
    CodeScannerSettings,
    GpioButtonSettings,
    PanelSettings,
    PassportReaderSettings,
    read_devices,
)
from agent.ladder import Ladder
from agent.quota import MIB, Limits
from common import keyfiles
from common.ordered_settings import MOST_DAYS, TIME_OF_DAY, OrderedSettings, check_ladder
from common.settings import BrokerSettings, Section, Settings, WebSettings, read_broker, read_web
from common.zones import read_zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which station this is; `data` is the folder it keeps its journal in.

    `code` begins every record's number, and `zone` is the time zone whose date follows it (IANA name). `catalogue`: the
    city's own services; `things`: what it lends, and kinds of what is found. Nothing is asked of those files here,
    since a wrong one must not keep a station from ringing.
    """

    id: str
    code: str
    zone: str
    name_zh: str
    name_en: str
    data: Path
    catalogue: Path | None
    things: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """Key files: the station's own private key, headquarters' public keys it believes, and the one it seals to."""

    station: Path
    headquarters: tuple[Path, ...]
    sealing: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentSettings:
    """Where headquarters renews our certificate, HOST:PORT, and the lowest generation of orders we may accept."""

    at: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpSettings:
    """The escalation ladder, in seconds since the press, and what sounds beside the panel from the second rung on.

    The `unattended` ones hold while nobody is at the desk (`agent.ladder.Ladder`).
    """

    louder_after_s: float
    escalate_after_s: float
    breach_after_s: float
    unattended_escalate_after_s: float
    unattended_breach_after_s: float
    second_output: str

    @property
    def ladder(self) -> Ladder:
        """The times as the desk takes them."""
        return Ladder(
            louder_after_s=self.louder_after_s,
            escalate_after_s=self.escalate_after_s,
            breach_after_s=self.breach_after_s,
            unattended_escalate_after_s=self.unattended_escalate_after_s,
            unattended_breach_after_s=self.unattended_breach_after_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestSettings:
    """When each panel is tested: a time of the station's own day, after which it falls within half an hour."""

    at: time


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """How often a health sample goes out, in seconds."""

    every_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """What the journal may take of the disk, and how many days it keeps what headquarters has stored.

    `header_days`: for how long after its last change a closed record still stands at the desk, without who it was.
    """

    max_bytes: int
    reserve_bytes: int
    rewind_days: int
    header_days: int

    @property
    def limits(self) -> Limits:
        """The two limits of bytes as the journal takes them."""
        return Limits(max_bytes=self.max_bytes, reserve_bytes=self.reserve_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSettings:
    """A folder of recordings to be said in place of the made clips of the same name, or None.

    Nothing is asked of it: a wrong one must not keep a station from ringing (`agent.screens.speech`).
    """

    recordings: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSettings:
    """The city's files of what people may find; those of the grid are both there, or neither.

    Nothing is asked of the files themselves: a wrong one must not keep a station from ringing (`agent.finding`).
    """

    places: Path | None
    addresses: Path | None
    contacts: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentSettings:
    """Where a USB medium with content packs appears; None: nowhere."""

    usb_folder: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationWebSettings(WebSettings):
    """Where the citizen's pages are served, and, apart from them, the duty desk's."""

    duty_host: str
    duty_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSettings:
    """A station's settings, table by table as they stand in the file."""

    station: Identity
    keys: KeySettings
    enrolment: EnrolmentSettings | None
    broker: BrokerSettings
    panel: tuple[PanelSettings, ...]
    gpio_button: tuple[GpioButtonSettings, ...]
    card_reader: CardReaderSettings | None
    passport_reader: PassportReaderSettings | None
    code_scanner: CodeScannerSettings | None
    help: HelpSettings
    self_test: SelfTestSettings
    finding: FindingSettings | None
    web: StationWebSettings
    speech: SpeechSettings
    health: HealthSettings
    journal: JournalSettings
    content: ContentSettings


def load(file: Path) -> StationSettings:
    """Read a station's settings and look at the key files they name.

    Raises SettingsError with every mistake at once.
    """
    settings = Settings.read(file)
    root = settings.root
    devices = read_devices(root)
    loaded = StationSettings(
        station=_identity(root.section("station")),
        keys=_keys(root.section("keys")),
        enrolment=_enrolment(root),
        broker=read_broker(root, port=8883),
        panel=devices.panel,
        gpio_button=devices.gpio_button,
        card_reader=devices.card_reader,
        passport_reader=devices.passport_reader,
        code_scanner=devices.code_scanner,
        help=_help(root.section("help"), devices.panel),
        self_test=_self_test(root.section("self_test")),
        finding=_finding(root),
        web=_web(root.section("web")),
        speech=SpeechSettings(recordings=root.section("speech").optional_path("recordings")),
        health=HealthSettings(every_s=root.section("health").seconds("every_s", default=60, least=1)),
        journal=_journal(root.section("journal")),
        content=ContentSettings(usb_folder=root.section("content").optional_path("usb_folder")),
    )
    settings.finish()
    return loaded


def overlaid(own: StationSettings, ordered: OrderedSettings | None) -> StationSettings:
    """Return the station's own settings with what headquarters ordered in their place; `ordered` was checked."""
    if ordered is None:
        return own
    changed = own
    if (broker := ordered.broker) is not None:
        changed = replace(changed, broker=replace(own.broker, host=broker.host, port=broker.port))
    if (ladder := ordered.help) is not None:
        changed = replace(
            changed,
            help=replace(
                own.help,
                louder_after_s=float(ladder.louder_after_s),
                escalate_after_s=float(ladder.escalate_after_s),
                breach_after_s=float(ladder.breach_after_s),
                # With nobody at the desk no call may be later than with somebody there.
                unattended_escalate_after_s=min(own.help.unattended_escalate_after_s, ladder.escalate_after_s),
                unattended_breach_after_s=min(own.help.unattended_breach_after_s, ladder.breach_after_s),
            ),
        )
    if ordered.self_test is not None:
        changed = replace(changed, self_test=SelfTestSettings(at=time.fromisoformat(ordered.self_test.at)))
    if ordered.health is not None:
        changed = replace(changed, health=HealthSettings(every_s=float(ordered.health.every_s)))
    if (journal := ordered.journal) is not None:
        days = {"rewind_days": journal.rewind_days, "header_days": journal.header_days}
        changed = replace(changed, journal=replace(own.journal, **days))
    return changed


def _identity(section: Section) -> Identity:
    station_id = section.text(
        "id",
        pattern=r"[a-z0-9][a-z0-9-]{1,31}",
        expected="2 to 32 of a-z, 0-9 and -, beginning with a letter or digit",
    )
    if station_id == "hq" or station_id.startswith("hq-"):
        expected = "an id that is not hq and does not begin with hq-"
        hint = "those are headquarters' own MQTT client ids"
        section.mistake("id", found=f'"{station_id}"', expected=expected, hint=hint)
    return Identity(
        id=station_id,
        code=section.text("code", pattern=r"[A-Z0-9]{2,8}", expected="2 to 8 of A-Z and 0-9, this station's alone"),
        zone=read_zone(section, "zone"),
        name_zh=section.text("name_zh"),
        name_en=section.text("name_en"),
        data=section.path("data"),
        catalogue=section.optional_path("catalogue"),
        things=section.optional_path("things"),
    )


def _keys(section: Section) -> KeySettings:
    return KeySettings(
        station=section.path("station", check=keyfiles.read_private),
        headquarters=section.paths("headquarters", check=keyfiles.read_public),
        sealing=section.path("sealing", check=keyfiles.read_sealing_public),
    )


def _enrolment(root: Section) -> EnrolmentSettings | None:
    section = root.optional_section("enrolment")
    if section is None:
        return None
    from sync.invitation import CodeError, read_at  # noqa: PLC0415 - only for a station that was enrolled: memory

    at = section.text("at", expected="HOST:PORT")
    try:
        read_at(at or "-:1")
    except CodeError:
        section.mistake("at", found=f'"{at}"', expected="HOST:PORT")
    return EnrolmentSettings(at=at, generation=section.whole("generation", default=0, least=0, most=2**53 - 1))


def _help(section: Section, panels: Sequence[PanelSettings]) -> HelpSettings:
    louder_s = section.seconds("louder_after_s", default=15, least=1)
    escalate_s = section.seconds("escalate_after_s", default=30, least=1)
    breach_s = section.seconds("breach_after_s", default=60, least=1)
    rungs = (("louder_after_s", louder_s), ("escalate_after_s", escalate_s), ("breach_after_s", breach_s))
    climbs = check_ladder(section, rungs)
    alone_s = _sooner(section, "escalate_after_s", escalate_s, default=0, compared=climbs)
    usual_s = 30 if alone_s < 30 else math.inf  # noqa: PLR2004 - seconds
    alone_breach_s = _sooner(section, "breach_after_s", breach_s, default=usual_s, compared=climbs)
    if climbs and alone_breach_s <= alone_s:
        expected = f"more than unattended_escalate_after_s, which is {alone_s:g}"
        section.mistake("unattended_breach_after_s", found=f"{alone_breach_s:g}", expected=expected)
    second_output = section.text("second_output", default=RELAY)
    outputs = (RELAY, *(panel.name for panel in panels))
    if second_output and second_output not in outputs:
        expected = "one of " + ", ".join(outputs)
        section.mistake("second_output", found=f'"{second_output}"', expected=expected)
    return HelpSettings(
        louder_after_s=louder_s,
        escalate_after_s=escalate_s,
        breach_after_s=breach_s,
        unattended_escalate_after_s=alone_s,
        unattended_breach_after_s=alone_breach_s,
        second_output=second_output,
    )


def _sooner(section: Section, attended: str, attended_s: float, *, default: float, compared: bool) -> float:
    """Read the time of a rung while nobody is at the desk, which is never later than with somebody there.

    That is not `compared` where the usual time is wrong already.
    """
    name = f"unattended_{attended}"
    usual_s = default if math.isnan(attended_s) else min(default, attended_s)
    found_s = section.seconds(name, default=usual_s, least=0)
    if compared and found_s > attended_s:
        expected = f"{attended_s:g} or less, which is {attended}: nobody at the desk makes no call later"
        section.mistake(name, found=f"{found_s:g}", expected=expected)
    return found_s


def _self_test(section: Section) -> SelfTestSettings:
    at = section.text("at", default="04:10", pattern=TIME_OF_DAY, expected="a time of the day, such as 04:10")
    return SelfTestSettings(at=time.fromisoformat(at) if at else time())


def _finding(root: Section) -> FindingSettings | None:
    section = root.optional_section("finding")
    if section is None:
        return None
    finding = FindingSettings(
        places=section.optional_path("places"),
        addresses=section.optional_path("addresses"),
        contacts=section.optional_path("contacts"),
    )
    grid = {"addresses": finding.addresses, "contacts": finding.contacts}
    missing = [name for name, path in grid.items() if path is None]
    if len(missing) == 1:
        section.mistake(missing[0], found="nothing", expected="both addresses and contacts, or neither")
    return finding


def _web(section: Section) -> StationWebSettings:
    citizen = read_web(section)
    web = StationWebSettings(
        host=citizen.host,
        port=citizen.port,
        allowed_hosts=citizen.allowed_hosts,
        duty_host=section.text(
            "duty_host", default="127.0.0.1", pattern=r"[0-9A-Za-z.:-]+", expected="an address or host name"
        ),
        duty_port=section.port("duty_port"),
    )
    if web.duty_port and (web.duty_host, web.duty_port) == (web.host, web.port):
        expected = "a port of the duty desk's own: from the citizen's none of its pages can be reached"
        section.mistake("duty_port", found=f"{web.duty_port}, as web.port", expected=expected)
    return web


def _journal(section: Section) -> JournalSettings:
    most = section.whole("max_bytes", default=256 * MIB, least=32 * MIB, most=2**40)
    reserve = section.whole("reserve_bytes", default=16 * MIB, least=8 * MIB, most=2**40)
    rewind_days = section.whole("rewind_days", default=14, least=1, most=MOST_DAYS)
    if reserve >= most // 2:
        section.mistake("reserve_bytes", found=str(reserve), expected=f"less than half of max_bytes, which is {most}")
    return JournalSettings(
        max_bytes=most,
        reserve_bytes=reserve,
        rewind_days=rewind_days,
        header_days=section.whole("header_days", default=90, least=1, most=MOST_DAYS),
    )
