"""What headquarters forgets by age, what it never forgets, and that after a cut it knows everything it had again."""

import json
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from store_rig import (
    NOW,
    STATION,
    FakeClock,
    StationJournal,
    alarms,
    calls,
    line_of,
    new_id,
    opened,
    raised,
    rescued,
    rows,
    send_all,
)

from common import rota_file
from common.events.calls import HelpClosed
from common.events.desk import RotaSet
from common.events.errands import NoticeRead
from common.events.journal import OrderApplied, StationStarted, StationStopped
from common.events.lent_and_found import LoanBegun, LoanEnded
from common.events.records import KeyIssued, RecordOpened, RecordRated, RecordStepped
from common.events.terms import Sealed
from hq import audit, retention, tables
from hq.audit import Act
from hq.follow_ups import FollowUps
from hq.housekeeping import Housekeeping
from hq.orders import Orders
from hq.records import records_called
from hq.retention import MARK_EVERY_MS, Mark, due, marked, needed
from hq.sealed import NotUnsealedError, unseal, unseal_record
from hq.settings import RetentionSettings
from hq.store import Store
from hq.working_days import Calendar
from sync import base64url
from sync.sealing import SUITE, SealingKey, ShiftKey

ROTA = rota_file.load(Path(__file__).parents[2] / "config" / "rota.toml")
DAY = 24 * 3600 * 1000
HEADER, AUDIT = 90, 365
KEY = SealingKey(bytes(range(96)))
FIELDS = {"name": "慕容复兴", "number": "110101199003077571"}


class Kept:
    """Headquarters with a clock of the test's, and its housekeeping."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FakeClock()
        self.orders = Orders(store, self.clock)
        self.housekeeping = Housekeeping(
            store, self.orders, self.clock, RetentionSettings(header_days=HEADER, audit_days=AUDIT)
        )

    async def pass_days(self, days: int) -> None:
        """Let days go by, with a sweep on the first and the last ones, and now and then."""
        begin = self.clock.now
        for day in sorted({1, *range(10, days, 10), *range(max(1, days - 2), days + 1)}):
            self.clock.now = begin + day * DAY
            await self.housekeeping.sweep(pause_s=0)

    async def sweep(self) -> None:
        await self.housekeeping.sweep(pause_s=0)

    def take(self, journal: StationJournal, first: int = 1, last: int | None = None):
        return self.store.take(journal.batch(first, last), received_ms=self.clock.now)

    def lines(self) -> dict[int, bytes]:
        return {row["number"]: row["line"] for row in rows(self.store, tables.events)}

    def kept_lines(self) -> list[int]:
        return sorted(number for number, line in self.lines().items() if line)


@pytest.fixture
def kept(store) -> Kept:
    return Kept(store)


def issue(key: ShiftKey) -> KeyIssued:
    kem = base64url.encode(key.wrap(KEY.public, STATION))
    return KeyIssued(kid=key.kid, suite=SUITE, to=base64url.encode(KEY.public.id), kem=kem)


def record_opened(record: str, key: ShiftKey, number: str = "JW012-20261122-0007") -> bytes:
    payload = RecordOpened(
        record=record,
        number=number,
        service="HZ-01",
        catalogue="1",
        channel="window",
        state="registered",
        on_file=("name", "number"),
        sealed=Sealed(**key.seal(record, FIELDS)),
    )
    return line_of(payload, event_id=record)


def closed(record: str, change: int = 2) -> bytes:
    return line_of(RecordStepped(record=record, change=change, step="withdraw", state="closed"), event_id=new_id())


def filler(count: int) -> list[StationStopped]:
    return [StationStopped() for _ in range(count)]


# -- the decision ------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.integers(0, 40 * DAY), st.integers(0, 5), st.sampled_from(["arrive", "gap", "fill", "nothing"])),
    max_size=40,
)


@settings(max_examples=300)
@given(STEPS, st.integers(1, 100))
def test_nothing_goes_before_its_age_and_everything_does_once_nothing_more_comes(steps, age_days):
    """Lines come, with gaps and late fills; a sweep after each step. Held since: headquarters' own clock."""
    now, age, rev = NOW, age_days * DAY, 0
    held_since: dict[int, int] = {}
    gaps: set[int] = set()
    marks: tuple[Mark, ...] = ()
    forgotten: set[int] = set()
    head = 0

    def sweep() -> None:
        nonlocal marks
        cursor = min(gaps, default=head + 1) - 1
        marks = marked(marks, now_ms=now, rev=rev, number=cursor)
        last = due(marks, now_ms=now, age_ms=age, rev=rev, highest=max(held_since, default=0))
        marks = needed(marks, now_ms=now, age_ms=age)
        going = {number for number in held_since if number <= last} - forgotten
        assert all(held_since[number] <= now - age for number in going)
        forgotten.update(going)

    for wait, count, what in steps:
        now += wait
        if what == "fill" and gaps:
            held_since[gaps.pop()] = now
            rev += 1
        elif what in ("arrive", "gap") and count:
            if what == "gap":
                head += 1
                gaps.add(head)
            held_since |= {head + n: now for n in range(1, count + 1)}
            head += count
            rev += 1
        sweep()
    for _ in range(2):
        now += max(age, MARK_EVERY_MS)
        sweep()
    assert forgotten == set(held_since)


