"""Loans, on a real journal."""

import asyncio

import pytest
from books_rig import RECORD, Station
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import loans
from agent.loans import KEPT, Loans
from agent.record_form import WrongForm
from common.loan import after


class Desk(Station):
    def __init__(self, folder):
        super().__init__(folder, loans, Loans)

    async def lends(self, thing="umbrella", number="", record="", **options):
        event = self.new_form()
        await self.kept.begin(event, thing, number, record, **options)
        return event

    async def ends(self, loan, step="return"):
        return await self.kept.end(loan, step, self.new_form())

    async def mistakes(self, **fields):
        with pytest.raises(WrongForm) as caught:
            await self.lends(**fields)
        return {(mistake.field, mistake.problem) for mistake in caught.value.mistakes}


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    yield desk
    await desk.journal.stop()


async def test_something_goes_out_and_comes_back(desk):
    loan = await desk.lends("wheelchair", "W-1", RECORD.lower(), staff="012345")
    desk.advance(1)
    (one,) = desk.kept.out()
    assert (one.thing, one.number, one.record, one.age_s, one.overdue) == ("wheelchair", "W-1", RECORD, 3600, False)
    assert await desk.ends(loan)
    assert desk.kept.out() == ()
    assert desk.kept.over()[0].state == "returned"
    assert await desk.told() == [
        (
            "loan.begun",
            {"loan": loan, "thing": "wheelchair", "hours": 8, "number": "W-1", "record": RECORD, "staff": "012345"},
        ),
        ("loan.ended", {"loan": loan, "step": "return"}),
    ]


async def test_what_is_out_too_long_stands_on_top_and_what_is_used_here_is_never_late(desk):
    await desk.lends("phone-call")
    await desk.lends("umbrella")
    late = await desk.lends("charger")
    desk.advance(2)
    assert [(one.id == late, one.overdue) for one in desk.kept.out()] == [(True, True), (False, False), (False, False)]
    desk.advance(1000)
    assert [one.overdue for one in desk.kept.out()] == [True, True, False]


async def test_one_thing_is_never_out_twice_and_once_back_goes_again(desk):
    first = await desk.lends(number="U-1")
    assert await desk.mistakes(number="U-1") == {("thing_number", "taken")}
    await desk.lends(number="U-2")
    await desk.lends("charger", number="U-1")
    await desk.lends()
    await desk.lends()
    await desk.ends(first)
    await desk.lends(number="U-1")
    assert len(desk.kept.out()) == 5


async def test_two_desks_lend_one_thing_once(desk):
    done = await asyncio.gather(*(desk.lends(number="U-1") for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(one, WrongForm) for one in done) == 5
    assert len(desk.kept.out()) == 1


async def test_every_mistake_is_told_at_once_and_nothing_is_written(desk):
    assert await desk.mistakes(thing="sword", number="13800138000", record="JW012-20261122-9999") == {
        ("thing", "unknown"),
        ("thing_number", "personal"),
        ("record", "unknown"),
    }
    assert await desk.mistakes(thing="") == {("thing", "missing")}
    assert await desk.mistakes(thing="wheelchair") == {("record", "missing")}
    assert await desk.told() == []


async def test_what_was_given_up_may_come_back_and_what_is_back_stays_back(desk):
    loan = await desk.lends()
    assert await desk.ends(loan, "lose")
    assert not await desk.ends(loan, "cancel")
    assert [one.state for one in desk.kept.over()] == ["lost"]
    assert await desk.ends(loan)
    assert not await desk.ends(loan, "lose")
    assert [one.state for one in desk.kept.over()] == ["returned"]


async def test_the_same_form_again_changes_nothing(desk):
    event = desk.new_form()
    for _ in range(3):
        await desk.kept.begin(event, "umbrella", "U-1", "")
    assert len(await desk.told()) == 1


async def test_after_a_restart_they_stand_as_they_did_also_overdue(desk):
    await desk.lends("charger", "C-1")
    desk.advance(3)
    await desk.restart()
    (one,) = desk.kept.out()
    assert (one.age_s, one.overdue) == (3 * 3600, True)


async def test_the_last_ones_are_kept_and_what_is_out_always(desk):
    waiting = await desk.lends()
    for _ in range(KEPT + 3):
        await desk.ends(await desk.lends())
    assert [one.id for one in desk.kept.out()] == [waiting]
    assert len(desk.kept.over(KEPT * 2)) == KEPT


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    taps=st.lists(
        st.tuples(st.sampled_from(["lend", "return", "lose", "cancel"]), st.sampled_from(["", "1", "2"])), max_size=15
    )
)
async def test_what_is_shown_is_what_the_journal_tells(taps, tmp_path_factory):
    desk = await Desk(tmp_path_factory.mktemp("desk")).start()
    try:
        lent = []
        for tap, number in taps:
            if tap == "lend":
                try:
                    lent.append(await desk.lends(number=number))
                except WrongForm:
                    assert number in {one.number for one in desk.kept.out()} - {""}
            elif lent:
                await desk.ends(lent[len(number) * -1], tap)
        states = {}
        for kind, data in await desk.told():
            if kind == "loan.begun":
                states[data["loan"]] = "out"
            else:
                states[data["loan"]] = after(states[data["loan"]], data["step"])
        assert {one.id for one in desk.kept.out()} == {one for one, state in states.items() if state == "out"}
        assert {one.id: one.state for one in desk.kept.over()} == {
            one: state for one, state in states.items() if state in ("returned", "lost")
        }
        numbers = [one.number for one in desk.kept.out() if one.number]
        assert len(numbers) == len(set(numbers))
    finally:
        await desk.journal.stop()
