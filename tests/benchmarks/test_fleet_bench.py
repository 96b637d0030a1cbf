"""The fleet's bench with a few stations: a bench that nobody runs breaks unseen."""

import pytest

from tests.benchmarks import fleet
from tests.benchmarks.comparison import COLUMNS


@pytest.mark.slow
def test_the_fleets_bench_runs_with_a_few_stations_too():
    rows = fleet.rows(3.0, count=5)
    assert len(rows) == 5
    assert all(set(row) == set(COLUMNS) for row in rows)
