"""The books of the desks on headquarters' page."""

import pytest
from sqlalchemy import insert
from web_desks import WALL_MS, CityDesk, at_headquarters

from hq import tables


def kept(browser, *entries):
    with browser.database.write() as connection:
        connection.execute(insert(tables.stations).values(station="sjz-001"))
        for place, (kind, what, hours, state) in enumerate(entries):
            row = {"station": "sjz-001", "id": f"019a0000-0000-7000-8000-{place:012}", "kind": kind, "what": what}
            row |= {"which": "<b>A-3</b>", "place": "G-07", "state": state, "hours": hours}
            connection.execute(insert(tables.books).values(**row, since_ms=WALL_MS - 7_200_000, received_ms=WALL_MS))


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh-CN", ("值班台登记簿", "巡逻", "雨伞", "sword", "超期")),
        ("en", ("Books of the desks", "Patrol", "Umbrella", "sword", "overdue")),
    ],
)
async def test_what_is_open_is_listed_overdue_first_and_what_is_over_is_not(lang, words):
    async with at_headquarters(CityDesk()) as browser:
        empty = (await browser.get(f"/books?lang={lang}")).text
        assert words[0] in empty
        assert "<table>" not in empty
        kept(
            browser,
            ("patrol", "round", 0, "out"),
            ("loan", "umbrella", 72, "out"),
            ("loan", "sword", 1, "out"),
            ("found", "keys", 480, "handed_back"),
        )
        page = (await browser.get("/books")).text
        assert all(word in page for word in words)
        assert page.index("sword") < page.index(words[1])
        assert page.count('class="overdue"') == 1
        assert page.count("<tr") == 4
        assert "<b>A-3</b>" not in page
        assert 'href="/books"' in (await browser.get("/")).text


async def test_nobody_outside_sees_it():
    async with at_headquarters(CityDesk(), role=None) as browser:
        assert (await browser.get("/books")).headers["location"] == "/sign-in"
