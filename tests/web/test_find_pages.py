"""Finding things at the citizen's screen: by taps alone, in three at most, and never more certain than it is."""

import html
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_desks import StationDesk, at_station

from agent.screens.find_pages import FindPages
from agent.screens.paging import Look
from tests.agent.finding_rig import City

LANGUAGES = pytest.mark.parametrize("lang", ["zh-CN", "en"])
LOOKS = [(language, size) for language in ("zh-CN", "en") for size in ("normal", "large")]


@pytest.fixture
def city(tmp_path):
    city = City(tmp_path)
    city.finding.look()
    return city


@pytest.fixture
async def screen(city):
    finding = city.finding

    def rooms(counter):
        return {"rooms": {"find": FindPages(finding, counter.visits)}, "places": finding.kinds}

    async with at_station(StationDesk(), citizen=rooms) as browser:
        yield browser


async def tapped(screen, to: str) -> str:
    assert (await screen.post("/go", data={"to": to})).status_code == 303
    return html.unescape((await screen.get("/")).text)


async def look(screen, language: str, size: str = "normal") -> None:
    assert (await screen.post("/look", data={"lang": language, "size": size})).status_code == 303


def buttons(page: str, to: str) -> list[str]:
    """Where the buttons of a page lead, of those below an address."""
    return re.findall(rf'<button name="to" value="({to}/[^"]+)"(?! id="more")', page)


def more(page: str) -> str | None:
    found = re.search(r'value="([^"]+)" id="more"', page)
    return found and found[1]


def shows_home(page: str) -> bool:
    return 'id="all-services"' in page


async def whole(screen, to: str, prefix: str) -> tuple[list[str], int]:
    """Everything a list leads to, page after page, and how many pages it takes."""
    found, pages = [], 0
    while to:
        page = await tapped(screen, to)
        found += buttons(page, prefix)
        pages += 1
        to = more(page)
    return found, pages


@LANGUAGES
async def test_the_first_page_leads_there(screen, lang):
    await look(screen, lang)
    page = html.unescape((await screen.get("/")).text)
    assert 'value="find/places"' in page
    assert 'value="find/grid"' in page
    await look(screen, lang, "large")
    page = (await screen.get("/")).text
    assert 'value="find"' in page
    assert 'value="find/grid"' in await tapped(screen, "find")


async def test_without_files_nothing_leads_there(tmp_path):
    city = City(tmp_path)  # nobody has looked at its files
    async with at_station(
        StationDesk(), citizen=lambda counter: {"rooms": {"find": FindPages(city.finding, counter.visits)}}
    ) as browser:
        assert "find" not in (await browser.get("/")).text
        for to in ("find", "find/places", "find/grid"):
            assert shows_home(await tapped(browser, to))


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_every_place_is_found_with_all_that_is_known_of_it(screen, city, language, size):
    await look(screen, language, size)
    kinds, _ = await whole(screen, "find/places", "find/places")
    assert kinds == [f"find/places/{kind}" for kind in city.finding.places.by_kind]
    for to, places in zip(kinds, city.finding.places.by_kind.values(), strict=True):
        entries, _ = await whole(screen, to, to)
        assert entries == [f"{to}/{place.id}" for place in places]
        for entry, place in zip(entries, places, strict=True):
            page = await tapped(screen, entry)
            assert (place.name_zh if language == "zh-CN" else place.name_en) in page
            address = place.address_zh if language == "zh-CN" else place.address_en
            hours = place.hours_zh if language == "zh-CN" or not place.hours_en else place.hours_en
            assert address in page
            assert hours in page
            assert f"{place.minutes} " in page
            assert place.phone in page


@LANGUAGES
async def test_three_taps_lead_from_the_look_up_to_every_work_contact(screen, city, lang):
    """A tap on letters, one on the street or landmark, one on the role; and the page before shows the numbers."""
    await look(screen, lang)
    grid = city.finding.grid
    reached, seen = set(), set()
    for letters in buttons(await tapped(screen, "find/grid"), "find/grid/rows"):
        for address in buttons(await tapped(screen, letters), "find/grid/at"):
            page = await tapped(screen, address)
            roles = buttons(page, address)
            assert len(roles) == 10
            seen.add(address)
            of_address, of_grid = grid.find(address.rpartition("/")[2])
            for to, contact in zip(roles, of_grid.contacts, strict=True):
                assert contact.phone in page
                if of_address is grid.addresses[0] or of_grid.code == "LX-01":
                    last = await tapped(screen, to)
                    assert contact.phone in last
                    assert contact.name in last
                    assert (of_grid.name_zh if lang == "zh-CN" else of_grid.name_en) in last
                reached.add((of_grid.code, contact.role_zh))
    assert len(seen) == len(grid.addresses)
    assert len(reached) == 10 * 10


