"""The journal's limit of bytes, and the reserve that only help may use, on real files."""

import asyncio

import pytest
from journal_rig import StillClock, all_events, all_lines, is_chained, open_journal

from agent import calls, wal
from agent.database import JournalError
from agent.help import HelpDesk
from agent.ladder import Ladder
from agent.quota import MIB, WORDS, JournalFullError, Limits
from common.events.calls import HelpClosed, HelpRaised
from common.events.journal import ClockSet, OrderApplied, OrderFailed, StationStarted
from drivers.panel import PressReading
from sync.batch import chain_start

CALL = "018f0000-0000-7000-8000-000000000001"
NOISE = StationStarted(agent="z" * 3000)
SMALL = Limits(max_bytes=3 * MIB, reserve_bytes=MIB)


def taken(folder) -> int:
    return sum(file.stat().st_size for file in folder.glob("station.db*") if not file.name.endswith("-shm"))


async def fill(journal, payload=NOISE, *, at_once=8) -> int:
    """Append until the journal refuses, and return how many it took."""
    count = 0
    while True:
        results = await asyncio.gather(*(journal.append(payload) for _ in range(at_once)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, Exception)]
        count += len(results) - len(refused)
        if refused:
            assert all(isinstance(each, JournalFullError) for each in refused)
            return count


async def empty(journal, path) -> None:
    """Give everything back, as retention will."""

    def drop(pen):
        pen.connection.execute("DELETE FROM events")
        pen.connection.execute("UPDATE journal SET oldest = ?, base = ?", (pen.head + 1, pen.chain))
        pen.connection.execute("PRAGMA incremental_vacuum").fetchall()

    await journal.run(drop)
    # The file is cut by a checkpoint that reaches the end of the WAL.
    assert wal.checkpoint(path)


async def test_a_full_journal_refuses_what_is_not_help_and_stays_below_its_limit(tmp_path):
    journal = await open_journal(tmp_path, limits=SMALL)
    count = await fill(journal)
    assert count > 100
    with pytest.raises(JournalFullError, match="let headquarters receive what waits") as caught:
        await journal.append(NOISE)
    assert isinstance(caught.value, JournalError)
    assert caught.value.words == WORDS
    assert journal.quota.full
    assert journal.failure is None
    assert taken(tmp_path) <= SMALL.max_bytes - SMALL.reserve_bytes
    assert (await journal.kept()).head == count
    await journal.stop()


async def test_the_reserve_takes_help_outcomes_of_orders_and_what_the_clock_did(tmp_path):
    journal = await open_journal(tmp_path, limits=SMALL)
    await fill(journal)
    for payload in (
        HelpRaised(call=CALL, origin="panel"),
        HelpClosed(call=CALL, reason="helped"),
        OrderApplied(order=CALL),
        OrderFailed(order=CALL, reason="none"),
        ClockSet(boot=CALL, mono="1", time="2026-09-21T14:13:20.042Z"),
    ):
        await journal.append(payload)
    kept = await journal.kept()
    assert is_chained(chain_start(kept.journal), await all_lines(journal))
    await journal.stop()


async def test_when_even_the_reserve_is_gone_help_is_refused_too_and_the_file_stays_below_the_limit(tmp_path):
    journal = await open_journal(tmp_path, limits=SMALL)
    await fill(journal)
    await fill(journal, OrderFailed(order="x", reason="y" * 3000))
    await fill(journal, HelpRaised(call=CALL, origin="panel"))
    assert taken(tmp_path) <= SMALL.max_bytes
    await journal.stop()


async def test_a_journal_with_no_room_at_all_can_still_be_closed(tmp_path):
    journal = await open_journal(tmp_path, limits=SMALL)
    await fill(journal)
    await fill(journal, OrderFailed(order="x", reason="y" * 3000))
    head = (await journal.kept()).head
    await journal.close("fork", head - 1)
    assert [event["type"] for event in await all_events(journal)] == ["journal.opened", "rescued"]
    await journal.stop()


async def test_a_refused_event_does_not_touch_those_that_share_its_commit(tmp_path):
    journal = await open_journal(tmp_path, limits=SMALL)
    await fill(journal)
    head = (await journal.kept()).head
    mixed = await asyncio.gather(
        journal.append(HelpRaised(call=CALL, origin="panel")),
        journal.append(NOISE),
        journal.append(HelpClosed(call=CALL, reason="test")),
        return_exceptions=True,
    )
    assert [isinstance(each, JournalFullError) for each in mixed] == [False, True, False]
    assert (mixed[0].number, mixed[2].number) == (head + 1, head + 2)
    await journal.stop()


async def test_once_there_is_room_again_everything_is_taken_and_both_are_said_once(tmp_path, caplog):
    journal = await open_journal(tmp_path, limits=SMALL)
    heard: list[bool] = []
    journal.on_failure = lambda: heard.append(journal.quota.full)
    await fill(journal)
    await fill(journal)
    await empty(journal, tmp_path / "station.db")
    assert (await journal.append(NOISE)).number
    assert heard == [True, False]
    assert [words in caplog.text for words in ("is full", "has room again")] == [True, True]
    assert (caplog.text.count("is full"), caplog.text.count("has room again")) == (1, 1)
    assert journal.quota.refused >= 2
    await journal.stop()


async def test_damaged_files_kept_aside_count(tmp_path):
    (tmp_path / "station.db.damaged-0123abcd").write_bytes(bytes(MIB))
    (tmp_path / "station.db.damaged-0123abcd-wal").write_bytes(bytes(MIB // 2))
    journal = await open_journal(tmp_path, limits=SMALL)
    await fill(journal)
    assert taken(tmp_path) <= SMALL.max_bytes - SMALL.reserve_bytes
    await journal.stop()


@pytest.mark.parametrize("reserve", [-1, MIB, 2 * MIB])
def test_a_reserve_leaves_more_than_half_to_everybody(reserve):
    with pytest.raises(ValueError, match="less than half"):
        Limits(max_bytes=2 * MIB, reserve_bytes=reserve)


async def test_with_even_the_reserve_gone_a_press_rings_and_says_that_it_is_not_recorded_until_there_is_room(tmp_path):
    clock = StillClock()
    journal = await open_journal(
        tmp_path, limits=SMALL, clock=clock, schema=(calls.SCHEMA,), projectors=calls.projectors()
    )
    await fill(journal)
    await fill(journal, OrderFailed(order="x", reason="y" * 3000))
    await fill(journal, HelpClosed(call=CALL, reason="test"))
    desk = HelpDesk(journal, clock, Ladder())
    unrecorded: list[str] = []
    desk.on_unrecorded = unrecorded.append
    reading = PressReading(panel="door", epoch=1, number=1, button=0, age_ms=0)
    assert not await desk.press(reading)
    assert desk.alarm.tone == 1
    assert [call.recorded for call in desk.views(clock.mono_ns())] == [False]
    assert len(unrecorded) == 1
    assert journal.failure is None
    await empty(journal, tmp_path / "station.db")
    assert await desk.press(reading)
    assert desk.unrecorded_since is None
    await journal.stop()
