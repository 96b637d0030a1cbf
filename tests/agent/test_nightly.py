"""When a night's work is due: once each local day, whatever the clocks do."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from agent.nightly import SPREAD_S, last_due_ms, shift_s

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Apia")
HOUR_MS = 3_600_000
moments = st.integers(0, 4_000_000_000_000)
times = st.times().map(lambda t: t.replace(second=0, microsecond=0))


def ms(text) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def test_it_is_due_at_that_time_of_the_stations_day_and_not_before():
    shanghai, at = ZoneInfo("Asia/Shanghai"), time(4, 10)
    assert last_due_ms(ms("2026-11-24T20:09:59Z"), at, shanghai, 0) == ms("2026-11-23T20:10:00Z")
    assert last_due_ms(ms("2026-11-24T20:10:00Z"), at, shanghai, 0) == ms("2026-11-24T20:10:00Z")
    assert last_due_ms(ms("2026-11-24T20:20:00Z"), at, shanghai, 900) == ms("2026-11-23T20:25:00Z")


@given(now=moments, at=times, zone=st.sampled_from(ZONES), shift=st.integers(0, SPREAD_S - 1))
def test_it_was_due_within_the_last_day_or_two_days_where_one_was_skipped(now, at, zone, shift):
    due = last_due_ms(now, at, ZoneInfo(zone), shift)
    assert 0 <= now - due < 50 * HOUR_MS
    assert last_due_ms(due, at, ZoneInfo(zone), shift) == due
    local = datetime.fromtimestamp(due / 1000 - shift, UTC).astimezone(ZoneInfo(zone))
    assert abs(local.hour * 60 + local.minute - at.hour * 60 - at.minute) in (0, 30, 60)


@given(now=moments, later=st.integers(0, 10**10), at=times, zone=st.sampled_from(ZONES))
def test_it_never_goes_back(now, later, at, zone):
    assert last_due_ms(now, at, ZoneInfo(zone), 0) <= last_due_ms(now + later, at, ZoneInfo(zone), 0)


def test_a_city_is_spread_over_half_an_hour_and_each_station_keeps_its_moment():
    shifts = [shift_s(f"sjz-{number:03}") for number in range(110)]
    assert shifts == [shift_s(f"sjz-{number:03}") for number in range(110)]
    assert min(shifts) < SPREAD_S / 10
    assert max(shifts) > SPREAD_S * 9 / 10
    assert max(shifts) < SPREAD_S
