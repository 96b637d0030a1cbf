"""A help button on a GPIO line, as the station sees it: presses come in as from a panel; it has no lamp and no tone.

The kernel debounces, numbers and stamps the edges (GPIO character device, uAPI version 2, through libgpiod 2);
`drivers.button_memory` makes presses of them. The chip is found by its label (`pinctrl-rp1`, `pinctrl-bcm2711`), for
its number changes from one board, or one kernel, to the next.
"""

import asyncio
import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from glob import glob
from typing import Any, Literal, Protocol, TypeAlias

from drivers import device
from drivers.beside import beside
from drivers.button_memory import ButtonMemory, Edge
from drivers.panel import PressReading
from drivers.serial_line import why
from drivers.standing import Standing

_RETRY_BASE_S = 0.5
_RETRY_CAP_S = 5.0
# Most edges the kernel keeps for us: 64 at 20 ms of debounce are 1.3 s of a button that never rests.
_KEPT_EDGES = 64
_TO_DO = {
    "not_found": "no GPIO chip has this label: see `gpiodetect`, and set `chip`",
    "ambiguous": "several GPIO chips have this label: see `gpiodetect`, and wire the button to another chip",
    "no_such_line": "the chip has no such line: see `gpioinfo`, and set `line`",
    "busy": "another program or driver holds the line: see `gpioinfo`",
    "no_permission": "let this user open the chip (group gpio)",
    "cannot_open": "see the kernel's log; the chip may not know this bias or debounce",
    "hung_up": "the chip went away: see the kernel's log",
    "button_stuck": "free the button: it has been held for over 30 s",
    "latch_full": "presses wait unacknowledged: see why the station cannot record",
}

