"""Self-tests: that a press on a panel gets to headquarters, and its answer back, proved while nobody needs it.

A panel is asked for a synthetic press, which comes back through its real latch and is journaled as `help.tested` on the
urgent lane; headquarters answers it with an order; `device.tested` says how it went. Nothing of it rings or is a call.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.self_test_rows import Stored, load
from agent.view import DeviceView, SelfTestView
from common.events.calls import HelpTested, Press
from common.events.equipment import DeviceTested
from common.identifiers import uuid7
from drivers.device import State
from drivers.panel import PressReading

log = logging.getLogger(__name__)

PRESS_S = 15.0
"""How long the panel may take to test itself and send its press, in seconds."""

LIMIT_S = 60.0
"""In how many seconds headquarters' answer must be here to be in time."""

LOOK_EVERY_S = 20.0
"""How often it is looked whether a test is due, in seconds."""

_RETRY_NS = 900_000_000_000
_RETRY_CAP_NS = 21_600_000_000_000
_MS = 1_000_000
_NS = 1_000_000_000
_DAY_MS = 86_400_000

Reason: TypeAlias = Literal["", "no_press", "not_recorded", "no_answer"]
Refusal: TypeAlias = Literal["unknown", "call", "away", "journal"]
"""Why a panel is not tested now: none has that name; a call is open; it cannot be heard; the journal fails."""


class Testable(Protocol):
    """A panel, as far as its self-test goes."""

    @property
    def name(self) -> str:
        """Its name in the settings."""

    @property
    def state(self) -> State:
        """How it stands."""

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""

    def self_test(self) -> None:
        """Ask it for a synthetic press."""

    def acknowledge(self, epoch: int, number: int) -> None:
        """Tell it that a press is safe."""


@dataclass(slots=True, eq=False)
class _Run:
    """A test under way; `test` is the id its help.tested will have."""

    test: str
    asked_ns: int
    over: "asyncio.Future[Reason]"
    press: tuple[int, int] | None = None
    recorded: bool = False

    def end(self, reason: Reason) -> None:
        if not self.over.done():
            self.over.set_result(reason)


@dataclass(slots=True, eq=False)
class _Subject:
    panel: Testable
    stored: Stored
    run: _Run | None = None
    failures: int = 0
    retry_ns: int = 0


