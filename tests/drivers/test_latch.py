"""What the latch keeps, as it comes back from the flash; and the firmware's settings and patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.firmware import patterns
from drivers.firmware.button import NORMAL, PRESSED
from drivers.firmware.latch import CAPACITY, Latch, unpack
from drivers.firmware.settings import DEFAULTS, SettingsError, buttons, complete

u32 = st.integers(0, 0xFFFFFFFF)
presses = st.lists(st.tuples(st.integers(0, 255), st.booleans()), max_size=CAPACITY + 4)


def latch_of(epoch, made):
    latch = Latch(epoch)
    for button, test in made:
        latch.press(button, test, 0)
    return latch


@given(u32, presses)
def test_a_latch_comes_back_as_it_was_kept(epoch, made):
    latch = latch_of(epoch, made)
    back = unpack(latch.pack(), 0)
    assert (back.epoch, back.last, len(back)) == (latch.epoch, latch.last, len(latch))
    assert back.pack() == latch.pack()


@given(u32, presses, st.data())
def test_a_latch_that_was_damaged_anywhere_is_not_believed(epoch, made, data):
    kept = latch_of(epoch, made).pack()
    at = data.draw(st.integers(0, len(kept) - 1))
    assert unpack(kept[:at], 0) is None
    assert unpack(kept[:at] + bytes([kept[at] ^ data.draw(st.integers(1, 255))]) + kept[at + 1 :], 0) is None


@given(st.binary(max_size=800))
def test_any_bytes_in_the_flash_are_survived(data):
    unpack(data, 0)


@given(presses)
def test_a_test_press_never_takes_a_persons_place_nor_has_two(made):
    latch = latch_of(1, made)
    people = sum(not test for _, test in made)
    assert latch.real == min(people, CAPACITY)
    assert len(latch) - latch.real == any(test for _, test in made)
    assert latch.full == (people > CAPACITY)


def test_a_full_latch_still_takes_a_test_press_and_the_next_persons_once_there_is_room():
    latch = latch_of(1, [(0, False)] * CAPACITY)
    assert latch.press(0, True, 0) is not None
    assert latch.press(0, True, 0) is None
    assert latch.press(1, False, 0) is None
    assert latch.full
    latch.acknowledge(1, CAPACITY + 1)  # the test press's place is its own
    assert latch.press(1, False, 0) is None
    latch.acknowledge(1, 1)
    assert not latch.full
    assert latch.press(1, False, 0).number == CAPACITY + 2


@given(st.lists(st.integers(1, 2000), max_size=8).map(tuple), st.integers(0, 100_000))
def test_a_pattern_says_exactly_when_it_changes(pattern, passed):
    on, due = patterns.at(pattern, passed)
    if due is None:
        assert on == bool(pattern)
        return
    assert 0 < due <= max(pattern)
    assert patterns.at(pattern, passed + due - 1)[0] == on


def test_settings_that_are_not_given_have_defaults_for_four_loops():
    settings = complete({"bands": {"hysteresis": 10}})
    assert settings["bands"] == DEFAULTS["bands"] | {"hysteresis": 10}
    assert len(buttons(settings)) == 4
    assert DEFAULTS["bands"]["hysteresis"] == 20


def test_a_loop_with_bands_of_its_own_is_read_by_them():
    settings = complete({"bands": {"short_below": 50, "pressed_below": 200, "normal_below": 500}})
    (button, *_) = buttons(settings)
    button.sample(18000, 0)
    assert button.zone == NORMAL
    button.sample(9000, 1)
    assert button.zone == PRESSED


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ({"colour": 1}, "colour: there is no such setting"),
        ({"bands": {"low": 1}}, "bands.low: there is no such setting"),
        ({"bands": 5}, "bands.: an object"),
        ({"bands": {"short_below": 500}}, "short_below < pressed_below"),
        ({"bands": {"hysteresis": 200}}, "twice the hysteresis apart"),
        ({"bands": {"hysteresis": "much"}}, "whole numbers"),
        ({"bands": {"normal_below": 1000}}, "< 1000"),
        ({"line": "radio"}, "line: usb or uart"),
        ({"buttons": []}, "at least one"),
        ({"buttons": [{"wiring": "loop", "pin": 0}, {"wiring": "wire"}]}, "buttons\\[1\\]: wiring"),
        ({"buttons": [{"wiring": "closes"}]}, "buttons\\[0\\]: wiring .* and pin"),
    ],
)
def test_a_wrong_setting_is_told_with_what_it_may_be(given_settings, words):
    with pytest.raises(SettingsError, match=words):
        complete(given_settings)
