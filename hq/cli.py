"""What the commands at headquarters' machine do (`jingting.hq_commands`): results to stdout, all else to stderr."""

import datetime as dt
import json
import os
import pwd
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from common.clock import Clock, rfc3339
from common.events import type_of
from common.settings import EX_CONFIG
from hq import audit, copies, enrolling, referrals, station_settings
from hq.audit import Act
from hq.authority import Authority, AuthorityMissingError
from hq.copies import Contents, NoCopyError
from hq.database import FAILURES, DatabaseUnreachableError, SchemaTooNewError
from hq.dispatches import newest
from hq.follow_ups import FollowUps
from hq.ordering import UnknownStationsError, enrolled, give
from hq.orders import Order, Orders
from hq.own_keys import OwnKeys, order_keys, sealing_keys
from hq.restore import WorkersBeatError, restore
from hq.revocation import revoke
from hq.rotation import Use, rotate
from hq.sealed import NotUnsealedError, unseal, unseal_record
from hq.settings import HqSettings
from hq.station_staff import StationStaff
from hq.store import Store
from sync import base64url

FAILED: Final = 1
"""Exit code when fields could not be unsealed, or the audit could not be read or is not sound."""

NO_STORE: Final = (DatabaseUnreachableError, SchemaTooNewError, *FAILURES)
"""What keeps a command from the database."""


