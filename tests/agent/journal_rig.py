"""What the journal's tests share: a clock that stands still, and a journal on it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from agent.journal import Journal
from sync.batch import Line, chain_next

SOURCE = "/stations/sjz-001"
HERE = Path(__file__).parent


def child(script: str, *arguments: str, before: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a Python process that runs `script` and can import the rooms and this rig; `before` is what starts it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])}
    return subprocess.Popen(
        [*before, sys.executable, "-c", script, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )


class StillClock:
    """A wall clock, a monotonic clock and a trust that only move when a test moves them."""

    boot = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a01"

    def __init__(self) -> None:
        self.wall = 1_790_000_000_042
        self.mono = 77_000_000_001
        self.synchronised = True

    def wall_ms(self) -> int:
        return self.wall

    def mono_ns(self) -> int:
        return self.mono

    def trusted(self) -> bool:
        return self.synchronised


async def open_journal(folder: Path, **options) -> Journal:
    options.setdefault("clock", StillClock())
    return await Journal.open(folder / "station.db", source=SOURCE, **options)


async def all_lines(journal: Journal) -> Sequence[Line]:
    kept = await journal.kept()
    return await journal.read(kept.oldest, count=1_000_000, size=1_000_000_000)


async def all_events(journal: Journal) -> list[dict]:
    return [json.loads(line.line) for line in await all_lines(journal)]


def is_chained(base: bytes, lines: Sequence[Line]) -> bool:
    """Tell whether `lines` follow each other, the first of them the chain value `base`."""
    chains = [base, *(line.chain for line in lines)]
    return all(
        chain_next(before, line.line) == after for (before, after), line in zip(pairwise(chains), lines, strict=True)
    )
