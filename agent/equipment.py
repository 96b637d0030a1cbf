# ruff: noqa: PLC0415 - a driver that few stations need is imported where there is one: memory
"""The station's drivers and who hears them: made from its settings, wired once, kept running beside each other."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from agent import nightly
from agent.buttons import drive
from agent.devices import Devices, Standing
from agent.either_reader import EitherReader
from agent.entry import Clock
from agent.help import HelpDesk
from agent.journal import Journal
from agent.panels import Panels
from agent.self_tests import SelfTests
from agent.settings import StationSettings
from agent.supervisor import Supervisor
from agent.view import DeviceView
from agent.visits import Reader
from common.events.equipment import DeviceKind
from drivers.button_memory import ButtonMemory
from drivers.card_reader import CardReader
from drivers.panel import Panel

if TYPE_CHECKING:
    from drivers.code_scanner import CodeScanner
    from drivers.passport_reader import PassportReader


class Driver(Standing, Protocol):
    """A driver that is only watched and kept running."""

    async def run(self) -> None:
        """Serve the device until cancelled."""


class Equipment:
    """Every device of a station: its driver, and the room, the panels and the self-tests that hear it.

    `on_code` gets what a scanner read. `changed()` is called when `views` are others than before. Raises JournalError.
    """

    def __init__(
        self,
        settings: StationSettings,
        journal: Journal,
        clock: Clock,
        desk: HelpDesk,
        memories: Mapping[str, ButtonMemory],
        *,
        on_code: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.test_at = settings.self_test.at
        """When each night the panels are tested, a time of the station's own day; may be set anew."""
        zone, shift_s = ZoneInfo(settings.station.zone), nightly.shift_s(settings.station.id)
        self.room = room = Devices(journal)
        self.tests = tests = SelfTests(
            journal,
            clock,
            due_ms=lambda now_ms: nightly.last_due_ms(now_ms, self.test_at, zone, shift_s),
            is_calm=lambda: not desk.views(clock.mono_ns()),
        )
        room.changed = tests.changed = changed
        second = settings.help.second_output
        self.shown = shown = Panels(desk, journal, clock, second_output=second, on_test=tests.pressed)

        def panel_state(state: str, reason: str) -> None:
            room.state(state, reason)
            shown.show()  # another panel may have to sound in its place

        self._panels = [
            Panel(panel.name, panel.port, monotonic=time.monotonic, on_press=shown.press, on_state=panel_state)
            for panel in settings.panel
        ]
        self._buttons = drive(settings.gpio_button, memories, on_press=shown.press, on_state=room.state)
        self._card_readers = [
            CardReader(card.name, card.port, baud=card.baud, monotonic=time.monotonic, on_state=room.state)
            for card in (settings.card_reader,)
            if card is not None
        ]
        self._passport_readers = _passport_readers(settings, clock, room)
        self._code_scanners = _code_scanners(settings, room, on_code)
        for panel, its in zip(self._panels, settings.panel, strict=True):
            room.watch(panel, "panel")
            shown.add(panel, buzzer=its.buzzer)
            tests.add(panel)
        for button in self._buttons:
            room.watch(button, "gpio_button")
            shown.add_button(button)
        for other, kind in self._others():
            room.watch(other, kind)

    @property
    def reader(self) -> Reader | None:
        """What reads documents for a visit; None when the station has nothing that does."""
        readers: list[Reader] = [*self._card_readers, *self._passport_readers]
        return EitherReader(readers) if readers else None

    @property
    def frames_bad(self) -> int:
        """How many frames on the panels' lines were none."""
        return sum(panel.frames_bad for panel in self._panels)

    @property
    def noise_bytes(self) -> int:
        """How many bytes on all lines belonged to nothing that could be understood."""
        noise = [panel.noise_bytes for panel in self._panels]
        noise += [reader.noise_bytes for reader in self._card_readers]
        noise += [reader.noise_bytes for reader in self._passport_readers]
        return sum(noise)

    def views(self) -> tuple[DeviceView, ...]:
        """Return the devices as they stand, and how their self-tests went."""
        return self.tests.shown(self.room.views())

    def keep(self, supervisor: Supervisor) -> None:
        """Keep every driver running, and who hears them."""
        for panel in self._panels:
            supervisor.keep(f"panel {panel.name}", panel.run)
        for button in self._buttons:
            supervisor.keep(f"button {button.name}", button.run)
        for other, _ in self._others():
            supervisor.keep(f"device {other.name}", other.run)
        supervisor.keep("devices", self.room.run)
        supervisor.keep("self-tests", self.tests.run)

    def _others(self) -> Iterator[tuple[Driver, DeviceKind]]:
        for card_reader in self._card_readers:
            yield card_reader, "card_reader"
        for passport_reader in self._passport_readers:
            yield passport_reader, "passport_reader"
        for code_scanner in self._code_scanners:
            yield code_scanner, "code_scanner"

    def can_be_pressed(self, supervisor: Supervisor) -> bool:
        """Tell whether the tasks of everything that can be pressed run."""
        names = [f"panel {panel.name}" for panel in self._panels]
        names += [f"button {button.name}" for button in self._buttons]
        return all(supervisor.alive(name) for name in names)


def _today(clock: Clock, zone: str) -> date | None:
    """Return the local day; None while no clock is trusted, for a wrong one would tell the wrong century."""
    if not clock.trusted():
        return None
    return datetime.fromtimestamp(clock.wall_ms() / 1000, ZoneInfo(zone)).date()


def _passport_readers(settings: StationSettings, clock: Clock, room: Devices) -> "list[PassportReader]":
    if (passport := settings.passport_reader) is None:
        return []
    from drivers.passport_reader import PassportReader

    today = partial(_today, clock, settings.station.zone)
    return [
        PassportReader(
            passport.name,
            passport.port,
            baud=passport.baud,
            monotonic=time.monotonic,
            today=today,
            on_state=room.state,
        )
    ]


def _code_scanners(settings: StationSettings, room: Devices, on_code: Callable[[str], None]) -> "list[CodeScanner]":
    if (scanner := settings.code_scanner) is None:
        return []
    from drivers.code_scanner import CodeScanner

    return [
        CodeScanner(
            scanner.name,
            scanner.port,
            baud=scanner.baud,
            suffix=scanner.suffix,
            monotonic=time.monotonic,
            on_state=room.state,
            on_code=on_code,
        )
    ]