def print_unsealed(settings: HqSettings, station: str, event: str | None, record: str | None, reason: str) -> int:
    """Print the sealed fields of an event, or of the record of that number, as JSON, and return the exit code."""
    try:
        keys = sealing_keys(settings.keys.sealing)
        keys.current()
    except (OSError, ValueError) as error:
        return fail(f"keys.sealing: {settings.keys.sealing}: {why(error)}", EX_CONFIG)
    number = (record or "").strip().upper()
    act = Act(who=whoever(), what="unseal", station=station, event=event or number, reason=reason)
    try:
        with closing(Store.open(settings.store.url)) as store:
            opening = unseal if event else unseal_record
            unsealed = opening(store, keys.find, act, now_ms=time.time_ns() // 1_000_000)
    except (NotUnsealedError, *NO_STORE) as error:
        return fail(first_line(error))
    sys.stdout.write(json.dumps(unsealed.fields, ensure_ascii=False, indent=1) + "\n")
    noted = unsealed.audited
    sys.stderr.write(f"Noted in the audit as number {noted.number}, chain {base64url.encode(noted.chain)}.\n")
    return 0


def print_audit(settings: HqSettings, *, lines: bool = True) -> int:
    """Print the audit, a JSON line each, or only check it; return the exit code: FAILED when its chain is broken."""
    sound, end = True, audit.START
    try:
        with closing(Store.open(settings.store.url)) as store, store.database.read() as connection:
            first = audit.beginning(connection)
            end = first.chain
            if first.number:
                at = f"number {first.number}, chain {base64url.encode(first.chain)}"
                sys.stderr.write(f"Forgotten by age: everything up to {at}.\n")
            if not first.sound:
                sound = False
                sys.stderr.write("No line of the chain says so: more than was said is missing at its beginning.\n")
            for audited in audit.read(connection):
                if lines:
                    sys.stdout.write(audited.line.decode(errors="replace") + "\n")
                end = audited.chain
                if not audited.sound:
                    sound = False
                    sys.stderr.write(f"Number {audited.number} does not follow from the line before it.\n")
    except NO_STORE as error:
        return fail(first_line(error))
    sys.stderr.write(f"The chain ends at {base64url.encode(end)}.\n")
    return 0 if sound else FAILED


def print_revoked(settings: HqSettings, station: str, reason: str) -> int:
    """Revoke a station, say what that did and what is left to do, and return the exit code."""
    now = dt.datetime.now(dt.UTC)
    known = (settings.keys.stations / f"{station}.pub").exists()
    try:
        with closing(Store.open(settings.store.url)) as store:
            if not known and not store.has_heard_of(station):
                return fail(f"{station} is no station that headquarters knows; look at the id again")
            at_ms = int(now.timestamp() * 1000)
            since_ms = revoke(store, station, who=whoever(), reason=reason, now_ms=at_ms)
            clock = Clock()
            void = StationStaff(store, Orders(store, clock), clock.wall_ms, who=whoever()).reset(station)
    except (ValueError, *NO_STORE) as error:
        return fail(first_line(error))
    sys.stdout.write(
        f"{station} is revoked since {rfc3339(since_ms)}: headquarters takes nothing of it and answers nothing.\n"
        "The running headquarters makes the broker throw it out within seconds, and again whenever it comes back.\n"
        f"The PINs of its duty desk ({void}) are void: issue new ones for the kiosk that replaces it.\n"
    )
    try:
        count = Authority.load(settings.keys.authority).revoke(station, now=now)
    except (AuthorityMissingError, OSError) as error:
        return fail(f"Its certificates are not on the revocation list: {error}. Run this again where the authority is.")
    crl = settings.keys.authority / "crl.pem"
    sys.stdout.write(
        f"Its certificates ({count}) are on {crl}: give that to the broker, so that it lets none of them in.\n"
    )
    return 0


def print_follow_ups(settings: HqSettings) -> int:
    """Print what is to be followed up, a JSON line each, those due first on top, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            found = _follow_ups(settings, store).all()
    except NO_STORE as error:
        return fail(first_line(error))
    for one in found:
        sys.stdout.write(json.dumps(asdict(one), default=str, ensure_ascii=False) + "\n")
    return 0


def print_followed_up(settings: HqSettings, follow_up: str, reason: str) -> int:
    """Close a follow-up, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            if not _follow_ups(settings, store).close(follow_up, by=whoever(), reason=reason):
                return fail(f"{follow_up} is no open follow-up; see jingting hq follow-ups")
    except (ValueError, *NO_STORE) as error:
        return fail(first_line(error))
    sys.stdout.write(f"{follow_up} is closed; the audit has who, and why.\n")
    return 0


def print_rotated(settings: HqSettings, use: Use) -> int:
    """Rotate a key, say what that did and what is left to do, and return the exit code."""
    path = settings.keys.order if use == "order" else settings.keys.sealing
    keys: OwnKeys[Any] = order_keys(path) if use == "order" else sealing_keys(path)
    known = enrolled(settings.keys.stations)
    clock = Clock()
    try:
        with closing(Store.open(settings.store.url)) as store:
            done = rotate(store, Orders(store, clock), keys, use, who=whoever(), enrolled=known, now_ms=clock.wall_ms())
    except (OSError, ValueError) as error:
        return fail(f"keys.{use}: {path}: {why(error)}", EX_CONFIG)
    except NO_STORE as error:
        return fail(first_line(error))
    sys.stdout.write(
        f"The {use} key is {base64url.encode(done.now)} now; {base64url.encode(done.before)}, the one before, stays.\n"
        f"{done.stations} stations are told by an order, now or when they come back; nothing has to be stopped.\n"
        f"Copy {path.parent} to its safe place again. A station that is enrolled from now on needs {path}.pub.\n"
    )
    return 0


def print_ordered(
    settings: HqSettings,
    order: Order,
    stations: tuple[str, ...] | None,
    order_id: Callable[[str], str] | None = None,
) -> int:
    """Give an order to stations, None means all of them, say to how many, and return the exit code."""
    known = enrolled(settings.keys.stations)
    try:
        with closing(Store.open(settings.store.url)) as store:
            given = give(store, Clock(), order, stations=stations, enrolled=known, who=whoever(), order_id=order_id)
    except (UnknownStationsError, *NO_STORE) as error:
        return fail(first_line(error))
    had = f"; {given.already} have it already" if given.already else ""
    sys.stdout.write(f"{type_of(order)} is given to {len(given.stations)} stations{had}.\n")
    return 0


def print_dispatches(settings: HqSettings, *, as_json: bool) -> int:
    """Print the newest dispatches of all stations, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            found = newest(store.database)
    except NO_STORE as error:
        return fail(first_line(error))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], ensure_ascii=False) + "\n")
        return 0
    for one in found:
        times = list(one.times.values())
        since = times[-1] if times else one.sent
        sys.stdout.write(f"{one.station:<12} {one.reference:<20} {one.service:<8} {one.stand:<12} {since}\n")
    return 0


def print_settings(settings: HqSettings, *, as_json: bool) -> int:
    """Print how each station stands with the settings it was ordered, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            found = station_settings.read(store.database)
    except NO_STORE as error:
        return fail(first_line(error))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], ensure_ascii=False) + "\n")
        return 0
    for one in found:
        holds = " ".join(f"{key}={value}" for key, value in one.in_force.items()) or "its own file"
        why_not = f" ({one.reason})" if one.reason else ""
        sys.stdout.write(f"{one.station:<12} {one.given} {one.stand}{why_not}; in force: {holds}\n")
    return 0


