"""Lost and found, on a real journal."""

import asyncio

import pytest
from books_rig import RECORD, Station
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import found
from agent.found import FoundThings, Typed
from agent.record_form import WrongForm
from agent.whereabouts import Spot
from common.found import LONGEST, after

KEYS = Typed(category="keys", shelf="A-3")


class Desk(Station):
    def __init__(self, folder):
        super().__init__(folder, found, FoundThings)

    async def keeps(self, typed=KEYS, **options):
        event = self.new_form()
        await self.kept.keep(event, typed, **options)
        return event

    async def ends(self, one, step="hand_back", **options):
        return await self.kept.end(one, step, self.new_form(), **options)


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    yield desk
    await desk.journal.stop()


async def mistakes(action):
    with pytest.raises(WrongForm) as caught:
        await action
    return {(mistake.field, mistake.problem) for mistake in caught.value.mistakes}


async def test_something_is_handed_in_and_goes_back_to_its_owner(desk):
    desk.kept.spots = lambda: (Spot("grid", "G-07", "七号网格", "Grid seven"),)
    typed = Typed(category="keys", shelf="A-3", where="七号网格", note="三把，红色挂绳")
    one = await desk.keeps(typed, staff="012345")
    (kept,) = desk.kept.kept()
    assert (kept.category, kept.shelf, kept.spot, kept.note, kept.days) == ("keys", "A-3", "G-07", typed.note, 20)
    assert await desk.ends(one, reference=RECORD.lower())
    assert desk.kept.kept() == ()
    assert (desk.kept.over()[0].state, desk.kept.over()[0].reference) == ("handed_back", RECORD)
    assert await desk.told() == [
        (
            "found.kept",
            {
                "found": one,
                "category": "keys",
                "shelf": "A-3",
                "days": 20,
                "kind": "grid",
                "where": "G-07",
                "note": typed.note,
                "staff": "012345",
            },
        ),
        ("found.ended", {"found": one, "step": "hand_back", "reference": RECORD}),
    ]


async def test_what_is_kept_too_long_is_marked_stands_on_top_and_goes_by_hand_alone(desk):
    old = await desk.keeps()
    desk.advance(24 * 10)
    await desk.keeps()
    desk.advance(24 * 10 - 1)
    assert [one.overdue for one in desk.kept.kept()] == [False, False]
    desk.advance(1)
    assert [(one.id == old, one.overdue) for one in desk.kept.kept()] == [(True, True), (False, False)]
    desk.advance(24 * 1000)
    assert len(desk.kept.kept()) == 2
    assert await desk.ends(old, "hand_on", reference="R-17")


async def test_it_is_handed_on_against_a_receipt_and_back_to_a_record_that_there_is(desk):
    one = await desk.keeps()
    assert await mistakes(desk.ends(one, "hand_on")) == {("reference", "missing")}
    assert await mistakes(desk.ends(one, "hand_on", reference="王某")) == {("reference", "wrong")}
    assert await mistakes(desk.ends(one, reference="JW012-20261122-9999")) == {("record", "unknown")}
    assert await mistakes(desk.ends(one, reference="13800138000")) == {("reference", "personal")}
    assert await desk.ends(one)


async def test_every_mistake_is_told_at_once_and_nothing_is_written(desk):
    wrong = Typed(category="gold", shelf="架子", where="王家", note="电话 138 0013 8000")
    assert await mistakes(desk.keeps(wrong)) == {
        ("category", "unknown"),
        ("shelf", "wrong"),
        ("where", "wrong"),
        ("note", "personal"),
    }
    assert await mistakes(desk.keeps(Typed(category="", shelf="", note="x" * (LONGEST + 1)))) == {
        ("category", "missing"),
        ("shelf", "missing"),
        ("note", "too_long"),
    }
    assert await mistakes(desk.keeps(Typed(category="keys", shelf="A", note="a\x07b"))) == {("note", "wrong")}
    assert await desk.told() == []


async def test_two_desks_hand_one_thing_out_once(desk):
    one = await desk.keeps()
    done = await asyncio.gather(*(desk.ends(one) for _ in range(8)))
    assert sorted(done) == [False] * 7 + [True]


async def test_the_same_form_again_changes_nothing_and_after_a_restart_it_stands_as_it_did(desk):
    event = desk.new_form()
    for _ in range(3):
        await desk.kept.keep(event, KEYS)
    desk.advance(24 * 21)
    before = desk.kept.kept()
    await desk.restart()
    assert desk.kept.kept() == before
    assert before[0].overdue
    assert len(await desk.told()) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    taps=st.lists(
        st.tuples(st.sampled_from(["keep", "hand_back", "hand_on", "cancel"]), st.integers(0, 3)), max_size=12
    )
)
async def test_what_is_shown_is_what_the_journal_tells(taps, tmp_path_factory):
    desk = await Desk(tmp_path_factory.mktemp("desk")).start()
    try:
        there = []
        for tap, which in taps:
            if tap == "keep":
                there.append(await desk.keeps())
            elif there:
                await desk.ends(there[which % len(there)], tap, reference="R-1" if tap == "hand_on" else "")
        states = {}
        for kind, data in await desk.told():
            if kind == "found.kept":
                states[data["found"]] = "kept"
            else:
                states[data["found"]] = after(states[data["found"]], data["step"])
        assert [one.id for one in desk.kept.kept()] == [one for one in there if states[one] == "kept"]
        assert {one.id: one.state for one in desk.kept.over()} == {
            one: state for one, state in states.items() if state.startswith("handed")
        }
    finally:
        await desk.journal.stop()