class SelfTests:
    """The self-tests of a station's panels, one at a time each.

    Journal and orders need what `agent.self_test_rows` has for them. Hand `pressed` to the panels as `on_test`, `add`
    each panel, call `orders_applied` after orders were applied, keep `run()` alive. `is_calm()` tells that no call is
    open; `due_ms(now)` when, at or before `now` (both ms since 1970), a nightly test was due last. Everything belongs
    to the loop. `changed()`: `shown` says another thing than before.
    """

    def __init__(
        self, journal: Journal, clock: Clock, *, due_ms: Callable[[int], int], is_calm: Callable[[], bool]
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._journal = journal
        self._clock = clock
        self._due_ms = due_ms
        self._is_calm = is_calm
        self._subjects: dict[str, _Subject] = {}
        self._trusted_since_ms: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, panel: Testable) -> None:
        """Take in a panel. Raises JournalError."""
        self._subjects[panel.name] = _Subject(panel, self._stored(panel.name))

    def begin(self, device: str, test: str) -> Refusal | None:
        """Test a panel now, because somebody asks; None when it is under way, else why it is not.

        `test` is the id the test's event will have; the same a second time changes nothing. A test that is under way
        goes on, and is this one.
        """
        subject = self._subjects.get(device)
        if subject is None:
            return "unknown"
        if subject.run is not None or subject.stored.test == test:
            return None
        refusal = self._refusal(subject)
        if refusal is None:
            self._keep(self._test(subject, test))
        return refusal

    def pressed(self, reading: PressReading) -> None:
        """Take a synthetic press, new or repeated; journaled, it is acknowledged to its panel.

        One that no test waits for proves nothing and is let go: a panel that sends them unasked fills no journal.
        """
        subject = self._subjects[reading.panel]
        run, press = subject.run, (reading.epoch, reading.number)
        if run is not None and run.press is None and self._is_of(run, reading):
            run.press = press
            self._keep(self._record(subject, run, reading))
        elif run is None or run.press != press or run.recorded:
            subject.panel.acknowledge(*press)

    def orders_applied(self) -> None:
        """Learn which tests headquarters has answered; raises JournalError."""
        for name, subject in self._subjects.items():
            if subject.run is not None and subject.run.recorded:
                subject.stored = self._stored(name)
                if subject.stored.answered and subject.stored.test == subject.run.test:
                    subject.run.end("")

    def shown(self, views: Sequence[DeviceView]) -> tuple[DeviceView, ...]:
        """Return the views, and with each panel's how its self-test stands."""
        return tuple(
            view if subject is None else replace(view, self_test=self._view(subject))
            for view in views
            for subject in (self._subjects.get(view.name),)
        )

    async def run(self) -> None:
        """Test each panel when it is due, for ever; what speaks against it puts it off and calls nothing off."""
        while True:
            if self._clock.trusted():
                for subject in self._subjects.values():
                    if self._is_due(subject) and self._refusal(subject) is None:
                        await self._test(subject, uuid7(wall_ms=self._clock.wall_ms()))
            await asyncio.sleep(LOOK_EVERY_S)

    # -- one test ---------------------------------------------------------------------------------------------------

    async def _test(self, subject: _Subject, test: str) -> None:
        run = subject.run = _Run(test, self._clock.mono_ns(), asyncio.get_running_loop().create_future())
        self.changed()
        try:
            subject.panel.self_test()
            reason = await self._outcome(run)
            took_ms = (self._clock.mono_ns() - run.asked_ns) // _MS
            self._note(subject, reason)
            tested = DeviceTested(device=subject.panel.name, passed=not reason, reason=reason, took_ms=took_ms)
            await self._journal.append(tested)
            subject.stored = self._stored(subject.panel.name)
        except JournalError:  # the journal has logged it; the page says that it cannot write
            subject.stored = replace(subject.stored, reason="not_recorded")
        finally:
            subject.run = None
            self.changed()

    async def _outcome(self, run: _Run) -> Reason:
        await asyncio.wait({run.over}, timeout=PRESS_S)
        if run.press is None:
            return "no_press"
        await asyncio.wait({run.over}, timeout=LIMIT_S - PRESS_S)
        if run.over.done():
            return run.over.result()
        return "no_answer" if run.recorded else "not_recorded"

    async def _record(self, subject: _Subject, run: _Run, reading: PressReading) -> None:
        press = Press(panel=reading.panel, epoch=reading.epoch, number=reading.number)
        tested = HelpTested(panel=reading.panel, press=press, button=reading.button, age_ms=reading.age_ms)
        try:
            await self._journal.append(tested, event_id=run.test)
        except JournalError:  # the journal has logged it
            run.end("not_recorded")
            return
        run.recorded = True
        subject.panel.acknowledge(reading.epoch, reading.number)

    def _is_of(self, run: _Run, reading: PressReading) -> bool:
        """Tell whether a press is younger than the test: one that an earlier test left in the latch is not."""
        return self._clock.mono_ns() - reading.age_ms * _MS >= run.asked_ns - _NS

    def _note(self, subject: _Subject, reason: Reason) -> None:
        name = subject.panel.name
        if reason:
            delay_ns = min(_RETRY_CAP_NS, _RETRY_NS << min(subject.failures, 10))
            subject.failures, subject.retry_ns = subject.failures + 1, self._clock.mono_ns() + delay_ns
            if subject.failures == 1:
                log.warning("Panel %s failed its self-test: %s; it is repeated.", name, reason)
        else:
            if subject.failures:
                log.info("Panel %s has passed its self-test again.", name)
            subject.failures = subject.retry_ns = 0

    # -- when -------------------------------------------------------------------------------------------------------

    def _refusal(self, subject: _Subject) -> Refusal | None:
        if not self._is_calm():
            return "call"
        if subject.panel.state in ("absent", "starting") or subject.panel.reason in ("silent", "garbled"):
            return "away"
        if self._journal.failure is not None or self._journal.quota.full:
            return "journal"
        return None

    def _is_due(self, subject: _Subject) -> bool:
        """Tell whether a nightly test is due: none was passed since the last time it was.

        A panel that was never tested waits for its first night. A time in the future is what a wrong clock said.
        """
        now_ms, stored = self._clock.wall_ms(), subject.stored
        if self._trusted_since_ms is None:
            self._trusted_since_ms = now_ms
        if subject.run is not None or self._clock.mono_ns() < subject.retry_ns:
            return False
        since_ms = self._trusted_since_ms if stored.tested_ms is None else stored.passed_ms or 0
        return since_ms < self._due_ms(now_ms) or since_ms > now_ms + _DAY_MS

    # -- small things -----------------------------------------------------------------------------------------------

    def _view(self, subject: _Subject) -> SelfTestView:
        stored = subject.stored
        passed_s = None if stored.passed_ms is None else max(0, self._clock.wall_ms() - stored.passed_ms) // 1000
        if subject.run is not None:
            return SelfTestView(state="running", reason="", passed_s=passed_s)
        if stored.reason:
            return SelfTestView(state="failed", reason=stored.reason, passed_s=passed_s)
        return SelfTestView(state="never" if stored.tested_ms is None else "passed", reason="", passed_s=passed_s)

    def _stored(self, device: str) -> Stored:
        return self._journal.query(lambda connection: load(connection, device))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="self-test")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
