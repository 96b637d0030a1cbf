"""Masking: little enough is shown, whatever was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.privacy import mask_name, mask_number, mask_phone, mask_typed_phone


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张*"),
        ("王小明", "王*"),
        ("欧阳娜娜", "欧*"),
        ("张", "张*"),
        (" 张三 ", "张*"),
        ("买买提·艾力", "买*"),
        ("𠮷田", "𠮷*"),  # beyond the first 65,536 characters
        ("\u845b\U000e0100城", "\u845b\U000e0100*"),  # the form of a rare character is part of it
        ("\ue000三", "\ue000*"),  # a character of the old ID cards' own, in the private use area
        ("John Smith", "J*"),
        ("Élodie", "É*"),
        ("E\u0301lodie", "E\u0301*"),
        ("", ""),
        (" \u3000", ""),
    ],
)
def test_of_a_name_the_first_character_is_shown(name, shown):
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("110101199003077571", "1****************1"),
        ("11010119900307123X", "1****************X"),
        ("110101 19900307 7571", "1****************1"),
        ("E12345678", "E*******8"),
        ("123456", "1****6"),
        ("12345", "*****"),
        ("1", "*"),
        ("", ""),
    ],
)
def test_of_a_number_the_two_ends_are_shown_when_much_lies_between(number, shown):
    assert mask_number(number) == shown


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13812345678", "138****5678"),
        ("138 1234 5678", "138****5678"),
        ("138-1234-5678", "138****5678"),
        ("+86 138 1234 5678", "138****5678"),
        ("008613812345678", "138****5678"),
        ("8613812345678", "138****5678"),
        ("138１２３４5678", "138****5678"),
        ("0311-87654321", "**********21"),
        ("+44 20 7946 0958", "**********58"),
        ("87654321", "******21"),
        ("1234567", "*******"),
        ("none", ""),
        ("", ""),
    ],
)
def test_of_a_mobile_number_the_middle_is_hidden_and_of_any_other_all_but_two_digits(phone, shown):
    assert mask_phone(phone) == shown


@given(st.text(max_size=30))
def test_whatever_is_typed_is_masked_and_mostly_hidden(text):
    name, number, phone = mask_name(text), mask_number(text), mask_phone(text)
    assert name == "" or name.endswith("*")
    assert sum(character != "*" for character in number) <= 2 + text.count("*")
    assert sum(character != "*" for character in phone) <= 7
    assert len(phone) <= max(len(text) * 18, 11)  # compatibility forms may hold several digits


@given(st.text("0123456789", min_size=11, max_size=11))
def test_no_two_digits_of_the_middle_of_a_number_make_a_difference(digits):
    hidden = digits[:3] + "0000" + digits[7:]
    assert mask_phone(digits) == mask_phone(hidden)
    assert mask_number(digits) == mask_number(digits[0] + "0" * 9 + digits[-1])


def test_who_types_a_number_sees_the_newest_digit_and_in_the_end_what_everybody_sees():
    seen = [mask_typed_phone("13900001234"[:typed]) for typed in range(12)]
    assert seen[:9] == ["", "1", "13", "139", "1390", "139*0", "139**0", "139***0", "139****1"]
    assert seen[-1] == mask_phone("13900001234") == "139****1234"
