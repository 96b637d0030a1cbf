"""Wires headquarters together: store, link and page in one process, or in another a log worker."""

import asyncio
import contextlib
import logging
import socket

from common import keyfiles, process
from common.changes import Changes
from common.clock import Clock
from hq import enrolling
from hq.authority import AuthorityMissingError
from hq.desk import Desk
from hq.expiry import certificate_files
from hq.housekeeping import Housekeeping
from hq.link import Link
from hq.ordering import enrolled
from hq.orders import Orders
from hq.own_keys import order_keys
from hq.own_loop import OwnLoop
from hq.screens.app import build
from hq.screens.door import Doorway
from hq.screens.server import listener
from hq.settings import HqSettings
from hq.store import Store
from hq.worker import LogWorker
from sync.broker import Broker

log = logging.getLogger(__name__)

_ENROL_AGAIN_S = 30.0


async def run(settings: HqSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = process.stop_requested()
    settings.hq.data.mkdir(parents=True, exist_ok=True)
    clock, changes, loop = Clock(), Changes(), asyncio.get_running_loop()
    store = Store.open(settings.store.url)
    store.zone = settings.calendar.calendar.zone
    store.on_change = lambda _version: _from_thread(loop, changes)
    orders = Orders(store, clock)
    store.on_tested = orders.answer_test
    link = Link(
        worker=settings.hq.worker,
        broker=_broker(settings),
        store=store,
        orders=orders,
        station_keys=settings.keys.stations,
        own_keys=order_keys(settings.keys.order),
        clock=clock,
        on_change=lambda: _from_thread(loop, changes),
    )
    web = settings.web
    doorway = Doorway(
        secure=web.certificate is not None or bool(web.behind_proxy),
        proxy=web.behind_proxy,
        token=keyfiles.read_password(web.token_file) if web.token_file else "",
    )
    app = build(
        Desk(
            store,
            orders,
            link,
            changes,
            clock,
            certificates=certificate_files(settings),
            enrolled=lambda: enrolled(settings.keys.stations),
        ),
        store.database,
        doorway,
        calendar=settings.calendar.calendar,
        allowed_hosts={web.host, *web.allowed_hosts},
        wall_ms=clock.wall_ms,
        stopping=stop,
    )
    # Bound here, not by uvicorn, which would end the process with an exit code of its own when the port is taken.
    listening = socket.create_server((web.host, web.port), family=_family(web.host), backlog=128)
    server = listener(app, web.certificate, web.key)
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="web")
    linking = asyncio.create_task(link.run(), name="link")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    kiosks = asyncio.create_task(_enrol(settings, store, clock), name="enrolment")
    housekeeping = Housekeeping(store, orders, clock, settings.retention)
    forgetting = asyncio.create_task(OwnLoop("forgetting").run(housekeeping.run), name="forgetting")
    forgetting.add_done_callback(_ended)
    process.started()
    process.notify("READY=1")
    try:
        await asyncio.wait({serving, linking, kiosks, stopping}, return_when=asyncio.FIRST_COMPLETED)
        process.notify("STOPPING=1")
        for task in (linking, kiosks):
            if task.done():
                task.result()
    finally:
        stop.set()
        server.should_exit = True
        for task in (forgetting, kiosks, linking):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(linking, serving, kiosks, forgetting, return_exceptions=True)
        stopping.cancel()
        store.close()


async def _enrol(settings: HqSettings, store: Store, clock: Clock) -> None:
    """Serve kiosks that enrol or renew, for ever. What keeps it from that keeps nobody from answering calls."""
    if settings.enrolment is None:
        await asyncio.Event().wait()
    told = ""
    while True:
        try:
            async with enrolling.serving(settings, store, clock.wall_ms) as own:
                told = ""
                await own.keep()
        except (AuthorityMissingError, OSError) as error:
            if told != str(error):
                log.error("No kiosk can enrol or renew: %s. Tried again every %g s.", error, _ENROL_AGAIN_S)  # noqa: TRY400
                told = str(error)
        await asyncio.sleep(_ENROL_AGAIN_S)


def _ended(forgetting: asyncio.Task[None]) -> None:
    """Say that nothing is forgotten any more, which is no reason to answer no calls."""
    if not forgetting.cancelled() and (failure := forgetting.exception()) is not None:
        log.error("Headquarters forgets nothing until it is started again.", exc_info=failure)


async def run_log_worker(settings: HqSettings, worker: str) -> None:
    """Take batches of the log lane, until SIGTERM or SIGINT."""
    stop = process.stop_requested()
    store, clock = Store.open(settings.store.url), Clock()
    store.zone = settings.calendar.calendar.zone
    store.on_tested = Orders(store, clock).answer_test  # headquarters looks for what others ordered
    logs = LogWorker(
        worker=worker,
        broker=_broker(settings),
        store=store,
        station_keys=settings.keys.stations,
        keys=order_keys(settings.keys.order),
        clock=clock,
    )
    working = asyncio.create_task(OwnLoop("ingest-log").run(logs.run), name="log worker")
    stopping = asyncio.create_task(stop.wait(), name="stop")
    process.started()
    process.notify("READY=1")
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        process.notify("STOPPING=1")
        if working.done():
            working.result()
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(working, return_exceptions=True)
        stopping.cancel()
        store.close()


def _broker(settings: HqSettings) -> Broker:
    return Broker(
        host=settings.broker.host,
        port=settings.broker.port,
        ca=settings.broker.ca,
        certificate=settings.broker.certificate,
        key=settings.broker.key,
    )


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _from_thread(loop: asyncio.AbstractEventLoop, changes: Changes) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has closed: nobody looks any more
        loop.call_soon_threadsafe(changes.moved)
