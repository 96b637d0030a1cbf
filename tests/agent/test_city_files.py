"""The city's CSV files: what spreadsheets write is read, and every mistake is told with where, found and expected."""

import csv
import io
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent import grid, places
from agent.city_files import MOST_BYTES, MOST_ROWS, stale
from common.catalogue import PLACE_KINDS
from tests.agent.finding_rig import EXAMPLES, TODAY

PLACE = {
    "kind": "pharmacy",
    "name_zh": "仁心药店",
    "name_en": "Renxin Pharmacy",
    "address_zh": "柳溪路 22 号",
    "address_en": "",
    "hours_zh": "24 小时",
    "hours_en": "",
    "phone": "0311-00000108",
    "minutes": "5",
    "checked": "2026-08-01",
}
ADDRESS = {
    "kind": "street",
    "name_zh": "中山路",
    "name_en": "Zhongshan Road",
    "initial": "",
    "from": "",
    "to": "",
    "side": "",
    "grid": "A-1",
}
CONTACT = {
    "grid": "A-1",
    "grid_zh": "第一网格",
    "grid_en": "Grid 1",
    "role_zh": "网格长",
    "role_en": "Grid Leader",
    "name": "赵一",
    "phone": "0311-00000201",
    "checked": "2026-08-01",
}


def written(*rows: dict[str, str]) -> bytes:
    out = io.StringIO()
    sheet = csv.DictWriter(out, list(rows[0]))
    sheet.writeheader()
    sheet.writerows(rows)
    return out.getvalue().encode()


def read_places(data: bytes):
    table, mistakes = places.read(("p.csv", data), today=TODAY)
    return table, [str(mistake) for mistake in mistakes]


def wrong_place(**cells: str) -> list[str]:
    return read_places(written(PLACE | cells))[1]


def read_grid(*addresses: dict[str, str], contacts: tuple[dict[str, str], ...] = (CONTACT,)):
    table, mistakes = grid.read(("a.csv", written(*addresses)), ("c.csv", written(*contacts)), today=TODAY)
    return table, [str(mistake) for mistake in mistakes]


def numbers(first: str = "", last: str = "", side: str = "", **cells: str) -> dict[str, str]:
    return ADDRESS | {"from": first, "to": last, "side": side} | cells


# -- what is right -------------------------------------------------------------------------------------------------


def test_the_examples_have_no_mistake():
    table, mistakes = read_places((EXAMPLES / "places.csv").read_bytes())
    assert not mistakes
    assert len(table) == 22
    found, wrong = grid.read(
        *((f"{name}.csv", (EXAMPLES / f"{name}.csv").read_bytes()) for name in ("addresses", "contacts")), today=TODAY
    )
    assert not wrong
    assert len(found.grids) == 10
    assert {len(each.contacts) for each in found.grids.values()} == {10}


@pytest.mark.parametrize(
    "as_saved",
    [
        lambda data: data,
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\r\n", b"\n"),
        lambda data: data.replace(b"\r\n", b"\r"),
        lambda data: data.replace(b"\r\n", b",,\r\n") + b",,,,,,,,,,,\r\n\r\n",
        lambda data: data.replace(b"\r\n", b" \r\n").replace("仁心药店".encode(), "　仁心药店 ".encode()),
    ],
    ids=["plain", "BOM", "LF", "CR", "empty columns and rows", "blanks around"],
)
def test_what_spreadsheets_save_is_read_alike(as_saved):
    table, mistakes = read_places(as_saved(written(PLACE)))
    assert not mistakes
    assert table.by_kind["pharmacy"][0].name_zh == "仁心药店"


def test_a_quoted_comma_quote_and_the_order_of_columns_do_not_matter():
    turned = dict(reversed((PLACE | {"name_en": 'Renxin "Old" Pharmacy, Liuxi Road'}).items()))
    table, mistakes = read_places(written(turned))
    assert not mistakes
    assert table.by_kind["pharmacy"][0].name_en == 'Renxin "Old" Pharmacy, Liuxi Road'


@pytest.mark.parametrize("day", ["2026-08-01", "2026/8/1", "2026.08.01", "2026年8月1日", "２０２６－０８－０１"])
def test_a_day_is_read_as_people_and_spreadsheets_write_it(day):
    table, mistakes = read_places(written(PLACE | {"checked": day}))
    assert not mistakes
    assert table.by_kind["pharmacy"][0].checked == date(2026, 8, 1)


def test_what_is_typed_full_width_is_made_plain():
    table, mistakes = read_places(written(PLACE | {"phone": "（０３１１）００００－０１０８", "minutes": "５"}))
    assert not mistakes
    [place] = table.by_kind["pharmacy"]
    assert (place.phone, place.minutes) == ("(0311)0000-0108", 5)


