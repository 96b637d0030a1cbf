"""What headquarters is told: `hq.toml`, typed. `config/hq.toml` is the commented example."""

import ssl
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from common import keyfiles
from common.settings import BrokerSettings, Section, Settings, WebSettings, read_broker, read_web
from common.zones import read_zone
from hq.working_days import Calendar

WORKER: Final = r"[a-z0-9-]{1,32}"
"""What a worker may be called (`docs/link.md`, "Words")."""
OWN_PORT: Final = 8884
"""Where the broker listens for headquarters alone; stations come to another port."""

_SQLITE = "sqlite:///"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which of headquarters' workers this is; `data` is the folder it may write."""

    worker: str
    data: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """The database, as an SQLAlchemy URL; the path of an SQLite one is absolute here."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The private key that signs orders and acks, and the folder of the stations' public keys, `<id>.pub`.

    `sealing` is the private sealing key. Headquarters runs without the file; only `jingting hq unseal` reads it.
    `authority` is the folder of the certificate authority; only what issues or revokes reads it.
    """

    order: Path
    stations: Path
    sealing: Path
    authority: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class HqWebSettings(WebSettings):
    """Where pages are served, and how: by TLS with `certificate` and `key`, or behind the proxy of that address.

    Neither is needed on loopback. `token_file`: what a program shows to read figures.
    """

    certificate: Path | None
    key: Path | None
    behind_proxy: str
    token_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentSettings:
    """Where kiosks enrol and renew: the address and port served at, and the `name` by which kiosks find it.

    `broker_host` and `broker_port` are what they are told of the broker's door for stations.
    """

    host: str
    port: int
    name: str
    broker_host: str
    broker_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """How many days headquarters keeps what stations sent and what is closed, and how many the audit."""

    header_days: int
    audit_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSettings:
    """The city's: its time zone (IANA name), and days (`YYYY-MM-DD`) on which offices are closed beside weekends."""

    zone: str
    holidays: tuple[str, ...]

    @property
    def calendar(self) -> Calendar:
        """The same, to count with."""
        return Calendar(ZoneInfo(self.zone), frozenset(map(date.fromisoformat, self.holidays)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HqSettings:
    """Headquarters' settings, table by table as they stand in the file."""

    hq: Identity
    store: StoreSettings
    retention: RetentionSettings
    keys: KeySettings
    broker: BrokerSettings
    enrolment: EnrolmentSettings | None
    calendar: CalendarSettings
    web: HqWebSettings


def load(file: Path) -> HqSettings:
    """Read headquarters' settings and look at the key files they name.

    Raises SettingsError with every mistake at once.
    """
    settings = Settings.read(file)
    root = settings.root
    hq, keys = root.section("hq"), root.section("keys")
    loaded = HqSettings(
        hq=Identity(
            worker=hq.text("worker", pattern=WORKER, expected="1 to 32 of a-z, 0-9 and -"),
            data=hq.path("data"),
        ),
        store=StoreSettings(url=_store_url(root.section("store"), settings.file.parent)),
        retention=_retention(root.section("retention")),
        keys=KeySettings(
            order=keys.path("order", check=keyfiles.read_private),
            stations=keys.path("stations", check=_check_station_keys),
            sealing=keys.path("sealing", default="keys/sealing.key"),
            authority=keys.path("authority", default="authority"),
        ),
        broker=read_broker(root, port=OWN_PORT),
        enrolment=_enrolment(root),
        calendar=_calendar(root.section("calendar")),
        web=_web(root.section("web")),
    )
    settings.finish()
    return loaded


def _retention(section: Section) -> RetentionSettings:
    header_days = section.whole("header_days", default=90, least=1, most=3650)
    audit_days = section.whole("audit_days", default=365, least=1, most=3650)
    if audit_days < header_days:
        section.mistake(
            "audit_days",
            found=str(audit_days),
            expected=f"at least header_days, {header_days}",
            hint="who looked at something must be known for as long as it is kept",
        )
    return RetentionSettings(header_days=header_days, audit_days=audit_days)


def _web(section: Section) -> HqWebSettings:
    pages = read_web(section)
    web = HqWebSettings(
        host=pages.host,
        port=pages.port,
        allowed_hosts=pages.allowed_hosts,
        certificate=section.optional_path("certificate"),
        key=section.optional_path("key", check=keyfiles.check_private),
        behind_proxy=section.text(
            "behind_proxy", default="", pattern=r"[0-9A-Fa-f.:]+", expected="the proxy's address, such as 127.0.0.1"
        ),
        token_file=section.optional_path("token_file", check=keyfiles.read_password),
    )
    if web.certificate is not None:
        _check_certificate(section, web.certificate, web.key)
    elif web.key is not None:
        section.mistake("certificate", found="nothing", expected="the certificate of web.key")
    elif not web.behind_proxy and web.host not in _LOOPBACK:
        hint = "passwords are typed here, and must not travel in the clear"
        section.mistake("certificate", found="nothing", expected="certificate and key, or behind_proxy", hint=hint)
    return web


def _check_certificate(section: Section, certificate: Path, key: Path | None) -> None:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, lambda: "")
    except OSError as error:  # ssl.SSLError is one; a key with a password of its own ends here too
        why = (error.strerror or str(error)).lower()
        section.mistake(
            "certificate", found=f"{certificate}: {why}", expected="a PEM certificate chain that fits web.key"
        )


def _enrolment(root: Section) -> EnrolmentSettings | None:
    section = root.optional_section("enrolment")
    if section is None:
        return None
    address, expected = r"[0-9A-Za-z.:-]+", "a host name or an address"
    name = section.text("name", pattern=address, expected=expected)
    return EnrolmentSettings(
        host=section.text("host", default="0.0.0.0", pattern=address, expected=expected),  # noqa: S104 - for kiosks
        port=section.port("port", default=8443, least=1),
        name=name,
        broker_host=section.text("broker_host", default=name, pattern=address, expected=expected),
        broker_port=section.port("broker_port", default=8883, least=1),
    )


def _calendar(section: Section) -> CalendarSettings:
    holidays = section.texts("holidays", default=())
    if wrong := [day for day in holidays if not _is_day(day)]:
        section.mistake("holidays", found=", ".join(wrong), expected="days such as 2027-01-01")
    return CalendarSettings(zone=read_zone(section, "zone"), holidays=holidays)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _store_url(section: Section, folder: Path) -> str:
    url = section.text(
        "url", pattern=r"(sqlite:///|postgresql\+psycopg://).+", expected="sqlite:///FILE or postgresql+psycopg://…"
    )
    return _SQLITE + str(folder / url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else url


def _check_station_keys(folder: Path) -> None:
    if not folder.is_dir():
        raise ValueError("no folder; a folder of the stations' public keys, <id>.pub")
    for file in sorted(folder.glob("*.pub")):
        try:
            keyfiles.read_public(file)
        except ValueError as error:
            raise ValueError(f"{file.name}: {error}") from None
