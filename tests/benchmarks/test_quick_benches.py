"""A bench that nobody runs breaks unseen: the quick ones are run, whatever figures they come to."""

import importlib

import pytest

from tests.benchmarks import duty
from tests.benchmarks.comparison import COLUMNS


@pytest.mark.parametrize("name", ["codecs", "sealing", "signing", "pages"])
def test_a_quick_bench_runs_and_gives_whole_rows(name):
    rows = importlib.import_module(f"tests.benchmarks.{name}").rows(0.2)
    assert rows
    assert all(set(row) == set(COLUMNS) for row in rows)


def test_the_duty_desks_bench_runs_with_a_few_records_too():
    rows = duty.rows(0.2, records=40)
    assert all(set(row) == set(COLUMNS) for row in rows)
