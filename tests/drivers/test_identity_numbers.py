"""Identity numbers after GB 11643: what is impossible, and what is only remarked."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.identity_numbers import check_character, contradictions, holder, mistake

TODAY = date(2026, 11, 23)
births = st.dates(date(1800, 1, 1), TODAY)


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
    holder(text)


@pytest.mark.parametrize(
    ("number", "whose"),
    [
        ("11010519491231002X", "resident"),
        ("810000199408230021", "permit"),
        ("830000199201300022", "permit"),
        ("911124198108030024", "permanent_resident"),
        ("400000199201300022", "unknown_region"),
    ],
)
def test_the_region_only_remarks(number, whose):
    assert holder(number) == whose


def test_a_card_may_contradict_its_number_in_birth_and_sex():
    number = "11010519491231002X"
    assert contradictions(number, birth="19491231", sex="2") == ()
    assert contradictions(number, birth="19491231", sex="1") == ("sex",)
    assert contradictions(number, birth="19491230", sex="1") == ("birth", "sex")
    for sex in ("0", "9", "", "女"):
        assert contradictions(number, birth="19491231", sex=sex) == ()
