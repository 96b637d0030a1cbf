"""Wires enrolment together, for `jingting hq` and `jingting hq invite`."""

import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Final

from common import keyfiles
from hq import audit
from hq.audit import Act
from hq.authority import Authority
from hq.enrolment_server import EnrolmentServer, ServerCertificate
from hq.invitations import invite
from hq.own_keys import order_keys
from hq.registrar import Registrar, Told
from hq.settings import EnrolmentSettings, HqSettings
from hq.station_keys import StationKeys
from hq.store import Store
from sync.invitation import Code, Invitation, secret_hash

DAYS: Final = 90
"""How long a station's certificate lasts, in days; it renews it at two thirds of that."""


@asynccontextmanager
async def serving(settings: HqSettings, store: Store, wall_ms: Callable[[], int]) -> AsyncIterator[ServerCertificate]:
    """Serve kiosks inside the block, at the address in `[enrolment]`, and yield what keeps the certificate there fresh.

    Raises OSError when the address is taken or a file cannot be read, and AuthorityMissingError.
    """
    enrolment, keys = settings.enrolment, settings.keys
    assert enrolment is not None
    authority = Authority.load(keys.authority)
    registrar = Registrar(
        store,
        authority,
        StationKeys(keys.stations, wall_ms),
        told(settings, store),
        wall_ms=wall_ms,
        monotonic=time.monotonic,
    )
    own = ServerCertificate(authority, settings.hq.data, [enrolment.name])
    own.look()
    async with EnrolmentServer(registrar, store.metrics).serving_tls(enrolment.host, enrolment.port, own.context):
        yield own


def told(settings: HqSettings, store: Store) -> Told:
    """Return what stations are told; keys are read anew each time: they may be changed while headquarters runs."""
    enrolment, keys = settings.enrolment, settings.keys
    assert enrolment is not None
    own_keys = order_keys(keys.order)

    def believed(station: str) -> tuple[bytes, ...]:
        newest, named = own_keys.current().public, store.order_key(station)
        signing = own_keys.find(named) if named else None  # until it has applied the order that names the newest
        return (newest.raw,) if signing is None or signing.public.id == newest.id else (signing.public.raw, newest.raw)

    return Told(
        order_keys=believed,
        sealing_key=lambda: keyfiles.read_sealing_public(keys.sealing.with_name(f"{keys.sealing.name}.pub")),
        broker_host=enrolment.broker_host,
        broker_port=enrolment.broker_port,
        certificate_days=DAYS,
    )


def new_invitation(settings: HqSettings, station: str, first: Mapping[str, str], *, who: str) -> tuple[Invitation, int]:
    """Make a code for a station, noted in the audit; return it with its end, in milliseconds since 1970.

    `first` are the station's first settings. Raises AuthorityMissingError, and what opening the database raises.
    """
    enrolment = settings.enrolment
    assert enrolment is not None
    pem = Authority.load(settings.keys.authority).certificate_pem.decode()
    code = Code.new(hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest())
    now_ms = time.time_ns() // 1_000_000
    act = Act(who=who, what="invite", station=station, event="", reason="")
    with closing(Store.open(settings.store.url)) as store, store.database.write() as connection:
        audit.record(connection, act, at_ms=now_ms)
        until_ms = invite(connection, station, secret_hash(code.secret), first, now_ms=now_ms)
    return Invitation(at=address(enrolment), station=station, code=code, authority=pem), until_ms


def address(enrolment: EnrolmentSettings) -> str:
    """Return where kiosks find headquarters, HOST:PORT."""
    host = f"[{enrolment.name}]" if ":" in enrolment.name else enrolment.name
    return f"{host}:{enrolment.port}"


def in_words(invitation: Invitation, until_ms: int) -> str:
    """Return an invitation as people need it at the kiosk."""
    until = datetime.fromtimestamp(until_ms / 1000).astimezone()
    return (
        f"Station  {invitation.station}\n"
        f"Code     {invitation.code}\n"
        f"Good     once, until {until:%Y-%m-%d %H:%M %Z}\n"
        f"Kiosk    jingting station enroll --at {invitation.at} --station {invitation.station}"
        " --dir /var/lib/jingting CODE\n"
        f"URI      {invitation.uri}\n"
    )


def write_folder(invitation: Invitation, folder: Path) -> Path:
    """Write an invitation into a folder, such as a USB stick's, and return the file. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "invitation.json"
    passing = file.with_name(f"{file.name}.new")
    passing.write_bytes(invitation.as_file())
    passing.replace(file)
    return file
