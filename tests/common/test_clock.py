"""Clocks: exact text for an instant, and a monotonic clock that is monotonic."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from common.clock import Clock, rfc3339

YEAR_9999 = 253_402_300_799_999


def test_an_instant_has_exactly_three_fraction_digits_and_z():
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(1_795_349_100_120) == "2026-11-22T12:05:00.120Z"


@given(st.integers(min_value=0, max_value=YEAR_9999))
def test_an_instant_read_back_is_the_same_millisecond(wall_ms):
    text = rfc3339(wall_ms)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    since = datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)
    assert since // timedelta(milliseconds=1) == wall_ms


def test_the_clock_of_this_machine():
    clock = Clock()
    assert clock.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert clock.mono_ns() <= clock.mono_ns()
    now_ms = datetime.now(UTC).timestamp() * 1000
    assert abs(clock.wall_ms() - now_ms) < 5000
    assert clock.trusted() in (True, False)
