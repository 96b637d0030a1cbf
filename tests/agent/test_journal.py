"""The station's journal on real files."""

import asyncio
import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from journal_rig import StillClock, all_events, all_lines, is_chained, open_journal

from agent.database import JournalError
from agent.entry import LINE_LIMIT, LineLimitError
from common.events.calls import HelpClosed, HelpRaised, Press
from common.events.equipment import DeviceChanged
from common.events.journal import OrderFailed, StationStarted, StationStopped
from common.identifiers import is_identifier
from sync.batch import chain_start

CALL = "018f0000-0000-7000-8000-000000000001"


def started(agent: str = "0.1.0") -> StationStarted:
    return StationStarted(agent=agent)


async def test_an_appended_event_is_one_cloudevent_with_its_number_and_chain(tmp_path):
    journal = await open_journal(tmp_path)
    appended = await journal.append(HelpRaised(call=CALL, origin="panel"))
    kept = await journal.kept()
    (line,) = await journal.read(1, count=10, size=10_000)
    await journal.stop()

    assert (kept.oldest, kept.head, kept.cursor) == (1, 1, 0)
    assert is_identifier(kept.journal)
    assert (appended.number, line.number) == (1, 1)
    assert is_chained(chain_start(kept.journal), [line])
    assert json.loads(line.line) == {
        "specversion": "1.0",
        "id": appended.id,
        "source": "/stations/sjz-001",
        "type": "help.raised",
        "time": "2026-09-21T14:13:20.042Z",
        "boot": StillClock.boot,
        "mono": "77000000001",
        "data": {"call": CALL, "origin": "panel"},
    }


async def test_an_unsynchronised_clock_says_so_in_every_event(tmp_path):
    clock = StillClock()
    clock.synchronised = False
    journal = await open_journal(tmp_path, clock=clock)
    await journal.append(started())
    (event,) = await all_events(journal)
    await journal.stop()
    assert event["clock"] == "unsure"


async def test_a_form_brings_its_own_event_id(tmp_path):
    journal = await open_journal(tmp_path)
    appended = await journal.append(started(), event_id=CALL)
    (event,) = await all_events(journal)
    await journal.stop()
    assert appended.id == event["id"] == CALL


def commits_in_wal(database: Path) -> int:
    """Count commit records: WAL frames whose second word, the database's size, is not 0 (fileformat2.html, 4.1)."""
    wal = Path(f"{database}-wal").read_bytes()
    page, salt = int.from_bytes(wal[8:12], "big"), wal[16:24]
    frames = [wal[at : at + 24] for at in range(32, len(wal), 24 + page)]
    return sum(1 for frame in frames if frame[8:16] == salt and frame[4:8] != b"\0\0\0\0")


async def test_appends_that_wait_together_share_commits_and_each_gets_its_own_number(tmp_path):
    journal = await open_journal(tmp_path)
    await journal.append(started())
    before = commits_in_wal(tmp_path / "station.db")
    appended = await asyncio.gather(*(journal.append(started(f"0.1.{n}")) for n in range(64)))
    after = commits_in_wal(tmp_path / "station.db")
    kept, lines = await journal.kept(), await all_lines(journal)
    await journal.stop()

    assert [each.number for each in appended] == list(range(2, 66))
    assert [json.loads(line.line)["id"] for line in lines[1:]] == [each.id for each in appended]
    assert [json.loads(line.line)["data"]["agent"] for line in lines[1:]] == [f"0.1.{n}" for n in range(64)]
    assert is_chained(chain_start(kept.journal), lines)
    assert 1 <= after - before <= 8


async def test_one_append_is_one_commit_of_its_own(tmp_path):
    journal = await open_journal(tmp_path)
    await journal.append(started())
    before = commits_in_wal(tmp_path / "station.db")
    await journal.append(started())
    assert commits_in_wal(tmp_path / "station.db") == before + 1
    await journal.stop()


