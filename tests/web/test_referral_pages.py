"""Referrals at the duty desk (a day that is proposed, consent, overdue ones, the slip), and on headquarters' page."""

import re

import pytest
from sqlalchemy import insert
from test_record_pages import EVENT, SCRIPT, TYPED, open_record, step
from web_desks import WALL_MS, CityDesk, at_headquarters
from window_rig import CATALOGUE

from hq import tables
from hq.records import BLANK

DAY_MS = 24 * 3600 * 1000


async def handled(browser, service, **fields):
    record, _ = await open_record(browser, service, **fields)
    await step(browser, record, "accept")
    return record


@pytest.fixture
def today(station, monkeypatch):
    """What day it is, as the station knows it, may be set: `today(8)` is in 8 days."""
    wall_ms, ahead = station.counter.clock.wall_ms, [0]
    monkeypatch.setattr(station.counter.records, "known_ms", lambda: wall_ms() + ahead[0] * DAY_MS)
    return lambda days: ahead.__setitem__(0, days)


async def refer(browser, record, target, **more):
    return await browser.post(f"/duty/records/{record}/steps/refer", data={"event_id": EVENT, "target": target} | more)


def written(day, lang):
    year, month, of_month = day.split("-")
    return f"{year}年{month}月{of_month}日" if lang == "zh-CN" else day


@pytest.mark.parametrize(("lang", "said"), [("zh-CN", "{} 前"), ("en", "by {}")])
async def test_each_target_proposes_its_day_which_is_taken_unless_another_is_written(station, today, lang, said):
    record, other = await handled(station, "TJ-01"), await handled(station, "TJ-01")
    page = (await station.get(f"/duty/records/{record}?lang={lang}")).text
    day = station.counter.records.proposed(CATALOGUE.targets["mediation-people-village"])
    assert page.count(said.format(day)) == 12
    assert (await refer(station, record, "mediation-people-village")).status_code == 303
    found = station.counter.records.get(record)
    assert (found.state, found.target, found.due) == ("referred", "mediation-people-village", day)
    assert await step(station, other, "refer", target="mediation-judicial-city", due="2099-01-01") == "referred"
    assert station.counter.records.get(other).due == "2099-01-01"


async def test_while_nobody_knows_the_day_none_is_proposed_and_one_has_to_be_written(station, monkeypatch):
    record = await handled(station, "TJ-01")
    monkeypatch.setattr(station.counter.records, "known_ms", lambda: None)
    assert re.search(r'name="due" required', (await station.get(f"/duty/records/{record}")).text)
    assert (await refer(station, record, "mediation-people-village")).status_code == 400


@pytest.mark.parametrize(
    ("lang", "words"), [("zh-CN", ("群众同意", "必填")), ("en", ("The citizen agrees", "is needed"))]
)
async def test_assistance_is_asked_for_only_once_the_citizen_has_agreed_and_that_is_shown(station, today, lang, words):
    record = await handled(station, "BF-01")
    answer = await station.post(
        f"/duty/records/{record}/steps/refer?lang={lang}", data={"event_id": EVENT, "target": "assistance-county"}
    )
    assert answer.status_code == 400
    assert all(word in answer.text for word in words)
    assert (await refer(station, record, "assistance-county", consent="yes")).status_code == 303
    assert station.counter.records.get(record).consent
    assert words[0] in (await station.get(f"/duty/records/{record}?lang={lang}")).text


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("已逾期", "对方未签收", "对方办理已逾期")),
        ("en", ("overdue", "nobody there has signed", "Overdue there")),
    ],
)
async def test_an_overdue_referral_comes_back_on_top_marked_with_its_day_signed_or_not(station, lang, words, today):
    newer = await handled(station, "ZX-01")
    record = await handled(station, "QZ-01")
    await refer(station, record, "police-office")
    due = station.counter.records.get(record).due
    page = (await station.get(f"/duty?lang={lang}")).text
    assert page.index(newer) < page.index(record)
    assert words[0] not in page
    today(8)
    page = (await station.get(f"/duty?lang={lang}")).text
    assert page.index(record) < page.index(newer)
    overdue = f'{words[0]} <time datetime="{due}">{written(due, lang)}</time>'
    assert overdue in page
    assert words[1] in (await station.get(f"/duty/records/{record}?lang={lang}")).text
    await step(station, record, "sign")
    assert words[2] in (await station.get(f"/duty/records/{record}?lang={lang}")).text
    assert overdue in (await station.get(f"/duty?lang={lang}")).text


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_the_slip_has_number_target_day_and_what_to_bring_and_no_more_of_the_person_than_the_screen(
    station, lang
):
    record = await handled(station, "HZ-01", **TYPED)
    assert 'data-key="p"' not in (await station.get(f"/duty/records/{record}")).text
    assert (await station.get(f"/duty/records/{record}/slip")).status_code == 404
    await refer(station, record, "household-office", due="2099-01-02")
    page = (await station.get(f"/duty/records/{record}")).text
    assert re.search(rf'href="/duty/records/{record}/slip" data-key="p"', page)
    slip = (await station.get(f"/duty/records/{record}/slip?lang={lang}")).text
    target, service = CATALOGUE.targets["household-office"], CATALOGUE.services["HZ-01"]
    name = (lambda item: item.zh) if lang == "zh-CN" else (lambda item: item.en)
    day = written("2099-01-02", lang)
    number = station.counter.records.get(record).number
    for words in (
        number,
        name(target),
        name(service),
        day,
        "欧*",
        *(name(CATALOGUE.materials[one]) for one in service.bring),
    ):
        assert words in slip
    assert not any(secret in slip for secret in TYPED.values())
    assert "Ctrl+P" in slip


async def test_script_in_a_reference_never_reaches_the_slip(station):
    record = await handled(station, "QZ-01")
    assert (await refer(station, record, "police-office", reference=SCRIPT)).status_code == 400
    assert (await station.get("/duty/records/x/slip")).status_code == 404


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("转介事项", "未办结转介 2 件，其中逾期 1 件，未签收 1 件", "已逾期")),
        ("en", ("Referrals", "Of 2 open referrals 1 are overdue, and for 1 nobody has signed", "overdue")),
    ],
)
async def test_headquarters_page_lists_open_referrals_due_first_and_says_of_how_many(lang, words):
    async with at_headquarters(CityDesk()) as browser:
        assert ("没有未办结的转介" if lang == "zh-CN" else "No open referral") in (
            await browser.get(f"/referrals?lang={lang}")
        ).text
        rows = [
            ("sjz-002", "JW012-20261101-0002", "received", "2099-01-01"),
            ("sjz-001", "JW012-20261101-0001", "referred", "2020-01-01"),
        ]
        with browser.database.write() as connection:
            connection.execute(insert(tables.stations), [{"station": station} for station, *_ in rows])
            for place, (station, number, state, due) in enumerate(rows):
                row = BLANK | {
                    "station": station,
                    "record": f"019a0000-0000-7000-8000-00000000000{place}",
                    "number": number,
                }
                row |= {"state": state, "due": due, "target": "police-office", "service": "QZ-01", "change": 5}
                row |= {"marks": "{}", "received_ms": WALL_MS, "changed_ms": WALL_MS}
                connection.execute(insert(tables.records).values(**row))
        page = (await browser.get(f"/referrals?lang={lang}")).text
        assert all(word in page for word in words)
        assert page.index("JW012-20261101-0001") < page.index("JW012-20261101-0002")
        assert 'href="/referrals"' in (await browser.get("/")).text
