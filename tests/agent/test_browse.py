from hypothesis import given
from hypothesis import strategies as st

from agent.browse import Browse, erased_in_s
from agent.screens.shown import words_of

WORD = st.text("abcXYZ019-", min_size=1, max_size=40)
PLACES = st.lists(st.tuples(WORD, WORD), max_size=60)
SECOND = 1_000_000_000


@given(PLACES)
def test_back_leads_from_page_to_page_and_in_the_end_home_whatever_was_opened(places):
    browse, trail = Browse(0), [()]
    for words in places:
        browse.go(words)
        if words != trail[-1]:
            trail.append(words)
    for words in reversed(trail[-32:]):
        assert words in {browse.at, ()}
        browse.back()
    for _ in range(len(trail)):
        browse.back()
    assert browse.at == ()


def test_a_page_opened_twice_in_a_hurry_is_one_step_back():
    browse = Browse(0)
    for words in (("services",), ("services", "HZ"), ("services", "HZ")):
        browse.go(words)
    browse.back()
    assert browse.at == ("services",)


def test_nothing_is_left_of_it_but_the_language_somebody_still_waits_in():
    browse = Browse(0, language="en", large=True)
    browse.go(("services",))
    browse.erase(look=False)
    assert (browse.at, browse.language, browse.large) == ((), "en", True)
    browse.erase()
    assert (browse.language, browse.large, browse.changed_look) == (None, False, False)


def test_it_warns_half_a_minute_before_the_end_and_rests_after_a_minute():
    browse = Browse(0)
    assert [erased_in_s(browse.left_s(at * SECOND)) for at in (59, 60, 89, 90, 500)] == [None, 30, 1, 0, 0]
    assert [browse.rests(at * SECOND) for at in (59, 60)] == [False, True]
    browse.go(("services",))
    assert not browse.rests(500 * SECOND)


@given(st.lists(WORD, max_size=6))
def test_words_of_a_button_come_back_as_they_were(words):
    assert words_of("/".join(words)) == tuple(words)


@given(st.text())
def test_any_other_text_of_a_button_is_no_page(text):
    words = words_of(text)
    assert words is None or "/".join(words) == text
    assert words_of("a/b/c/d/e/f/g") is None
    assert words_of("../x") is None
    assert words_of("a" * 41) is None
