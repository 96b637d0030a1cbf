"""What the journal forgets, and when: the rule, the journal on real files, and the sender that hears of it."""

import asyncio
import errno
import json
import random
import signal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from journal_rig import SOURCE, StillClock, all_events, all_lines, child, is_chained, open_journal

from agent import calls, orders, record_rows, retention, salvage
from agent.housekeeping import DAMAGED_MS, Housekeeping
from agent.retention import Mark, due, marked
from agent.salvage import Salvage
from common.events.calls import HelpClosed, HelpPressedAgain, HelpRaised, Press
from common.events.equipment import DeviceChanged
from common.events.journal import StationStarted
from common.identifiers import uuid7

DAY_MS = 24 * 3600 * 1000
REWIND_DAYS = 14
HEADER_DAYS = 90
CALL = "018f0000-0000-7000-8000-000000000001"
SCHEMA = (calls.SCHEMA, orders.SCHEMA, record_rows.SCHEMA, salvage.SCHEMA)


class TestTheRule:
    """Against a plain model: for every number, since when headquarters has held it without a break."""

    @given(
        st.lists(st.tuples(st.integers(-3 * 3_600_000, 40 * 3_600_000), st.integers(0, 50)), min_size=1, max_size=40)
    )
    def test_nothing_goes_that_was_not_acknowledged_for_as_long_as_that(self, history):
        rewind_ms = 4 * 3_600_000
        marks: tuple[Mark, ...] = ()
        held_since: dict[int, int] = {}
        now, furthest = 10**12, 0
        for passed, cursor in history:
            now += passed
            held_since = {n: min(at, now) for n, at in held_since.items() if n <= cursor}
            for number in range(1, cursor + 1):
                held_since.setdefault(number, now)
            marks = marked(marks, now_ms=now, cursor=cursor)
            furthest = due(marks, now_ms=now, rewind_ms=rewind_ms)
            assert furthest <= cursor
            assert all(now - held_since[number] >= rewind_ms for number in range(1, furthest + 1))

    @given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
    def test_everything_acknowledged_goes_within_the_hour_behind_the_rewind(self, growth):
        rewind_ms, hour, now, cursor = 14 * DAY_MS, 3_600_000, 10**12, 0
        marks: tuple[Mark, ...] = ()
        for more in growth:
            now, cursor = now + hour // 4, cursor + more
            marks = marked(marks, now_ms=now, cursor=cursor)
        marks = marked(marks, now_ms=now + hour, cursor=cursor)
        assert due(marks, now_ms=now + hour + rewind_ms, rewind_ms=rewind_ms) == cursor

    def test_a_clock_that_was_set_back_begins_the_time_anew(self):
        marks = marked((), now_ms=10 * DAY_MS, cursor=7)
        marks = marked(marks, now_ms=2 * DAY_MS, cursor=7)
        assert due(marks, now_ms=15 * DAY_MS, rewind_ms=14 * DAY_MS) == 0
        assert due(marks, now_ms=16 * DAY_MS, rewind_ms=14 * DAY_MS) == 7