Bias: TypeAlias = Literal["pull_up", "pull_down", "disabled", "as_is"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """Which line, and how it is wired. `line` is an offset or a name; `active_low`: pressing pulls it to ground."""

    chip: str
    line: int | str
    active_low: bool = True
    bias: Bias = "pull_up"
    debounce_ms: int = 25


class LineRequest(Protocol):
    """A line that was requested with both edges watched; `gpiod.LineRequest` is the real one."""

    @property
    def fd(self) -> int:
        """Readable when there are edges, or when the chip went away."""

    def read_edge_events(self) -> list[Any]:
        """Return what came, as `gpiod.EdgeEvent`; raises OSError when the chip went away."""

    def get_value(self, line: int | str) -> Any:
        """Return `gpiod.line.Value`: ACTIVE while pressed, debounced as the edges are."""

    def release(self) -> None:
        """Give the line back."""


class NoSuchLineError(Exception):
    """The chip has no line of that offset or name."""


class GpioButton:
    """One button; lives through a chip that vanishes and comes back.

    `on_press` gets every press of `memory` at once and then every 250 ms until `acknowledge`, as from a panel.
    `on_state(state, reason)` is told when either changed; `reason` is empty when ready, else one of not_found,
    ambiguous, no_such_line, busy, no_permission, cannot_open, hung_up, opening, button_stuck, latch_full. Both are
    called on the loop and must not wait. `request` returns the line; it is called beside the loop.
    """

    def __init__(
        self,
        name: str,
        line: LineSettings,
        *,
        memory: ButtonMemory,
        on_press: Callable[[PressReading], None],
        on_state: Callable[[device.State, str], None],
        request: "Callable[[LineSettings], LineRequest] | None" = None,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.name = name
        self._settings = line
        self._memory = memory
        self._on_press = on_press
        self._request_line = request or request_line
        self._mono_ns = mono_ns
        self._standing = Standing(
            f"help button {name} on line {line.line} of {line.chip}", to_do=_TO_DO, on_state=on_state, log=_log
        )
        self._retry = device.Retry(_RETRY_BASE_S, _RETRY_CAP_S)
        self._line: LineRequest | None = None
        self._wake = asyncio.Event()

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._standing.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._standing.reason

    @property
    def edges_lost(self) -> int:
        """How many edges the kernel numbered and nobody read."""
        return self._memory.edges_lost

    def acknowledge(self, epoch: int, number: int) -> None:
        """Hear that a press is safe, so that it is no longer repeated. Harmless for one that is not known."""
        self._memory.acknowledge(epoch, number)

    async def run(self) -> None:
        """Serve the button until cancelled; may be run again after that."""
        if self.state != "absent":
            self._standing.become("lost", "hung_up")
        try:
            while True:
                if await self._open():
                    await self._serve()
                await self._tell_until(self._mono_ns() + int(self._retry.next_s() * 1e9))
        finally:
            self._close()

    async def _open(self) -> bool:
        requested: list[LineRequest] = []

        def give_back() -> None:
            requested[0].release()

        try:
            await beside(lambda: requested.append(self._request_line(self._settings)), give_back)
            self._line = line = requested[0]
            pressed = self._is_pressed(line)
        except NoSuchLineError:
            self._standing.become("lost", "no_such_line")
            return False
        except OSError as error:
            self._standing.become("lost", why(error))
            self._close()
            return False
        self._standing.become("opened", "opening" if self.state == "absent" else self.reason)
        self._memory.opened(self._mono_ns(), pressed=pressed)
        asyncio.get_running_loop().add_reader(line.fd, self._read)
        self._retry.reset()
        return True

    async def _serve(self) -> None:
        """Tell presses, and how the button stands, until the chip goes away."""
        while self._line is not None:
            self._tell()
            await self._pause(self._memory.next_ns(self._mono_ns()))
        self._standing.become("lost", "hung_up")

    async def _tell_until(self, until_ns: int) -> None:
        """Wait, and go on repeating meanwhile: a press outlives its chip."""
        while (now := self._mono_ns()) < until_ns:
            self._tell_presses()
            again_ns = self._memory.next_ns(now)
            await self._pause(until_ns if again_ns is None else min(again_ns, until_ns))

    def _tell(self) -> None:
        self._tell_presses()
        now = self._mono_ns()
        if self._memory.stuck(now) and self.reason != "button_stuck" and self._line is not None:
            # Said only of a button that is held now: its release may be the edge that was lost.
            self._look(self._line)
        if self._memory.stuck(now):
            self._standing.become("ailing", "button_stuck")
        elif self._memory.latch_full:
            self._standing.become("ailing", "latch_full")
        else:
            self._standing.become("heard", "")

    def _tell_presses(self) -> None:
        for reading in self._memory.due(self._mono_ns()):
            self._on_press(reading)

    async def _pause(self, until_ns: int | None) -> None:
        self._wake.clear()
        wait_s = None if until_ns is None else max(0.001, (until_ns - self._mono_ns()) / 1e9)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()

    def _read(self) -> None:
        line = self._line
        assert line is not None
        try:
            lost = False
            for event in line.read_edge_events():
                pressed = event.event_type.name == "RISING_EDGE"  # logical: the kernel has heeded active_low
                lost |= self._memory.edge(Edge(pressed, event.timestamp_ns, event.line_seqno))
        except OSError:
            self._close()
            lost = False
        if lost:
            self._look(line)
        self._tell_presses()
        self._wake.set()

    def _look(self, line: LineRequest) -> None:
        try:
            self._memory.level(self._mono_ns(), pressed=self._is_pressed(line))
        except OSError:
            self._close()

    def _is_pressed(self, line: LineRequest) -> bool:
        return bool(line.get_value(self._settings.line).name == "ACTIVE")

    def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            asyncio.get_running_loop().remove_reader(line.fd)
            with contextlib.suppress(OSError):
                line.release()


def request_line(settings: LineSettings) -> LineRequest:
    """Find the chip by its label and request the line. Raises OSError, and NoSuchLineError."""
    import gpiod  # noqa: PLC0415 - 2 MiB that only a station with such a button pays
    from gpiod.line import Bias as GpiodBias  # noqa: PLC0415
    from gpiod.line import Direction as GpiodDirection  # noqa: PLC0415
    from gpiod.line import Edge as GpiodEdge  # noqa: PLC0415

    config = gpiod.LineSettings(
        direction=GpiodDirection.INPUT,
        edge_detection=GpiodEdge.BOTH,
        bias=GpiodBias[settings.bias.upper()],
        active_low=settings.active_low,
        debounce_period=timedelta(milliseconds=settings.debounce_ms),
    )
    with gpiod.Chip(_chip_path(settings.chip)) as chip:
        try:
            chip.line_offset_from_id(settings.line)
        except (ValueError, FileNotFoundError):
            raise NoSuchLineError from None
        request: LineRequest = chip.request_lines(
            {settings.line: config}, consumer="jingting", event_buffer_size=_KEPT_EDGES
        )
        return request


def _chip_path(label: str) -> str:
    """Return the path of the only chip with that label. Raises OSError: ENODEV for none, ENOTUNIQ for several.

    Raspberry Pi OS links /dev/gpiochip4 to another chip for old programs: a chip of two names is one chip.
    """
    import gpiod  # noqa: PLC0415

    found = set()
    refused: OSError | None = None
    for path in {os.path.realpath(path) for path in glob("/dev/gpiochip*")}:  # noqa: PTH207 - plain paths for libgpiod
        try:
            if gpiod.is_gpiochip_device(path):
                with gpiod.Chip(path) as chip:
                    if chip.get_info().label == label:
                        found.add(path)
        except OSError as error:
            refused = error
    if len(found) == 1:
        return found.pop()
    if found:
        raise OSError(errno.ENOTUNIQ, "several chips have this label", label)
    raise refused or OSError(errno.ENODEV, os.strerror(errno.ENODEV), label)
