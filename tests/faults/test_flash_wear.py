"""What a station writes to its card: for each event, and on a day on which nothing happens. As the kernel saw it."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

import pytest
from cut_stories import STORIES
from disk_trace import traced, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

KIB = 1024


async def written(name: str, folder: Path) -> tuple[Counter[str], int]:
    """Act a story; return the bytes written to each file, and how many events were confirmed."""
    await asyncio.to_thread(folder.mkdir)
    await STORIES[name]().prepare(folder)
    ops = traced([sys.executable, Path(__file__).with_name("cut_stories.py"), name, folder], folder)
    bytes_to: Counter[str] = Counter()
    for op in ops:
        bytes_to[op.name] += len(op.data) if op.kind == "write" else 0
    return bytes_to, sum(op.data.count(b'"') // 2 for op in ops if op.kind == "told")


async def test_an_event_that_comes_alone_writes_less_than_64_kib_with_all_its_rows(tmp_path):
    """It rewrites pages of 4 KiB: the journal's, those of its rows and figures, in the WAL and then in the database."""
    bytes_to, events = await written("busy day", tmp_path / "data")
    print(bytes_to, events)
    assert events == 200
    assert bytes_to.total() / events < 64 * KIB


async def test_a_day_on_which_nothing_happens_writes_less_than_a_mib(tmp_path):
    bytes_to, _ = await written("idle day", tmp_path / "data")
    print(bytes_to)
    assert bytes_to.total() < 1024 * KIB