async def test_every_commit_reaches_the_disk_before_it_is_confirmed(tmp_path):
    journal = await open_journal(tmp_path)
    settings = await journal.run(
        lambda pen: [
            pen.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "auto_vacuum", "page_size")
        ]
    )
    await journal.stop()
    assert settings == ["wal", 2, 2, 4096]  # FULL; INCREMENTAL


class TestProjections:
    schema = ("CREATE TABLE IF NOT EXISTS calls(id TEXT PRIMARY KEY, number INTEGER, origin TEXT, type TEXT)",)

    @staticmethod
    def project(connection, number, event_id, payload, event):
        connection.execute("INSERT INTO calls VALUES (?, ?, ?, ?)", (event_id, number, payload.origin, event["type"]))

    async def open(self, folder):
        return await open_journal(folder, schema=self.schema, projectors={"help.raised": self.project})

    @staticmethod
    def calls(journal):
        return journal.query(lambda connection: connection.execute("SELECT * FROM calls").fetchall())

    async def test_an_event_and_its_projection_are_committed_together(self, tmp_path):
        journal = await self.open(tmp_path)
        appended = await journal.append(HelpRaised(call=CALL, origin="screen"))
        await journal.append(started())
        assert self.calls(journal) == [(appended.id, 1, "screen", "help.raised")]
        await journal.stop()

    async def test_an_event_whose_projection_fails_is_not_appended_and_its_neighbours_are(self, tmp_path):
        journal = await self.open(tmp_path)
        outcomes = await asyncio.gather(
            journal.append(started("before")),
            journal.append(HelpRaised(call=CALL, origin="panel"), event_id=CALL),
            journal.append(HelpRaised(call=CALL, origin="panel"), event_id=CALL),
            journal.append(started("behind")),
            return_exceptions=True,
        )
        assert isinstance(outcomes[2], sqlite3.IntegrityError)
        assert [each.number for each in (*outcomes[:2], outcomes[3])] == [1, 2, 3]
        assert [event["type"] for event in await all_events(journal)] == [
            "station.started",
            "help.raised",
            "station.started",
        ]
        assert list(await journal.urgent(0)) == [2]
        assert len(self.calls(journal)) == 1
        assert journal.failure is None
        await journal.stop()

    async def test_the_tables_of_the_projections_are_made_at_every_open_and_keep_their_rows(self, tmp_path):
        journal = await self.open(tmp_path)
        await journal.append(HelpRaised(call=CALL, origin="screen"))
        await journal.stop()
        journal = await self.open(tmp_path)
        assert len(self.calls(journal)) == 1
        await journal.stop()


async def test_work_that_raises_leaves_nothing_behind_and_the_next_number_is_its_own(tmp_path):
    journal = await open_journal(tmp_path)
    heard = []
    journal.on_append = lambda number, event_type: heard.append((number, event_type))

    def work(pen):
        pen.append(started())
        pen.append(HelpClosed(call=CALL, reason="helped"))
        raise LookupError("no such call")

    with pytest.raises(LookupError, match="no such call"):
        await journal.run(work)
    assert (await journal.append(StationStopped())).number == 1
    kept, lines = await journal.kept(), await all_lines(journal)
    assert is_chained(chain_start(kept.journal), lines)
    assert list(await journal.urgent(0)) == []
    assert heard == [(1, "station.stopped")]
    await journal.stop()


async def test_work_can_append_several_events_in_one_transaction(tmp_path):
    journal = await open_journal(tmp_path)
    heard = []
    journal.on_append = lambda number, event_type: heard.append((number, event_type))
    numbers = await journal.run(lambda pen: [pen.append(started()).number, pen.append(StationStopped()).number])
    await journal.stop()
    assert numbers == [1, 2]
    assert heard == [(1, "station.started"), (2, "station.stopped")]


async def test_an_undone_part_of_the_work_leaves_the_rest_of_it_whole(tmp_path):
    journal = await open_journal(tmp_path)

    def work(pen):
        pen.append(started("kept"))
        with suppress(LookupError), pen.part():
            pen.append(started("undone"))
            raise LookupError
        return pen.append(started("behind")).number

    assert await journal.run(work) == 2
    assert [event["data"]["agent"] for event in await all_events(journal)] == ["kept", "behind"]
    kept, lines = await journal.kept(), await all_lines(journal)
    assert is_chained(chain_start(kept.journal), lines)
    await journal.stop()


