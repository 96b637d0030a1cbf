"""The journal at its real load, and far beyond it: 72 hours cut off, 100,000 events waiting, readers without an end."""

import asyncio
import json
import random
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest
from journal_rig import SOURCE, StillClock, all_lines, child, is_chained, open_journal

from agent import calls, devices, orders, record_rows, salvage, wal
from agent.database import connect, open_database
from agent.entry import Envelope
from agent.help import HelpDesk
from agent.housekeeping import Housekeeping
from agent.ladder import Ladder
from agent.pen import Pen
from agent.quota import MIB, JournalFullError, Limits, Quota
from agent.salvage import Salvage
from common.events.calls import HelpClosed, HelpRaised, Press
from common.events.equipment import DeviceChanged
from common.events.journal import StationStarted
from common.identifiers import uuid7
from drivers.panel import PressReading
from sync.lanes import Outbox

SCHEMA = (calls.SCHEMA, devices.SCHEMA, orders.SCHEMA, record_rows.SCHEMA, salvage.SCHEMA)
PROJECTORS = calls.projectors() | devices.projectors()
DAY_MS = 24 * 3600 * 1000
WAITING = 100_000


def taken(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("station.db*") if not file.name.endswith("-shm"))


def build(path: Path, events: int) -> None:
    """Write a journal through the real pen, in big transactions and without waiting for the disk."""
    open_database(path, SCHEMA)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        quota = Quota(path, Limits(), lambda: None)
        pen = Pen(connection, Envelope(SOURCE, StillClock()), PROJECTORS, quota)
        numbers = iter(range(events))
        while group := list(islice(numbers, 10_000)):
            connection.execute("BEGIN IMMEDIATE")
            quota.look(connection)
            for number in group:
                if number % 50 == 0:
                    call = uuid7(wall_ms=1_790_000_000_000 + number)
                    press = Press(panel="door", epoch=1, number=number // 50 + 1)
                    pen.append(HelpRaised(call=call, origin="panel", press=press), call)
                elif number % 50 == 1:
                    pen.append(HelpClosed(call=call, reason="helped"))
                else:
                    pen.append(DeviceChanged(device="door", kind="panel", state="faulty", reason="no heartbeat" * 5))
            connection.execute("COMMIT")


async def test_with_100_000_events_waiting_a_press_is_confirmed_within_two_seconds_of_the_start(tmp_path):
    path, clock = tmp_path / "station.db", StillClock()
    await asyncio.to_thread(build, path, WAITING)
    began = time.monotonic()
    journal = await open_journal(tmp_path, clock=clock, schema=SCHEMA, projectors=PROJECTORS)
    await salvage.begin(journal, path, source=SOURCE)
    desk = HelpDesk(journal, clock, Ladder())
    await desk.restore()
    kept = await journal.kept()
    outbox = Outbox(kept, await journal.urgent(0), key_id=b"", rng=random.Random(1))
    keeping = Housekeeping(
        journal,
        Salvage(journal, path, source=SOURCE),
        path,
        clock,
        rewind_days=14,
        header_days=90,
        on_dropped=outbox.pruned,
    )
    work = asyncio.create_task(keeping.run())
    assert await desk.press(PressReading(panel="door", epoch=2, number=1, button=0, age_ms=0))
    assert time.monotonic() - began < 2
    assert outbox.waiting == WAITING
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await journal.stop()


async def test_72_hours_cut_off_at_ten_times_the_load_stay_below_the_cap_and_leave_a_small_file(tmp_path):
    """Four days of ten times 2,000 events a day under a cap that holds about half of it."""
    limits = Limits(max_bytes=8 * MIB, reserve_bytes=MIB)
    clock, dropped = StillClock(), []
    path = tmp_path / "station.db"
    journal = await open_journal(tmp_path, clock=clock, schema=SCHEMA, projectors=PROJECTORS, limits=limits)
    keeping = Housekeeping(
        journal,
        Salvage(journal, path, source=SOURCE),
        path,
        clock,
        rewind_days=14,
        header_days=90,
        on_dropped=dropped.append,
    )

    async def pass_hours(hours: int, *, per_hour: int) -> tuple[int, int]:
        written, refused = 0, 0
        for _ in range(hours):
            clock.wall += 3_600_000
            clock.mono += 3_600_000 * 1_000_000
            events = [DeviceChanged(device="door", kind="panel", state="ready", reason="r" * 150)] * per_hour
            results = await asyncio.gather(*(journal.append(event) for event in events), return_exceptions=True)
            full = [result for result in results if isinstance(result, JournalFullError)]
            assert len(full) == len([result for result in results if isinstance(result, Exception)])
            written, refused = written + per_hour - len(full), refused + len(full)
            call = uuid7(wall_ms=clock.wall)
            await journal.append(HelpRaised(call=call, origin="screen"), event_id=call)
            await journal.append(HelpClosed(call=call, reason="test"))
            await keeping.sweep()
            assert taken(tmp_path) <= limits.max_bytes
        return written, refused

    written, refused = await pass_hours(72, per_hour=300)
    assert refused > 1000
    assert journal.quota.full
    assert journal.quota.refused == refused
    kept, lines = await journal.kept(), await all_lines(journal)
    assert kept.oldest == 1
    assert kept.head == written + 2 * 72
    await journal.acknowledged(kept.head)
    await keeping.sweep()
    clock.wall += 14 * DAY_MS
    await keeping.sweep()
    assert dropped[-1] == kept.head + 1
    assert taken(tmp_path) < 3 * MIB
    assert await journal.chain(kept.head) == lines[-1].chain
    written, refused = await pass_hours(3, per_hour=50)
    assert (written, refused) == (150, 0)
    assert not journal.quota.full
    assert is_chained(lines[-1].chain, await all_lines(journal))
    await journal.stop()


async def test_a_reader_that_never_ends_is_counted_and_what_it_holds_up_stays_below_the_cap(tmp_path, caplog):
    limits = Limits(max_bytes=6 * MIB, reserve_bytes=MIB)
    path, clock = tmp_path / "station.db", StillClock()
    journal = await open_journal(tmp_path, clock=clock, schema=SCHEMA, projectors=PROJECTORS, limits=limits)
    keeping = Housekeeping(
        journal,
        Salvage(journal, path, source=SOURCE),
        path,
        clock,
        rewind_days=14,
        header_days=90,
        on_dropped=lambda oldest: None,
    )
    await journal.append(StationStarted(agent="0.1.0"))
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM events").fetchone()
        while not journal.quota.full:
            appends = (journal.append(StationStarted(agent="z" * 900)) for _ in range(100))
            await asyncio.gather(*appends, return_exceptions=True)
            await keeping.sweep()
        assert taken(tmp_path) <= limits.max_bytes - limits.reserve_bytes
        assert wal.size(path) > MIB
        await journal.append(HelpRaised(call=uuid7(wall_ms=1), origin="screen"))
        assert caplog.text.count("reads") == 1
    await keeping.sweep()
    assert wal.size(path) == 0
    await journal.append(StationStarted(agent="again"))
    assert caplog.text.count("is short again") <= 1
    await journal.stop()


async def test_the_wal_stays_short_under_a_long_load_though_screens_read_all_the_while(tmp_path):
    path = tmp_path / "station.db"
    journal = await open_journal(tmp_path, schema=SCHEMA, projectors=PROJECTORS)
    longest = 0
    for _ in range(60):
        await asyncio.gather(*(journal.append(StationStarted(agent="z" * 900)) for _ in range(100)))
        await journal.kept()
        longest = max(longest, wal.size(path))
    await journal.stop()
    assert longest < 6 * MIB


# On a small disk of its own: another program fills it, helps go on, the other goes away; tells what it saw.
SHARES_A_DISK = """
import asyncio, json, logging, os, sys
from pathlib import Path
from test_journal_load import *

async def main():
    folder = Path(sys.argv[1])
    clock, path = StillClock(), folder / "station.db"
    limits = Limits(max_bytes=32 * MIB, reserve_bytes=8 * MIB)
    journal = await open_journal(folder, clock=clock, schema=SCHEMA, projectors=PROJECTORS, limits=limits)
    keeping = Housekeeping(
        journal,
        Salvage(journal, path, source=SOURCE),
        path,
        clock,
        rewind_days=14,
        header_days=90,
        on_dropped=lambda oldest: None,
    )
    await keeping.sweep()
    held = (folder / "station.db-reserve").stat().st_blocks * 512
    with open(folder / "other", "wb", buffering=0) as other:
        try:
            while True:
                other.write(bytes(4096))
        except OSError:
            pass
    refused, helps = 0, []
    for number in range(400):
        try:
            await journal.append(StationStarted(agent="z" * 900))
        except JournalFullError:
            refused += 1
        if refused:
            helps.append(await journal.append(HelpRaised(call=uuid7(wall_ms=number), origin="screen")))
    seen = {"held": held, "refused": refused, "helps": len(helps), "full": journal.quota.full}
    seen["failure"] = str(journal.failure)
    await keeping.sweep()
    seen["still full"] = journal.quota.full
    (folder / "other").unlink()
    await keeping.sweep()
    await journal.run(lambda pen: None)
    await journal.append(StationStarted(agent="again"))
    seen["full at last"] = journal.quota.full
    seen["held at last"] = (folder / "station.db-reserve").stat().st_blocks * 512
    kept = await journal.kept()
    seen["whole"] = is_chained(await journal.chain(0), await all_lines(journal))
    await journal.stop()
    print(json.dumps(seen))

asyncio.run(main())
"""


def test_when_others_fill_the_disk_help_is_recorded_on_the_reserve_and_all_resumes_with_room(tmp_path):
    mount = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=24m none "$0" && exec "$@"',
    ]
    if shutil.which("unshare") is None or subprocess.run([*mount, str(tmp_path), "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    process = child(SHARES_A_DISK, str(tmp_path), before=[*mount, str(tmp_path)])
    output, _ = process.communicate()
    assert process.returncode == 0
    seen = json.loads(output)
    assert seen["held"] == seen["held at last"] == 8 * MIB
    assert seen["refused"] == seen["helps"] > 100
    assert (seen["full"], seen["still full"], seen["full at last"]) == (True, True, False)
    assert seen["failure"] == "None"
    assert seen["whole"]
