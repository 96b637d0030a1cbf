"""Guests on a city's broker: certified by its own authority, under a name and with rights that no city gives anybody.

So a test hears what passes, or says what only a broker that lies could say.
"""

import datetime as dt
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from common import certificates
from hq.authority import Authority
from jingting.child import Child
from jingting.city import City
from sync.broker import Broker

DEADLINE_S = 20.0
OF_A_STATION = (
    *(f"write {rest}" for rest in ("up/urgent", "up/log", "down/ack", "state", "health")),
    *(f"read {rest}" for rest in ("up/ack", "down/urgent", "down/log")),
)
"""What a station may do, of its own topics."""


def certified(folder: Path, name: str, *, port: int) -> Broker:
    """The city's broker for a guest of that name, who may do nothing yet: certified by the authority in `folder`/hq."""
    home = folder / "guests" / name
    if not home.exists():
        home.mkdir(parents=True)
        authority = Authority.load(folder / "hq/authority")
        public = certificates.create_key(home / "tls.key")
        (home / "tls.pem").write_bytes(authority.issue_client(name, public, now=dt.datetime.now(dt.UTC), days=1))
    return Broker(
        host="127.0.0.1",
        port=port,
        ca=folder / "hq/ca.pem",
        certificate=home / "tls.pem",
        key=home / "tls.key",
    )


def let_in(folder: Path, broker: Child, name: str, rights: Sequence[str], *, port: int) -> Broker:
    """Certify a guest and give it rights, such as `read jt/1/+/up/ack`; returns when the broker knows of them."""
    certificate = certified(folder, name, port=port)
    with (folder / "broker/acl.conf").open("a", encoding="utf-8") as acl:
        acl.write(f"\nuser {name}\n" + "".join(f"topic {right}\n" for right in rights))

    def loaded() -> int:
        return broker.log.read_text(encoding="utf-8", errors="replace").count("ACL pattern")  # it warns at every load

    before, deadline = loaded(), time.monotonic() + DEADLINE_S
    broker.send(signal.SIGHUP)
    while loaded() == before:
        assert time.monotonic() < deadline, broker.last_words()
        time.sleep(0.01)
    return certificate


def as_a_station(station: str) -> tuple[str, ...]:
    """The rights of a station."""
    return tuple("{0} jt/1/{2}/{1}".format(*right.split(), station) for right in OF_A_STATION)


def of_the_city(city: City, station: str) -> Broker:
    """The broker as a station of the city itself finds it."""
    home = city.station_folder(station)
    return Broker(
        host="127.0.0.1",
        port=city.broker_port,
        ca=home / "ca.pem",
        certificate=home / "tls.pem",
        key=home / "tls.key",
    )