class TestLimits:
    def sized(self, empty_line: int, size: int) -> OrderFailed:
        return OrderFailed(order=CALL, reason="x" * (size - empty_line))

    async def test_a_line_of_32_kib_is_the_longest(self, tmp_path):
        journal = await open_journal(tmp_path)
        await journal.append(self.sized(0, 0))
        ((empty),) = (len(line.line) for line in await all_lines(journal))
        await journal.append(self.sized(empty, LINE_LIMIT))
        with pytest.raises(LineLimitError, match="32769 bytes"):
            await journal.append(self.sized(empty, LINE_LIMIT + 1))
        assert (await journal.kept()).head == 2
        await journal.stop()

    async def test_a_number_that_headquarters_would_refuse_is_refused_before_it_is_written(self, tmp_path):
        journal = await open_journal(tmp_path)
        press = Press(panel="door", epoch=2**53, number=1)
        with pytest.raises(LineLimitError, match=r"help\.raised.*2\^53"):
            await journal.append(HelpRaised(call=CALL, origin="panel", press=press))
        assert (await journal.kept()).head == 0
        await journal.stop()


class TestSource:
    async def test_an_empty_journal_keeps_nothing_and_knows_the_chain_at_0(self, tmp_path):
        journal = await open_journal(tmp_path)
        kept = await journal.kept()
        assert (kept.oldest, kept.head, kept.cursor, kept.generation) == (1, 0, 0, None)
        assert await journal.chain(0) == chain_start(kept.journal)
        assert await journal.chain(1) is None
        assert list(await journal.read(1, count=5, size=100)) == []
        assert list(await journal.urgent(0)) == []
        await journal.stop()

    async def test_lines_are_cut_by_count_and_by_size_and_at_least_one_comes(self, tmp_path):
        journal = await open_journal(tmp_path)
        for n in range(5):
            await journal.append(started(f"0.1.{n}"))
        size = len((await all_lines(journal))[0].line)
        numbers = [
            [line.number for line in await journal.read(first, count=count, size=limit)]
            for first, count, limit in (
                (2, 2, 10 * size),
                (2, 9, 3 * size),
                (2, 9, 3 * size - 1),
                (4, 1, 1),
                (6, 1, size),
                (0, 9, 9 * size),
            )
        ]
        await journal.stop()
        assert numbers == [[2, 3], [2, 3, 4], [2, 3], [4], [], []]

    async def test_help_events_are_the_urgent_ones(self, tmp_path):
        journal = await open_journal(tmp_path)
        await journal.append(HelpRaised(call=CALL, origin="panel"))
        await journal.append(DeviceChanged(device="door", kind="panel", state="ready"))
        await journal.append(HelpClosed(call=CALL, reason="test"))
        assert (list(await journal.urgent(0)), list(await journal.urgent(1))) == ([1, 3], [3])
        await journal.stop()

    async def test_the_cursor_and_everything_else_outlive_the_process(self, tmp_path):
        journal = await open_journal(tmp_path)
        await journal.append(started())
        await journal.append(started())
        await journal.acknowledged(2)
        await journal.acknowledged(1)
        before, lines = await journal.kept(), await all_lines(journal)
        await journal.stop()
        journal = await open_journal(tmp_path)
        assert (await journal.kept(), await all_lines(journal)) == (before, lines)
        assert before.cursor == 1
        assert (await journal.append(started())).number == 3
        assert is_chained(chain_start(before.journal), await all_lines(journal))
        await journal.stop()