def test_a_clock_set_back_forgets_nothing_early_and_a_mark_from_the_future_begins_now():
    marks = marked((), now_ms=NOW, rev=3, number=7)
    later = marked(marks, now_ms=NOW - 5 * DAY, rev=3, number=7)
    assert later == (Mark(NOW - 5 * DAY, 3, 7),)
    assert due(later, now_ms=NOW - 5 * DAY, age_ms=DAY, rev=3, highest=7) == 0


# -- lines -------------------------------------------------------------------------------------------------------


async def test_lines_go_after_their_days_and_what_is_held_and_its_chain_stay(kept):
    journal = StationJournal().add(*filler(6))
    kept.take(journal, 1, 4)
    await kept.sweep()
    await kept.pass_days(60)
    kept.take(journal, 5, 6)
    await kept.pass_days(29)
    assert kept.kept_lines() == [1, 2, 3, 4, 5, 6]
    await kept.pass_days(2)
    assert kept.kept_lines() == [5, 6]
    assert sorted(kept.lines()) == [4, 5, 6]
    await kept.pass_days(60)
    assert kept.kept_lines() == []
    taken = kept.store.standing(STATION, journal.id)
    assert taken.standing.stored == ((1, 6),)
    assert taken.chain == journal.chain(6)
    assert kept.take(journal.add(*filler(1)), 7, 7).settled.verdict == "stored"


async def test_what_was_forgotten_is_known_again_and_not_stored_twice(kept):
    call = new_id()
    journal = StationJournal().add(raised(call), *filler(4), HelpClosed(call=call, reason="helped"))
    kept.take(journal)
    await kept.pass_days(91)
    assert kept.kept_lines() == []
    assert calls(kept.store) == {}
    for first, last in [(1, 6), (1, 3), (2, 2), (6, 6), (4, 6)]:
        taken = kept.take(journal, first, last)
        assert taken.settled.verdict == "held"
        assert taken.standing.rev == 1
        assert taken.chain == journal.chain(6)
    again = kept.take(journal.add(*filler(2)), 4, 8)
    assert (again.settled.verdict, again.settled.fresh) == ("stored", (7, 8))
    assert kept.kept_lines() == [7, 8]
    assert calls(kept.store) == {}
    assert alarms(kept.store) == {}


async def test_another_history_is_noticed_across_a_cut_wherever_its_batch_reaches_the_known_chain(kept):
    journal = StationJournal().add(*filler(6))
    kept.take(journal)
    await kept.pass_days(91)
    kept.take(journal.add(*filler(2)), 7, 8)
    for at in (1, 3, 6):
        other = journal.fork_at(at, *filler(9 - at))
        for first, last in [(1, 6), (at, 7), (6, 6), (7, 8)]:
            assert kept.take(other, first, last).settled.verdict == "fork", (at, first, last)
    assert kept.take(journal.fork_at(7, *filler(2)), 7, 8).settled.verdict == "fork"


