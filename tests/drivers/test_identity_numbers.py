"""Identity numbers of every kind: what is impossible, and what is only a label."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import check_digits
from drivers.identity_numbers import (
    check,
    check_character,
    contradictions,
    mistake,
    mistake_2017,
    normalised,
)

TODAY = date(2026, 11, 23)
births = st.dates(date(1800, 1, 1), TODAY)
BEIJING, HONG_KONG = "北京市", "香港特别行政区"


def numbered(region: str, birth: date, serial: int) -> str:
    first = f"{region}{birth:%Y%m%d}{serial:03}"
    return first + check_character(first)


@pytest.mark.parametrize("number", ["11010519491231002X", "440524188001010014", "911124198108030024"])
def test_the_standards_own_samples_are_possible(number):
    assert mistake(number, today=TODAY) is None


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        ("", "shape"),
        ("1101051949123100", "shape"),
        ("11010519491231002x", "shape"),
        ("11010519491231002X ", "shape"),
        ("11010519491231002X\n", "shape"),
        ("１１０１０５１９４９１２３１００２Ｘ", "shape"),
        ("1101051949123100X2", "shape"),
        ("110105194912310020", "check_character"),
        ("110105194912310029", "check_character"),
        (numbered("110105", date(2026, 11, 24), 2), "born_in_future"),
    ],
)
def test_an_impossible_number_says_why(number, wrong):
    assert mistake(number, today=TODAY) == wrong


@pytest.mark.parametrize("birth", ["19490229", "19491301", "19490001", "00000101"])
def test_a_birth_date_must_be_in_the_calendar(birth):
    first = f"110105{birth}002"
    assert mistake(first + check_character(first), today=TODAY) == "birth_date"


def test_without_a_trusted_clock_nobody_is_born_in_the_future():
    assert mistake(numbered("110105", date(2999, 1, 1), 2), today=None) is None


@given(st.integers(100000, 999999).map(str), births, st.integers(0, 999))
def test_every_number_that_is_made_is_possible_wherever_it_is_from(region, birth, serial):
    assert mistake(numbered(region, birth, serial), today=TODAY) is None


@given(st.integers(100000, 999999).map(str), births, st.integers(0, 999), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(region, birth, serial, at, by):
    number = numbered(region, birth, serial)
    wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
    assert mistake(wrong, today=TODAY) == "check_character"


@given(st.integers(100000, 999999).map(str), births, st.integers(0, 999), st.integers(0, 15))
def test_two_neighbours_that_changed_places_are_always_noticed(region, birth, serial, at):
    number = numbered(region, birth, serial)
    wrong = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert (mistake(wrong, today=TODAY) is None) == (number[at] == number[at + 1])


@given(st.text(max_size=20))
def test_any_text_has_an_answer(text):
    mistake(text, today=TODAY)
    mistake_2017(text)
    checked = check(text, today=TODAY)
    assert checked.valid == (not checked.failed)
    assert checked.valid <= (checked.kind is not None)


def test_a_card_may_contradict_its_number_in_birth_and_sex():
    number = "11010519491231002X"
    assert contradictions(number, birth="19491231", sex="2") == ()
    assert contradictions(number, birth="19491231", sex="1") == ("sex",)
    assert contradictions(number, birth="19491230", sex="1") == ("birth", "sex")
    for sex in ("0", "9", "", "女"):
        assert contradictions(number, birth="19491231", sex=sex) == ()


@pytest.mark.parametrize(
    ("number", "kind", "birth", "sex", "region"),
    [
        ("11010519491231002X", "resident", "1949-12-31", "f", BEIJING),
        ("440524188001010014", "resident", "1880-01-01", "m", "广东省"),
        ("710000199201300022", "resident", "1992-01-30", "f", "台湾省"),
        ("400000199201300022", "resident", "1992-01-30", "f", None),
        ("810000199408230021", "residence_permit", "1994-08-23", "f", HONG_KONG),
        ("820000199408230038", "residence_permit", "1994-08-23", "m", "澳门特别行政区"),
        ("830000199201300022", "residence_permit", "1992-01-30", "f", "台湾省"),
        ("911124198108030024", "permanent_resident_2023", "1981-08-03", "f", BEIJING),
        ("932682198501010017", "permanent_resident_2023", "1985-01-01", "m", "江苏省"),
        ("PAK310080010103", "permanent_resident_2017", "1980-01-01", None, "上海市"),
        ("KAZ110090123105", "permanent_resident_2017", "1990-12-31", None, BEIJING),
        ("H12345678", "travel_permit", None, None, HONG_KONG),
        ("M1234567801", "travel_permit", None, None, "澳门特别行政区"),
        ("HA1234567", "travel_permit", None, None, HONG_KONG),
        ("12345678", "travel_permit", None, None, "台湾省"),
    ],
)
def test_a_number_says_what_it_is_when_and_where(number, kind, birth, sex, region):
    if number[0] in "478":
        number = number[:17] + check_character(number[:17])
    checked = check(number, today=TODAY)
    assert (checked.valid, checked.failed) == (True, ())
    assert (checked.kind, checked.birth, checked.sex, checked.region) == (kind, birth, sex, region)


@pytest.mark.parametrize(
    ("number", "failed"),
    [
        ("", ("shape",)),
        ("110105491231002", ("shape",)),
        ("1234567", ("shape",)),
        ("X12345678", ("shape",)),
        ("HA12345678", ("shape",)),
        ("PAK31008001010", ("shape",)),
        ("11010519491231002Y", ("shape", "check_character")),
        ("1101O519491331002X", ("shape", "birth_date")),
        ("11010519491231O02X", ("shape",)),
        ("110105194912310029", ("check_character",)),
        ("110105194913310029", ("check_character", "birth_date")),
        ("110105299901010020", ("check_character", "born_in_future")),
        ("PAK310080010104", ("check_character",)),
        ("911124198108030025", ("check_character",)),
    ],
)
def test_an_impossible_number_lists_every_rule_it_breaks(number, failed):
    checked = check(number, today=TODAY)
    assert (checked.valid, checked.failed) == (False, failed)


def test_an_impossible_number_of_a_known_shape_keeps_its_labels():
    checked = check("110105194912310029", today=TODAY)
    assert (checked.kind, checked.birth, checked.sex, checked.region) == ("resident", "1949-12-31", "f", BEIJING)


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002x",
        " 110105 19491231 002X\n",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105\u300019491231002ｘ",
    ],
)
def test_what_a_person_types_is_taken_as_it_is_meant(typed):
    assert normalised(typed) == "11010519491231002X"
    assert check(typed, today=TODAY).valid


@pytest.mark.parametrize(
    "typed", ["11O10519491231002X", "110105-19491231-002X", "①10105194912310020", "pakı310080010103"]
)
def test_nothing_else_is_mended(typed):
    assert not check(typed, today=TODAY).valid


@pytest.mark.parametrize(
    ("yymmdd", "today", "birth"),
    [
        ("261125", date(2026, 11, 25), "2026-11-25"),
        ("261126", date(2026, 11, 25), "1926-11-26"),
        ("000229", date(2026, 11, 25), "2000-02-29"),
        ("270229", date(2028, 11, 25), None),
        ("801301", date(2026, 11, 25), None),
        ("800101", None, None),
    ],
)
def test_the_birth_year_of_an_older_permanent_resident_is_the_latest_that_has_come(yymmdd, today, birth):
    first = f"UTO1100{yymmdd}0"
    checked = check(first + check_digits.of(first), today=today)
    assert (checked.valid, checked.birth) == (True, birth), "a birth of two digits labels and never refuses"


def test_of_an_older_permanent_residents_card_the_number_must_be_as_printed():
    assert mistake_2017("PAK310080010103") is None
    assert mistake_2017("pak310080010103") == "shape"
    assert mistake_2017("911124198108030024") == "shape"
    assert mistake_2017("PAK310080010102") == "check_character"
    assert contradictions("PAK310080010103", birth="19800101", sex="1") == ()
    assert contradictions("PAK310080010103", birth="19800102", sex="2") == ("birth",)


@given(st.from_regex(r"\A[A-Z]{3}[0-9]{11}\Z"), st.integers(0, 13), st.integers(1, 9))
def test_one_wrong_digit_of_an_older_permanent_residents_number_is_noticed(first, at, by):
    number = first + check_digits.of(first)
    assert check(number, today=TODAY).valid
    if at > 2:
        wrong = number[:at] + str((int(number[at]) + by) % 10) + number[at + 1 :]
        assert check(wrong, today=TODAY).failed == ("check_character",)


def test_neither_birth_nor_sex_nor_region_is_shown_by_accident():
    assert repr(check("11010519491231002X", today=TODAY)) == "<Checked number of a resident: valid>"
    assert repr(check("11010519491331002X", today=TODAY)) == (
        "<Checked number of a resident: check_character, birth_date>"
    )
