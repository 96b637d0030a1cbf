"""Received orders on real files: stored, then applied once."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from journal_rig import StillClock, all_events, open_journal
from orders_rig import DONE, Headquarters, note, order_id

from agent.orders import REMEMBERED_MS, SCHEMA, OrderRefused, OrdersStanding, OrdersStore
from common.events.journal import EventWithheld
from sync.batch import Batch, Standing

NOW = StillClock().wall_ms()


class Station:
    def __init__(self, journal, appliers) -> None:
        self.journal = journal
        self.orders = OrdersStore(journal, appliers)
        self.now, self.trusted = NOW, True

    async def take(self, batch: Batch):
        return await self.orders.take(batch, now_wall_ms=self.now, trusted=self.trusted)

    def done(self) -> list[str]:
        return [done_id for (done_id,) in self.journal.query(lambda c: c.execute("SELECT id FROM done").fetchall())]

    async def outcomes(self) -> list[tuple]:
        return [
            (event["type"].removeprefix("order."), event["data"]["order"], event["data"].get("reason"))
            for event in await all_events(self.journal)
        ]


@pytest.fixture
async def station(tmp_path):
    journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
    yield Station(journal, {"help.answered": note})
    await journal.stop()


async def test_a_station_without_orders_says_so(station):
    assert await station.orders.standing() == OrdersStanding(None, 0, Standing(), None)


async def test_an_order_is_stored_applied_and_its_outcome_journaled_once(station):
    hq = Headquarters()
    hq.answer(1)
    first = await station.take(hq.batch(1))
    again = await station.take(hq.batch(1))
    assert (first.verdict, first.fresh, again.verdict) == ("stored", (1, 2), "held")
    assert station.done() == [order_id(1)]
    assert await station.outcomes() == [("applied", order_id(1), None)]
    assert await station.orders.standing() == OrdersStanding(hq.journal, 1, first.standing, hq.lines[-1].chain)
    assert first.standing == Standing(rev=1, held=((1, 2),))


async def test_an_urgent_order_is_acted_on_when_stored_and_not_again_when_the_cursor_passes(station):
    hq = Headquarters()
    hq.answer(1)
    hq.answer(2)
    await station.take(hq.batch(1, 1))
    await station.take(hq.batch(3, 3))
    assert station.done() == [order_id(2)]
    await station.take(hq.batch(2, 2))
    assert station.done() == [order_id(2), order_id(1)]
    standing = await station.orders.standing()
    assert (standing.standing.held, standing.chain) == (((1, 3),), hq.lines[2].chain)


async def test_the_chain_told_is_that_at_the_end_of_the_first_range(station):
    hq = Headquarters()
    hq.answer(1)
    hq.answer(2)
    await station.take(hq.batch(1, 1))
    await station.take(hq.batch(3, 3))
    assert (await station.orders.standing()).chain == hq.lines[0].chain


async def test_an_order_of_another_kind_waits_for_those_before_it(station):
    hq = Headquarters()
    hq.answer(1)
    hq.add_unknown(2)
    await station.take(hq.batch(1, 1))
    await station.take(hq.batch(3, 3))
    assert await station.outcomes() == []
    await station.take(hq.batch(2, 2))
    assert await station.outcomes() == [("applied", order_id(1), None), ("failed", order_id(2), "unknown type")]


async def test_what_cannot_be_done_is_passed_over_and_blocks_nothing(station):
    hq = Headquarters()
    hq.add_unknown(1)
    hq.add_unknown(2, type="help.answered", data={"call": 5})
    hq.add_unknown(3, id="x" * 100)
    hq.answer(4)
    await station.take(hq.batch(1))
    assert sorted(await station.outcomes()) == sorted(
        [
            ("applied", order_id(4), None),
            ("failed", order_id(2), "unusable payload"),
            ("failed", order_id(1), "unknown type"),
            ("failed", "x" * 64, "its id is no UUID"),
        ]
    )


async def test_an_applier_that_refuses_or_stumbles_leaves_nothing_behind(tmp_path):
    def refuse(pen, done_id, payload):
        note(pen, done_id, payload)
        if done_id == order_id(1):
            raise OrderRefused("no such call")
        if done_id == order_id(2):
            raise KeyError("a name that is nobody's business")

    journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
    station = Station(journal, {"help.answered": refuse})
    hq = Headquarters()
    for n in (1, 2, 3):
        hq.answer(n)
    await station.take(hq.batch(1))
    assert station.done() == [order_id(3)]
    assert await station.outcomes() == [
        ("failed", order_id(1), "no such call"),
        ("failed", order_id(2), "KeyError while it was carried out"),
        ("applied", order_id(3), None),
    ]
    await journal.stop()


async def test_an_urgent_order_that_needs_lower_numbers_is_tried_again_when_they_have_come(tmp_path):
    def second_needs_first(pen, done_id, payload):
        done = pen.connection.execute("SELECT count(*) FROM done").fetchone()[0]
        if done_id == order_id(2) and not done:
            raise OrderRefused("the first is missing", retry=True)
        note(pen, done_id, payload)

    journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
    station = Station(journal, {"help.answered": second_needs_first})
    hq = Headquarters()
    hq.answer(1)
    hq.answer(2)
    await station.take(hq.batch(1, 1))
    await station.take(hq.batch(3, 3))
    assert await station.outcomes() == []
    await station.take(hq.batch(2, 2))
    assert station.done() == [order_id(1), order_id(2)]
    await journal.stop()


async def test_an_urgent_order_that_still_cannot_be_done_at_its_turn_fails(tmp_path):
    def never(pen, done_id, payload):
        raise OrderRefused("not yet", retry=True)

    journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
    station = Station(journal, {"help.answered": never})
    hq = Headquarters()
    hq.answer(1)
    await station.take(hq.batch(1))
    assert await station.outcomes() == [("failed", order_id(1), "not yet")]
    await journal.stop()


class TestGenerations:
    async def test_only_a_higher_generation_replaces_the_orders_journal(self, station):
        old, same, new = Headquarters(5), Headquarters(5), Headquarters(6)
        await station.take(old.batch(1))
        assert await station.take(same.batch(1)) is None
        assert await station.take(Headquarters(4).batch(1)) is None
        assert (await station.orders.standing()).journal == old.journal
        assert (await station.take(new.batch(1))).verdict == "stored"
        assert await station.take(old.batch(1)) is None
        standing = await station.orders.standing()
        assert (standing.journal, standing.generation) == (new.journal, 6)
        assert standing.standing == Standing(rev=1, held=((1, 1),))

    async def test_a_journal_must_be_opened_by_its_first_line_and_of_the_headers_generation(self, station):
        hq, lying, headless = Headquarters(2), Headquarters(2), Headquarters(2)
        hq.answer(1)
        lying.generation = 3
        headless.raw.clear()
        headless.answer(1)
        for batch in (hq.batch(2), lying.batch(1), headless.batch(1)):
            assert await station.take(batch) is None
        assert (await station.orders.standing()).journal is None
        assert (await station.take(hq.batch(1))).verdict == "stored"

    async def test_unapplied_orders_of_a_replaced_journal_fall_away(self, station):
        old, new = Headquarters(1), Headquarters(2)
        old.answer(1)
        old.add_unknown(2)
        await station.take(old.batch(1, 1))
        await station.take(old.batch(3, 3))  # waits for number 2
        new.answer(3)
        await station.take(new.batch(1))
        assert await station.outcomes() == [("applied", order_id(3), None)]

    async def test_a_snapshots_order_is_the_one_it_stands_for(self, station):
        old, new = Headquarters(1), Headquarters(2)
        old.answer(1)
        await station.take(old.batch(1))
        new.answer(9, order=order_id(1))
        new.answer(10, order=order_id(2))
        await station.take(new.batch(1))
        assert station.done() == [order_id(1), order_id(2)]
        assert [outcome[1] for outcome in await station.outcomes()] == [order_id(1), order_id(2)]

    async def test_the_highest_generation_survives_a_restart(self, tmp_path):
        for hq in (Headquarters(7), Headquarters(7)):
            journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
            await Station(journal, {}).take(hq.batch(1))
            generation = (await Station(journal, {}).orders.standing()).generation
            held = (await Station(journal, {}).orders.standing()).journal == hq.journal
            await journal.stop()
            assert generation == 7
        assert not held


class TestTime:
    expired = "2026-09-21T14:13:20.041Z"

    async def test_an_expired_order_is_recorded_and_not_acted_on(self, station):
        hq = Headquarters()
        hq.answer(1, expires=self.expired)
        hq.answer(2, expires="2026-09-21T14:13:20.043Z")
        assert (await station.take(hq.batch(1))).standing.held == ((1, 3),)
        assert station.done() == [order_id(2)]
        assert ("failed", order_id(1), "expired") in await station.outcomes()

    async def test_nothing_expires_while_the_clock_is_not_to_be_trusted(self, station):
        station.trusted = False
        hq = Headquarters()
        hq.answer(1, expires=self.expired)
        await station.take(hq.batch(1))
        assert station.done() == [order_id(1)]

    async def test_an_order_is_remembered_for_30_days_across_journals(self, station):
        for generation, days in ((1, 0), (2, 29), (3, 31)):
            station.now = NOW + days * REMEMBERED_MS // 30
            hq = Headquarters(generation)
            hq.answer(50 + generation, order=order_id(1))
            await station.take(hq.batch(1))
            assert station.done() == [order_id(1)] * (1 if days < 30 else 2)

    async def test_an_order_done_on_an_untrusted_clock_is_remembered_from_when_it_is_trusted(self, station):
        for generation, (now, trusted) in enumerate(((0, False), (NOW, True), (NOW + REMEMBERED_MS, True)), 1):
            station.now, station.trusted = now, trusted
            hq = Headquarters(generation)
            hq.answer(50 + generation, order=order_id(1))
            await station.take(hq.batch(1))
        assert station.done() == [order_id(1)]


async def test_a_kiosk_that_took_anothers_place_takes_no_orders_of_that_ones_time(tmp_path):
    journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
    station = Station(journal, {"help.answered": note})
    station.orders = OrdersStore(journal, {"help.answered": note}, lowest_generation=3)
    for generation in (1, 2):
        replayed = Headquarters(generation)
        replayed.answer(1)
        assert await station.take(replayed.batch(1)) is None
    hq = Headquarters(3)
    hq.answer(2)
    assert (await station.take(hq.batch(1))).verdict == "stored"
    assert station.done() == [order_id(2)]
    await journal.stop()


async def test_a_fork_stores_and_does_nothing(station):
    hq = Headquarters()
    hq.answer(1)
    await station.take(hq.batch(1))
    fork = Headquarters()
    fork.journal = hq.journal
    fork.raw = hq.raw[:1]
    fork.answer(2)
    assert (await station.take(fork.batch(1))).verdict == "fork"
    assert station.done() == [order_id(1)]
    assert (await station.orders.standing()).standing.rev == 1


async def test_a_withheld_order_is_passed_and_those_behind_it_are_not_held_up(station):
    hq = Headquarters()
    hq.add_unknown(1)  # never sent
    hq.add(EventWithheld(number=2, sha256="x"), 2)
    hq.add_unknown(3)
    await station.take(hq.batch(1, 1))
    await station.take(hq.batch(3, 4))
    assert (await station.orders.standing()).standing.cursor == 4
    assert await station.outcomes() == [("failed", order_id(3), "unknown type")]


async def test_an_order_that_comes_although_it_counted_as_gone_is_done_all_the_same(station):
    hq = Headquarters()
    hq.add_unknown(1)
    hq.add_unknown(2)
    await station.take(hq.batch(1, 1))
    await station.take(hq.batch(3, 3, oldest=3))
    await station.take(hq.batch(2, 2))
    assert [outcome[1] for outcome in await station.outcomes()] == [order_id(2), order_id(1)]


# Takes the orders of one headquarters, some of them first by the urgent lane, and says each batch it took.
TAKES_ORDERS = """
import asyncio, sys
from pathlib import Path
from agent.orders import SCHEMA, OrdersStore
from journal_rig import open_journal
from orders_rig import DONE, Headquarters, note

