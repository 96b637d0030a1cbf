"""The benches of a backlog and of a start, small, and without those who would have to be installed."""

from pathlib import Path

import pytest

from tests.benchmarks import drain, peers, start


@pytest.mark.slow
def test_a_small_backlog_drains_from_two_stations_and_over_a_bridge(monkeypatch):
    monkeypatch.setattr(drain, "OURS", {"SQLite": (2, 0)})
    monkeypatch.setattr(peers, "PYTHON", Path("/nonexistent"))
    peers.versions.cache_clear()
    rows = drain.rows(1)
    peers.versions.cache_clear()
    assert [row["who"] for row in rows] == ["paho-mqtt", "mosquitto bridge", "thingsboard-gateway"]
    assert all(row["value"] > 0 for row in rows)
    assert all(row["baseline"] > 0 for row in rows[:2])


@pytest.mark.slow
def test_a_start_with_few_events_waiting_is_measured(monkeypatch):
    monkeypatch.setattr(peers, "PYTHON", Path("/nonexistent"))
    peers.versions.cache_clear()
    rows = start.rows(1)
    peers.versions.cache_clear()
    assert len(rows) == 2
    assert all(row["value"] > 0 for row in rows)