def test_a_name_of_twenty_characters_with_a_dot_and_rare_characters_is_a_name():
    name = "阿卜杜热西提·买买提江·图尔荪·㛃䶮"
    table, mistakes = read_grid(ADDRESS, contacts=(CONTACT | {"name": name},))
    assert not mistakes
    assert table.grids["A-1"].contacts[0].name == name


def test_places_of_a_kind_stand_by_minutes_and_kinds_in_their_order():
    table, _ = read_places(
        written(
            PLACE | {"name_zh": "丙", "minutes": "9"},
            PLACE | {"name_zh": "甲", "minutes": "2", "kind": "toilet", "phone": ""},
            PLACE | {"name_zh": "乙", "minutes": "3"},
        )
    )
    assert list(table.by_kind) == ["pharmacy", "toilet"]
    assert [place.name_zh for place in table.by_kind["pharmacy"]] == ["乙", "丙"]


# -- what is wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (
            {"kind": "pharmcy"},
            'kind: found "pharmcy"; expected one of ' + ", ".join(PLACE_KINDS) + " (did you mean pharmacy?)",
        ),
        ({"name_zh": ""}, "name_zh: found nothing; expected text, 1 to 24 characters"),
        ({"name_en": "x" * 81}, "name_en: found 81 characters; expected text, 1 to 50 characters"),
        ({"name_zh": "仁\u202e心"}, "name_zh: found the character U+202E; expected characters to be read"),
        (
            {"name_zh": "仁\ue000心"},
            (
                "name_zh: found the character U+E000; expected characters to be read"
                " (such a private-use character looks different on each machine)"
            ),
        ),
        (
            {"phone": "3.11E+09"},
            (
                'phone: found "3.11E+09"; expected one telephone number, such as 0311-00000101'
                " (a spreadsheet has rounded it: make the column Text and type it again)"
            ),
        ),
        (
            {"phone": "ask\x1b[2J"},
            'phone: found "ask\\u001b[2J"; expected one telephone number, such as 0311-00000101',
        ),
        ({"minutes": "11"}, 'minutes: found "11"; expected a whole number, 1 to 10'),
        ({"minutes": "9" * 5000}, f'minutes: found "{"9" * 39}…"; expected a whole number, 1 to 10'),
        ({"checked": "2026-02-30"}, 'checked: found "2026-02-30"; expected a day, such as 2026-11-22'),
        ({"checked": "46233"}, 'checked: found "46233"; expected a day, such as 2026-11-22'),
        ({"checked": "2026-12-01"}, 'checked: found "2026-12-01"; expected a day that has been: today is 2026-11-25'),
    ],
)
def test_a_wrong_cell_is_told_with_where_found_and_expected(cells, told):
    assert wrong_place(**cells) == [f"p.csv:2: {told}"]


def test_every_mistake_of_a_file_is_told_at_once_in_the_order_of_its_lines():
    told = read_places(
        written(PLACE | {"name_zh": "两\n行"}, PLACE | {"minutes": "x", "phone": "-"}, PLACE | {"kind": ""})
    )[1]
    # The cell that holds two lines makes the second row begin in line 4.
    assert [line.split(": found")[0] for line in told] == [
        "p.csv:2: name_zh",
        "p.csv:4: phone",
        "p.csv:4: minutes",
        "p.csv:5: kind",
    ]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "p.csv: found nothing; expected the names of the columns, and one row or more"),
        (
            written(PLACE).splitlines(keepends=True)[0],
            "p.csv: found no row; expected one row or more under the names of the columns",
        ),
        (
            written(PLACE).replace(b",", b";"),
            "p.csv:1: found columns separated by semicolons; expected columns separated by commas",
        ),
        (
            written(PLACE).decode().encode("gb18030"),
            "p.csv:2: found a byte that is not UTF-8, 0xc8; expected text in UTF-8 (in Excel: save as “CSV UTF-8”)",
        ),
        (
            written(PLACE)[: written(PLACE).index("药".encode()) + 1],
            "p.csv:2: found a byte that is not UTF-8, 0xe8; expected text in UTF-8 (the file seems to be cut off)",
        ),
        (
            written(PLACE).replace(b"0311-00000108", b'0311"'),
            'p.csv:2: phone: found "0311""; expected one telephone number, such as 0311-00000101',
        ),
        (
            written(PLACE).replace(b"0311-00000108", b'"0311'),
            (
                "p.csv:2: found what is no CSV: unexpected end of data; expected a cell with a comma or a quote"
                " inside in double quotes, and such a quote doubled"
            ),
        ),
        (
            written(PLACE).replace(b"0311-00000108", b"1,2"),
            (
                "p.csv:2: found 11 cells; expected 10, as in the first line"
                " (a text with a comma inside stands in double quotes)"
            ),
        ),
        (b" " * (MOST_BYTES + 1), f"p.csv: found more than {MOST_BYTES} bytes; expected a shorter file"),
    ],
)
def test_what_is_no_such_file_is_told_in_one_line(data, told):
    assert read_places(data)[1] == [told]


