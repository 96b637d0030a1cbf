"""The life of a patrol, and what may be written in plain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.patrol import NEXT, after
from common.plain_text import problem_of, problem_of_code


@given(st.lists(st.sampled_from(["return", "cancel"])))
def test_a_patrol_ends_once(steps):
    state, taken = "out", 0
    for step in steps:
        target = after(state, step)
        if target is not None:
            state, taken = target, taken + 1
    assert taken == min(1, len(steps))
    assert all(target in NEXT for steps in NEXT.values() for target in steps.values())


@pytest.mark.parametrize("text", ["G-07", "370102001001", "370102001001005", "A/3_b.1", "20261122"])
def test_a_code_may_have_digits(text):
    assert problem_of_code(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "missing"),
        ("王家", "wrong"),
        ("a b", "wrong"),
        ("x" * 65, "wrong"),
        ("13800138000", "personal"),
        ("138-0013-8000", "personal"),
        ("8613800138000", "personal"),
        ("11010519491231002X", "personal"),
    ],
)
def test_a_code_that_is_somebodys_number_is_none(text, problem):
    assert problem_of_code(text) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("黑色雨伞", None),
        ("", "missing"),
        ("x" * 21, "too_long"),
        ("a\nb", "wrong"),
        ("a\u202eb", "wrong"),
        ("138 0013 8000", "personal"),
        ("JW012-20261122-0007", None),
    ],
)
def test_a_few_words_have_nobodys_number_and_no_control_characters(text, problem):
    assert problem_of(text, most=20) == problem
