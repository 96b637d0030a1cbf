"""Loans and lost and found at the duty desk, and on the sheet of a handover."""

import re
import sqlite3

import pytest

EVENT, OTHER, THIRD = (f"019a0000-0000-7000-8000-0000000000a{place}" for place in (1, 2, 3))
LOAN = {"event_id": EVENT, "thing": "umbrella", "number": "U-1"}
KEYS = {"event_id": EVENT, "category": "keys", "shelf": "A-3", "note": "三把"}
BOOKS = pytest.mark.parametrize(
    ("path", "form", "step"), [("/duty/loans", LOAN, "return"), ("/duty/found", KEYS, "hand_back")]
)


@BOOKS
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_it_is_keyed_in_shown_with_the_steps_of_its_table_and_ended(station, path, form, step, lang):
    assert path in (await station.get(f"/duty?lang={lang}")).text
    assert (await station.post(path, data=form)).headers["location"] == path
    page = (await station.get(path)).text
    assert (
        set(re.findall(rf'action="{path}/{EVENT}/([a-z_]+)"', page))
        == {
            "/duty/loans": {"return", "lose", "cancel"},
            "/duty/found": {"hand_back", "hand_on", "cancel"},
        }[path]
    )
    assert len(re.findall('data-key="1"', page)) == 1
    assert (await station.post(f"{path}/{EVENT}/{step}", data={"event_id": OTHER})).status_code == 303
    assert f"{path}/{EVENT}/" not in (await station.get(path)).text


@pytest.mark.parametrize(("lang", "words"), [("zh-CN", ("雨伞", "超期", "已借出")), ("en", ("Umbrella", "overdue"))])
async def test_what_is_out_too_long_says_so(station, lang, words):
    await station.post("/duty/loans", data=LOAN)
    page = (await station.get(f"/duty/loans?lang={lang}")).text
    assert words[0] in page
    assert 'class="due"' not in page
    station.counter.clock.ahead_s += 72 * 3600
    page = (await station.get("/duty/loans")).text
    assert 'class="due"' in page


async def test_what_was_given_up_can_still_come_back(station):
    await station.post("/duty/loans", data=LOAN)
    await station.post(f"/duty/loans/{EVENT}/lose", data={"event_id": OTHER})
    page = (await station.get("/duty/loans")).text
    assert set(re.findall(rf'action="/duty/loans/{EVENT}/([a-z_]+)"', page)) == {"return"}


@BOOKS
async def test_a_wrong_form_says_what_is_wrong_in_words_and_repeats_nothing(station, path, form, step):
    wrong = form | {"number": "13800138000", "shelf": "13800138000", "thing": "x", "category": "x"}
    answer = await station.post(f"{path}?lang=en", data=wrong)
    assert answer.status_code == 400
    assert "13800138000" not in answer.text
    assert answer.text.count("<li>") >= 2
    assert "action" in (await station.get(path)).text
    assert f"{EVENT}/{step}" not in (await station.get(path)).text


async def test_a_thing_that_is_out_is_not_lent_again(station):
    await station.post("/duty/loans", data=LOAN)
    answer = await station.post("/duty/loans", data=LOAN | {"event_id": OTHER})
    assert answer.status_code == 400
    assert "已借出" in answer.text


@BOOKS
async def test_strange_addresses_are_refused_and_a_late_step_changes_nothing(station, path, form, step):
    late = {"event_id": OTHER}
    assert (await station.post(f"{path}/{EVENT}/nonsense", data=late)).status_code == 404
    assert (await station.post(f"{path}/x/{step}", data=late)).status_code == 404
    assert (await station.post(f"{path}/{EVENT}/{step}", data=late)).status_code == 303
    assert (await station.post(path, data=form | {"event_id": "x"})).status_code == 400


@BOOKS
async def test_without_a_disk_the_desk_says_so(station, path, form, step, monkeypatch):
    async def broken(*_):
        raise station.journal.damaged(sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(station.journal, "run", broken)
    assert (await station.post(path, data=form)).status_code == 503
    assert (await station.post(f"{path}/{EVENT}/{step}", data={"event_id": OTHER})).status_code == 503


async def test_script_in_a_few_words_is_shown_as_text(station):
    await station.post("/duty/found", data=KEYS | {"note": "<script>alert(1)</script>"})
    page = (await station.get("/duty/found")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


async def test_what_is_lent_and_what_is_kept_are_one_line_each_on_the_sheet_with_how_many(station):
    await station.post("/duty/loans", data=LOAN)
    await station.post("/duty/loans", data=LOAN | {"event_id": OTHER, "number": "U-2"})
    await station.post("/duty/found", data=KEYS | {"event_id": THIRD})
    items = {item.kind: item for item in station.counter.handovers.sheet().items}
    assert (items["loan"].label, items["found"].label) == ("2", "1")
    page = (await station.get("/duty/handover")).text
    assert "借出物品" in page
    assert "代保管失物" in page


async def test_when_others_are_out_the_line_is_asked_again_and_what_was_refused_of_it_is_forgotten(station):
    handovers = station.counter.handovers

    async def check(*, accepted):
        sheet = handovers.sheet()
        for item in sheet.undecided:
            await handovers.check(str(next(ids)), sheet.id, item.key, accepted=accepted, reason="not counted")

    ids = (f"019a0000-0000-7000-8000-{place:012}" for place in range(100))
    await station.post("/duty/loans", data=LOAN)
    await handovers.begin(str(next(ids)))
    await check(accepted=False)
    await station.post("/duty/loans", data=LOAN | {"event_id": OTHER, "number": "U-2"})
    sheet = handovers.sheet()
    assert [item.kind for item in sheet.undecided] == ["loan"]
    assert await handovers.sign(str(next(ids)), sheet.id, giving="1", receiving="2") == "undecided"
    await check(accepted=False)
    assert await handovers.sign(str(next(ids)), sheet.id, giving="1", receiving="2") == "done"
    assert len(handovers.sheet().stays) == 1
    await station.post(f"/duty/loans/{EVENT}/return", data={"event_id": THIRD})
    await handovers.begin(str(next(ids)))
    await check(accepted=True)
    assert await handovers.sign(str(next(ids)), handovers.sheet().id, giving="1", receiving="2") == "done"
    assert handovers.sheet().stays == {}