class Kept:
    """A journal with its housekeeping."""

    def __init__(self, folder, **options) -> None:
        self.folder, self.clock, self.options = folder, StillClock(), options
        self.dropped: list[int] = []
        self.first = asyncio.Event()

    async def open(self) -> "Kept":
        self.journal = await open_journal(
            self.folder, clock=self.clock, schema=SCHEMA, projectors=calls.projectors(), **self.options
        )
        self.keeping = Housekeeping(
            self.journal,
            Salvage(self.journal, self.folder / "station.db", source=SOURCE),
            self.folder / "station.db",
            self.clock,
            rewind_days=REWIND_DAYS,
            header_days=HEADER_DAYS,
            on_dropped=self.heard,
        )
        return self

    def heard(self, oldest: int) -> None:
        self.dropped.append(oldest)
        self.first.set()

    def pass_days(self, days: float) -> None:
        self.clock.wall += int(days * DAY_MS)
        self.clock.mono += int(days * DAY_MS) * 1_000_000

    async def fill(self, count: int) -> None:
        appends = (self.journal.append(StationStarted(agent=f"{n}")) for n in range(count))
        await asyncio.gather(*appends)

    def rows(self, table: str) -> int:
        return self.journal.query(lambda db: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def test_what_headquarters_stored_goes_after_the_rewind_days_and_what_it_lacks_stays(tmp_path):
    kept = await Kept(tmp_path).open()
    journal = kept.journal
    await kept.fill(1000)
    before = await all_lines(journal)
    await journal.acknowledged(700)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS - 0.01)
    await kept.keeping.sweep()
    assert (await journal.kept()).oldest == 1
    kept.pass_days(0.01)
    await kept.keeping.sweep()
    now = await journal.kept()
    assert (now.oldest, now.head, now.cursor) == (701, 1000, 700)
    assert await all_lines(journal) == before[700:]
    assert await journal.chain(700) == before[699].chain
    assert await journal.chain(699) is None
    assert kept.dropped == [201, 401, 601, 701]
    assert (await journal.append(StationStarted(agent="next"))).number == 1001
    assert is_chained(before[699].chain, await all_lines(journal))
    await journal.stop()


async def test_the_days_count_from_the_ack_and_not_from_the_event(tmp_path):
    kept = await Kept(tmp_path).open()
    await kept.fill(10)
    kept.pass_days(60)
    await kept.journal.acknowledged(10)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS - 1)
    await kept.keeping.sweep()
    assert (await kept.journal.kept()).oldest == 1
    await kept.journal.stop()


async def test_what_a_restored_headquarters_took_again_begins_its_days_anew(tmp_path):
    kept = await Kept(tmp_path).open()
    await kept.fill(10)
    await kept.journal.acknowledged(10)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS - 1)
    await kept.journal.acknowledged(4)
    await kept.journal.acknowledged(10)
    await kept.keeping.sweep()
    kept.pass_days(1)
    await kept.keeping.sweep()
    assert (await kept.journal.kept()).oldest == 5
    await kept.journal.stop()


async def test_a_clock_that_is_not_to_be_trusted_makes_nothing_old(tmp_path):
    kept = await Kept(tmp_path).open()
    await kept.fill(10)
    await kept.journal.acknowledged(10)
    await kept.keeping.sweep()
    kept.clock.synchronised = False
    kept.pass_days(1000)
    await kept.keeping.sweep()
    assert (await kept.journal.kept()).oldest == 1
    await kept.journal.stop()


async def test_a_journal_of_which_everything_was_dropped_goes_on_where_it_was(tmp_path):
    kept = await Kept(tmp_path).open()
    await kept.fill(5)
    end = (await all_lines(kept.journal))[-1]
    await kept.journal.acknowledged(5)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS)
    await kept.keeping.sweep()
    await kept.journal.stop()
    await kept.open()
    now = await kept.journal.kept()
    assert (now.oldest, now.head, now.cursor) == (6, 5, 5)
    assert await kept.journal.chain(5) == end.chain
    await kept.journal.append(StationStarted(agent="next"))
    assert is_chained(end.chain, await all_lines(kept.journal))
    await kept.journal.stop()


async def test_urgent_and_withheld_numbers_go_with_their_events(tmp_path):
    kept = await Kept(tmp_path).open()
    journal = kept.journal
    await journal.append(HelpRaised(call=CALL, origin="screen"), event_id=CALL)
    await journal.append(StationStarted(agent="x"))
    await journal.withhold(2)
    await journal.append(HelpRaised(call=CALL, origin="screen"))
    await journal.acknowledged(3)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS)
    await kept.keeping.sweep()
    now = await journal.kept()
    assert (now.oldest, now.withheld, list(await journal.urgent(0))) == (4, (), [4])
    await journal.stop()