def print_referrals(settings: HqSettings, *, as_json: bool) -> int:
    """Print the open referrals of all stations, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            found = referrals.read(store.database, settings.calendar.calendar.day(Clock().wall_ms()))
    except NO_STORE as error:
        return fail(first_line(error))
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), ensure_ascii=False) + "\n")
        return 0
    for one in found.shown:
        late = "overdue" if one.overdue else ""
        sys.stdout.write(f"{one.station:<12} {one.number:<22} {one.target:<32} {one.stand:<9} {one.due:<10} {late}\n")
    sys.stdout.write(
        f"Of {found.open} open referrals {found.overdue} are overdue; {found.unsigned} nobody has signed for.\n"
    )
    return 0


def print_backup(settings: HqSettings, folder: Path) -> int:
    """Copy the database into `folder`, say what the copy holds, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            held = copies.write_copy(store.database, folder)
    except (NoCopyError, OSError, *NO_STORE) as error:
        return fail(first_line(error))
    sys.stdout.write(f"{folder / copies.NAME}: {_in_words(held)}.\n")
    return 0


def print_restore(settings: HqSettings, folder: Path, *, force: bool) -> int:
    """Go back to the copy in `folder`, say what that did and what comes next, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            done = restore(store, folder, Clock(), who=whoever(), force=force)
    except (NoCopyError, WorkersBeatError, OSError, *NO_STORE) as error:
        return fail(first_line(error))
    kept = "is another one's: the copy's stands now"
    if done.audit_kept is not None:
        kept = f"goes on; {done.audit_kept} lines newer than the copy stay"
    sys.stdout.write(
        f"Restored from {folder / copies.NAME}: {_in_words(done.contents)}.\n"
        f"The epoch is {done.epoch}. {done.orders_journals} stations get a new orders journal. The audit {kept}.\n"
        "Next: start headquarters. Within about a minute each connected station begins a new session and sends again\n"
        "what it still keeps (its journal.rewind_days), calls for help first. Orders given since the copy was made\n"
        "are forgotten: give them again. Accounts are the copy's, one that was disabled since included: look at\n"
        "`jingting hq user list`. Everybody signs in again.\n"
    )
    return 0


def print_invitation(
    settings: HqSettings, station: str, first: dict[str, str], folder: Path | None, *, qr: bool
) -> int:
    """Make a one-time code for a station, say it or write it into a folder, and return the exit code."""
    if settings.enrolment is None:
        return fail("[enrolment] is missing in the settings: kiosks do not know where to come to", EX_CONFIG)
    try:
        invitation, until_ms = enrolling.new_invitation(settings, station, first, who=whoever())
        words = enrolling.in_words(invitation, until_ms)
        if folder is not None:
            file = enrolling.write_folder(invitation, folder)
            words = f"{file}: good once, for {station}, for 24 hours.\nKiosk: jingting station enroll --folder DIR\n"
    except (AuthorityMissingError, OSError, *NO_STORE) as error:
        return fail(first_line(error))
    sys.stdout.write(words)
    if qr and folder is None:
        import segno  # noqa: PLC0415 - only a code that is shown needs it

        segno.make(invitation.uri, error="m").terminal(sys.stdout, compact=True)
    return 0


def _follow_ups(settings: HqSettings, store: Store) -> FollowUps:
    return FollowUps(store.database, settings.calendar.calendar, Clock().wall_ms)


def whoever() -> str:
    """Return who runs this process: the operating system's name for it, and sudo's for who is behind it."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = f"uid {os.getuid()}"
    behind = os.environ.get("SUDO_USER")
    return f"{behind} as {name}" if behind else name


def _in_words(held: Contents) -> str:
    heard = "no message ever came" if held.seen_ms is None else f"the last message came {rfc3339(held.seen_ms)}"
    return f"{held.stations} stations, {held.events} events; {heard}"


def why(error: OSError | ValueError) -> str:
    """Return why a file cannot be used."""
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)


def first_line(error: Exception) -> str:
    """Return what a database says, without the statement."""
    return str(error).partition("\n")[0]  # SQLAlchemy adds the statement and its values


def fail(message: str, code: int = FAILED) -> int:
    """Say on stderr what went wrong, and return the exit code."""
    sys.stderr.write(message + "\n")
    return code
