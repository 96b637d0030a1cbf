"""Figures on headquarters' page: the city's, each station's, and ratings that tell nobody's."""

import re

import pytest
from sqlalchemy import insert
from web_desks import CityDesk, at_headquarters

from hq import tables

DAY = "2026-11-18"  # of web_desks' WALL_MS


def counted(browser, *rows, day=DAY):
    """Put figures there, each (station, what, which, count)."""
    with browser.database.write() as connection:
        for station in {row[0] for row in rows}:
            known = connection.execute(tables.stations.select().where(tables.stations.c.station == station)).first()
            if known is None:
                connection.execute(insert(tables.stations).values(station=station))
        names = ("station", "what", "which", "count")
        connection.execute(insert(tables.figures), [dict(zip(names, row, strict=True)) | {"day": day} for row in rows])


def cells(page, first):
    """Return what the cells of the row of that name say."""
    found = re.search(rf'<tr><th scope="row"[^>]*>{re.escape(first)}</th>(.*?)</tr>', page, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1], re.DOTALL)]


async def test_the_city_and_each_station_are_shown_with_what_shares_are_of():
    async with at_headquarters(CityDesk()) as browser:
        counted(browser, ("sjz-001", "help", "raised", 3), ("sjz-001", "answer", "120", 2))
        counted(browser, ("sjz-002", "help", "raised", 1), ("sjz-002", "help", "unknown", 1), day="2026-11-02")
        page = (await browser.get("/figures?lang=en")).text
        assert cells(page, "Calls for help")[:2] == ["3", "4"]
        assert cells(page, "Answered within 15 seconds")[0] == "2 / 3 66.7 %"
        assert cells(page, "sjz-001") == ["3", "2 / 3 66.7 %", "2 / 3 66.7 %", "1", "0", "0"]
        assert cells(page, "sjz-002") == ["1", "–", "–", "0", "1", "0"]
        assert "They are told once the month is over." in page
        assert 'href="/figures"' in (await browser.get("/")).text


async def test_ratings_of_a_month_that_is_over_leave_out_stations_with_few_of_them():
    async with at_headquarters(CityDesk()) as browser:
        day = "2026-10-07"
        counted(browser, ("sjz-001", "rating", "satisfied", 5), ("sjz-001", "outcome", "done", 9), day=day)
        counted(browser, ("sjz-002", "rating", "very_dissatisfied", 4), ("sjz-002", "outcome", "done", 4), day=day)
        page = (await browser.get(f"/figures?day={day}&lang=en")).text
        ratings = page[page.index("Ratings of the month") :]
        assert cells(ratings, "sjz-001")[:3] == ["5 / 9 55.6 %", "0 / 5 0.0 %", "5 / 5 100.0 %"]
        assert cells(ratings, "All of these")[0] == "5 / 9 55.6 %"
        assert "sjz-002" not in ratings
        assert "so that nobody can tell whose they are: 1." in ratings


@pytest.mark.parametrize("day", ["", "nonsense", "0001-01-01", "9999-12-31"])
async def test_any_day_is_answered(day):
    async with at_headquarters(CityDesk()) as browser:
        assert (await browser.get("/figures", params={"day": day})).status_code == 200


async def test_nobody_sees_them_who_is_not_signed_in():
    async with at_headquarters(CityDesk(), role=None) as browser:
        assert (await browser.get("/figures")).status_code == 303
