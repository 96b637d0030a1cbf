"""What `jingting hq content` does: results to stdout, all else to stderr."""

import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from common.clock import Clock, rfc3339
from common.settings import EX_CONFIG, SettingsError
from hq import content, pack_folder
from hq.cli import NO_STORE, fail, first_line, whoever, why
from hq.orders import Orders
from hq.own_keys import order_keys
from hq.settings import HqSettings
from hq.store import Store
from sync.signing import SigningKey
from sync.topics import STATION_ID

_SHORT: Final = 12


def print_packed(settings: HqSettings, folder: Path, to: Path) -> int:
    """Make a pack of a folder, say which, and return the exit code: EX_CONFIG when there is something to mend."""
    key = _key(settings)
    if key is None:
        return EX_CONFIG
    try:
        head, pack = pack_folder.build(folder, key, made=rfc3339(Clock().wall_ms()))
    except SettingsError as error:
        return fail(str(error), EX_CONFIG)
    except OSError as error:
        return fail(f"{folder}: {(error.strerror or str(error)).lower()}", EX_CONFIG)
    file = to / f"{head.id}-{head.version}.pack"
    try:
        file.write_bytes(pack)
    except OSError as error:
        return fail(f"{file}: {(error.strerror or str(error)).lower()}")
    sys.stdout.write(
        f"{file}: {len(head.pages)} pages, {len(pack) / 1024:.0f} KiB, shown {head.begins} to {head.ends}.\n"
        f"Send it: jingting hq content send {file} --all\n"
        "Or copy it onto a USB medium, for stations whose settings name a content.usb_folder.\n"
    )
    return 0


def print_sent(settings: HqSettings, file: Path, stations: Iterable[str], *, everybody: bool) -> int:
    """Send a pack, say to how many stations, and return the exit code."""
    key = _key(settings)
    if key is None:
        return EX_CONFIG
    enrolled = _enrolled(settings)
    try:
        packed = file.read_bytes()
        with closing(Store.open(settings.store.url)) as store:
            known = content.known_stations(store) | enrolled
            strangers = sorted(set(stations) - known)
            if strangers:
                return fail(f"no station that headquarters knows: {', '.join(strangers)}")
            wanted = known if everybody else set(stations)
            pack, opened, fresh = content.send(
                store, packed, key.public, wanted, who=whoever(), now_ms=Clock().wall_ms()
            )
    except (content.ContentError, OSError) as error:
        return fail(f"{file}: {(getattr(error, 'strerror', None) or str(error))}")
    except NO_STORE as error:
        return fail(first_line(error))
    head = opened.head
    sys.stdout.write(
        f"{head.id} {head.version} ({pack[:_SHORT]}) is for {len(wanted)} stations, {fresh} of them newly.\n"
        "They fetch it a little at a time, whenever nothing else is on its way: see jingting hq content list.\n"
    )
    return 0


def print_withdrawn(settings: HqSettings, name: str) -> int:
    """Withdraw a pack, say how many stations are told, and return the exit code."""
    clock = Clock()
    try:
        with closing(Store.open(settings.store.url)) as store:
            orders, enrolled = Orders(store, clock), _enrolled(settings)
            pack, told = content.withdraw(store, orders, name, enrolled, who=whoever(), now_ms=clock.wall_ms())
    except content.ContentError as error:
        return fail(str(error))
    except NO_STORE as error:
        return fail(first_line(error))
    sys.stdout.write(f"{pack[:_SHORT]} is withdrawn: {told} stations are told, now or when they come back.\n")
    return 0


def print_listed(settings: HqSettings) -> int:
    """Print every pack, which stations have it, and how often it was shown; return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            packs = content.listed(store)
    except NO_STORE as error:
        return fail(first_line(error))
    for pack in packs:
        days = f"  {pack.begins} to {pack.ends}" if pack.begins else "  not sent from here"
        withdrawn = "  withdrawn" if pack.withdrawn else ""
        plays = sum(station.plays for station in pack.stations)
        stored = sum(station.state == "stored" for station in pack.stations)
        sys.stdout.write(
            f"{pack.pack[:_SHORT]}  {pack.id} {pack.version or ''}  {pack.title_zh} / {pack.title_en}"
            f"{days}{withdrawn}\n"
            f"  at {stored} of {len(pack.stations)} stations, begun {plays} times\n"
        )
        for station in pack.stations:
            why_so = f" ({station.reason})" if station.reason else ""
            way = " by USB" if station.way == "usb" else ""
            sys.stdout.write(f"    {station.station:<20} {station.state}{way}{why_so}, {station.plays} times\n")
    return 0


def _key(settings: HqSettings) -> SigningKey | None:
    try:
        return order_keys(settings.keys.order).current()
    except (OSError, ValueError) as error:
        fail(f"keys.order: {settings.keys.order}: {why(error)}")
        return None


def _enrolled(settings: HqSettings) -> set[str]:
    return {file.stem for file in settings.keys.stations.glob("*.pub") if STATION_ID.fullmatch(file.stem)}
