"""A whole small city on this machine: a broker, headquarters, stations and their devices, as real processes."""

import asyncio
import functools
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common import keyfiles
from jingting import layout
from jingting.child import Child, jingting
from jingting.count import read_panel_log
from jingting.ports import Ports
from jingting.web import Visitor, base_url, fetch

_READY_S = 30.0
_LOOK_S = 0.05
_ATTEMPTS = 3

MONITOR = "monitor"
"""Who answers at headquarters."""


class CityError(Exception):
    """A process of the city did not come up; the message says which, and the end of its log."""


class City:
    """A city in `folder`; its processes are `broker`, `hq`, and `station-<id>`, `panel-<id>`, `reader-<id>`.

    `async with City(folder) as city:` starts it and stops it. Several may run on one machine at a time.
    """

    def __init__(self, folder: Path, stations: int = 3) -> None:
        self.folder = folder.absolute()
        self.stations = tuple(f"jt-{number:03}" for number in range(1, stations + 1))
        self._ports = Ports()
        self._broker_port = self._hq_broker_port = self._hq_port = 0
        self._station_ports: dict[str, int] = {}
        self._duty_ports: dict[str, int] = {}
        self._children: dict[str, Child] = {}
        self._monitor: Visitor | None = None
        self._signing_in = threading.Lock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def hq_url(self) -> str:
        """Where headquarters' pages are."""
        return base_url("127.0.0.1", self._hq_port)

    @property
    def broker_port(self) -> int:
        """The broker's port for stations on 127.0.0.1."""
        return self._broker_port

    @property
    def hq_broker_port(self) -> int:
        """The broker's port for headquarters."""
        return self._hq_broker_port

    @property
    def processes(self) -> tuple[str, ...]:
        """The names of all processes, in the order in which they are started."""
        return tuple(self._children)

    def station_url(self, station: str) -> str:
        """Return where a station's citizen's screen is."""
        return base_url("127.0.0.1", self._station_ports[station])

    def duty_url(self, station: str) -> str:
        """Return where a station's duty desk is, and its `status.json`."""
        return base_url("127.0.0.1", self._duty_ports[station])

    def station_folder(self, station: str) -> Path:
        """Return the folder with a station's settings, keys, journal and its panel's log."""
        return self.folder / "stations" / station

    def panel_log(self, station: str) -> Path:
        """Return the file in which a station's panel keeps its own account."""
        return self.station_folder(station) / "panel.jsonl"

    def put_card(self, station: str, card: str) -> None:
        """Put a card of `drivers.simulators.cards.PEOPLE` on a station's reader. Raises BrokenPipeError likewise."""
        self._children[f"reader-{station}"].say(f"put {card}")

    def lift_card(self, station: str) -> None:
        """Take the card from a station's reader again. Raises BrokenPipeError likewise."""
        self._children[f"reader-{station}"].say("lift")

    def tickets(self, station: str) -> Path:
        """Return the file in which the people at a station note the numbers they were shown."""
        return self.station_folder(station) / "tickets.txt"

    @property
    def hq_database(self) -> Path:
        """Headquarters' SQLite file."""
        return self.folder / "hq/data/hq.db"

    def process(self, name: str) -> Child:
        """Return one process, for looking at it or ending it."""
        return self._children[name]

    def press(self, station: str) -> None:
        """Press the help button of a station's panel. Raises BrokenPipeError when the panel does not run."""
        self._children[f"panel-{station}"].say("press")

    @property
    def monitor_password(self) -> str:
        """The password of the account `monitor` at headquarters, which `account` makes."""
        return keyfiles.read_password(self.folder / "hq/monitor.password")

    @property
    def token(self) -> str:
        """What a program shows at headquarters to read figures."""
        return keyfiles.read_password(self.folder / "hq/programs.token")

    def account(self) -> None:
        """Make headquarters' account `monitor`, unless it is there, by the command everybody uses."""
        command = jingting("hq", "user", "add", MONITOR, "--role", "monitor", "--config", self.folder / "hq/hq.toml")
        done = subprocess.run(  # noqa: S603 - our own command
            command, input=self.monitor_password + "\n", text=True, capture_output=True, check=False
        )
        if done.returncode and "already" not in done.stderr:
            raise CityError(f"no account was made: {done.stderr.strip()}")

    def overview(self) -> dict[str, Any]:
        """Return headquarters' overview; empty while it does not answer."""
        return fetch(self.hq_url + "/overview.json", token=self.token) or {}

    def answer(self, station: str, call: str, event_id: str) -> bool:
        """Answer a call at headquarters' page, signing in as `monitor` first where need be; False if it was refused."""
        url = f"{self.hq_url}/stations/{station}/calls/{call}/answer"
        if self._monitor is not None and self._monitor.submit(url, event_id=event_id):
            return True
        # Nobody has signed in yet, or headquarters has gone back to a copy: that ends all sessions.
        with self._signing_in:
            self.account()
            monitor = Visitor()
            if not monitor.sign_in(self.hq_url, MONITOR, self.monitor_password):
                return False
            self._monitor = monitor
        return monitor.submit(url, event_id=event_id)

    async def start(self) -> None:
        """Start everything, and return when every station has its devices and headquarters.

        Raises CityError, or FileNotFoundError when Mosquitto is not installed; what was started is stopped then.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._lay_out()
                await self._start_all()
            except BaseException as error:
                await self._stop_all()
                # A port is tried before it is used, but anybody may take it in between.
                again = isinstance(error, CityError) and attempt < _ATTEMPTS and self._ports.stolen()
                self._ports.release()
                if not again:
                    raise
            else:
                return

    async def restart(self, name: str) -> None:
        """Start a process again, ending it first when it runs, and return when it serves. Raises CityError."""
        child = self._children[name]
        await child.stop()
        await self._started(child)

    async def connected(self, *stations: str) -> None:
        """Wait until these stations, by default all, have panel, broker and headquarters. Raises CityError."""
        for station in stations or self.stations:
            url = self.duty_url(station) + "/status.json"
            await self._until(self._children[f"station-{station}"], functools.partial(_is_connected, url))

    async def drained(self, timeout_s: float = _READY_S) -> bool:
        """Wait until no panel waits for its station and no station for headquarters; False when it took too long."""
        deadline = time.monotonic() + timeout_s
        while not all(await asyncio.gather(*(self._is_drained(station) for station in self.stations))):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    async def stop(self) -> None:
        """Stop everything, stations first, and give the ports back."""
        await self._stop_all()
        self._ports.release()

    def _lay_out(self) -> None:
        self._ports.release()
        self._broker_port, self._hq_broker_port, self._hq_port = (self._ports.take() for _ in range(3))
        self._station_ports = {station: self._ports.take() for station in self.stations}
        self._duty_ports = {station: self._ports.take() for station in self.stations}
        layout.write(
            self.folder,
            broker_port=self._broker_port,
            hq_broker_port=self._hq_broker_port,
            hq_port=self._hq_port,
            station_ports=self._station_ports,
            duty_ports=self._duty_ports,
        )
        commands: dict[str, tuple[str, ...]] = {
            "broker": (layout.program("mosquitto"), "-c", str(self.folder / "broker/mosquitto.conf")),
            "hq": jingting("hq", "--config", self.folder / "hq/hq.toml"),
        }
        for station in self.stations:
            home = self.station_folder(station)
            commands[f"panel-{station}"] = jingting(
                "simulate", "panel", "--link", home / "panel", "--log", self.panel_log(station)
            )
            commands[f"reader-{station}"] = jingting(
                "simulate", "card-reader", "--link", home / "reader", "--log", home / "reader.jsonl"
            )
            commands[f"station-{station}"] = jingting("station", "--config", home / "station.toml")
        self._children = {
            name: Child(name, command, log=self.folder / "logs" / f"{name}.log") for name, command in commands.items()
        }

    async def _start_all(self) -> None:
        # Headquarters before the stations: what a station says of its orders before anybody listens is lost, and it
        # repeats it only every 60 s (docs/link.md, "Ack").
        for name in ("broker", "hq"):
            await self._started(self._children[name])
        others = [child for name, child in self._children.items() if name not in ("broker", "hq")]
        starting = [asyncio.create_task(self._started(child)) for child in others]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()
            await asyncio.wait(starting)
        await self.connected()

    async def _stop_all(self) -> None:
        def is_house(child: Child) -> bool:
            return child.name == "hq" or child.name.startswith("station-")

        children = self._children.values()
        await asyncio.gather(*(child.stop() for child in children if is_house(child)))
        await asyncio.gather(*(child.stop() for child in children if not is_house(child)))

    async def _started(self, child: Child) -> None:
        said_before = child.log.stat().st_size if child.log.exists() else 0
        child.start()
        await self._until(child, self._probe(child, said_before))

    def _probe(self, child: Child, said_before: int) -> Callable[[], bool]:
        """Return what tells whether a process serves, asked as its users ask it."""
        if child.name == "broker":
            return lambda: _is_listening(self._broker_port)
        if child.name == "hq":
            return lambda: fetch(self.hq_url + "/health.json") is not None
        station = child.name.partition("-")[2]
        if child.name.startswith("station-"):
            return lambda: fetch(self.duty_url(station) + "/status.json") is not None
        child.say("status")
        return lambda: b"{" in child.log.read_bytes()[said_before:]

    async def _until(self, child: Child, probe: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_S
        while not await asyncio.to_thread(probe):
            if not child.running:
                words = f"ended with exit code {child.exit_code} before it was ready"
            elif time.monotonic() > deadline:
                words = f"was not ready after {_READY_S:g} s"
            else:
                await asyncio.sleep(_LOOK_S)
                continue
            raise CityError(f"{child.name} {words}; {child.log} ends: {child.last_words()}")

    async def _is_drained(self, station: str) -> bool:
        panel = read_panel_log(self.panel_log(station), layout.PANEL)
        if panel.pressed_ns.keys() - panel.acknowledged:
            return False
        view = await asyncio.to_thread(fetch, self.duty_url(station) + "/status.json")
        return view is not None and view["waiting"] == 0


def _is_listening(port: int) -> bool:
    with socket.socket() as trying:
        trying.settimeout(1)
        return trying.connect_ex(("127.0.0.1", port)) == 0


def _is_connected(url: str) -> bool:
    view = fetch(url)
    return (
        view is not None
        and view["link"] == "up"
        and view["hq_online"]
        and all(device["state"] == "ready" for device in view["devices"])
    )
