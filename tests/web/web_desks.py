"""The two desks behind the pages, in memory, with the behaviour their Protocols promise; and real servers on them."""

import asyncio
import contextlib
import functools
import socket
import tempfile
from dataclasses import replace
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy import insert
from window_rig import a_window

from agent.screens.citizen import build_citizen
from agent.screens.duty import build_duty
from agent.view import CallView, DeviceView, StationView
from common.clock import Clock
from hq import audit, passwords, tables
from hq.accounts import Accounts
from hq.database import Database
from hq.metrics import Metrics
from hq.ordering import Given, UnknownStationsError
from hq.orders import Orders
from hq.screens.app import build as build_headquarters
from hq.screens.door import Doorway
from hq.screens.server import listener
from hq.station_staff import StationStaff
from hq.store import Store
from hq.view import CallRow, Health, Overview, StationRow
from hq.working_days import Calendar

CALENDAR = Calendar(ZoneInfo("Asia/Shanghai"))
WALL_MS = 1_795_000_000_000

CALL = "019a0000-0000-7000-8000-000000000001"
OTHER_CALL = "019a0000-0000-7000-8000-000000000002"
EVENT = "019a0000-0000-7000-8000-00000000000e"


def a_call(**changes):
    call = CallView(
        id=CALL,
        state="raised",
        origin="panel",
        age_s=7,
        presses=1,
        recorded=None,
        at_hq=False,
        hq_answered=False,
        escalated=False,
        breached=False,
    )
    return replace(call, **changes)


class StationDesk:
    """A station desk in memory. `disk` is set while the disk answers; nothing is recorded before."""

    def __init__(self, *calls, **changes):
        self._view = StationView(
            version=1,
            station="sjz-001",
            name_zh="中山路警务站",
            name_en="Zhongshan Road station",
            calls=calls,
            recently_closed=None,
            devices=(DeviceView(name="desk", kind="panel", state="ready", reason=""),),
            link="up",
            hq_online=True,
            waiting=0,
            oldest_waiting_s=None,
            journal_ok=True,
            clock_trusted=True,
        )
        self._view = replace(self._view, **changes)
        self._events = set()
        self._moving = []
        self._moved = asyncio.Condition()
        self.disk = asyncio.Event()
        self.disk.set()
        self.closed = []
        self.asked = []
        self.refusal = None

    def view(self):
        return self._view

    async def become(self, **changes):
        async with self._moved:
            self._view = replace(self._view, version=self._view.version + 1, **changes)
            self._moved.notify_all()

    def moved(self):
        self._moving.append(asyncio.create_task(self.become()))

    async def _changed_call(self, call, **changes):
        calls = tuple(replace(c, **changes) if c.id == call else c for c in self._view.calls)
        await self.become(calls=calls)

    async def press(self, event_id):
        if event_id in self._events:
            return
        self._events.add(event_id)
        if self._view.calls:
            call = self._view.calls[0]
            await self._changed_call(call.id, presses=call.presses + 1)
        else:
            await self.become(calls=(a_call(id=event_id, origin="screen", age_s=0),))
        await self.disk.wait()
        await self._changed_call(self._view.calls[0].id, recorded=True)

    async def _step(self, call, event_id, before, after):
        if event_id in self._events or not any(c.id == call and c.state == before for c in self._view.calls):
            return False
        self._events.add(event_id)
        await self._changed_call(call, state=after)
        await self.disk.wait()
        return True

    async def acknowledge(self, call, event_id):
        return await self._step(call, event_id, "raised", "acknowledged")

    async def attend(self, call, event_id):
        return await self._step(call, event_id, "acknowledged", "attending")

    async def close(self, call, event_id, reason):
        if event_id in self._events or call not in {c.id for c in self._view.calls}:
            return False
        self._events.add(event_id)
        closed = next(c for c in self._view.calls if c.id == call)
        self.closed.append((call, reason))
        await self.become(
            calls=tuple(c for c in self._view.calls if c.id != call),
            recently_closed=replace(closed, state="closed", closed_reason=reason),
        )
        return True

    def self_test(self, device, event_id):
        self.asked.append((device, event_id))
        return self.refusal

    async def changed(self, since):
        async with self._moved:
            await self._moved.wait_for(lambda: self._view.version > since)
            return self._view.version


def a_row(**changes):
    row = CallRow(
        station="sjz-001",
        id=CALL,
        state="raised",
        origin="panel",
        raised_time="2026-11-23T01:02:03.000Z",
        clock_unsure=False,
        age_s=31,
        presses=1,
        escalated=False,
        breached=False,
        answered_by=None,
    )
    return replace(row, **changes)


def a_station(name, **changes):
    fields = {
        "station": name,
        "presence": "online",
        "seen_s": 3,
        "open_calls": 0,
        "held": 10,
        "missing": 0,
        "unrecorded_since": None,
        "alarms": (),
    }
    return StationRow(**fields | changes)


