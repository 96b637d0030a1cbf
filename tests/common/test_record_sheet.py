"""Records as a table: masked, safe for spreadsheets, and the same again when it is read."""

import csv
import io
import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from common.personal import PERSONAL
from common.record import Record
from common.record_sheet import HEADER, PERSONAL_COLUMNS, as_csv, as_json, falls_within, row_of

COLUMNS = HEADER + PERSONAL_COLUMNS
RECORD = Record(
    id="018f3b2a-001f-7000-8000-0123456789ab",
    number="JW012-20261122-0007",
    service="QZ-01",
    on_file=("name", "phone"),
    rating="very_dissatisfied",
)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


def cells(rows):
    text = "".join(as_csv(COLUMNS, rows)).encode().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_what_is_sealed_is_on_file_and_the_rating_is_left_out():
    (row,) = cells([row_of(RECORD)])
    assert (row["number"], row["person_name"], row["person_phone"], row["person_number"]) == (
        "JW012-20261122-0007",
        "on file",
        "on file",
        "",
    )
    assert "dissatisfied" not in str(row)


@given(st.dictionaries(st.sampled_from(PERSONAL), TEXTS))
def test_no_cell_begins_a_formula_and_all_else_comes_back_as_it_was(opened):
    (row,) = cells([row_of(RECORD, opened)])
    for name in PERSONAL:
        text, cell = opened.get(name, ""), row[f"person_{name}"]
        assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
        assert cell in (text, f"'{text}")
    (line,) = as_json(COLUMNS, [row_of(RECORD, opened)])
    assert {name: json.loads(line)[f"person_{name}"] or "" for name in opened} == opened


def test_digits_that_a_spreadsheet_would_round_or_cut_are_kept_as_text():
    opened = {"number": "110101199003077571", "phone": "13900001234", "name": "007", "need": "0"}
    (row,) = cells([row_of(RECORD, opened)])
    assert [row[f"person_{name}"] for name in opened] == ["'110101199003077571", "13900001234", "'007", "0"]


def test_a_program_gets_no_byte_order_mark():
    assert "".join(as_json(COLUMNS, [row_of(RECORD)])).startswith("{")


def test_days_are_those_of_the_number_both_included():
    day = date(2026, 11, 22)
    assert falls_within(RECORD, day, day)
    assert falls_within(RECORD, None, day)
    assert not falls_within(RECORD, date(2026, 11, 23), None)
    assert not falls_within(RECORD, None, date(2026, 11, 21))
    assert falls_within(Record(id="x"), None, None)
    assert not falls_within(Record(id="x"), day, None)
