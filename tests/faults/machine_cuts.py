"""Power cuts of a whole machine with the installed station in it, on a disk that forgets what was not flushed.

The disk is served by nbdkit, whose cache filter keeps what is written in memory until it is told to flush; QEMU, with
a Debian kernel and ext4 in it, is stopped, nbdkit is killed, and then QEMU (`tests/machine`). The panel stands outside,
on a serial line of the machine's, and keeps its own log; the broker is away meanwhile, so that what was confirmed is
nowhere but on that disk.
"""

import asyncio
import contextlib
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from faults_rig import STATION, query, until
from row import Row, row, steps

from jingting import layout
from jingting.city import City
from jingting.count import PanelLog, read_hq, read_panel_log, tally
from tests.machine.image import ROOT, image
from tests.machine.machine import Machine, new_disk

HOME: Final = "/var/lib/jingting"
_BROKER_PORT: Final = 8883
_ON_WIRE_S: Final = 60.0
_BOOT_S: Final = 600.0
"""A machine whose processor is played, on a host with other work, takes its time."""


class Kiosk:
    """A machine whose station is the city's first, with the city's panel at its serial line.

    `cheat`: how its commits break their word (`cheating_station`).
    """

    def __init__(self, city: City, folder: Path, *, cheat: str = "") -> None:
        self._city = city
        self._folder = folder
        self._cheat = cheat
        self._cache = ["cache=writeback"]
        subprocess.run([ROOT / "tests/machine/prepare-cuts"], check=True)
        self._disk = new_disk(folder / "disk.img")
        self._image = image("arm64")
        self._nbdkit: subprocess.Popen[bytes] | None = None
        self.machine: Machine
        self._switch_on()

    def _switch_on(self) -> None:
        sock = self._folder / "disk.sock"
        sock.unlink(missing_ok=True)
        command = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            "nbdkit",
            "-f",
            "-U",
            sock,
            "--filter=cache",
            "file",
            self._disk,
        ]
        self._nbdkit = subprocess.Popen([*command, *self._cache])
        deadline = time.monotonic() + _ON_WIRE_S
        while not sock.exists():
            assert time.monotonic() < deadline, "nbdkit does not serve"
            time.sleep(0.01)
        panel = self._city.station_folder(STATION) / "panel"
        self.machine = Machine(
            self._image,
            self._folder / "machine",
            data=f"nbd+unix:///?socket={sock}",
            forwards={_BROKER_PORT: self._city.broker_port},
            devices=(
                *("-device", "qemu-xhci"),
                *("-chardev", f"serial,id=panel,path={panel.resolve()}", "-device", "usb-serial,chardev=panel"),
            ),
        )
        self.machine.start()

    def come_up(self) -> None:
        """Wait until it hears, and tell it where the broker is; its disk keeps all else."""
        self.machine.wait_ready(_BOOT_S)
        script = "echo '10.0.2.100 localhost' > /etc/hosts\n"
        if self._cheat:
            unit = "/run/systemd/system/jingting-station.service.d"
            start = f"/opt/jingting/bin/python {HOME}/cheating_station.py {self._cheat} {HOME}/station.toml"
            script += f"mkdir -p {unit}; printf '[Service]\\nExecStart=\\nExecStart={start}\\n' > {unit}/cheat.conf\n"
            script += "systemctl daemon-reload; systemctl restart jingting-station\n"
        self.machine.run(script)

    def move_in(self) -> None:
        """Lay the station's folder on its disk, once, and start it."""
        home = self._city.station_folder(STATION)
        settings = (home / "station.toml").read_text(encoding="utf-8")
        settings = settings.replace('host = "127.0.0.1"', 'host = "localhost"')
        settings = settings.replace(f"port = {self._city.broker_port}\n", f"port = {_BROKER_PORT}\n")
        settings = settings.replace('port = "panel"', 'port = "/dev/ttyUSB0"')
        begin, end = settings.index("[card_reader]"), settings.index("[finding]")
        settings = settings[:begin] + settings[end:]
        with _moved(home, self._folder / "moved") as moved:
            (moved / "station.toml").write_text(settings, encoding="utf-8")
            shutil.copy(Path(__file__).with_name("cheating_station.py"), moved)
            self.machine.run("systemctl stop jingting-station")
            self.machine.push(moved, HOME, owner="jingting:jingting")
        self.machine.run("sync; systemctl reset-failed jingting-station; systemctl --no-block restart jingting-station")

    def cut(self) -> None:
        """Take its power away: what was not flushed is gone."""
        assert self._nbdkit is not None
        if self.machine.running:
            self.machine.freeze()
        self._nbdkit.kill()
        self._nbdkit.wait()
        self.machine.kill()

    def lie(self) -> None:
        """Let its disk ignore flushes from now on: what lies there already, an installer had flushed."""
        self.machine.run("sync")
        self.cut()
        self._cache = ["cache=unsafe", "cache-max-size=2M"]
        self.again()

    def again(self) -> None:
        """Give it power again."""
        self._switch_on()
        self.come_up()

    def damaged(self) -> int:
        """Return how many journals it has set aside."""
        names = self.machine.run(f"ls {HOME}/data").split()
        return len([name for name in names if ".damaged-" in name and not name.endswith(("-wal", "-shm"))])


