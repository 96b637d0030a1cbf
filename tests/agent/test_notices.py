"""Notices at a station: on a real journal, with orders as headquarters gives them."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_rig import StillClock, all_events, open_journal

from agent import notices
from agent.notices import Notices
from agent.orders import OrderRefused
from agent.record_form import WrongForm
from common.clock import rfc3339
from common.events.errands import NoticeSent
from common.identifiers import uuid7

ONE, OTHER, ORDER = (f"019a0000-0000-7000-8000-0000000000{place}" for place in ("d1", "d2", "d3"))
LI, WANG = "012345", "067890"
DAY = 24 * 3600


class Desk:
    def __init__(self, folder):
        self.folder, self.clock, self.moves, self.forms = folder, StillClock(), 0, 0

    async def start(self):
        options = {"schema": (notices.SCHEMA,), "projectors": notices.projectors(), "clock": self.clock}
        self.journal = await open_journal(self.folder, **options)
        self.notices = Notices(self.journal, self.clock, self.moved)
        return self

    def moved(self):
        self.moves += 1

    async def send(self, notice=ONE, *, within_s=DAY, zh="今晚清查", **fields):
        expires = rfc3339(self.clock.wall + within_s * 1000)
        sent = NoticeSent(notice=notice, expires=expires, zh=zh, **fields)
        await self.journal.run(lambda pen: self.notices.send(pen, ORDER, sent))

    async def read(self, notice=ONE, staff=None):
        self.forms += 1
        return await self.notices.read(notice, uuid7(wall_ms=self.forms), staff=staff)

    async def told(self):
        return [(event["type"], event["data"]) for event in await all_events(self.journal)]

    def shown(self, staff=None):
        return [(one.id, one.read) for one in self.notices.all(staff)]

    def advance(self, seconds):
        self.clock.mono += seconds * 10**9
        self.clock.wall += seconds * 10**3


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    yield desk
    await desk.journal.stop()


async def test_a_notice_stands_until_its_time_and_each_officer_reads_it_once(desk):
    await desk.send()
    assert desk.shown() == [(ONE, False)]
    assert await desk.read(staff=LI)
    assert not await desk.read(staff=LI)
    assert desk.shown() == desk.shown(LI) == [(ONE, True)]
    assert desk.shown(WANG) == [(ONE, False)]
    assert await desk.read(staff=WANG)
    assert await desk.told() == [
        ("notice.read", {"notice": ONE, "staff": LI}),
        ("notice.read", {"notice": ONE, "staff": WANG}),
    ]
    assert desk.moves == 2


async def test_somebody_who_has_not_signed_in_reads_it_too_and_no_name_stands_there(desk):
    await desk.send()
    assert await desk.read()
    assert not await desk.read()
    assert desk.shown(LI) == [(ONE, False)]
    assert await desk.told() == [("notice.read", {"notice": ONE})]


async def test_two_desks_at_once_read_it_once(desk):
    await desk.send()
    done = await asyncio.gather(*(desk.read(staff=LI) for _ in range(8)))
    assert sorted(done) == [False] * 7 + [True]


async def test_what_is_to_be_read_stands_above_and_the_same_order_again_changes_nothing(desk):
    await desk.send(ONE, must_read=True)
    await desk.send(OTHER)
    assert desk.shown() == [(ONE, False), (OTHER, False)]
    await desk.read(ONE)
    await desk.send(ONE, must_read=True, zh="另一")
    assert desk.shown() == [(OTHER, False), (ONE, True)]
    assert desk.notices.all(None)[1].zh == "今晚清查"


async def test_it_goes_by_itself_and_nothing_of_it_is_left(desk):
    await desk.send(ONE, within_s=60)
    await desk.send(OTHER, within_s=120)
    await desk.read(ONE)
    desk.advance(60)
    assert desk.shown() == [(OTHER, False)]
    await desk.notices.look()
    await desk.notices.look()
    assert desk.moves == 2
    assert not await desk.read(ONE, staff=LI)
    left = desk.journal.query(
        lambda connection: connection.execute(
            "SELECT (SELECT count(*) FROM notices), (SELECT count(*) FROM notice_reads)"
        ).fetchone()
    )
    assert left == (1, 0)


async def test_while_the_clock_is_unsure_none_goes(desk):
    await desk.send(within_s=60)
    desk.clock.synchronised = False
    desk.advance(10**6)
    await desk.notices.look()
    assert desk.shown() == [(ONE, False)]


@pytest.mark.parametrize("zh", ["", "两\n行", "打13800138000"])
async def test_words_that_are_none_are_refused_here_too_and_the_reason_repeats_none_of_them(desk, zh):
    with pytest.raises(OrderRefused) as caught:
        await desk.send(zh=zh)
    assert caught.value.reason.startswith("zh: ")
    assert "138" not in caught.value.reason
    assert desk.shown() == []


async def test_a_wrong_form_is_refused(desk):
    await desk.send()
    with pytest.raises(WrongForm):
        await desk.read(staff="王")
    with pytest.raises(WrongForm):
        await desk.notices.read(ONE, "x")


async def test_after_a_restart_they_stand_as_they_did(desk):
    await desk.send(ONE)
    await desk.send(OTHER, en="Roll call", zh="")
    await desk.read(ONE, staff=LI)
    before = desk.notices.all(LI)
    await desk.journal.stop()
    await desk.start()
    assert desk.notices.all(LI) == before


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["send", "read"]), st.sampled_from([ONE, OTHER]), st.sampled_from([None, LI, WANG])),
        max_size=12,
    )
)
async def test_what_is_read_is_what_the_journal_tells(steps, tmp_path_factory):
    desk = await Desk(tmp_path_factory.mktemp("desk")).start()
    try:
        sent = set()
        for step, notice, staff in steps:
            if step == "send":
                await desk.send(notice)
                sent.add(notice)
            else:
                await desk.read(notice, staff)
        read = [(data["notice"], data.get("staff")) for _, data in await desk.told()]
        assert len(read) == len(set(read))
        assert {notice for notice, _ in read} <= sent
        for staff in (LI, WANG):
            assert set(desk.shown(staff)) == {(notice, (notice, staff) in read) for notice in sent}
        assert set(desk.shown()) == {(notice, any(one == notice for one, _ in read)) for notice in sent}
    finally:
        await desk.journal.stop()