@given(st.data())
def test_a_file_that_is_cut_off_within_a_line_is_never_right(data):
    whole = (EXAMPLES / "places.csv").read_bytes()
    part = whole[: data.draw(st.integers(0, len(whole) - 3))]
    assert part.endswith((b"\r", b"\n")) or read_places(part)[1]


def test_a_row_with_cells_missing_is_told():
    told = read_places(written(PLACE).replace(b",2026-08-01", b""))[1]
    assert told == ["p.csv:2: found 9 cells; expected 10, as in the first line"]


def test_wrong_names_of_columns_are_told_and_no_row_is_blamed_for_them():
    told = read_places(written(PLACE).replace(b"minutes", b"minuts").replace(b"hours_zh", b"phone"))[1]
    assert [line.split("; expected")[0] for line in told] == [
        "p.csv:1: phone: found a second column of that name",
        'p.csv:1: found the column "minuts"',
        "p.csv:1: found no column hours_zh, minutes",
    ]


def test_too_many_rows_are_one_mistake():
    head, row = written(PLACE).splitlines(keepends=True)
    told = read_places(head + row.replace("仁心药店".encode(), b"x") + b"other\r\n" * MOST_ROWS)[1]
    assert told[-1] == f"p.csv:{MOST_ROWS + 2}: found more than {MOST_ROWS} rows; expected a shorter file"


def test_a_place_stands_there_once():
    told = read_places(written(PLACE, PLACE | {"minutes": "6"}))[1]
    assert told == ['p.csv:3: name_zh: found "仁心药店"; expected each place once: it stands in line 2 already']


# -- the grid ------------------------------------------------------------------------------------------------------


def test_both_sides_of_a_street_and_what_lies_beyond_may_be_of_different_grids():
    table, mistakes = read_grid(
        numbers("1", "99", "odd"), numbers("2", "100", "even"), numbers("101"), ADDRESS | {"name_zh": "东街"}
    )
    assert not mistakes
    assert {(one.first, one.last, one.side) for one in table.addresses} == {
        (1, 99, "odd"),
        (2, 100, "even"),
        (101, 0, ""),
        (0, 0, ""),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("1", "99"), ("99", "120")),
        (("1", "99", "odd"), ("1", "10")),
        (("101",), ("500", "600", "even")),
        (("",), ("1", "9")),
        (("7", "7"), ("7", "7", "odd")),
    ],
)
def test_a_house_number_lies_in_one_grid_only(one, other):
    [told] = read_grid(numbers(*one), numbers(*other))[1]
    assert told.startswith("a.csv:3: from: found ")
    assert told.endswith("; expected house numbers that are not in line 2 already")


def test_a_range_without_a_number_of_its_side_meets_nothing():
    assert not read_grid(numbers("1", "100", "odd"), numbers("100", "200"))[1]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (numbers("9", "1"), 'to: found "1"; expected 9 or more, or nothing for all numbers from 9 on'),
        (numbers("", "9"), 'to: found "9"; expected nothing, or a first number in the column from'),
        (numbers("1", "9", "left"), 'side: found "left"; expected one of odd, even'),
        (numbers("1", kind="landmark"), 'from: found "1"; expected nothing: house numbers are of streets'),
        (numbers(grid="B-2"), 'grid: found "B-2"; expected a grid of c.csv'),
        (numbers(grid="A 1"), 'grid: found "A 1"; expected 1 to 32 letters, digits and -'),
        (numbers(initial="中"), 'initial: found "中"; expected one letter, A to Z'),
        (
            numbers(name_en="4th Middle School"),
            'name_en: found "4th Middle School"; expected a first letter A to Z, or one in the column initial',
        ),
    ],
)
def test_a_wrong_address_is_told(address, told):
    assert read_grid(address)[1] == [f"a.csv:2: {told}"]


def test_one_name_has_one_english_name_and_one_letter():
    told = read_grid(numbers("1", "9"), numbers("10", "19", name_en="Zhong Shan Lu"), numbers("20", initial="S"))[1]
    assert [line.split("expected ")[1] for line in told] == [
        "what line 2 calls it, Zhongshan Road",
        "the letter of line 2, Z",
    ]


