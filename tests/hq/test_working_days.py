from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.working_days import Calendar, after, is_working

DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 12, 31))
COUNTS = st.integers(min_value=1, max_value=60)
HOLIDAYS = st.lists(DAYS, max_size=30).map(frozenset)


@pytest.mark.parametrize(
    ("day", "holidays", "due"),
    [
        (date(2026, 11, 25), (), date(2026, 12, 16)),  # a Wednesday: three weeks on
        (date(2026, 11, 28), (), date(2026, 12, 18)),  # a Saturday counts from Monday
        (date(2026, 12, 25), (date(2027, 1, 1),), date(2027, 1, 18)),
    ],
)
def test_fifteen_working_days_are_three_weeks_and_the_holidays_in_them(day, holidays, due):
    assert after(day, 15, holidays) == due


@given(DAYS, COUNTS, HOLIDAYS)
def test_so_many_working_days_lie_between_and_the_last_is_one(day, count, holidays):
    due = after(day, count, holidays)
    between = [day + timedelta(days=n) for n in range(1, (due - day).days + 1)]
    assert sum(is_working(one, holidays) for one in between) == count
    assert is_working(due, holidays)


def test_the_day_is_the_citys_and_not_greenwichs():
    calendar = Calendar(ZoneInfo("Asia/Shanghai"))
    late = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)  # one in the morning of the next day
    assert calendar.day(int(late.timestamp() * 1000)) == date(2026, 11, 26)