@pytest.mark.parametrize(("language", "size"), LOOKS)
async def test_streets_and_landmarks_all_stand_under_some_letters_in_every_look(screen, city, language, size):
    await look(screen, language, size)
    letters, _ = await whole(screen, "find/grid", "find/grid/rows")
    found = []
    for to in letters:
        found += buttons(await tapped(screen, to), "find/grid/at")
    assert sorted(found) == sorted(f"find/grid/at/{address.id}" for address in city.finding.grid.addresses)
    assert len(letters) <= 8
    # Whoever does not know the letters reads on from the first page to the last.
    in_a_row, _ = await whole(screen, letters[0], "find/grid/at")
    assert in_a_row == found


@LANGUAGES
async def test_a_part_of_a_street_names_its_numbers(screen, lang):
    await look(screen, lang)
    pages = [await tapped(screen, to) for to in buttons(await tapped(screen, "find/grid"), "find/grid/rows")]
    [page] = [page for page in pages if "中山路 1" in page or "Zhongshan Road N" in page]
    words = " ".join(re.sub("<[^>]*>", "", page).split())
    for part in (
        ("中山路 1–99号 单号", "中山路 2–100号 双号", "中山路 101号及以上")
        if lang == "zh-CN"
        else ("Zhongshan Road Nos. 1–99, odd", "Zhongshan Road Nos. 2–100, even", "Zhongshan Road No. 101 and above")
    ):
        assert part in words


async def test_a_page_that_was_opened_in_one_look_is_still_there_in_another(screen, city):
    await look(screen, "zh-CN")
    letters = buttons(await tapped(screen, "find/grid"), "find/grid/rows")
    for to in letters:
        await look(screen, "zh-CN")
        await tapped(screen, to)
        first = to.rpartition("/")[2]
        for language, size in LOOKS:
            await look(screen, language, size)
            assert f'value="find/grid/at/{first}"' in (await screen.get("/")).text


@LANGUAGES
async def test_when_it_was_last_checked_is_told_and_marked_after_180_days(screen, city, lang):
    await look(screen, lang)
    place = next(place for place in city.finding.places.by_kind["hospital"] if place.checked == date(2026, 3, 15))
    to = f"find/places/hospital/{place.id}"
    day = "2026年3月15日" if lang == "zh-CN" else "2026-03-15"
    late = "已超过 180 天" if lang == "zh-CN" else "over 180 days ago"
    unknown = "本机日期不确定" if lang == "zh-CN" else "does not know how long ago"
    page = await tapped(screen, to)
    assert day in page
    assert late in page
    assert "icon-warning" in (await tapped(screen, "find/places/hospital")).split('class="found')[1]
    city.clock.day = date(2026, 9, 11)
    page = await tapped(screen, to)  # the 180th day
    assert day in page
    assert late not in page
    assert unknown not in page
    city.clock.sure = False
    page = await tapped(screen, to)
    assert day in page
    assert late not in page
    assert unknown in page


async def test_a_place_that_is_gone_leads_to_the_first_page(screen, city):
    to = "find/places/pharmacy"
    [first, *_] = buttons(await tapped(screen, to), to)
    city.places.write_text(city.places.read_text(encoding="utf-8").replace("pharmacy", "bank"), encoding="utf-8")
    await tapped(screen, first)
    city.look()
    assert shows_home((await screen.get("/")).text)
    assert shows_home(await tapped(screen, to))


@pytest.mark.parametrize(
    "to",
    [
        "find/what",
        "find/places/what",
        "find/places/pharmacy/what",
        "find/places/pharmacy/more/what",
        "find/places/more/what",
        "find/places/pharmacy/more",
        "find/grid/rows/what",
        "find/grid/rows",
        "find/grid/at/what",
        "find/grid/at/what/1",
        "find/grid/more/what",
    ],
)
async def test_what_there_is_not_is_the_first_page(screen, to):
    assert shows_home(await tapped(screen, to))


@pytest.mark.parametrize("number", ["0", "11", "x", "٣", "999999999"])
async def test_a_contact_there_is_not_is_the_first_page(screen, city, number):
    address = city.finding.grid.addresses[0].id
    if number.isascii():
        assert shows_home(await tapped(screen, f"find/grid/at/{address}/{number}"))
    else:
        assert (await screen.post("/go", data={"to": f"find/grid/at/{address}/{number}"})).status_code == 400


async def test_back_leads_the_same_way_home(screen):
    [first, *_] = buttons(await tapped(screen, "find/places"), "find/places")
    await tapped(screen, first)
    assert (await screen.post("/back")).status_code == 303
    assert 'id="kind-' in (await screen.get("/")).text
    await screen.post("/back")
    assert shows_home((await screen.get("/")).text)


texts = st.text(st.sampled_from("街a路 W"), max_size=40)


@given(st.lists(texts, max_size=40), st.integers(1, 3), st.booleans(), texts)
def test_pages_of_a_list_hold_each_entry_once_in_order_and_none_is_empty(entries, columns, large, heading):
    look = Look("zh-CN", large)
    lines = [look.lines(entry, columns=columns) for entry in entries]
    pages = look.pages(entries, lines, columns=columns, heading=heading)
    assert [entry for page in pages for entry in page] == entries
    assert all(pages)
    assert all(len(page) <= 4 * columns for page in pages)