async def test_another_history_that_cannot_be_compared_rings_and_is_shown_a_chain_that_is_not_its_own(kept):
    """An old copy of a kiosk begins again where headquarters has forgotten: its sender sees that from the ack."""
    journal = StationJournal().add(raised(), *filler(9))
    kept.take(journal)
    await kept.pass_days(91)
    call = new_id()
    copied = journal.fork_at(4, raised(call))
    taken = kept.take(copied, 4, 4)
    assert taken.settled.verdict == "held"
    assert taken.standing.stored == ((1, 10),)
    assert taken.chain == journal.chain(10)
    assert calls(kept.store)[call]["presses"] == 1
    kept.take(copied, 4, 4)
    assert calls(kept.store)[call]["presses"] == 1
    # It closes that journal, and what it had beyond comes as copies: each once.
    later = StationJournal().add(opened(copied, 3), rescued(copied.lines[3]))
    kept.take(later)
    kept.store.birth(STATION, later.birth("s-2"), received_ms=kept.clock.now)
    assert calls(kept.store)[call]["presses"] == 1


async def test_a_number_missing_for_ever_keeps_nothing_for_ever_and_what_was_not_shown_is(kept):
    record, key = new_id(), ShiftKey.new(new_id())
    journal = StationJournal().add(*filler(2), issue(key), record_opened(record, key), *filler(1))
    kept.take(journal, 1, 1)
    kept.take(journal, 3, 5)
    assert rows(kept.store, tables.records) == []
    await kept.pass_days(92)
    assert kept.kept_lines() == []
    (row,) = rows(kept.store, tables.records)
    assert (row["record"], row["state"]) == (record, "registered")
    taken = kept.take(journal, 2, 2)
    assert taken.standing.stored == ((1, 5),)
    assert taken.chain == journal.chain(5)
    assert kept.take(journal.fork_at(2, *filler(1)), 2, 2).settled.verdict == "fork"
    await kept.pass_days(92)
    assert kept.kept_lines() == []


async def test_of_a_closed_journal_what_its_copies_never_told_is_shown_and_then_forgotten(kept):
    record, key = new_id(), ShiftKey.new(new_id())
    old = StationJournal().add(*filler(2), issue(key), record_opened(record, key))
    kept.store.birth(STATION, old.birth("s-1"), received_ms=kept.clock.now)
    kept.take(old, 1, 2)
    kept.take(old, 4, 4)
    new = StationJournal().add(opened(old, 2), *filler(4))
    kept.store.birth(STATION, new.birth("s-2", head=5), received_ms=kept.clock.now)
    kept.take(new, 1, 2)  # and never more: the kiosk burned
    await kept.pass_days(92)
    assert kept.kept_lines() == []
    assert [row["record"] for row in rows(kept.store, tables.records)] == [record]


async def test_an_untrusted_clock_forgets_nothing(kept):
    kept.take(StationJournal().add(*filler(2)))
    await kept.sweep()
    kept.clock.trusted = lambda: False
    await kept.pass_days(200)
    assert kept.kept_lines() == [1, 2]


