"""The table and the pictures of docs/performance.md: drawn from what was measured, and from nothing else."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks import appends, bars, comparison, keep, killed, peers

SLOWER = comparison.beside("puts", "events/s", [90, 100, 110], [210, 200, 190], who="a queue 1.0", aim=1)
FASTER = comparison.beside("bytes", "B", [10, 10, 10], [100, 100, 100], who="<paho> & co", aim=0.3, at_most=True)
NOT_THERE = comparison.without("puts", "events/s", [90, 100, 110], who="another", why="another is not in .venv/peers")


def test_a_row_tells_the_medians_their_spread_and_whether_the_aim_was_met():
    assert comparison.cells(SLOWER) == (
        *("puts", "100 (90 – 110)", "events/s", "a queue 1.0", "200 (190 – 210)", "0.5", "1", "NO"),
    )
    assert FASTER["met"] is True
    assert comparison.cells(NOT_THERE)[4] == "another is not in .venv/peers"
    assert comparison.beside("x", "s", [2], [4], who="y", aim=1.5, at_most=True, of_value=True)["met"] is False


def test_a_picture_has_a_bar_for_everybody_who_was_measured():
    drawn = bars.draw([SLOWER, FASTER, NOT_THERE])
    said = [text.text for text in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert said == [
        *("puts, events/s", "Jingting", "100", "a queue 1.0", "200"),
        *("bytes, B", "Jingting", "10", "<paho> & co", "100"),
    ]


def test_what_is_kept_again_stands_in_the_place_of_what_was_there(tmp_path, monkeypatch):
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{keep.BEGIN}\n{keep.END}\nafter\n", "utf-8")
    monkeypatch.setattr(keep, "PAGE", page)
    monkeypatch.setattr(keep, "FIGURES", tmp_path / "measured/figures.json")
    keep.keep({"one": [SLOWER], "other": [FASTER]})
    keep.keep({"one": [FASTER]})
    written = page.read_text("utf-8")
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")
    assert "puts" not in written
    assert written.count("| bytes |") == 2
    assert "a queue" not in (tmp_path / "measured/one.svg").read_text("utf-8")


def test_the_page_shows_what_was_measured_last():
    """When this fails: `make bench ARGS="--keep"`, or do not edit between the page's two markers."""
    page = keep.PAGE.read_text("utf-8")
    assert keep.put(page, json.loads(keep.FIGURES.read_text("utf-8"))) == page


@pytest.mark.slow
def test_appends_are_measured_where_there_are_no_peers(monkeypatch):
    monkeypatch.setattr(peers, "PYTHON", Path("/nonexistent"))
    peers.versions.cache_clear()
    rows = appends.rows(0.5)
    peers.versions.cache_clear()
    assert {row["why"] for row in rows if row["who"] == "persist-queue"} == {
        "persist-queue is not in .venv/peers: make peers"
    }
    assert all(row["value"] > 0 for row in rows)


def test_a_journal_that_is_killed_has_what_it_confirmed():
    confirmed, lost = killed.ours_while_taking(20)
    assert confirmed >= 20
    assert lost == 0
