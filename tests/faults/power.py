"""Stations on disks that forget, and the moment at which their power goes."""

import asyncio
import contextlib
import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from unittest import mock

from faults_rig import DEADLINE_S, until
from people import counted, settled, visited
from row import Row, row, steps

from jingting import child
from jingting.city import City

_BROKER_CHANGES: Final = 0.1


@functools.cache
def why_not() -> str | None:
    """Tell why no disk of ours can be mounted here; None where it can: it is tried."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "this machine lets nobody mount anything by FUSE (/dev/fuse)"
    if shutil.which("fusermount3") is None:
        return "fusermount3 is missing: run scripts/setup"
    with tempfile.TemporaryDirectory(prefix="jingting-") as folder:
        try:
            asyncio.run(_try(Path(folder) / "disk"))
        except ChildProcessError:
            return "this machine mounts nothing by FUSE, though there is a /dev/fuse"
    return None


async def _try(mount: Path) -> None:
    async with Disk(mount):
        pass


class Disk:
    """A forgetful disk (`forgetful_disk`) mounted at a folder; what it keeps lies in another one beside it."""

    def __init__(self, mount: Path) -> None:
        self._mount = mount
        self._kept = mount.with_name(f"{mount.name}.disk")
        self._process: subprocess.Popen[str] | None = None

    async def __aenter__(self) -> Self:
        self._mount.mkdir(parents=True, exist_ok=True)
        self._kept.mkdir(exist_ok=True)
        await self.spin_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.forget()

    async def spin_up(self) -> None:
        """Mount it, as it was left."""
        self._start()
        await until(self._is_there)

    def _is_there(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            self._hang_up()
            raise ChildProcessError("the disk could not be mounted")
        return self._mount.is_mount()

    def _start(self) -> None:
        command = [sys.executable, Path(__file__).with_name("forgetful_disk.py"), self._kept, self._mount]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def drop_caches(self) -> None:
        """Let the next reads come to the disk, and not to what the machine remembers of it."""
        for path in self._mount.iterdir():
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    def forget(self) -> None:
        """Cut it off: all that was not flushed is gone."""
        assert self._process is not None
        self._process.kill()
        self._gone()

    def tear(self, seed: int) -> None:
        """Cut it off: of what was not flushed, some is there."""
        self._tell(f"cut {seed}")
        self._gone()

    async def becomes(self, how: str) -> None:
        """Let it be sick, slow or well (`forgetful_disk`) from now on."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._tell(how)
        assert await asyncio.to_thread(self._process.stdout.readline) == "heard\n"

    def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _gone(self) -> None:
        assert self._process is not None
        self._process.wait(DEADLINE_S)
        self._hang_up()
        # Lazily: the station still has its files open, and is to be told that they are no more.
        subprocess.run(["fusermount3", "-u", "-z", self._mount], check=True)

    def _hang_up(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()


class Outages:
    """Cuts the power of a city's stations, one at a time, by a seed; `recover_s`: until each served again."""

    def __init__(self, city: City, disks: dict[str, Disk], rng: random.Random) -> None:
        self._city = city
        self._disks = disks
        self._rng = rng
        self.recover_s: list[float] = []

    async def befall(self, cuts: int) -> None:
        """Let people press, and cut so many times; headquarters is away most of the time."""
        step = steps(cuts)
        while len(self.recover_s) < cuts:
            for _ in range(self._rng.randrange(4)):
                self._city.press(self._city.stations[0])
            # The moment of the cut is the chance being tested; nothing is waited for here.
            await asyncio.sleep(self._rng.uniform(0, 0.3))
            await self._strike(self._rng.choice(self._city.stations))
            step()
            if self._rng.random() < _BROKER_CHANGES:
                await self._toggle()
        if not self._city.process("broker").running:
            await self._toggle()

    async def _strike(self, station: str) -> None:
        disk, process = self._disks[station], self._city.process(f"station-{station}")
        if self._rng.random() < 1 / 2:
            disk.forget()
        else:
            disk.tear(self._rng.randrange(2**32))
        process.kill()
        await process.ended()
        await disk.spin_up()
        began = time.monotonic()
        await self._city.restart(process.name)
        self.recover_s.append(time.monotonic() - began)

    async def _toggle(self) -> None:
        broker = self._city.process("broker")
        if broker.running:
            await broker.stop()
        else:
            await self._city.restart("broker")


async def cut(folder: Path, tries: int, seed: int, *, synchronous: str | None = None) -> Row:
    """Cut the power of a city's stations so many times while people press and come with cards.

    `synchronous`: let the stations break their word (`cheating_station`).
    """
    rng = random.Random(seed)
    city = City(folder, stations=2)
    async with contextlib.AsyncExitStack() as stack:
        disks = {one: await stack.enter_async_context(Disk(city.station_folder(one) / "data")) for one in city.stations}
        stack.enter_context(_cheating(synchronous))
        await stack.enter_async_context(city)
        outages = Outages(city, disks, rng)
        await city.process("broker").stop()
        async with visited(city, city.stations[1], rng):
            await outages.befall(tries)
        await settled(city)
        aside = [
            one for station in city.stations for one in city.station_folder(station).glob("data/*.damaged-????????")
        ]
        name = "power cut" if synchronous is None else f"power cut, synchronous={synchronous}"
        return row(name, tries, counted(city), outages.recover_s, unreadable=len(aside), cheats=synchronous is not None)


@contextlib.contextmanager
def _cheating(synchronous: str | None) -> Iterator[None]:
    if synchronous is None:
        yield
        return
    honest = child.jingting

    def command(*arguments: str | Path) -> tuple[str, ...]:
        if arguments[0] != "station":
            return honest(*arguments)
        return (sys.executable, str(Path(__file__).with_name("cheating_station.py")), synchronous, str(arguments[-1]))

    with mock.patch("jingting.city.jingting", command):
        yield