async def test_presses_and_closed_calls_are_known_for_as_long_as_their_events_are_kept(tmp_path):
    kept = await Kept(tmp_path).open()
    journal = kept.journal
    open_call, screen = uuid7(wall_ms=1), uuid7(wall_ms=2)
    await journal.append(
        HelpRaised(call=CALL, origin="panel", press=Press(panel="door", epoch=1, number=1)), event_id=CALL
    )
    await journal.append(HelpPressedAgain(call=CALL, origin="screen"), event_id=screen)
    await journal.append(HelpClosed(call=CALL, reason="helped"))
    await journal.append(
        HelpRaised(call=open_call, origin="panel", press=Press(panel="door", epoch=1, number=2)), event_id=open_call
    )
    tables = ("calls", "help_events", "presses", "screen_presses")
    assert [kept.rows(table) for table in tables] == [2, 4, 2, 1]
    await journal.acknowledged(3)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS)
    await kept.keeping.sweep()
    assert [kept.rows(table) for table in tables] == [1, 1, 1, 0]
    assert [call.id for call in journal.query(calls.load).calls] == [open_call]
    await journal.acknowledged(4)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS)
    await kept.keeping.sweep()
    assert [call.id for call in journal.query(calls.load).calls] == [open_call]
    await journal.stop()


async def test_what_is_left_of_a_closed_journal_goes_after_the_rewind_days_too(tmp_path):
    kept = await Kept(tmp_path).open()
    journal = kept.journal
    await kept.fill(450)
    await journal.append(HelpRaised(call=CALL, origin="screen"), event_id=CALL)
    await journal.append(HelpClosed(call=CALL, reason="test"))
    await journal.close("fork", 452)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS - 1)
    await kept.keeping.sweep()
    assert kept.rows("closed_events") == 452
    kept.pass_days(1)
    await kept.keeping.sweep()
    assert [kept.rows(table) for table in ("closed_events", "calls", "screen_presses")] == [0, 0, 0]
    assert [event["type"] for event in await all_events(journal)] == ["journal.opened"]
    await journal.stop()


async def test_a_closed_journals_acks_say_nothing_of_the_next(tmp_path):
    kept = await Kept(tmp_path).open()
    await kept.fill(10)
    await kept.journal.acknowledged(10)
    await kept.keeping.sweep()
    await kept.journal.close("fork", 0)
    kept.pass_days(REWIND_DAYS)
    await kept.journal.acknowledged(11)
    await kept.keeping.sweep()
    assert (await kept.journal.kept()).oldest == 1
    await kept.journal.stop()


async def test_orders_are_forgotten_with_their_ids(tmp_path):
    kept = await Kept(tmp_path).open()
    ids = [uuid7(wall_ms=n) for n in range(4)]

    def put(pen):
        pen.connection.execute("INSERT INTO orders_journal VALUES (1, ?, 1, 4, '[[1,4]]', '[]', 1, 4)", (CALL,))
        for number, order in enumerate(ids, 1):
            line = json.dumps({"id": order, "type": "help.answered", "data": {}}).encode()
            pen.connection.execute("INSERT INTO orders VALUES (?, ?, x'')", (number, line))
            at = kept.clock.wall if number > 2 else kept.clock.wall - 31 * DAY_MS
            pen.connection.execute("INSERT INTO orders_done VALUES (?, ?)", (order, at))

    await kept.journal.run(put)
    await kept.keeping.sweep()
    assert (kept.rows("orders"), kept.rows("orders_done")) == (2, 2)
    kept.pass_days(31)
    await kept.keeping.sweep()
    assert (kept.rows("orders"), kept.rows("orders_done")) == (1, 0)  # its chain is in the next down/ack
    await kept.journal.stop()


async def test_the_file_is_small_again_after_a_drain(tmp_path):
    kept = await Kept(tmp_path).open()
    file = tmp_path / "station.db"
    event = DeviceChanged(device="door", kind="panel", state="faulty", reason="r" * 200)
    for _ in range(40):
        await asyncio.gather(*(kept.journal.append(event) for _ in range(250)))
    await kept.journal.acknowledged(10_000)
    await kept.keeping.sweep()
    assert file.stat().st_size > 5_000_000
    kept.pass_days(REWIND_DAYS)
    await kept.keeping.sweep()
    assert file.stat().st_size <= (retention.FREE_PAGES + 40) * 4096
    assert (tmp_path / "station.db-wal").stat().st_size <= 2**20
    await kept.journal.stop()