class CityDesk:
    """Headquarters' desk in memory."""

    def __init__(self, *calls, stations=(), broker_connected=True, expiring=()):
        self._overview = Overview(
            version=1,
            stations=tuple(stations),
            calls=calls,
            broker_connected=broker_connected,
            expiring=tuple(expiring),
        )
        self._moved = asyncio.Condition()
        self.orders = {}
        self.given = {}
        self.sign_ins = []

    async def overview(self):
        return self._overview

    async def answer(self, station, call, event_id, by):
        row = next((c for c in self._overview.calls if (c.station, c.id) == (station, call)), None)
        if event_id in self.orders or row is None or row.answered_by is not None:
            return False
        self.orders[event_id] = (station, call, by)
        calls = tuple(replace(c, answered_by=by) if c is row else c for c in self._overview.calls)
        async with self._moved:
            self._overview = replace(self._overview, calls=calls, version=self._overview.version + 1)
            self._moved.notify_all()
        return True

    async def order(self, order, stations, *, by, order_id):
        known = [row.station for row in self._overview.stations if not row.revoked]
        asked = known if stations is None else list(stations)
        if unknown := set(asked) - set(known):
            raise UnknownStationsError(unknown)
        fresh = [station for station in asked if (order_id(station), station) not in self.given]
        for station in fresh:
            self.given[order_id(station), station] = (order, by)
        return Given(tuple(fresh), len(asked) - len(fresh))

    def staff(self, by):
        store = Store(self.database, Metrics(), lambda: WALL_MS)
        return StationStaff(store, Orders(store, Clock()), lambda: WALL_MS, who=by)

    async def changed(self, since):
        async with self._moved:
            await self._moved.wait_for(lambda: self._overview.version > since)
            return self._overview.version

    def health(self):
        return Health(broker_connected=self._overview.broker_connected)

    def signed_in(self, outcome):
        self.sign_ins.append(outcome)

    def metrics(self):
        return b'station_up{station="sjz-001"} 1.0\n', "text/plain; version=1.0.0; charset=utf-8"


class Browser(httpx.AsyncClient):
    """An HTTP client on one served application, and the desk behind it."""

    def __init__(self, desk, port):
        # One connection a request, as microdot serves; a proxy of the environment has no business here.
        super().__init__(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
        self.desk = desk
        self.port = port

    async def raw(self, request):
        """Send bytes as they are, and return all that comes back: nothing when the connection is refused."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            async with asyncio.timeout(10):
                return await reader.read()
        except (BrokenPipeError, ConnectionResetError):
            return b""
        finally:
            writer.close()


class BothBrowsers(Browser):
    """The citizen's browser, that goes to the desk's listener for what only the desk has, as no citizen's could."""

    def __init__(self, desk, port, duty_port):
        super().__init__(desk, port)
        self.duty_port = duty_port

    async def request(self, method, url, **options):
        at_desk = str(url).startswith(("/duty", "/status.json"))
        return await super().request(method, f"http://127.0.0.1:{self.duty_port}{url}" if at_desk else url, **options)


@contextlib.asynccontextmanager
async def at_station(desk, *, citizen=None, **options):
    """Serve a station's pages; `citizen`: further options of the citizen's alone, or what makes them of the counter."""
    async with a_window(desk.moved, lambda: bool(desk.view().calls)) as (counter, journal, keys):
        counter.alarms.facts = desk.view
        options |= {"allowed_hosts": {"127.0.0.1"}, "wall_ms": lambda: WALL_MS}
        more = citizen(counter) if callable(citizen) else citizen or {}
        citizen, duty = build_citizen(desk, counter, **options, **more), build_duty(desk, counter, **options)
        async with (
            citizen.serving("127.0.0.1", 0) as port,
            duty.serving("127.0.0.1", 0) as duty_port,
            BothBrowsers(desk, port, duty_port) as browser,
        ):
            browser.counter, browser.journal, browser.keys = counter, journal, keys
            yield browser


@contextlib.contextmanager
def a_database():
    """Open headquarters' tables, without what its migrations did once upon a time."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/hq.db")
        with database.write() as connection:
            tables.metadata.create_all(connection)
            connection.execute(insert(tables.audit).values(number=0, line=b"", chain=audit.START))
        yield database
        database.close()


PASSWORD = "correct horse battery"
_kept = functools.cache(passwords.kept)  # one hash for all tests: each takes its time by design


def an_account(database, name, role="monitor", *, disabled=False):
    values = {"name": name, "role": role, "password": _kept(PASSWORD), "disabled": disabled, "changed_ms": WALL_MS}
    with database.write() as connection:
        connection.execute(insert(tables.staff).values(**values))


class Walls:
    """A wall clock that a test moves."""

    ahead_ms = 0

    def __call__(self):
        return WALL_MS + self.ahead_ms


@contextlib.asynccontextmanager
async def at_headquarters(desk, *, role="monitor", wall=False, doorway=None, headers=None, **options):
    """Serve headquarters' pages to somebody who is signed in as `wang`; `role` None: to nobody yet."""
    stopping, clock = asyncio.Event(), Walls()
    with a_database() as database, socket.create_server(("127.0.0.1", 0)) as listening:
        desk.database = database
        app = build_headquarters(
            desk,
            database,
            doorway or Doorway(),
            calendar=CALENDAR,
            allowed_hosts={"127.0.0.1"},
            wall_ms=clock,
            stopping=stopping,
            **options,
        )
        server = listener(app)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with Browser(desk, listening.getsockname()[1]) as browser:
                browser.database, browser.clock = database, clock
                browser.accounts = Accounts(database, clock)
                browser.headers.update({"Origin": f"http://127.0.0.1:{browser.port}"} | (headers or {}))
                if role is not None:
                    an_account(database, "wang", role)
                    browser.cookies.set("session", browser.accounts.begin("wang", wall=wall))
                yield browser
        finally:
            stopping.set()
            server.should_exit = True
            await serving
