"""What headquarters is told: `hq.toml`, typed. `config/hq.toml` is the commented example."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common import keyfiles
from common.settings import BrokerSettings, Section, Settings, WebSettings, read_broker, read_web

WORKER: Final = r"[a-z0-9-]{1,32}"
"""What a worker may be called (`docs/link.md`, "Words")."""
OWN_PORT: Final = 8884
"""Where the broker listens for headquarters alone; stations come to another port."""

_SQLITE = "sqlite:///"


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
class HqSettings:
    """Headquarters' settings, table by table as they stand in the file."""

    hq: Identity
    store: StoreSettings
    keys: KeySettings
    broker: BrokerSettings
    web: WebSettings


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
        keys=KeySettings(
            order=keys.path("order", check=keyfiles.read_private),
            stations=keys.path("stations", check=_check_station_keys),
            sealing=keys.path("sealing", default="keys/sealing.key"),
            authority=keys.path("authority", default="authority"),
        ),
        broker=read_broker(root, port=OWN_PORT),
        web=read_web(root.section("web")),
    )
    settings.finish()
    return loaded


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
