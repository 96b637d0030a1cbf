"""The states of a device and the waits between attempts."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import device

happenings = st.sampled_from(get_args(device.Happening))


@given(st.lists(happenings))
def test_whatever_happens_a_lost_device_is_absent_and_only_one_that_speaks_is_ready(story):
    state: device.State = "absent"
    for happening in story:
        if (state, happening) not in device.TRANSITIONS:
            with pytest.raises(ValueError, match=f"{state} cannot be {happening}"):
                device.after(state, happening)
            continue
        state = device.after(state, happening)
        assert state in get_args(device.State)
        assert (state == "absent") == (happening == "lost")
        assert (state == "ready") == (happening == "heard")


def test_every_state_can_be_left_and_reached():
    reached = {after for (before, _), after in device.TRANSITIONS.items() if before != after}
    left = {before for (before, _), after in device.TRANSITIONS.items() if before != after}
    assert reached == left == set(get_args(device.State))


@given(st.integers(0, 40))
def test_waits_are_drawn_under_a_doubling_bound_with_a_cap_and_begin_anew(count):
    bounds = []

    def highest(_: float, bound_s: float) -> float:
        bounds.append(bound_s)
        return bound_s

    retry = device.Retry(0.2, 2, highest)
    for _ in range(count):
        retry.next_s()
    assert bounds == [min(2, 0.2 * 2**at) for at in range(count)]
    retry.reset()
    assert retry.next_s() == 0.2


def test_an_unlucky_draw_is_no_busy_loop():
    retry = device.Retry(0.2, 2)
    assert all(0.02 <= retry.next_s() <= 2 for _ in range(1000))
