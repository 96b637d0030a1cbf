"""Hours of work, an outage and idleness in half a minute: what was opened is closed again, and nothing grows.

`make faults ARGS="--only soak"` is the size of it, 72 hours and a day, and says how much everything grows a day.
"""

import random
from itertools import pairwise
from pathlib import Path

import pytest
from faults_rig import until
from slopes import MEASURES, draw, slope, trends
from soak import RECORDS, SHORT, soaked

from tests.passing_time import Time

STEADY = {"memory": 34.0, "files_open": 17.0, "threads": 5.0, "files": 21.0, "bytes": 16.0}
PARTS = {"under load": range(42, 72)}
KIB = 1 / 1024


def looks(**grows: float):
    """Half-hourly looks at what is steady but for some noise, or grows by so much a day."""
    chance = random.Random(7)
    for hour in (half / 2 for half in range(1, 192)):
        noise = {"memory": chance.uniform(-0.15, 0.15), "files_open": chance.choice((0, 0, 0, -1))}
        yield hour, {name: at + noise.get(name, 0) + grows.get(name, 0) * hour / 24 for name, at in STEADY.items()}


def test_what_stays_as_it_is_but_for_its_noise_is_flat():
    assert [str(trend) for trend in trends({"station": list(looks())}, PARTS) if not trend.flat] == []


@pytest.mark.parametrize("measure", MEASURES)
def test_what_grows_by_one_a_day_is_seen_and_nothing_else_is(measure):
    found = [trend for trend in trends({"station": list(looks(**{measure: 1.0}))}, PARTS) if not trend.flat]
    assert [trend.measure for trend in found] == [measure]
    assert found[0].a_day == pytest.approx(1.0, abs=0.3)


def test_a_kib_kept_of_each_event_of_the_soak_is_seen():
    of_a_day = 24 * (RECORDS * 4 + 3)
    [trend] = [trend for trend in trends({"s": list(looks(memory=of_a_day * KIB))}, PARTS) if not trend.flat]
    assert "GROWS" in str(trend)


def test_a_slope_is_that_of_the_line_and_of_one_moment_it_is_none():
    assert slope([(0, 1), (1, 3), (2, 5)]) == 2
    assert slope([(1, 3), (1, 5)]) == 0


def test_the_picture_has_a_line_of_each_house_in_each_field():
    picture = draw({"station": list(looks()), "headquarters": list(looks())}, {"no broker": range(32, 40)})
    assert picture.count("<polyline") == 2 * len(MEASURES)
    assert "no broker" in picture


@pytest.mark.slow
async def test_hours_of_work_and_an_outage_leave_nothing_open_and_lose_nothing(tmp_path: Path) -> None:
    row, seen = await soaked(tmp_path, SHORT)
    for house, seen_there in seen.looks.items():
        hours, values = zip(*seen_there, strict=True)
        print(house, *zip(hours, values, strict=True), sep="\n")
        assert all(later - sooner > 0.4 for sooner, later in pairwise(hours)), "time did not pass"
        for measure, most in {"files_open": 3, "threads": 3, "files": 2, "memory": 4, "bytes": 4}.items():
            assert values[-1][measure] - values[0][measure] <= most, (house, measure)
    assert row.confirmed > 50
    assert row.lost == 0


async def test_time_passes_with_the_real_one_until_it_is_told_to_hurry(tmp_path: Path) -> None:
    time = Time(tmp_path / "time")
    began = time.now_ns
    await until(lambda: time.now_ns > began)
    assert time.now_ns - began < 60e9
    time.hurry(600)
    await until(lambda: not time.hurries)
    assert time.now_ns - began >= 600e9
    time.end()
