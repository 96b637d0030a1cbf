import asyncio
import logging

import pytest
from record_rig import PLANTED, Station

from agent.record_form import Header, WrongForm

MASKED = {"name": "欧*", "number": "1****************X", "phone": "139****1234"}


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


async def test_a_record_is_masked_while_the_shift_key_lives_and_on_file_after(station):
    record = await station.open("HZ-01", typed=PLANTED)
    assert station.reveals.masked(record.id) == MASKED
    await station.keys.new_shift()
    assert station.reveals.masked(record.id) == {}
    assert station.records.get(record.id).on_file == ("name", "number", "phone")


async def test_a_restart_forgets_whom_records_are_about(station):
    record = await station.open("HZ-01", typed=PLANTED)
    await station.restart()
    assert station.reveals.masked(record.id) == {}
    assert await station.reveals.reveal(record.id, station.new_id(), fields=["name"]) is None
    assert station.types() == ["record.opened"]


async def test_a_field_is_revealed_for_ten_seconds_and_that_is_journaled(station):
    record, form = await station.open("HZ-01", typed=PLANTED), station.new_id()
    shown = await station.reveals.reveal(record.id, form, fields=["number", "phone"], staff="012345")
    assert (shown.fields, shown.left_s) == ({"number": PLANTED["number"], "phone": PLANTED["phone"]}, 10)
    revealed = station.events()[-1]
    assert revealed["type"] == "record.revealed"
    assert revealed["data"] == {"record": record.id, "fields": ["number", "phone"], "staff": "012345"}
    station.clock.advance(9)
    assert (await station.reveals.reveal(record.id, form, fields=["number"])).left_s == 1
    station.clock.advance(1)
    assert await station.reveals.reveal(record.id, form, fields=["number"]) is None
    assert station.types().count("record.revealed") == 1


async def test_a_reveal_asked_twice_at_once_is_one_event(station):
    record, form = await station.open("HZ-01", typed=PLANTED), station.new_id()
    shown = await asyncio.gather(*(station.reveals.reveal(record.id, form, fields=["name"]) for _ in range(4)))
    assert [each.fields for each in shown] == [{"name": PLANTED["name"]}] * 4
    assert station.types().count("record.revealed") == 1


async def test_a_used_form_reveals_nothing_of_another_record(station):
    one = await station.open("HZ-01", typed=PLANTED)
    other, form = await station.open("HZ-01", typed={"name": "李丁测"}), station.new_id()
    await station.reveals.reveal(one.id, form, fields=["name"])
    assert await station.reveals.reveal(other.id, form, fields=["name"]) is None
    station.clock.advance(10)
    assert await station.reveals.reveal(other.id, form, fields=["name"]) is None
    assert await station.reveals.reveal(other.id, other.id, fields=["name"]) is None


async def test_only_what_is_there_is_revealed_and_nothing_that_is_no_personal_field(station):
    record = await station.open(typed={"name": "李丁测"})
    assert await station.reveals.reveal(record.id, station.new_id(), fields=["phone"]) is None
    assert await station.reveals.reveal(station.new_id(), station.new_id(), fields=["name"]) is None
    with pytest.raises(WrongForm):
        await station.reveals.reveal(record.id, station.new_id(), fields=["nation"])
    with pytest.raises(WrongForm):
        await station.reveals.reveal(record.id, "", fields=["name"])
    with pytest.raises(WrongForm):
        await station.reveals.reveal(record.id, station.new_id(), fields=["name"], staff="王警官")
    assert station.types() == ["record.opened"]


async def test_the_officer_on_duty_sees_nothing_of_a_complaint(station):
    record = await station.open("TS-01", typed=PLANTED)
    assert station.reveals.masked(record.id) == {}
    assert await station.reveals.reveal(record.id, station.new_id(), fields=["need", "name"]) is None
    assert station.unsealed() == [PLANTED]  # headquarters does


async def test_an_amendment_lies_over_what_was_there(station):
    record = await station.open("HZ-01", typed=PLANTED)
    await station.records.amend(record.id, station.new_id(), header=Header(), typed={"name": "李丁测", "phone": ""})
    assert station.reveals.masked(record.id) == {"name": "李*", "number": MASKED["number"]}
    await station.keys.new_shift()
    await station.records.amend(record.id, station.new_id(), header=Header(), typed={"phone": "13900005678"})
    assert station.reveals.masked(record.id) == {"phone": "139****5678"}


async def test_a_damaged_box_is_on_file_and_logged_once(station, caplog):
    record = await station.open("HZ-01", typed=PLANTED)
    damage = "UPDATE record_boxes SET box = 'A' || substr(box, 2, 20) || 'AAAA'"
    await station.journal.run(lambda pen: pen.connection.execute(damage))
    with caplog.at_level(logging.WARNING):
        assert station.reveals.masked(record.id) == station.reveals.masked(record.id) == {}
    assert len(caplog.records) == 1


async def test_what_is_shown_hides_itself_in_a_repr(station):
    record = await station.open("HZ-01", typed=PLANTED)
    shown = await station.reveals.reveal(record.id, station.new_id(), fields=list(PLANTED))
    assert shown.fields == PLANTED
    assert all(text not in repr(shown) for text in PLANTED.values() if len(text) > 1)