async def test_a_caller_that_stops_waiting_does_not_unwrite_the_event(tmp_path):
    journal = await open_journal(tmp_path)
    holder = sqlite3.connect(tmp_path / "station.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    append = asyncio.ensure_future(journal.append(started()))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(append), 0.05)
    cancelled = asyncio.ensure_future(journal.append(StationStopped()))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(cancelled, 0.05)
    assert (await journal.kept()).head == 0  # reading does not wait for who writes
    holder.execute("COMMIT")
    holder.close()
    assert (await append).number == 1
    await journal.stop()

    journal = await open_journal(tmp_path)
    assert (await journal.kept()).head == 2
    await journal.stop()


async def test_a_query_cannot_write(tmp_path):
    journal = await open_journal(tmp_path)
    with pytest.raises(JournalError) as caught:
        journal.query(lambda connection: connection.execute("DELETE FROM journal"))
    assert (caught.value.operation, caught.value.path) == ("read", tmp_path / "station.db")
    await journal.stop()


async def test_a_stopped_journal_wrote_everything_that_waited_and_takes_no_more(tmp_path):
    journal = await open_journal(tmp_path)
    waiting = [asyncio.ensure_future(journal.append(started())) for _ in range(600)]
    await asyncio.sleep(0)  # every append is handed to the writer
    await asyncio.gather(journal.stop(), journal.stop())
    assert [append.result().number for append in waiting] == list(range(1, 601))
    with pytest.raises(JournalError, match="stopped"):
        await journal.append(started())


class TestOpening:
    async def test_a_damaged_file_is_kept_aside_and_a_fresh_journal_begins(self, tmp_path, caplog):
        journal = await open_journal(tmp_path)
        await journal.append(started())
        old = await journal.kept()
        await journal.stop()
        file = tmp_path / "station.db"
        damaged = b"\xff" * 512 + file.read_bytes()[512:]
        file.write_bytes(damaged)

        journal = await open_journal(tmp_path)
        fresh = await journal.kept()
        assert fresh.journal != old.journal
        assert (await journal.append(started())).number == 1
        await journal.stop()
        (aside,) = tmp_path.glob("station.db.damaged-*")
        assert aside.read_bytes() == damaged
        assert aside.name in caplog.text

    async def test_a_torn_index_of_the_events_is_damage(self, tmp_path):
        journal = await open_journal(tmp_path)
        for n in range(100):
            await journal.append(OrderFailed(order=CALL, reason=f"{n}" * 200))
        await journal.stop()
        file = tmp_path / "station.db"
        pages = file.read_bytes()
        file.write_bytes(pages[:8192] + os.urandom(len(pages) - 8192))
        journal = await open_journal(tmp_path)
        assert (await journal.kept()).head == 0
        await journal.stop()
        assert len(list(tmp_path.glob("station.db.damaged-*"))) == 1

    async def test_an_older_copy_of_the_file_just_opens(self, tmp_path):
        journal = await open_journal(tmp_path)
        await journal.append(started())
        await journal.stop()
        older = (tmp_path / "station.db").read_bytes()
        journal = await open_journal(tmp_path)
        await journal.append(started())
        await journal.stop()
        (tmp_path / "station.db").write_bytes(older)
        journal = await open_journal(tmp_path)
        assert (await journal.kept()).head == 1
        await journal.stop()

    async def test_a_missing_folder_says_what_to_do(self, tmp_path):
        with pytest.raises(JournalError, match="folder must exist") as caught:
            await open_journal(tmp_path / "nowhere")
        assert caught.value.operation == "open"

    async def test_another_programs_database_is_left_alone(self, tmp_path):
        other = sqlite3.connect(tmp_path / "station.db")
        other.execute("CREATE TABLE theirs(a)")
        other.close()
        with pytest.raises(JournalError, match="another program"):
            await open_journal(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["station.db"]

    async def test_a_file_of_a_newer_jingting_is_left_alone(self, tmp_path):
        journal = await open_journal(tmp_path)
        await journal.stop()
        newer = sqlite3.connect(tmp_path / "station.db")
        newer.execute("PRAGMA user_version = 99")
        newer.close()
        with pytest.raises(JournalError, match="newer"):
            await open_journal(tmp_path)
        assert list(tmp_path.glob("*.damaged-*")) == []
