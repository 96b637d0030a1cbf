# ruff: noqa: PLC0415 - a driver is imported when it is run: libgpiod for a button alone
"""One device by itself, its driver run without a station: what it says.

Nothing is acknowledged to a panel: a press made while a technician watches still waits there for the station.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, get_args

from drivers.device import State
from drivers.identity import FIELDS, Field, Identity, NotRead
from drivers.panel import Panel, PressReading

if TYPE_CHECKING:
    from agent.settings import StationSettings

DriverName: TypeAlias = Literal["card_reader", "code_scanner", "gpio_button", "panel", "passport_reader"]
DRIVERS: Final[tuple[DriverName, ...]] = get_args(DriverName)
READERS: Final[frozenset[DriverName]] = frozenset({"card_reader", "passport_reader"})

Told: TypeAlias = dict[str, Any]

_READ_S: Final = 3600.0
_AGAIN_S: Final = 1.0
_REMEMBERED: Final = 1024  # a panel latches 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Which device, and how it is reached: `port` as in the settings, of a gpio_button `CHIP:LINE`.

    `options` are the driver's own: `baud`, `suffix`; of a gpio_button `active_low`, `bias`, `debounce_ms`.
    """

    driver: DriverName
    name: str
    port: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Driver(Protocol):
    """What every driver has."""

    @property
    def state(self) -> State:
        """How the device stands."""

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""

    async def run(self) -> None:
        """Serve the device until cancelled."""


class Reader(Driver, Protocol):
    """A driver that reads documents."""

    async def read(self, fields: tuple[Field, ...], *, timeout_s: float) -> Identity:
        """Return `fields` of the next document; raises NotRead."""


def addresses(settings: "StationSettings") -> list[Address]:
    """Return every device that a station's settings name, in their order."""
    found = [Address(driver="panel", name=panel.name, port=panel.port) for panel in settings.panel]
    for button in settings.gpio_button:
        wiring = {"active_low": button.active_low, "bias": button.bias, "debounce_ms": button.debounce_ms}
        found.append(
            Address(driver="gpio_button", name=button.name, port=f"{button.chip}:{button.line}", options=wiring)
        )
    if (card := settings.card_reader) is not None:
        found.append(Address(driver="card_reader", name=card.name, port=card.port, options={"baud": card.baud}))
    if (papers := settings.passport_reader) is not None:
        found.append(
            Address(driver="passport_reader", name=papers.name, port=papers.port, options={"baud": papers.baud})
        )
    if (scanner := settings.code_scanner) is not None:
        options = {"baud": scanner.baud, "suffix": scanner.suffix}
        found.append(Address(driver="code_scanner", name=scanner.name, port=scanner.port, options=options))
    return found


class _Teller:
    """What a driver calls; a press that comes again, since nobody acknowledges it here, is told once."""

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self._tell = tell
        self._told: dict[tuple[int, int], None] = {}

    def state(self, state: State, reason: str) -> None:
        self._tell({"event": "state", "state": state, "reason": reason})

    def code(self, text: str) -> None:
        self._tell({"event": "code", "text": text})

    def press(self, press: PressReading) -> None:
        key = (press.epoch, press.number)
        if key in self._told:
            return
        self._told[key] = None
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        said = {"epoch": press.epoch, "number": press.number, "button": press.button, "age_ms": press.age_ms}
        self._tell({"event": "press", **said, "test": press.test})


def build(address: Address, tell: Callable[[Told], None]) -> Driver:
    """Return the driver of a device, which tells what happens.

    Raises ValueError for a port of no known kind, TypeError for an option that the driver has not.
    """
    name, port, options, teller = address.name, address.port, address.options, _Teller(tell)
    common: dict[str, Any] = {"monotonic": time.monotonic, "on_state": teller.state}
    match address.driver:
        case "panel":
            return Panel(name, port, on_press=teller.press, **common, **options)
        case "gpio_button":
            return _button(address, teller)
        case "card_reader":
            from drivers.card_reader import CardReader

            return CardReader(name, port, **common, **options)
        case "passport_reader":
            from drivers.passport_reader import PassportReader

            return PassportReader(name, port, today=date.today, **common, **options)
        case "code_scanner":
            from drivers.code_scanner import CodeScanner

            return CodeScanner(name, port, on_code=teller.code, **common, **options)


def _button(address: Address, teller: _Teller) -> Driver:
    from drivers.button_memory import ButtonMemory
    from drivers.gpio_button import GpioButton, LineSettings

    chip, _, line = address.port.rpartition(":")
    if not chip or not line:
        raise ValueError(f"{address.port!r} is no CHIP:LINE: write the chip's label and the line, as pinctrl-rp1:17")
    wiring = LineSettings(chip=chip, line=int(line) if line.isdecimal() else line, **address.options)
    memory = ButtonMemory(address.name, secrets.randbits(32))
    return GpioButton(address.name, wiring, memory=memory, on_press=teller.press, on_state=teller.state)


@asynccontextmanager
async def running(address: Address) -> AsyncIterator[tuple[Driver, "asyncio.Queue[Told]"]]:
    """Run a device's driver, and read what documents come, for as long as the block lasts; what it tells is queued.

    Raises ValueError for a port of no known kind.
    """
    told: asyncio.Queue[Told] = asyncio.Queue()
    driver = build(address, told.put_nowait)
    tasks = [asyncio.create_task(driver.run(), name=address.name)]
    if address.driver in READERS:
        reader: Reader = driver  # type: ignore[assignment]  # build makes one of these two
        tasks.append(asyncio.create_task(_read(reader, told.put_nowait), name="documents"))
    try:
        yield driver, told
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _read(reader: Reader, tell: Callable[[Told], None]) -> None:
    """Tell of every document, for ever; one that lies there was told of already."""
    while True:
        try:
            identity = await reader.read(FIELDS, timeout_s=_READ_S)
        except NotRead as failure:
            if failure.reason not in ("no_document", "reader"):
                tell({"event": "not_read", "reason": failure.reason})
            await asyncio.sleep(_AGAIN_S)
        else:
            told: Told = {"event": "identity", "kind": identity.kind, "doubts": list(identity.doubts)}
            told.update((str(name), text) for name, text in identity.fields.items())
            tell(told)