async def main():
    hq = Headquarters(journal=sys.argv[2])
    for n in range(1, 41):
        hq.answer(n) if n % 4 else hq.add_unknown(n)
    journal = await open_journal(Path(sys.argv[1]), schema=(SCHEMA, DONE))
    orders = OrdersStore(journal, {"help.answered": note})
    cursor = (await orders.standing()).standing.cursor
    while cursor < 41:
        urgent = min(cursor + 6, 41)
        if cursor and hq.is_urgent(urgent):
            await orders.take(hq.batch(urgent, urgent), now_wall_ms=0, trusted=False)
        await orders.take(hq.batch(cursor + 1, min(cursor + 3, 41)), now_wall_ms=0, trusted=False)
        cursor = (await orders.standing()).standing.cursor
        print(cursor, flush=True)
    await journal.stop()

asyncio.run(main())
"""


def take_orders_until_killed(folder: Path, kill_after: int | None) -> int:
    """Run TAKES_ORDERS, kill -9 it after so many batches (None: never), and return its exit code."""
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1])])}
    arguments = [sys.executable, "-c", TAKES_ORDERS, str(folder), order_id(0xF00)]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(kill_after or 0):
            process.stdout.readline()
        if kill_after is not None:
            process.kill()
        process.stdout.read()
    return process.returncode


async def test_orders_are_applied_once_whenever_the_station_is_killed(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(3):
        take_orders_until_killed(tmp_path, chance.randrange(1, 4))
    assert take_orders_until_killed(tmp_path, None) == 0

    journal = await open_journal(tmp_path, schema=(SCHEMA, DONE))
    station = Station(journal, {})
    assert sorted(station.done()) == [order_id(n) for n in range(1, 41) if n % 4]
    outcomes = sorted((order, kind) for kind, order, _ in await station.outcomes())
    assert outcomes == [(order_id(n), "applied" if n % 4 else "failed") for n in range(1, 41)]
    await journal.stop()
