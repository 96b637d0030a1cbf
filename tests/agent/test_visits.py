import asyncio
import gc

import pytest
from help_rig import failing_disk, until
from planted import found
from record_rig import PLANTED, Station

from agent.answers import SKIP
from agent.record_form import WrongForm
from agent.visit import Erasable
from agent.visits import Ticket, Visits
from drivers.identity import Identity, NotRead

CARD = Identity(
    "resident",
    {name: PLANTED[name] for name in ("name", "sex", "number", "address")} | {"birth": "1990-03-07"},
)
MASKED = ("欧*", "1****************X")


class CardOnTheWay:
    """A reader as far as a visit sees it: what is asked of it, and what the test lets it answer."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.cancelled = 0
        self.waiting: list[asyncio.Future] = []

    async def read(self, fields, *, timeout_s):
        self.asked.append(set(fields))
        self.waiting.append(asyncio.get_running_loop().create_future())
        try:
            return (await self.waiting[-1]).only(fields)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def answer(self, answer):
        await until(lambda: self.waiting and not self.waiting[-1].done())
        if isinstance(answer, Exception):
            self.waiting[-1].set_exception(answer)
        else:
            self.waiting[-1].set_result(answer)


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    station.reader = CardOnTheWay()
    station.visits = Visits(station.records, station.clock, reader=station.reader)
    yield station
    await station.journal.stop()


async def come(station, service="HZ-01", answers=()):
    """Begin a visit, answer its first questions, and pass over the others."""
    visit = station.new_id()
    assert station.visits.begin(visit, service)
    taps = iter(answers)
    while station.visits.view().page == "question":
        assert station.visits.answer(visit, str(station.visits.view().question_number), next(taps, SKIP))
    return visit


async def identify(station, visit, card=CARD):
    assert station.visits.agree(visit)
    await station.reader.answer(card)
    await until(lambda: not station.visits.view().reading)


# -- the way of a visit ---------------------------------------------------------------------------------------------


async def test_a_visit_goes_from_purpose_to_card_to_confirm_to_ticket(station):
    visit = await come(station)
    assert (station.visits.view().page, station.reader.asked) == ("purpose", [])
    station.visits.agree(visit)
    assert (station.visits.view().page, station.visits.view().reading) == ("card", True)
    await station.reader.answer(CARD)
    await until(lambda: station.visits.view().page == "confirm")
    view = station.visits.view()
    assert (view.name, view.number, view.ticket) == (*MASKED, "")
    assert station.types() == []
    ticket = await station.visits.confirm(visit)
    assert ticket == Ticket("JW012-20261122-0001", unsure=False)
    view = station.visits.view()
    assert (view.page, view.ticket, view.name, view.number) == ("ticket", ticket.number, "", "")
    record = station.records.get(visit)
    assert (record.state, record.channel, record.on_file) == ("registered", "kiosk", ("name", "number"))


# -- its questions --------------------------------------------------------------------------------------------------


async def test_the_questions_of_a_service_come_first_one_a_page_and_the_officer_reads_the_answers_sealed(station):
    visit = station.new_id()
    station.visits.begin(visit, "QZ-03")
    seen = []
    for tap in ("0", "2"):
        view = station.visits.view()
        seen.append((view.page, view.question.zh))
        assert station.visits.answer(visit, str(view.question_number), tap)
    assert seen == [("question", "是哪种情况？"), ("question", "是什么东西？")]
    view = station.visits.view()
    assert (view.page, view.question) == ("purpose", None)
    assert [answer.en for _, answer in view.answered] == ["I have lost something", "A wallet or a bag"]
    station.visits.go_without(visit)
    await station.visits.confirm(visit)
    assert station.unsealed() == [{"need": "是哪种情况？我丢了东西；是什么东西？钱包或包"}]
    assert found(station.path.parent, ["钱包或包", "我丢了东西"]) == []


async def test_nobody_has_to_answer_and_then_nothing_is_written(station):
    visit = await come(station, "QZ-01")
    assert (station.visits.view().page, station.visits.view().answered) == ("confirm", ())
    await station.visits.confirm(visit)
    assert station.unsealed() == []


async def test_one_tap_on_an_answer_that_comes_twice_does_not_answer_the_next_question(station):
    visit = station.new_id()
    station.visits.begin(visit, "QZ-03")
    assert station.visits.answer(visit, "0", "1")
    assert not station.visits.answer(visit, "0", "1")
    for question, answer in (("1", "5"), ("1", ""), ("1", "-1"), ("1", "x"), ("", "0"), ("2", "0"), ("１", "0")):
        assert not station.visits.answer(visit, question, answer)
    assert station.visits.view().question_number == 1


async def test_answers_are_gone_once_there_is_a_ticket_and_when_the_visit_ends(station):
    visit = await come(station, "QZ-01", ["0"])
    await station.visits.confirm(visit)
    assert station.visits.view().answered == ()
    await come(station, "QZ-01", ["0"])
    kept = station.visits._visit
    station.visits.end(kept.id)
    assert (kept.answers.answered, kept.personal.texts()) == ((), {})


async def test_no_repr_tells_an_answer(station):
    await come(station, "QZ-01", ["0"])
    assert not any(text in repr(station.visits._visit) for text in ("需要哪方面的帮助？找人", "Answers(", "Erasable("))


# -- who somebody is ------------------------------------------------------------------------------------------------


async def test_only_what_the_service_asks_for_is_asked_of_the_card_and_sealed(station):
    visit = await come(station, "HZ-02")
    await identify(station, visit)
    await station.visits.confirm(visit)
    assert station.reader.asked == [{"name", "number"}]
    assert station.unsealed() == [{name: PLANTED[name] for name in ("name", "number", "document")}]


async def test_a_service_without_identity_asks_for_none(station):
    visit = await come(station, "ZX-01")
    assert station.visits.view().page == "confirm"
    assert not station.visits.agree(visit)
    assert await station.visits.confirm(visit)
    assert station.reader.asked == station.unsealed() == []


async def test_who_need_not_tell_a_name_may_go_on_without_and_who_must_may_not(station):
    visit = await come(station, "TJ-01")
    assert station.visits.go_without(visit)
    assert station.visits.view().page == "confirm"
    visit = await come(station, "HZ-01")
    assert not station.visits.go_without(visit)
    assert await station.visits.confirm(visit) is None
    assert station.types() == []


async def test_a_telephone_number_is_digits_masked_and_can_be_taken_back(station):
    visit = await come(station, "ZX-01")
    assert not station.visits.key(visit, "1")
    assert station.visits.ask_phone(visit)
    for wrong in ("+", "a", "３", "13", "", "back"):
        assert not station.visits.key(visit, wrong)
    seen = [dial(station, visit, digit) for digit in PLANTED["phone"]]
    assert seen[3:6] == ["1390", "139*0", "139**0"]
    assert station.visits.keep_phone(visit)
    assert (station.visits.view().page, station.visits.view().phone) == ("confirm", "139****1234")
    station.visits.ask_phone(visit)
    assert station.visits.go_without(visit)
    assert (station.visits.view().page, station.visits.view().phone) == ("confirm", "")
    station.visits.ask_phone(visit)
    for key in (*PLANTED["phone"][:-1], "0", "back", PLANTED["phone"][-1]):
        dial(station, visit, key)
    station.visits.keep_phone(visit)
    await station.visits.confirm(visit)
    assert station.unsealed() == [{"phone": PLANTED["phone"]}]


async def test_a_telephone_number_too_short_to_call_is_not_kept_and_one_too_long_grows_no_further(station):
    visit = await come(station, "ZX-01")
    station.visits.ask_phone(visit)
    for digit in "139000":
        dial(station, visit, digit)
    assert not station.visits.keep_phone(visit)
    assert (station.visits.view().page, station.visits.view().trouble) == ("phone", "phone")
    assert await station.visits.confirm(visit) is None
    dial(station, visit, "1")
    assert station.visits.view().trouble is None
    for digit in "23456789":
        dial(station, visit, digit)
    assert not station.visits.key(visit, "0")


def dial(station, visit, key):
    assert station.visits.key(visit, key)
    return station.visits.view().phone


async def test_a_report_to_the_police_is_nothing_for_the_screen(station):
    assert not station.visits.begin(station.new_id(), "BJ-01")
    assert not station.visits.begin(station.new_id(), "XX-01")
    with pytest.raises(WrongForm):
        station.visits.begin("1", "ZX-01")


# -- the card -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["no_document", "lift", "unreadable", "reader", "busy"])
async def test_a_card_that_was_not_read_can_be_tried_again(station, reason):
    visit = await come(station)
    await identify(station, visit, NotRead(reason))
    assert (station.visits.view().page, station.visits.view().trouble) == ("card", reason)
    await identify(station, visit)
    assert (station.visits.view().page, station.visits.view().trouble) == ("confirm", None)


async def test_a_tap_while_the_card_is_read_reads_it_once(station):
    visit = await come(station)
    assert station.visits.agree(visit)
    assert not station.visits.agree(visit)
    await station.reader.answer(CARD)
    await until(lambda: station.visits.view().page == "confirm")
    assert not station.visits.agree(visit)
    assert len(station.reader.asked) == 1


async def test_a_card_without_a_number_is_not_enough_where_one_is_required(station):
    visit = await come(station)
    await identify(station, visit, Identity("resident", {"name": PLANTED["name"]}))
    assert (station.visits.view().page, station.visits.view().trouble) == ("card", "unreadable")
    assert station.visits.view().name == ""


async def test_a_station_without_a_reader_says_so(station):
    station.visits = Visits(station.records, station.clock, reader=None)
    visit = await come(station, "TJ-01")
    station.visits.agree(visit)
    assert station.visits.view().trouble == "reader"
    assert station.visits.go_without(visit)


async def test_a_card_read_after_the_end_reaches_nobody(station):
    visit = await come(station)
    station.visits.agree(visit)
    await until(lambda: station.reader.waiting)
    station.visits.end(visit)
    other = await come(station, "HZ-02")
    await until(lambda: station.reader.cancelled == 1)
    assert (station.visits.view().id, station.visits.view().name) == (other, "")


# -- confirming -----------------------------------------------------------------------------------------------------


async def test_confirming_many_times_at_once_and_again_is_one_record(station):
    visit = await come(station, "ZX-01")
    tickets = await asyncio.gather(*(station.visits.confirm(visit) for _ in range(5)))
    tickets.append(await station.visits.confirm(visit))
    station.visits.end(visit)
    tickets.append(await station.visits.confirm(visit))
    assert set(tickets) == {Ticket("JW012-20261122-0001", unsure=False)}
    assert station.types() == ["record.opened"]


async def test_a_confirm_repeated_after_the_process_died_finds_its_ticket(station):
    visit = await come(station, "ZX-01")
    ticket = await station.visits.confirm(visit)
    await station.restart()
    visits = Visits(station.records, station.clock, reader=None)
    assert await visits.confirm(visit) == ticket
    assert not visits.begin(visit, "ZX-01")
    assert await visits.confirm(station.new_id()) is None


async def test_a_confirm_the_disk_refuses_can_be_tried_again(station):
    visit = await come(station)
    await identify(station, visit)
    with failing_disk():
        assert await station.visits.confirm(visit) is None
    assert (station.visits.view().page, station.visits.view().trouble) == ("confirm", "not_recorded")
    assert station.visits.view().name == MASKED[0]
    assert await station.visits.confirm(visit)
    assert station.types() == ["record.opened"]


async def test_a_visit_ended_while_it_is_confirmed_is_a_record_and_nothing_else(station):
    visit = await come(station)
    await identify(station, visit)
    confirming = asyncio.create_task(station.visits.confirm(visit))
    await until(lambda: station.visits.view().page == "ticket" or station.visits._confirming is not None)
    station.visits.end(visit)
    assert station.visits.view() is None
    assert await confirming
    assert station.visits.view() is None
    assert station.types() == ["record.opened"]


# -- the end --------------------------------------------------------------------------------------------------------


async def test_a_visit_nobody_touches_warns_after_a_minute_and_is_erased_half_a_minute_later(station):
    visit = await come(station)
    await identify(station, visit)
    station.clock.advance(59.9)
    assert station.visits.look() == pytest.approx(0.1)
    assert station.visits.view().erased_in_s is None
    station.clock.advance(0.1)
    station.visits.look()
    assert station.visits.view().erased_in_s == 30
    station.clock.advance(29.5)
    station.visits.look()
    assert station.visits.view().erased_in_s == 1
    station.clock.advance(0.5)
    assert station.visits.look() is None
    assert station.visits.view() is None
    assert await station.visits.confirm(visit) is None
    assert station.types() == []


async def test_a_touch_during_the_warning_lets_the_visit_go_on(station):
    visit = await come(station)
    station.clock.advance(80)
    station.visits.look()
    assert station.visits.touch(visit)
    station.clock.advance(59)
    station.visits.look()
    assert station.visits.view().erased_in_s is None


async def test_a_step_of_the_wall_clock_ends_no_visit(station):
    visit = await come(station)
    station.clock.wall += 10 * 24 * 3_600_000
    station.visits.look()
    assert station.visits.view().id == visit


async def test_a_ticket_left_on_the_screen_is_erased_too(station):
    visit = await come(station, "ZX-01")
    await station.visits.confirm(visit)
    station.clock.advance(90)
    station.visits.look()
    assert station.visits.view() is None


async def test_a_new_visit_ends_the_one_before_and_an_old_page_does_nothing_to_it(station):
    old = await come(station)
    await identify(station, old)
    new = await come(station, "TJ-01")
    for acted in (station.visits.touch, station.visits.agree, station.visits.go_without, station.visits.end):
        assert not acted(old)
    assert not station.visits.key(old, "1")
    assert (station.visits.view().id, station.visits.view().name) == (new, "")


async def test_a_visit_begun_twice_goes_on_where_it_was(station):
    visit = await come(station)
    await identify(station, visit)
    assert station.visits.begin(visit, "ZX-01")
    assert (station.visits.view().page, station.visits.view().name) == ("confirm", MASKED[0])


async def test_the_task_ends_visits_by_itself_and_erases_the_last_when_it_is_stopped(station):
    changes = []
    station.visits.changed = lambda: changes.append(1)
    keeping = asyncio.create_task(station.visits.run())
    await come(station, "ZX-01")
    station.clock.advance(120)
    station.visits._wake.set()
    await until(lambda: station.visits.view() is None)
    assert len(changes) == 2
    await come(station)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert station.visits.view() is None


async def test_what_was_held_is_overwritten(station):
    visit = await come(station)
    await identify(station, visit)
    held = list(station.visits._visit.personal._texts.values())
    assert PLANTED["name"].encode() in held
    assert PLANTED["name"] not in repr(station.visits._visit)
    station.visits.end(visit)
    assert all(set(data) == {0} for data in held)


async def test_nothing_of_an_abandoned_visit_is_left_on_the_disk_or_in_any_object(station, tmp_path):
    texts = [PLANTED["number"][::-1], "无名氏甲测"]
    visit = await come(station)
    await identify(station, visit, Identity("resident", {"name": texts[1], "number": texts[0]}))
    station.reader.waiting.clear()
    station.clock.advance(90)
    station.visits.look()
    assert found(tmp_path, texts) == []
    gc.collect()
    objects = gc.get_objects()
    assert not [each for each in objects if isinstance(each, Identity) and texts[0] in each.fields.values()]
    assert not [each for each in objects if isinstance(each, Erasable) and texts[0] in each.texts().values()]


def test_an_erasable_text_overwrites_what_was_there_before():
    held = Erasable()
    held.put("name", "甲")
    before = held._texts["name"]
    held.put("name", "乙")
    assert (set(before), held.get("name"), "name" in held) == ({0}, "乙", True)
    held.erase()
    assert (held.texts(), held.get("name"), repr(held).count("乙")) == ({}, "", 0)


async def test_a_visit_on_an_unsure_clock_has_an_unsure_ticket(station):
    station.clock.synchronised = False
    visit = await come(station, "ZX-01")
    assert (await station.visits.confirm(visit)).unsure
    assert station.visits.view().ticket_unsure
