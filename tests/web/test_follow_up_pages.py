import re

import pytest
from sqlalchemy import insert
from web_desks import WALL_MS, CityDesk, at_headquarters

from hq import tables

ID, RECORD, NUMBER = (
    "019a0000-0000-7000-8000-0000000000f1",
    "019a0000-0000-7000-8000-0000000000f2",
    "JW012-20261122-0007",
)
DAY_MS = 24 * 3600 * 1000


def rated(browser, *, days_ago=0, follow_up=ID):
    row = {"station": "sjz-001", "id": follow_up, "record": RECORD, "rating": "very_dissatisfied", "reason": ""}
    with browser.database.write() as connection:
        if connection.execute(tables.stations.select()).first() is None:
            connection.execute(insert(tables.stations).values(station="sjz-001"))
        connection.execute(insert(tables.follow_ups).values(rated_ms=WALL_MS - days_ago * DAY_MS, **row))


@pytest.mark.parametrize(
    ("lang", "words"),
    [("zh-CN", ("差评回访", "非常不满意", "已逾期")), ("en", ("Follow-ups", "Very dissatisfied", "overdue"))],
)
async def test_a_supervisor_sees_what_is_open_with_its_day_and_what_is_overdue(lang, words):
    async with at_headquarters(CityDesk(), role="supervisor") as browser:
        rated(browser)
        page = (await browser.get(f"/follow-ups?lang={lang}")).text
        assert all(word in page for word in (*words[:2], "sjz-001"))
        assert words[2] not in page
        browser.clock.ahead_ms = 30 * DAY_MS
        browser.cookies.set("session", browser.accounts.begin("wang", wall=False))
        page = (await browser.get(f"/follow-ups?lang={lang}")).text
        assert all(word in page for word in words)
        assert re.search(r'id="follow-ups".*?<b>1</b>', (await browser.get(f"/?lang={lang}")).text, re.DOTALL)


async def test_it_is_closed_with_what_came_of_it_and_not_without():
    async with at_headquarters(CityDesk(), role="supervisor") as browser:
        rated(browser)
        refused = await browser.post(f"/follow-ups/{ID}/close", data={"reason": " "})
        assert refused.status_code == 400
        assert "未办结" in refused.text
        for _ in range(2):
            answer = await browser.post(f"/follow-ups/{ID}/close", data={"reason": "已电话回访"})
            assert (answer.status_code, answer.headers["location"]) == (303, "/follow-ups")
        assert ID not in (await browser.get("/follow-ups")).text
        assert 'id="follow-ups"' not in (await browser.get("/")).text
        with browser.database.read() as connection:
            (row,) = connection.execute(tables.follow_ups.select()).all()
        assert (row.closed_by, row.reason) == ("wang", "已电话回访")


@pytest.mark.parametrize("role", ["monitor", "auditor", "administrator"])
async def test_nobody_else_is_shown_them(role):
    async with at_headquarters(CityDesk(), role=role) as browser:
        rated(browser)
        assert (await browser.get("/follow-ups")).status_code == 403
        assert (await browser.post(f"/follow-ups/{ID}/close", data={"reason": "x"})).status_code == 403
        assert "follow-ups" not in (await browser.get("/")).text


async def test_a_walls_screen_shows_none():
    async with at_headquarters(CityDesk(), role="supervisor", wall=True) as browser:
        rated(browser)
        assert (await browser.get("/follow-ups")).status_code == 303
        assert "follow-ups" not in (await browser.get("/")).text


@pytest.mark.parametrize("follow_up", ["7", "019a0000-0000-7000-8000-0000000000ff"])
async def test_one_that_is_not_there_is_not_closed(follow_up):
    async with at_headquarters(CityDesk(), role="supervisor") as browser:
        rated(browser)
        answer = await browser.post(f"/follow-ups/{follow_up}/close", data={"reason": "x"})
        assert answer.status_code in (303, 404)
        assert ID in (await browser.get("/follow-ups")).text