def test_a_grid_has_one_name_and_each_contact_once_and_not_too_many():
    others = [CONTACT | {"role_zh": f"角色{n}"} for n in range(12)]
    told = read_grid(ADDRESS, contacts=(CONTACT, CONTACT | {"grid_en": "Grid One"}, *others))[1]
    assert [line.split("expected ")[1] for line in told] == [
        "the name that grid A-1 has in a line before, Grid 1",
        "each contact once: it stands in line 2 already",
        "at most 12 contacts of a grid: this is one more",
        "at most 12 contacts of a grid: this is one more",
    ]


def test_contacts_that_cannot_be_told_apart_are_not_blamed_on_the_addresses():
    _, mistakes = grid.read(("a.csv", written(ADDRESS)), ("c.csv", b"\xff"), today=TODAY)
    assert [mistake.file for mistake in mistakes] == ["c.csv"]


def test_grids_that_no_address_lies_in_are_not_kept():
    table, mistakes = read_grid(ADDRESS, contacts=(CONTACT, CONTACT | {"grid": "Z-9"}))
    assert not mistakes
    assert list(table.grids) == ["A-1"]


def test_groups_are_small_and_keep_a_street_together():
    rows = [numbers(str(n), str(n), name_zh=f"街{street}") for street in "甲乙丙" for n in range(1, 4)]
    table, _ = read_grid(*rows)
    found = grid.groups(table.addresses, lambda group: len(group) <= 8)
    assert [len(group) for group in found] == [6, 3]
    assert [address for group in found for address in group] == list(table.addresses)


@given(st.integers(1, 9), st.lists(st.integers(1, 20), min_size=1, max_size=10))
def test_groups_hold_every_address_once_in_order_whatever_the_streets(most, streets):
    rows = [
        numbers(str(n), str(n), name_zh=f"街{chr(0x4E00 + at)}")
        for at, count in enumerate(streets)
        for n in range(1, count + 1)
    ]
    table, _ = read_grid(*rows)
    found = grid.groups(table.addresses, lambda group: len(group) <= most)
    assert [address for group in found for address in group] == list(table.addresses)
    assert all(1 <= len(group) <= most for group in found)


# -- whatever may come ---------------------------------------------------------------------------------------------

cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", "pharmacy", "street", "landmark", "1", "2", "99", "odd", "even", "A-1", "2026-08-01", "仁心", "Ab"]
    ),
)


@given(st.binary(max_size=300))
@example(b"kind\0,name_zh\n\0,")
@example("kind,name_zh\n\ud800,x".encode("utf-8", "surrogatepass"))
def test_any_bytes_are_a_table_or_a_list_of_mistakes(data):
    table, mistakes = places.read(("p.csv", data), today=None)
    assert mistakes or len(table)
    assert all(str(mistake).isprintable() for mistake in mistakes)
    assert grid.read(("a.csv", data), ("c.csv", data), today=None)[1]


@given(st.lists(st.lists(cells, min_size=10, max_size=10), min_size=1, max_size=6))
def test_any_places_are_a_table_or_a_list_of_mistakes(rows):
    table, mistakes = places.read(
        ("p.csv", written(*(dict(zip(places.COLUMNS, row, strict=True)) for row in rows))), today=TODAY
    )
    assert mistakes or len(table)
    assert all(str(mistake).isprintable() and mistake.line >= 0 for mistake in mistakes)


@given(
    st.lists(st.lists(cells, min_size=8, max_size=8), min_size=1, max_size=6),
    st.lists(st.lists(cells, min_size=8, max_size=8), min_size=1, max_size=6),
)
def test_any_grid_is_a_table_in_which_each_address_has_its_contacts_or_a_list_of_mistakes(where, who):
    addresses = written(*(dict(zip(grid.ADDRESS_COLUMNS, row, strict=True)) for row in where))
    contacts = written(*(dict(zip(grid.CONTACT_COLUMNS, row, strict=True)) for row in who))
    table, mistakes = grid.read(("a.csv", addresses), ("c.csv", contacts), today=TODAY)
    assert mistakes or all(table.find(one.id) and table.grids[one.grid].contacts for one in table.addresses)


spans = st.tuples(st.integers(1, 30), st.integers(0, 12), st.sampled_from(["", "odd", "even"]))


@given(st.lists(spans, min_size=2, max_size=5))
def test_ranges_are_refused_exactly_when_a_number_lies_in_two(parts):
    rows = [numbers(str(first), str(first + more), side) for first, more, side in parts]
    inside = [
        {n for n in range(first, first + more + 1) if side != ("even" if n % 2 else "odd")}
        for first, more, side in parts
    ]
    twice = any(inside[a] & inside[b] for a in range(len(parts)) for b in range(a))
    assert bool(read_grid(*rows)[1]) == twice


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 400))
def test_an_entry_is_stale_after_more_than_180_days_and_unknown_without_a_day(checked, days):
    assert stale(checked, checked + timedelta(days=days)) == (days > 180)
    assert stale(checked, None) is None