async def test_any_cuts_between_any_batches_lose_and_repeat_nothing(kept):
    """Against a headquarters that never forgets: what is stored, held, forked and acknowledged is the same."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    journal = StationJournal().add(*[line_of(StationStarted(agent=str(n))) for n in range(40)])
    stored: set[int] = set()
    for _ in range(60):
        first = rng.randint(1, 40)
        last = min(40, first + rng.randint(0, 9))
        taken = kept.take(journal, first, last)
        assert taken.settled.verdict != "fork"
        assert set(taken.settled.fresh) == set(range(first, last + 1)) - stored
        stored |= set(range(first, last + 1))
        end = taken.standing.stored[0][1]
        assert taken.chain == journal.chain(end)
        if rng.random() < 0.4:
            kept.clock.now += rng.randint(1, 100) * DAY
            await kept.sweep()


# -- records, calls, orders, keys ----------------------------------------------------------------------------------


async def test_an_open_record_keeps_its_sealed_fields_however_old_and_a_closed_one_ninety_days(kept):
    record, key = new_id(), ShiftKey.new(new_id())
    journal = StationJournal().add(issue(key), record_opened(record, key), *filler(2))
    kept.take(journal)
    await kept.pass_days(300)
    assert kept.kept_lines() == []
    asked = Act(who="li", what="unseal", station=STATION, event=record, reason="case 7")
    find = {KEY.public.id: KEY}.get
    assert unseal(kept.store, find, asked, now_ms=kept.clock.now).fields == FIELDS
    kept.take(journal.add(closed(record)), 5, 5)
    await kept.pass_days(89)
    assert unseal(kept.store, find, asked, now_ms=kept.clock.now).fields == FIELDS
    await kept.pass_days(3)
    with pytest.raises(NotUnsealedError, match="no event"):
        unseal(kept.store, find, asked, now_ms=kept.clock.now)
    by_number = Act(who="li", what="unseal", station="", event="JW012-20261122-0007", reason="case 7")
    with pytest.raises(NotUnsealedError, match="no record"):
        unseal_record(kept.store, find, by_number, now_ms=kept.clock.now)
    assert rows(kept.store, tables.record_lines) == []


async def test_a_forgotten_record_stays_forgotten_when_its_events_come_again_and_lives_when_it_is_opened_again(kept):
    record, key = new_id(), ShiftKey.new(new_id())
    journal = StationJournal().add(issue(key), record_opened(record, key), closed(record))
    kept.take(journal)
    await kept.pass_days(92)
    (row,) = rows(kept.store, tables.records)
    assert (row["number"], row["service"], row["boxes"], row["on_file"]) == ("", "", "[]", "[]")
    # A copied kiosk brings it all again, as copies in another journal.
    other = StationJournal().add(opened(journal, 1), *[rescued(line) for line in journal.lines[1:]])
    kept.take(other)
    assert rows(kept.store, tables.records) == [row]
    reopened = RecordStepped(record=record, change=3, step="reopen", state="handling", reason="new")
    kept.take(other.add(line_of(reopened)), 4, 4)
    (lives,) = rows(kept.store, tables.records)
    assert (lives["state"], lives["forgotten_ms"], lives["boxes"]) == ("handling", None, "[]")


async def test_a_follow_up_that_is_open_keeps_its_records_header_and_closed_it_goes_and_does_not_come_back(kept):
    record, key = new_id(), ShiftKey.new(new_id())
    rated = RecordRated(record=record, change=3, rating="dissatisfied")
    journal = StationJournal().add(issue(key), record_opened(record, key), closed(record), rated)
    kept.take(journal)
    follow_ups = FollowUps(kept.store.database, Calendar(ZoneInfo("Asia/Shanghai")), kept.clock.wall_ms)
    await kept.pass_days(200)
    (one,) = follow_ups.all()
    assert (one.number, one.overdue) == ("JW012-20261122-0007", True)
    assert follow_ups.close(one.id, by="wang", reason="telephoned")
    await kept.pass_days(92)
    assert rows(kept.store, tables.follow_ups) == []
    assert [row["number"] for row in rows(kept.store, tables.records)] == [""]
    kept.take(StationJournal().add(opened(journal, 1), *[rescued(line) for line in journal.lines[1:]]))
    assert follow_ups.all() == []


async def test_a_forgotten_record_is_remembered_by_its_id_for_the_audits_days_and_no_longer(kept):
    record, key = new_id(), ShiftKey.new(new_id())
    call = new_id()
    journal = StationJournal().add(
        issue(key),
        record_opened(record, key),
        closed(record),
        raised(call),
        HelpClosed(call=call, reason="helped"),
    )
    kept.take(journal)
    await kept.pass_days(92)
    assert len(rows(kept.store, tables.records)) == 1
    remembered = rows(kept.store, tables.projected)
    assert remembered
    assert all(row["forgotten_ms"] for row in remembered)
    kept.clock.now += 366 * DAY
    await kept.sweep()
    assert rows(kept.store, tables.records) == []
    assert rows(kept.store, tables.projected) == []


async def test_an_open_call_is_never_forgotten_and_a_closed_one_after_its_last_word(kept):
    stays, goes = new_id(), new_id()
    journal = StationJournal().add(raised(stays), raised(goes))
    kept.take(journal)
    await kept.pass_days(80)
    kept.take(journal.add(HelpClosed(call=goes, reason="helped")), 3, 3)
    await kept.pass_days(89)
    assert set(calls(kept.store)) == {stays, goes}
    await kept.pass_days(2)
    assert set(calls(kept.store)) == {stays}


async def test_what_is_lent_is_never_forgotten_and_what_is_back_and_who_read_a_notice_after_its_days(kept):
    stays, goes = new_id(), new_id()
    lent = [LoanBegun(loan=one, thing="umbrella", hours=72) for one in (stays, goes)]
    journal = StationJournal().add(*lent, NoticeRead(notice=new_id(), staff="012345"))
    kept.take(journal)
    await kept.pass_days(80)
    kept.take(journal.add(LoanEnded(loan=goes, step="return")), 4, 4)
    await kept.pass_days(12)
    assert {row["id"] for row in rows(kept.store, tables.books)} == {stays, goes}
    assert rows(kept.store, tables.notice_reads) == []
    await kept.pass_days(79)
    assert {row["id"] for row in rows(kept.store, tables.books)} == {stays}


async def test_refused_lines_go_by_age(kept):
    journal = StationJournal().add(*filler(3))
    kept.take(journal)
    kept.take(journal.fork_at(2, *filler(2)), 2, 3)
    assert len(rows(kept.store, tables.aside)) == 2
    await kept.pass_days(91)
    assert rows(kept.store, tables.aside) == []


async def test_a_shift_key_goes_with_the_last_box_it_opens_and_the_newest_stays(kept):
    old, kept_one, newest = (ShiftKey.new(new_id()) for _ in range(3))
    first, second = new_id(), new_id()
    journal = StationJournal().add(issue(old), record_opened(first, old), closed(first))
    kept.take(journal)
    kept.clock.now += 1000
    kept.take(journal.add(issue(kept_one), record_opened(second, kept_one)), 4, 5)
    kept.clock.now += 1000
    kept.take(journal.add(issue(newest)), 6, 6)
    await kept.pass_days(92)
    assert {row["kid"] for row in rows(kept.store, tables.shift_keys)} == {kept_one.kid, newest.kid}
    # Its announcement comes again, with lines that headquarters never had.
    other = StationJournal().add(opened(journal, 0), rescued(journal.lines[0]))
    kept.take(other)
    assert old.kid in {row["kid"] for row in rows(kept.store, tables.shift_keys)}


async def test_orders_that_are_done_go_and_their_journal_begins_anew_once_it_is_old(kept):
    call, done, waits = new_id(), new_id(), new_id()
    journal = StationJournal().add(raised(call))
    kept.take(journal)
    kept.orders.answer(STATION, call, "li", done)
    kept.take(journal.add(OrderApplied(order=done)), 2, 2)
    kept.orders.answer(STATION, call, "wang", waits)
    current = kept.orders.current(STATION)
    await kept.pass_days(95)
    assert kept.orders.current(STATION) == current, "the station has not said that it holds it"
    acknowledge(kept)
    await kept.sweep()
    after = kept.orders.current(STATION)
    assert after.generation == current.generation + 1
    assert [row["id"] for row in rows(kept.store, tables.orders)] == [waits]
    assert [row["generation"] for row in rows(kept.store, tables.order_journals)] == [after.generation]
    said = [json.loads(row["line"]) for row in rows(kept.store, tables.order_lines)]
    assert [line["type"] for line in said] == ["orders.opened", "help.answered"]
    assert said[1]["data"]["order"] == waits


async def test_what_an_order_says_that_still_holds_is_never_forgotten_and_what_it_replaced_is(kept):
    first, second = new_id(), new_id()
    kept.orders.append(STATION, RotaSet(rota=ROTA), order_id=first)
    kept.orders.append(STATION, RotaSet(rota=replace(ROTA, anchor="2026-02-01")), order_id=second)
    journal = StationJournal().add(*[OrderApplied(order=order) for order in (first, second)])
    kept.take(journal)
    acknowledge(kept)
    await kept.pass_days(95)
    assert [row["id"] for row in rows(kept.store, tables.orders)] == [second]
    said = [json.loads(row["line"]) for row in rows(kept.store, tables.order_lines)]
    assert [line["type"] for line in said] == ["orders.opened", "rota.set"]
    assert said[1]["data"]["order"] == second


def acknowledge(kept: Kept) -> None:
    with kept.store.database.write() as connection:
        connection.execute(tables.order_journals.update().values(cursor=tables.order_journals.c.head))


# -- the audit -----------------------------------------------------------------------------------------------------


def act(kept: Kept, reason: str) -> None:
    with kept.store.database.write() as connection:
        what = Act(who="li", what="unseal", station=STATION, event=new_id(), reason=reason)
        audit.record(connection, what, at_ms=kept.clock.now)


def read_audit(kept: Kept):
    with kept.store.database.read() as connection:
        return audit.beginning(connection), list(audit.read(connection))


def is_sound(kept: Kept) -> bool:
    first, lines = read_audit(kept)
    return first.sound and all(line.sound for line in lines)


async def test_the_audit_forgets_after_its_days_says_so_in_the_audit_and_still_proves_the_rest(kept):
    for n in range(3):
        act(kept, f"case {n}")
    before = read_audit(kept)[1]
    await kept.pass_days(364)
    act(kept, "case 3")
    assert [json.loads(line.line)["reason"] for line in read_audit(kept)[1]] == [f"case {n}" for n in range(4)]
    await kept.pass_days(2)
    first, lines = read_audit(kept)
    assert (first.number, first.chain, first.sound) == (3, before[2].chain, True)
    said = [json.loads(line.line) for line in lines]
    assert [line["what"] for line in said] == ["unseal", "forget"]
    assert said[1]["event"] == "3"
    assert base64url.encode(before[2].chain) in said[1]["reason"]
    assert is_sound(kept)
    await kept.pass_days(30)
    assert len(read_audit(kept)[1]) == 2, "it says again and again that it forgets what said so"
    kept.clock.now += 500 * DAY
    await kept.sweep()
    assert is_sound(kept)
    assert [json.loads(line.line)["what"] for line in read_audit(kept)[1]] == ["forget"]


def forged(kept: Kept, how: str) -> None:
    table = tables.audit
    first, lines = read_audit(kept)
    with kept.store.database.write() as connection:
        zero = table.update().where(table.c.number == 0)
        if how == "another chain at the beginning":
            connection.execute(zero.values(chain=bytes(32)))
        elif how == "another number at the beginning":
            connection.execute(zero.values(line=b"2"))
        elif how == "as if nothing were forgotten":
            connection.execute(zero.values(line=b"", chain=audit.START))
        elif how == "words that are no number":
            connection.execute(zero.values(line=b"x"))
        elif how == "more taken away, and the beginning moved":
            connection.execute(table.delete().where(table.c.number == first.number + 1))
            connection.execute(zero.values(line=str(first.number + 1).encode(), chain=lines[0].chain))
        elif how == "the first line changed":
            changed = table.update().where(table.c.number == first.number + 1)
            connection.execute(changed.values(line=lines[0].line.replace(b"case 3", b"case 4")))
        elif how == "the line that says so changed":
            changed = table.update().where(table.c.number == lines[-1].number)
            connection.execute(changed.values(line=b"{}"))
        else:
            connection.execute(table.delete().where(table.c.number == lines[-1].number))


@pytest.mark.parametrize(
    "how",
    [
        "another chain at the beginning",
        "another number at the beginning",
        "as if nothing were forgotten",
        "words that are no number",
        "more taken away, and the beginning moved",
        "the first line changed",
        "the line that says so changed",
        "the line that says so taken away",
    ],
)
async def test_whoever_moves_the_beginning_of_the_audit_or_changes_what_stands_there_is_found(kept, how):
    for n in range(3):
        act(kept, f"case {n}")
    await kept.pass_days(360)
    act(kept, "case 3")
    await kept.pass_days(7)
    assert is_sound(kept)
    forged(kept, how)
    assert not is_sound(kept)
    kept.clock.now += 800 * DAY
    held = len(rows(kept.store, tables.audit))
    await kept.sweep()
    assert len(rows(kept.store, tables.audit)) == held, "what shows that somebody was there was forgotten"


# -- all of it -----------------------------------------------------------------------------------------------------


def test_a_slice_of_lines_is_one_transaction_and_no_more(store):
    journal = StationJournal().add(*filler(500))
    send_all(store, journal)
    (row,) = rows(store, tables.journals)
    forgotten = []
    for day in (0, 91, 91, 91, 91):
        with store.database.write() as connection:
            now = NOW + day * DAY
            forgotten.append(retention.forget_lines(connection, STATION, row["id"], now_ms=now, age_ms=90 * DAY))
    assert forgotten == [(0, 0), (200, 200), (200, 400), (100, 500), (0, 0)]


def test_a_record_is_found_by_its_number_until_it_is_forgotten(store):
    record, key = new_id(), ShiftKey.new(new_id())
    send_all(store, StationJournal().add(issue(key), record_opened(record, key)))
    with store.database.read() as connection:
        assert [one.record.id for one in records_called(connection, "JW012-20261122-0007")] == [record]