async def test_a_damaged_file_is_kept_for_thirty_days(tmp_path):
    aside = tmp_path / "station.db.damaged-0123abcd.rescued"
    aside.write_bytes(b"x" * 100)
    kept = await Kept(tmp_path).open()
    await kept.keeping.sweep()
    kept.pass_days(DAMAGED_MS / DAY_MS - 1)
    await kept.keeping.sweep()
    assert aside.exists()
    kept.pass_days(1)
    await kept.keeping.sweep()
    assert not aside.exists()
    await kept.journal.stop()


async def test_a_disk_that_lets_nothing_be_removed_keeps_housekeeping_from_nothing_else(tmp_path, monkeypatch):
    aside = tmp_path / "station.db.damaged-1234.rescued"
    aside.write_bytes(b"x" * 100)
    kept = await Kept(tmp_path).open()
    await kept.keeping.sweep()
    kept.pass_days(DAMAGED_MS / DAY_MS)
    held = []
    monkeypatch.setattr("agent.ballast.Ballast.hold", lambda *_: held.append(1))
    with monkeypatch.context() as refusing:
        refusing.setattr(Path, "unlink", refused)
        await kept.keeping.sweep()
    assert aside.exists()
    assert held
    await kept.keeping.sweep()
    assert not aside.exists()
    await kept.journal.stop()


def refused(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


async def test_a_press_is_journaled_while_a_long_prefix_goes(tmp_path):
    kept = await Kept(tmp_path).open()
    await kept.fill(5000)
    await kept.journal.acknowledged(5000)
    await kept.keeping.sweep()
    kept.pass_days(REWIND_DAYS)
    sweep = asyncio.create_task(kept.keeping.sweep())
    await kept.first.wait()
    await kept.journal.append(HelpRaised(call=CALL, origin="screen"))
    assert kept.dropped[-1] < 3000  # it did not wait for the rest
    await sweep
    assert kept.dropped[-1] == 5001
    await kept.journal.stop()


# Drops, appends and acknowledges until it is killed; says every number confirmed.
DROPS_UNTIL_KILLED = """
import asyncio, sys
from functools import partial
from pathlib import Path
from agent import retention
from agent.housekeeping import Housekeeping
from journal_rig import StillClock, open_journal
from common.events.journal import StationStarted

async def main():
    clock = StillClock()
    journal = await open_journal(Path(sys.argv[1]), clock=clock)
    forget = lambda connection, lines: None
    while True:
        done = await asyncio.gather(*(journal.append(StationStarted(agent="x")) for _ in range(100)))
        print(done[-1].number, flush=True)
        await journal.acknowledged(done[-1].number - 50)
        while await journal.run(partial(retention.drop, last=done[-1].number - 60, forget=forget)):
            pass
        while await journal.run(retention.give_back):
            pass

asyncio.run(main())
"""


async def test_a_kill_while_a_prefix_goes_leaves_a_whole_journal(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    said = 0
    for _ in range(4):
        process = child(DROPS_UNTIL_KILLED, str(tmp_path))
        for _ in range(chance.randrange(1, 30)):
            said = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        said = max([said, *map(int, rest.split("\n")[:-1])])
        journal = await open_journal(tmp_path)
        kept, lines = await journal.kept(), await all_lines(journal)
        base = await journal.chain(kept.oldest - 1)
        await journal.stop()
        assert base is not None
        assert kept.head >= said
        assert kept.oldest <= kept.cursor + 1
        assert [line.number for line in lines] == list(range(kept.oldest, kept.head + 1))
        assert is_chained(base, lines)
    assert kept.oldest > 1
