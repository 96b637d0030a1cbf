"""`jingting hq init`: a headquarters from nothing, or what an older one lacks. It may be run again at any time."""

import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.settings import Settings, SettingsError
from hq import broker_files
from hq.authority import AuthorityMissingError
from hq.founding import Founding, Places

FAILED: Final = 1

_SETTINGS: Final = """\
# Headquarters. config/hq.toml in the source says every key with a comment.

[hq]
worker = "one"
data = "data"

[store]
url = "sqlite:///data/hq.db"

[keys]
order = "keys/order.key"
stations = "keys/stations"
sealing = "keys/sealing.key"
authority = "authority"

[broker]
host = "127.0.0.1"
port = {own_port}
ca = "keys/ca.pem"
certificate = "keys/hq.pem"
key = "keys/hq.key"

[enrolment]
name = {name}
broker_host = {name}
broker_port = {port}

[web]
host = "127.0.0.1"
port = 8081
"""

_NEXT: Final = """
Copy these to a safe place, now: {authority} (whoever has it can make stations), {order}
(signs orders and acks), {sealing} (without it, what stations sealed is lost for ever).
Give the broker its files: copy everything in {broker} to {folder} (docs/operations.md), the keys readable
by the user mosquitto alone, and mosquitto.conf to /etc/mosquitto/mosquitto.conf.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for: the city's name, the broker's names and addresses, its ports, its files' folder there."""

    city: str
    names: Sequence[str]
    port: int
    own_port: int
    folder: Path


def init(config: Path, wish: Wish) -> int:
    """Make what the settings in `config` name, and the settings too; print what is there, return the exit code.

    Raises SettingsError.
    """
    config.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings_made = not config.exists()
    if settings_made:
        name = json.dumps(wish.names[0])
        config.write_text(_SETTINGS.format(own_port=wish.own_port, port=wish.port, name=name), encoding="utf-8")
    places, data = _places(config)
    try:
        founding = Founding(places, city=wish.city, now=dt.datetime.now(dt.UTC))
        founding.keys()
        founding.broker(wish.names)
        data.mkdir(mode=0o700, parents=True, exist_ok=True)  # accounts are made before anything was ever started
    except (AuthorityMissingError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    where = broker_files.Broker(
        port=wish.port,
        own_port=wish.own_port,
        address="",
        folder=wish.folder,
        data=Path("/var/lib/mosquitto"),
        user="mosquitto",
    )
    broker_files.write(places.broker, where)
    print(f"{'made' if settings_made else 'kept'}  {config}: headquarters' settings")  # noqa: T201 - a command's result
    for found in founding.found:
        print(f"{'made' if found.made else 'kept'}  {found.path}: {found.what}")  # noqa: T201 - a command's result
    print(  # noqa: T201 - a command's result
        _NEXT.format(
            authority=places.authority,
            order=places.order,
            sealing=places.sealing,
            broker=places.broker,
            folder=wish.folder,
        ).rstrip()
    )
    return 0


def _places(config: Path) -> tuple[Places, Path]:
    """Read where keys and certificates are, whether they are there or not, and the data folder."""
    settings = Settings.read(config)
    keys, broker = settings.root.section("keys"), settings.root.section("broker")
    places = Places(
        order=keys.path("order"),
        sealing=keys.path("sealing", default="keys/sealing.key"),
        stations=keys.path("stations"),
        authority=keys.path("authority", default="authority"),
        ca=broker.path("ca"),
        certificate=broker.path("certificate"),
        key=broker.path("key"),
        broker=config.absolute().parent / "broker",
    )
    data = settings.root.section("hq").path("data")
    if settings.mistakes:
        raise SettingsError(settings.mistakes)
    return places, data
