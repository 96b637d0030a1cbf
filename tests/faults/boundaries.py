"""Power cuts at every boundary of what a station does to its disk: recorded once, and cut after each operation."""

import asyncio
import hashlib
import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
from cut_stories import STORIES, Found, Story
from disk_trace import UNSEEN, Op, traced
from remains import Disk, Remains
from row import Row

from agent.database import JournalError

CUT: Final = ("first start", "append", "retention", "migration", "rescue")
CHEATS: Final = {
    "normal": ("", "PRAGMA synchronous = NORMAL"),
    "off": ("", "PRAGMA synchronous = OFF"),
    # Its commit is the unlink of its journal, and only EXTRA flushes that name.
    "delete": ("PRAGMA journal_mode = DELETE", ""),
}
"""Ways to break one's word: of each, a pragma for the file itself, and one for each connection that writes."""


@dataclass(slots=True)
class Cuts:
    """What came of the cuts in one story: `confirmed` events were asked for, `lost` of them not there, and so on."""

    tries: int = 0
    confirmed: int = 0
    lost: int = 0
    duplicated: int = 0
    unreadable: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Cuts") -> None:
        """Add another story's."""
        for name in ("tries", "confirmed", "lost", "duplicated", "unreadable"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wrong += other.wrong

    def row(self, fault: str, *, cheats: bool = False) -> Row:
        """Return the table's row; what is wrong otherwise counts as unreadable."""
        return Row(
            fault=fault,
            tries=self.tries,
            confirmed=self.confirmed,
            lost=self.lost,
            duplicated=self.duplicated,
            unreadable=self.unreadable + self.wrong.total(),
            cheats=cheats,
        )


class Bench:
    """Starts stations on what power cuts left, each kind of remains once."""

    def __init__(self, story: type[Story], folder: Path) -> None:
        self.story = story
        self._folder = folder
        self._known: dict[bytes, Found] = {}

    async def found(self, remains: Remains) -> Found:
        """Return what a station finds."""
        key = hashlib.sha256(
            repr(sorted((n, hashlib.sha256(d).digest()) for n, d in remains.items())).encode()
        ).digest()
        if key not in self._known:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir()
            for name, data in remains.items():
                (self._folder / name).write_bytes(data)
            try:
                self._known[key] = await self.story().found(self._folder)
            except (JournalError, sqlite3.Error) as error:
                self._known[key] = Found(wrong=[f"it does not start: {error}"], aside=1)
        return self._known[key]


async def cut_everywhere(
    name: str, seed: int, *, torn: int = 1, cheat: str = "", before: str = "", until_lost: bool = False
) -> Cuts:
    """Cut a story after each operation, and each time in every way (`remains`).

    `cheat`: pragmas with which the journal's commits break their word; `before`: one for the file itself.
    `until_lost`: stop at the first cut that lost something.
    """
    with tempfile.TemporaryDirectory(prefix="jingting-", dir=_memory()) as parent:
        folder = Path(parent, "data")
        await asyncio.to_thread(folder.mkdir)
        story = STORIES[name]
        await story().prepare(folder)
        if before:
            connection = sqlite3.connect(folder / "station.db")
            connection.execute(before)
            connection.close()
        disk, again = Disk(folder), Disk(folder)
        ops = await asyncio.to_thread(_recorded, name, folder, cheat)
        for op in ops:
            again.do(op)
        assert again.all() == _there(folder), "the trace does not come to what stands on the disk"
        bench = Bench(story, Path(parent, "left"))
        return await _cut(ops, disk, bench, random.Random(seed), torn=torn, until_lost=until_lost)


async def everywhere(seed: int, *, torn: int) -> Row:
    """Cut every story everywhere."""
    whole = Cuts()
    for name in CUT:
        cuts = await cut_everywhere(name, seed, torn=torn)
        click.echo(
            f"  {name}: {cuts.tries} cuts{''.join(f'; {count} x {what}' for what, count in cuts.wrong.items())}",
            err=True,
        )
        whole.add(cuts)
    return whole.row("power cut at every write, flush and name")


async def cheated(seed: int, before: str, cheat: str) -> Row:
    """Cut appends everywhere, of a station whose commits break their word."""
    cuts = await cut_everywhere("short", seed, cheat=cheat, before=before)
    return cuts.row(f"appends, {(before or cheat).removeprefix('PRAGMA ')}", cheats=True)


def _memory() -> str | None:
    """Return a folder whose flushes cost nothing, if there is one: what is flushed stands in the trace."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _there(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if not file.name.endswith(UNSEEN)}


def _recorded(name: str, folder: Path, cheat: str) -> list[Op]:
    return traced([sys.executable, Path(__file__).with_name("cut_stories.py"), name, folder, cheat], folder)


async def _cut(ops: list[Op], disk: Disk, bench: Bench, chance: random.Random, *, torn: int, until_lost: bool) -> Cuts:
    cuts = Cuts()
    states = {(await bench.found(disk.all())).rows: 0}  # committed states, in order
    told: set[str] = set()
    sure = 0
    for op in ops:
        if until_lost and cuts.lost:
            break
        disk.do(op)
        at = states.setdefault((await bench.found(disk.all())).rows, len(states))
        if op.kind == "told":
            told |= set(json.loads(op.data))
            sure = at
        for remains in disk.may_be(chance, torn):
            found = await bench.found(remains)
            cuts.tries += 1
            cuts.confirmed += len(told)
            cuts.lost += len(told - set(found.ids))
            cuts.duplicated += len(found.ids) - len(set(found.ids))
            cuts.unreadable += found.aside > bench.story.aside
            cuts.wrong.update(found.wrong)
            if not sure <= states.get(found.rows, -1) <= at:
                cuts.wrong["its tables are not as they were at any moment since what was confirmed last"] += 1
    return cuts
