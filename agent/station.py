"""Wires a station together, and nothing else."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from agent import calls, figure_rows, rota_row, self_test_rows, staff
from agent.attendance import Attendance
from agent.buttons import remember
from agent.content import open_content
from agent.content_shelf import Shelf
from agent.counter import Counter, open_counter
from agent.database import JournalError
from agent.desk import Desk
from agent.disk import Disk
from agent.equipment import Equipment
from agent.health import Health
from agent.help import HelpDesk
from agent.housekeeping import Housekeeping
from agent.journal import Journal
from agent.link import Link, ReceivedOrders
from agent.opening import open_journal
from agent.orders import OrdersStore
from agent.pinned_keys import PinnedKeys
from agent.salvage import Salvage
from agent.scans import Scans
from agent.screens.citizen import build_citizen
from agent.screens.duty import build_duty
from agent.screens.service_page import no_places
from agent.settings import StationSettings
from agent.settings_in_force import Followers, broker, follow
from agent.settings_orders import SettingsOrders
from agent.shift_keys import ShiftKeys
from agent.supervisor import Supervisor
from agent.time_floor import StationClock
from agent.timekeeper import keep_time, newest_sure
from common import keyfiles, process
from common.changes import Changes
from common.events.journal import StationStarted, StationStopped
from common.version import VERSION
from common.web.server import LocalServer
from sync.signing import SigningKey

if TYPE_CHECKING:
    from agent.finding import Finding
    from agent.renewal import Renewal
    from agent.screens.shown import Room

log = logging.getLogger(__name__)

_LAST_WORDS_S = 0.5
"""How long a start or a stop waits for the disk, at each of its steps."""


async def run(settings: StationSettings) -> None:
    """Serve until SIGTERM or SIGINT; without a journal that can be opened, ring at least, and try again.

    Raises OSError when another process serves from the same folder.
    """
    stop = process.stop_requested()
    clock, changes, supervisor = StationClock(settings.station.data / "time.floor"), Changes(), Supervisor()
    station = settings.station
    memories = remember(settings.gpio_button)
    journal = await open_journal(settings, clock, stop, memories)
    if journal is None:
        return
    attendance, help_desk, ordered = await _open_help(settings, journal, clock)
    settings = ordered.now
    scans = Scans(clock.mono_ns, changes.moved)
    equipment = Equipment(settings, journal, clock, help_desk, memories, on_code=scans.code, changed=changes.moved)
    pinned = PinnedKeys(
        station.data / "headquarters.json",
        order=[keyfiles.read_public(path) for path in settings.keys.headquarters],
        sealing=keyfiles.read_sealing_public(settings.keys.sealing),
        monotonic=asyncio.get_running_loop().time,
    )
    shift_keys = _shift_keys(journal, pinned, station.id, clock, supervisor)
    counter = open_counter(
        settings,
        journal,
        clock,
        seals=shift_keys,
        reader=equipment.reader,
        scans=scans,
        supervisor=supervisor,
        changed=changes.moved,
        devices=equipment.views,
        waiting=lambda: bool(help_desk.views(clock.mono_ns())),
        attendance=attendance,
    )
    attendance.changed = help_desk.desk_changed
    supervisor.keep("attendance", attendance.run)
    counter.records.known_ms = clock.known_ms  # headquarters' word counts where nothing keeps this clock right
    content = open_content(settings, journal, clock, pinned, supervisor=supervisor, changed=changes.moved)

    def linked() -> None:
        help_desk.hq_holds(link.sender.outbox.holds)
        ordered.soon()
        health.link_changed()
        changes.moved()

    link = await Link.over(
        journal,
        station=station.id,
        agent=VERSION,
        broker=broker(settings.broker, check_dates=clock.trusted),
        key=SigningKey(keyfiles.read_private(settings.keys.station)),
        keys=pinned,
        orders=ReceivedOrders(
            OrdersStore(
                journal,
                {
                    "help.answered": calls.answer,
                    "help.test_answered": self_test_rows.answer,
                    "key.rotated": pinned.rotate,
                    "rota.set": rota_row.set_rota,
                    "staff.set": staff.apply,
                    "settings.set": ordered.set,
                    **content.orders.appliers,
                    "dispatch.sent": counter.dispatches.send,
                    "notice.sent": counter.notices.send,
                    "referral.signed": counter.records.sign,
                },
                lowest_generation=_lowest_generation(settings),
            ),
            clock,
            _each(
                one.orders_applied for one in (help_desk, equipment.tests, *counter.hears_of_orders, content, ordered)
            ),
        ),
        clock=clock,
        on_change=linked,
        on_reopened=help_desk.journal_opened,
    )
    renewal = _keep_link(settings, clock, link, changes, supervisor)
    disk = Disk(
        station.data,
        wanted=lambda: max(0, settings.journal.limits.max_bytes - journal.quota.size),
        changed=changes.moved,
    )
    supervisor.keep("disk", disk.run)
    health = Health(
        journal=journal,
        desk=help_desk,
        link=link,
        equipment=equipment,
        clock=clock,
        agent=VERSION,
        every_s=settings.health.every_s,
        certificate_s=lambda: None if renewal is None else renewal.certificate_s,
        disk=lambda: disk.found,
    )
    followers = Followers(
        help_desk, equipment, health, _keep_house(settings, journal, clock, link, supervisor), link, changes
    )
    supervisor.keep("settings", follow(ordered, followers, check_dates=clock.trusted))

    def rang() -> None:
        equipment.shown.show()
        changes.moved()
        ordered.soon()

    help_desk.changed = journal.on_failure = rang
    help_desk.on_unrecorded = health.ringing_changed
    help_desk.on_recorded = health.ringing_changed
    finding = _find(settings, clock, changes, supervisor)
    counter.patrols.spots = counter.found.spots = lambda: () if finding is None else finding.spots()
    desk = Desk(
        identity=station,
        help_desk=help_desk,
        journal=journal,
        link=link,
        equipment=equipment,
        changes=changes,
        clock=clock,
        lacks=lambda: None if renewal is None else renewal.waits_for,
        shift=counter.shifts.view,
        disk=lambda: disk.view,
        unattended_s=attendance.unattended_s,
        finding=lambda: () if finding is None else finding.views(),
        settings=ordered.view,
    )
    counter.alarms.facts = desk.view
    _keep_helping(supervisor, equipment, help_desk, health)
    _keep_time(clock, journal, supervisor)
    # Only tasks among the others: an address that is taken must not silence the button, nor the other pages.
    for name, pages in _listeners(desk, counter, content.shelf, finding, settings, clock=clock).items():
        supervisor.keep(name, pages)
    supervisor.keep(
        "watchdog",
        lambda: process.watchdog(
            {
                # A restart may cure a journal that cannot be written, but it must not cut off a call that rings.
                "journal": lambda: journal.failure is None or bool(help_desk.views(clock.mono_ns())),
                "panels": lambda: equipment.can_be_pressed(supervisor),
                "help": lambda: supervisor.alive("help"),
            }
        ),
    )
    rang()
    await _begin(journal, shift_keys, station.id)
    await stop.wait()
    await _end(journal, link, supervisor)


async def _open_help(
    settings: StationSettings, journal: Journal, clock: StationClock
) -> tuple[Attendance, HelpDesk, SettingsOrders]:
    """Take up the open calls, who is at the desk, and what headquarters ordered of the settings."""
    attendance = Attendance(journal, clock)
    attendance.restore()
    help_desk = HelpDesk(journal, clock, settings.help.ladder, unattended_at=attendance.first_at)
    await help_desk.restore()
    ordered = SettingsOrders(journal, clock, settings, calm=lambda: not help_desk.views(clock.mono_ns()))
    await _soon(ordered.resume())
    return attendance, help_desk, ordered


def _keep_helping(supervisor: Supervisor, equipment: Equipment, help_desk: HelpDesk, health: Health) -> None:
    equipment.keep(supervisor)
    supervisor.keep("help", help_desk.run)
    supervisor.keep("health", health.run)


async def _begin(journal: Journal, shift_keys: ShiftKeys, station: str) -> None:
    await _soon(journal.append(StationStarted(agent=VERSION)))
    await _soon(shift_keys.announce())
    process.started()
    process.notify("READY=1")
    log.info("Station %s serves.", station)


async def _end(journal: Journal, link: Link, supervisor: Supervisor) -> None:
    process.notify("STOPPING=1")
    await _soon(journal.append(StationStopped()))
    link.sessions.stop()
    await supervisor.stop()
    await _soon(link.sender.remember())
    await _soon(journal.stop())


def _shift_keys(
    journal: Journal, pinned: PinnedKeys, station: str, clock: StationClock, supervisor: Supervisor
) -> ShiftKeys:
    supervisor.keep("keys", pinned.run)
    shift_keys = ShiftKeys(journal, station=station, to=pinned.sealing, clock=clock)
    pinned.on_sealing = shift_keys.wrap_to
    return shift_keys


def _lowest_generation(settings: StationSettings) -> int:
    return 0 if settings.enrolment is None else settings.enrolment.generation


def _keep_link(
    settings: StationSettings, clock: StationClock, link: Link, changes: Changes, supervisor: Supervisor
) -> "Renewal | None":
    """Keep the link, and what renews the certificate it needs, which is returned; None where nobody said where."""
    link.sessions.on_time = clock.heard
    supervisor.keep("sender", link.sender.run)
    supervisor.keep("link", link.sessions.run)
    if settings.enrolment is None:
        return None
    from agent.renewal import LinkFacts, Renewal  # noqa: PLC0415 - X.509 is 2 MiB that no other station needs

    def facts() -> LinkFacts:
        outbox = link.sender.outbox
        return LinkFacts(
            up=link.sessions.up,
            unanswered=outbox.unanswered,
            key_refused=outbox.key_refused,
            answered_at=outbox.peer.answered_at,
        )

    renewal = Renewal(
        station=settings.station.id,
        at=settings.enrolment.at,
        home=settings.keys.station.parent.parent,
        clock=clock,
        link=facts,
        on_renewed=link.sign_with,
        changed=changes.moved,
        monotonic=asyncio.get_running_loop().time,
        rng=random.Random(),  # noqa: S311 - it spreads attempts, it guards nothing
    )
    supervisor.keep("renewal", renewal.run)
    return renewal


def _keep_house(
    settings: StationSettings, journal: Journal, clock: StationClock, link: Link, supervisor: Supervisor
) -> Housekeeping:
    station = settings.station
    housekeeping = Housekeeping(
        journal,
        Salvage(journal, station.data / "station.db", source=f"/stations/{station.id}"),
        station.data / "station.db",
        clock,
        rewind_days=settings.journal.rewind_days,
        header_days=settings.journal.header_days,
        on_dropped=link.dropped,
        forget=lambda pen, now_ms: figure_rows.forget(pen, now_ms=now_ms, zone=ZoneInfo(station.zone)),
    )
    supervisor.keep("housekeeping", housekeeping.run)
    return housekeeping


def _find(settings: StationSettings, clock: StationClock, changes: Changes, supervisor: Supervisor) -> "Finding | None":
    """Keep up to date what the city lets people find; None where it names no files."""
    if settings.finding is None:
        return None
    from agent.finding import Finding  # noqa: PLC0415 - only for a station that has it: memory

    station = settings.station
    finding = Finding(
        settings.finding, folder=station.data, zone=ZoneInfo(station.zone), clock=clock, changed=changes.moved
    )
    supervisor.keep("finding", finding.run)
    return finding


def _keep_time(clock: StationClock, journal: Journal, supervisor: Supervisor) -> None:
    """Hold the clock against what was seen of the time before, and tell the journal what it does."""
    with contextlib.suppress(JournalError):  # the journal has logged it
        clock.seen(journal.query(newest_sure) or 0)

    async def look() -> None:
        if clock.look():
            with contextlib.suppress(OSError):  # the journal says what is wrong with the disk; in an hour once more
                await journal.run(lambda _pen: clock.keep())
        await journal.keep_time()

    supervisor.keep("clock", lambda: keep_time(look))


def _each(steps: Iterable[Callable[[], None]]) -> Callable[[], None]:
    known = tuple(steps)

    def step_by_step() -> None:
        for step in known:
            step()

    return step_by_step


async def _soon(writing: Coroutine[Any, Any, object]) -> None:
    """Write what nobody waits for: a disk that fails or hangs holds up neither start nor stop."""
    with contextlib.suppress(TimeoutError, JournalError):
        async with asyncio.timeout(_LAST_WORDS_S):
            await writing


def _listeners(
    desk: Desk,
    counter: Counter,
    content: Shelf,
    finding: "Finding | None",
    settings: StationSettings,
    *,
    clock: StationClock,
) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    """Return what serves the pages: the citizen's, and on an address of its own the desk's."""
    web = settings.web
    rooms: dict[str, Room] = {}
    if finding is not None:
        from agent.screens.find_pages import FindPages  # noqa: PLC0415 - as in `_find`

        rooms["find"] = FindPages(finding, counter.visits)
    citizen = build_citizen(
        desk,
        counter,
        allowed_hosts={web.host, *web.allowed_hosts},
        wall_ms=clock.wall_ms,
        recordings=settings.speech.recordings,
        rooms=rooms,
        content=content,
        places=no_places if finding is None else finding.kinds,
    )
    duty = build_duty(desk, counter, allowed_hosts={web.duty_host, *web.allowed_hosts}, wall_ms=clock.wall_ms)
    return {
        "citizen's pages": lambda: _serve(citizen, web.host, web.port),
        "duty pages": lambda: _serve(duty, web.duty_host, web.duty_port),
    }


async def _serve(app: LocalServer, host: str, port: int) -> None:
    async with app.serving(host, port):
        await asyncio.Event().wait()
