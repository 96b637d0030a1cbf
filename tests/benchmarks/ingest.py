"""What headquarters takes in a second, with 1, 2 and 4 workers, on PostgreSQL; CPU for it; and as its tables grow.

Four stations, which live in this process, send records over a real broker; the clock runs from the moment all are
connected until everything is acknowledged, what was acknowledged before does not count. Beside it the floor: COPY of
the same rows, as they then stand in the same tables, in commits of a thousand, by a client that has them ready as
bytes. ROWS in the environment says to how many events the tables grow (1,000,000; the aim is of 10,000,000).
"""

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from tests.benchmarks import backlog, comparison
from tests.benchmarks.comparison import Row
from tests.benchmarks.footprint import cpu_ms
from tests.headquarters import Headquarters, headquarters, station_of, until
from tests.postgres import Postgres

SECONDS = 120.0
REPEATS = 5
EVENTS = 10_000
WORKERS: Final = (1, 2, 4)
STATIONS: Final = tuple(f"jt-{number:03}" for number in range(1, 5))
AIM_COPY, AIM_FLAT = 0.3, 0.8
_TABLES: Final = ("events", "projected", "records", "record_lines", "follow_ups", "figures", "shift_keys")
_COMMIT: Final = 1000
_PREFILL: Final = """
INSERT INTO stations(station) VALUES ('old-001') ON CONFLICT DO NOTHING;
INSERT INTO journals(station, journal, rev, held, gone, oldest) VALUES ('old-001', 'old', 0, '', '', 1)
    ON CONFLICT DO NOTHING;
INSERT INTO events
    SELECT j.id, n, convert_to(repeat('x', 340), 'UTF8'), decode(md5(n::text) || md5(n::text), 'hex')
    FROM journals j, generate_series({first}, {last}) n WHERE j.station = 'old-001';
INSERT INTO projected(station, id)
    SELECT 'old-001', '018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') FROM generate_series({first}, {last}) n;
"""


async def taken(hq: Headquarters, events: int) -> tuple[float, float]:
    """Let the stations send so many; return events a second, and the ms of CPU of all workers for a thousand."""
    for station in hq.stations:
        await backlog.fill(hq.home(station), station, events // len(hq.stations))
    pids = [worker.pid for worker in hq.workers]
    async with AsyncExitStack() as stack:
        stations = [await stack.enter_async_context(station_of(hq, name)) for name in hq.stations]
        await until(lambda: all(station.link.sessions.up for station in stations))
        left = sum(station.waiting for station in stations)
        cpu, began = sum(map(cpu_ms, pids)), time.perf_counter()
        await until(lambda: not any(station.waiting for station in stations))
        took = time.perf_counter() - began
        return left / took, (sum(map(cpu_ms, pids)) - cpu) / left * 1000


def copied_per_s(conninfo: str, events: int, repeats: int) -> list[float]:
    """COPY the same rows into tables of the same shape; return events a second, for each time."""
    found = []
    with psycopg.connect(conninfo) as connection:
        (total,) = connection.execute("SELECT count(*) FROM events").fetchone() or (0,)
        chunks = {table: _chunks(connection, table, events / total) for table in _TABLES}
        for _ in range(repeats):
            connection.execute("DROP SCHEMA IF EXISTS bare CASCADE")
            connection.execute("CREATE SCHEMA bare")
            for table in _TABLES:
                name = sql.Identifier(table)
                connection.execute(sql.SQL("CREATE TABLE bare.{0} (LIKE public.{0} INCLUDING ALL)").format(name))
            connection.commit()
            began = time.perf_counter()
            for table, pieces in chunks.items():
                for piece in pieces:
                    with connection.cursor().copy(_into(table)) as copy:
                        copy.write(piece)
                    connection.commit()
            found.append(events / (time.perf_counter() - began))
    return found


def _into(table: str) -> sql.Composed:
    return sql.SQL("COPY bare.{} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))


def _chunks(connection: psycopg.Connection, table: str, share: float) -> list[bytes]:
    (total,) = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone() or (0,)
    wanted, chunks = round(total * share), []
    for first in range(0, wanted, _COMMIT):
        piece = sql.SQL("COPY (SELECT * FROM {} ORDER BY ctid OFFSET {} LIMIT {}) TO STDOUT (FORMAT binary)").format(
            sql.Identifier(table), sql.Literal(first), sql.Literal(min(_COMMIT, wanted - first))
        )
        with connection.cursor().copy(piece) as copy:
            chunks.append(b"".join(map(bytes, copy)))
    return chunks


def _grow(conninfo: str, to: int) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        (has,) = connection.execute("SELECT count(*) FROM events").fetchone() or (0,)
        connection.execute(sql.SQL(_PREFILL).format(first=sql.Literal(has + 1), last=sql.Literal(to)))
        connection.execute("VACUUM ANALYZE events, projected")


class Measured:
    """Events a second and CPU by workers; the floor; and events a second by how many events the tables had."""

    def __init__(self) -> None:
        self.per_s: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        self.cpu_ms: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        self.copied: list[float] = []
        self.grown: dict[int, list[float]] = {}


async def measure(events: int, repeats: int, rows: int) -> Measured:
    """Measure with each number of workers in turns, then the floor, then with tables of up to so many rows."""
    found = Measured()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Postgres()
        stack.callback(server.stop)
        databases = {workers: server.create() for workers in WORKERS}
        held = {}
        for workers, database in databases.items():
            (folder / str(workers)).mkdir()
            hq = headquarters(
                folder / str(workers), stations=STATIONS, url=server.url(database), log_workers=workers - 1
            )
            held[workers] = await stack.enter_async_context(hq)
            await taken(held[workers], len(STATIONS) * 10)  # the first of everything takes longer
        for _ in range(repeats):
            for workers, hq in held.items():
                per_s, cpu = await taken(hq, events)
                found.per_s[workers].append(per_s)
                found.cpu_ms[workers].append(cpu)
        conninfo = server.conninfo(databases[1])
        found.copied = await asyncio.to_thread(copied_per_s, conninfo, events, repeats)
        for size in (rows // 10, rows):
            await asyncio.to_thread(_grow, conninfo, size)
            found.grown[size] = [(await taken(held[1], events))[0] for _ in range(repeats)]
    return found


def rows(seconds: float) -> list[Row]:
    """Measure five times, or once with few events and small tables when there is little time."""
    whole = seconds >= SECONDS / 2
    events, repeats = (EVENTS, REPEATS) if whole else (800, 1)
    measured = asyncio.run(measure(events, repeats, int(os.environ.get("ROWS", "1000000")) if whole else 20_000))
    found = []
    for workers, per_s in measured.per_s.items():
        name = f"ingest, {workers} worker{'s' if workers > 1 else ''}"
        floor = {"who": "COPY of the same rows", "aim": AIM_COPY}
        found.append(comparison.beside(name, "events/s", per_s, measured.copied, **floor))
        found.append(comparison.alone(f"{name}, CPU of the workers", "ms/1,000", measured.cpu_ms[workers]))
    for size, per_s in measured.grown.items():
        name = f"ingest, 1 worker, tables of {size:,} events"
        found.append(comparison.beside(name, "events/s", per_s, measured.per_s[1], who="as they began", aim=AIM_FLAT))
    return found
