"""Both sides of a handover prove who they are where there is a staff list; else their numbers are typed."""

import json
import re

import pytest
from test_handover_pages import HERE, begin, go_through
from test_record_pages import form_id, lines, open_record
from web_desks import StationDesk, at_station
from window_rig import PIN, STAFF

from agent import staff
from common import pins
from common.events.desk import StaffMember, StaffSet

OTHER, OTHER_PIN = "054321", "731946"
WRONG = "000001"
KEPT = {PIN: pins.kept(PIN), OTHER_PIN: pins.kept(OTHER_PIN)}
MANY = 200


async def listed(station):
    """Do what headquarters' order does."""
    members = (StaffMember(number=STAFF, pin=KEPT[PIN]), StaffMember(number=OTHER, pin=KEPT[OTHER_PIN]))
    await station.journal.run(lambda pen: staff.apply(pen, "", StaffSet(staff=members)))


async def to_sign(station):
    """Begin a handover of one item, accept it, and return it with the page that asks to sign."""
    await open_record(station, "ZX-01")
    handover = await begin(station)
    return handover, await all_accepted(station, handover)


async def all_accepted(station, handover):
    html = await go_through(station, handover, **{"as": "accepted"})
    while 'name="item"' in html:
        html = await go_through(station, handover, **{"as": "accepted"})
    return html


async def sign(station, handover, html, **fields):
    form = {"giving_staff": STAFF, "giving_pin": PIN, "receiving_staff": OTHER, "receiving_pin": OTHER_PIN} | fields
    data = {"event_id": form_id(html, f"{HERE}/{handover}/sign")} | form
    return await station.post(f"{HERE}/{handover}/sign?lang=en", data=data)


def signed(station):
    return [event["data"] for event in lines(station) if event["type"] == "handover.signed"]


async def test_with_a_staff_list_both_sides_sign_with_their_pins_and_it_is_marked(station):
    await listed(station)
    handover, html = await to_sign(station)
    assert len(re.findall(r'type="password"', html)) == 2
    answer = await sign(station, handover, html)
    assert answer.headers["location"] == f"{HERE}/past/{handover}"
    [event] = signed(station)
    assert (event["giving_staff"], event["receiving_staff"], event["by"]) == (STAFF, OTHER, "pin")
    assert "with the PINs of both" in (await station.get(f"{HERE}/past/{handover}?lang=en")).text
    assert station.counter.sign_in.present is None, "to sign is not to sign in"


async def test_without_a_staff_list_numbers_are_typed_and_it_is_marked(station):
    handover, html = await to_sign(station)
    assert "typed and believed" in (await station.get(f"{HERE}/next?lang=en")).text
    assert 'type="password"' not in html
    await sign(station, handover, html)
    assert signed(station)[0].get("by", "typed") == "typed"
    assert "numbers typed, not proven" in (await station.get(f"{HERE}/past/{handover}?lang=en")).text


@pytest.mark.parametrize(
    ("fields", "side"),
    [
        ({"giving_pin": WRONG}, "Giving"),
        ({"receiving_pin": WRONG}, "Receiving"),
        ({"receiving_staff": "999999"}, "Receiving"),
        ({"receiving_pin": ""}, "Receiving"),
        ({"receiving_pin": PIN}, "Receiving"),
    ],
    ids=str,
)
async def test_a_wrong_pin_signs_nothing_and_what_was_typed_stays_but_for_the_pins(station, fields, side):
    await listed(station)
    handover, html = await to_sign(station)
    answer = await sign(station, handover, html, **fields)
    assert answer.status_code == 403
    assert re.search(rf"{side}: staff number:\s*No such number, or not its PIN\.", answer.text)
    for name in ("giving_staff", "receiving_staff"):
        typed = {"giving_staff": STAFF, "receiving_staff": OTHER} | fields
        assert f'name="{name}" value="{typed[name]}"' in answer.text
    assert not any(pin in answer.text for pin in (PIN, OTHER_PIN, WRONG))
    assert signed(station) == []
    again = await sign(station, handover, answer.text)
    assert again.headers["location"] == f"{HERE}/past/{handover}"


async def test_signing_is_no_second_way_to_guess_pins(station):
    """Whoever may not sign in for a while may not sign either, and the other way round."""
    await listed(station)
    handover, html = await to_sign(station)
    for _ in range(5):
        await sign(station, handover, html, giving_pin=WRONG)
    refused = await sign(station, handover, html)
    assert "Too many wrong PINs" in refused.text
    door = await station.post("/duty/sign-in?lang=en", data={"staff": STAFF, "pin": PIN})
    assert "Too many wrong PINs" in door.text
    station.counter.clock.ahead_s += 600
    assert (await sign(station, handover, refused.text)).status_code == 303
    assert [event["data"]["times"] for event in lines(station) if event["type"] == "staff.refused"] in ([], [5])


async def test_numbers_alone_sign_nothing_where_there_is_a_list(station):
    await listed(station)
    handover, html = await to_sign(station)
    event_id = form_id(html, f"{HERE}/{handover}/sign")
    with pytest.raises(ValueError, match="giving_staff: wrong"):
        await station.counter.handovers.sign(event_id, handover, giving=STAFF, receiving=OTHER)
    assert signed(station) == []


async def test_no_pin_is_asked_for_what_cannot_be_signed_any_more(station):
    await listed(station)
    handover, html = await to_sign(station)
    await open_record(station, "ZX-01")
    looked = []
    station.counter.sign_in._is_pin = lambda *pin: looked.append(pin)
    assert (await sign(station, handover, html)).headers["location"] == f"{HERE}/next"
    assert looked == []


async def test_the_same_form_twice_is_signed_once(station):
    await listed(station)
    handover, html = await to_sign(station)
    for _ in range(2):
        assert (await sign(station, handover, html)).headers["location"] == f"{HERE}/past/{handover}"
    assert len(signed(station)) == 1


async def test_two_hundred_open_items_are_gone_through_one_refused_and_it_stays(caplog):
    async with at_station(StationDesk()) as station:
        await listed(station)
        records = [(await open_record(station, "ZX-01"))[0] for _ in range(MANY)]
        handover = await begin(station)
        html = (await station.get(f"{HERE}/next")).text
        refused = re.search(r'name="item" value="record:([^"]+)"', html)[1]
        data = {"event_id": form_id(html, f"{HERE}/{handover}/check"), "item": f"record:{refused}"}
        await station.post(f"{HERE}/{handover}/check", data=data | {"as": "refused", "reason": "没看到材料"})
        html = await all_accepted(station, handover)
        assert (await sign(station, handover, html, receiving_pin=WRONG)).status_code == 403
        sheet = station.counter.handovers.sheet()
        assert (sheet.id, len(sheet.checks)) == (handover, MANY), "a wrong PIN takes nothing back"
        assert (await sign(station, handover, html)).status_code == 303
        [event] = signed(station)
        assert (event["accepted"], event["refused"], event["by"]) == (MANY - 1, 1, "pin")
        assert {station.counter.records.get(record).state for record in records} == {"registered"}
        after = station.counter.handovers.sheet()
        assert list(after.stays) == [("record", refused)]
        assert len(after.items) == MANY
        told = json.dumps(lines(station), ensure_ascii=False) + caplog.text
        assert not any(pin in told for pin in (PIN, OTHER_PIN, WRONG))