@contextlib.contextmanager
def _moved(home: Path, to: Path) -> Iterator[Path]:
    shutil.copytree(home, to, ignore=lambda _, names: [name for name in names if name in ("panel", "reader", "lock")])
    try:
        yield to
    finally:
        shutil.rmtree(to)


class Desk:
    """Who presses, and what the panel's own log says of it."""

    def __init__(self, city: City) -> None:
        self._city = city

    @property
    def log(self) -> PanelLog:
        return read_panel_log(self._city.panel_log(STATION), layout.PANEL)

    def press(self) -> None:
        self._city.press(STATION)

    async def pressed(self) -> float:
        """Press and wait until all presses are acknowledged, this one too; return the seconds it took."""
        before = len(self.log.pressed_ns)
        self.press()
        await until(lambda: len(self.log.pressed_ns) > before)
        return await until(self._all_acknowledged, within=_BOOT_S)

    def _all_acknowledged(self) -> bool:
        log = self.log
        return not log.pressed_ns.keys() - log.acknowledged


async def cut(
    folder: Path,
    tries: int,
    seed: int,
    *,
    cheat: str = "",
) -> Row:
    """Cut a machine's power so many times while somebody presses."""
    chance, step = random.Random(seed), steps(tries, every=5)
    recover_s: list[float] = []
    async with _city_with(folder, cheat=cheat, flushes=True) as (city, kiosk, desk):
        await city.process("broker").stop()
        for _ in range(tries):
            await desk.pressed()
            for _ in range(chance.randrange(4)):
                # The moments of presses and cuts are the chance being tested; nothing is waited for here.
                await asyncio.sleep(chance.uniform(0, 0.2))
                desk.press()
            await asyncio.sleep(chance.uniform(0, 0.3))
            await asyncio.to_thread(kiosk.cut)
            began = time.monotonic()
            await asyncio.to_thread(kiosk.again)
            await desk.pressed()
            recover_s.append(time.monotonic() - began)
            step()
        await city.restart("broker")
        await desk.pressed()
        # They come in order: what is not there before the last one never comes.
        await until(lambda: _last_is_there(city, desk), within=_BOOT_S)
        unreadable = await asyncio.to_thread(kiosk.damaged)
    name = f"power cut of a machine{f', {cheat}' if cheat else ''}"
    return row(name, tries, _counted(city, desk), recover_s, unreadable=unreadable, cheats=bool(cheat))


async def lied_to(folder: Path, tries: int, seed: int) -> Row:
    """Cut the power of a machine whose disk ignores flushes, with headquarters there.

    Each time the station has to serve again by itself, and headquarters to be told of each journal that was lost or
    went back: an event that it lacks is one of a journal that it knows to have ended.
    """
    chance, step, recover_s = random.Random(seed), steps(tries, every=5), list[float]()
    async with _city_with(folder, cheat="", flushes=False) as (city, kiosk, desk):
        for _ in range(tries):
            await desk.pressed()
            await until(lambda: _last_is_there(city, desk), within=_BOOT_S)
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(chance.uniform(0, 0.2))
                desk.press()
            await asyncio.sleep(chance.uniform(0, 3))
            await asyncio.to_thread(kiosk.cut)
            began = time.monotonic()
            await asyncio.to_thread(kiosk.again)
            await desk.pressed()
            recover_s.append(time.monotonic() - began)
            step()
        await until(lambda: _last_is_there(city, desk), within=_BOOT_S)
        damaged = await asyncio.to_thread(kiosk.damaged)
        click.echo(f"  headquarters was told of {_told(city)} journals that were opened after another", err=True)
        assert _told(city) >= 1, "no journal was lost or went back, or headquarters was not told"
    return row(
        "power cut of a machine whose disk ignores flushes",
        tries,
        _counted(city, desk),
        recover_s,
        unreadable=damaged,
        excused=True,
    )


def _told(city: City) -> int:
    [told] = query(city.hq_database, 'SELECT count(*) FROM events WHERE instr(line, \'"type":"journal.opened"\') > 0')
    return told


def _counted(city: City, desk: Desk):
    return tally(desk.log, read_hq(city.hq_database, STATION))


def _last_is_there(city: City, desk: Desk) -> bool:
    pressed = desk.log.pressed_ns
    return max(pressed, key=lambda key: pressed[key]) in read_hq(city.hq_database, STATION).events


@contextlib.asynccontextmanager
async def _city_with(folder: Path, *, cheat: str, flushes: bool):
    """A city whose first station has moved into a machine."""
    async with City(folder / "city", stations=1) as city:
        for name in (f"station-{STATION}", f"reader-{STATION}"):
            await city.process(name).stop()
        kiosk = await asyncio.to_thread(Kiosk, city, folder, cheat=cheat)
        try:
            await asyncio.to_thread(kiosk.machine.wait_ready, _BOOT_S)
            await asyncio.to_thread(kiosk.move_in)
            await asyncio.to_thread(kiosk.come_up)
            if not flushes:
                await asyncio.to_thread(kiosk.lie)
            yield city, kiosk, Desk(city)
        finally:
            kiosk.cut()
