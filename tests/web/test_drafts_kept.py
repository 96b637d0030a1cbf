"""A new record is kept field by field: a draft from the first one on, which the form at the end completes."""

import asyncio
import json
import re

import pytest
from test_record_pages import TYPED, form_id, lines
from web_desks import CALL, EVENT


class Form:
    """A form of a new record as the browser holds it."""

    def __init__(self, station, page, service):
        self.station = station
        self.ids = re.search(r'data-draft="([^"]+)"', page)[1].split()
        hidden = {name: re.search(rf'name="{name}" value="([^"]+)"', page)[1] for name in ("complete", "register")}
        self.record = form_id(page, "/duty/records")
        self.fields = {"event_id": self.record, "service": service, **hidden}

    async def leave(self, **fields):
        """Fill fields in and leave the last of them."""
        self.fields |= fields
        answer = await self.station.post("/duty/drafts", data=self.fields | {"save": self.ids.pop(0)})
        return answer.status_code

    async def send(self, **fields):
        return await self.station.post("/duty/records", data=self.fields | {"as": "registered"} | fields)

    def state(self):
        record = self.station.counter.records.get(self.record)
        return record and record.state


@pytest.fixture
async def form(station):
    return Form(station, (await station.get("/duty/new?service=HZ-01")).text, "HZ-01")


def types(station):
    return [event["type"] for event in lines(station) if event["type"].startswith("record.")]


def plain(station, record):
    return station.counter.reveals._plain(record)


async def test_there_is_a_draft_from_the_first_field_and_nothing_of_it_in_the_open(station, form):
    assert await form.leave(need=TYPED["need"]) == 204
    assert form.state() == "draft"
    assert await form.leave(name=TYPED["name"]) == 204
    assert plain(station, form.record) == {"need": TYPED["need"], "name": TYPED["name"]}
    assert types(station) == ["record.opened", "record.amended"]
    assert not any(secret in json.dumps(lines(station), ensure_ascii=False) for secret in TYPED.values())
    assert f"record-{form.record}" in (await station.get("/duty")).text


async def test_the_form_at_the_end_completes_the_draft_and_registers_it(station, form):
    await form.leave(need=TYPED["need"])
    sent = await form.send(**TYPED, priority="urgent")
    assert (sent.status_code, sent.headers["location"]) == (303, f"/duty/records/{form.record}")
    assert form.state() == "registered"
    assert plain(station, form.record) == TYPED
    assert station.counter.records.get(form.record).priority == "urgent"
    again = await form.send(**TYPED, priority="urgent")
    assert again.status_code == 303
    assert types(station) == ["record.opened", "record.amended", "record.stepped"]


async def test_what_was_kept_already_is_not_journaled_again(station, form):
    await form.leave(**TYPED)
    await form.leave()
    await form.send()
    assert types(station) == ["record.opened", "record.stepped"]


async def test_a_field_that_is_emptied_again_is_taken_away(station, form):
    await form.leave(name=TYPED["name"], number=TYPED["number"])
    await form.leave(name="")
    assert plain(station, form.record) == {"name": "", "number": TYPED["number"]}
    assert station.counter.records.get(form.record).on_file == ("number",)
    await form.leave(name="")
    assert types(station) == ["record.opened", "record.amended"]


async def test_a_draft_that_lacks_its_number_stays_one_and_keeps_what_it_has(station, form):
    await form.leave(name=TYPED["name"])
    refused = await form.send()
    assert refused.status_code == 400
    assert "证件号码" in refused.text
    assert form.state() == "draft"
    await form.send(number=TYPED["number"])
    assert form.state() == "registered"


async def test_the_last_field_and_the_form_may_arrive_at_once(station, form):
    form.fields |= TYPED
    await asyncio.gather(form.leave(), form.send(), form.leave(), form.send())
    assert form.state() == "registered"
    assert plain(station, form.record) == TYPED


async def test_a_field_that_comes_after_the_form_changes_nothing(station, form):
    await form.send(**TYPED)
    assert await form.leave(name="司马乙测") == 204
    assert plain(station, form.record)["name"] == TYPED["name"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"name": "x" * 201}, 400), ({"service": "nonsense"}, 400), ({"save": "x"}, 400), ({"event_id": "x"}, 400)],
    ids=str,
)
async def test_what_cannot_be_kept_is_refused_and_nothing_is_written(station, form, fields, status):
    answer = await station.post("/duty/drafts", data=form.fields | {"save": EVENT} | fields)
    assert answer.status_code == status
    assert types(station) == []


async def test_a_draft_is_never_made_of_another_record(station, form):
    """An id that is no record's, but of something that was done to one, opens nothing and changes nothing."""
    await form.leave(need=TYPED["need"])
    await station.post(f"/duty/records/{form.record}/steps/withdraw", data={"event_id": EVENT})
    answer = await station.post("/duty/drafts", data=form.fields | {"event_id": EVENT, "save": CALL})
    assert answer.status_code == 400
    assert types(station) == ["record.opened", "record.stepped"]
