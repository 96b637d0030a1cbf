"""Help calls at the desk: ring from memory, confirm from the disk, climb until somebody answers."""

import asyncio
import logging
from collections.abc import Callable

from agent import calls
from agent.call import Call, Origin
from agent.calls import PressKey
from agent.entry import Clock
from agent.journal import Journal
from agent.ladder import Alarm, Climb, Ladder, Rung, Step, worst
from agent.outbox import Outbox, Waiting
from agent.view import CallView
from common.clock import rfc3339
from common.events.calls import (
    CLOSE_REASONS,
    CloseReason,
    HelpAcknowledged,
    HelpAttending,
    HelpBreached,
    HelpClosed,
    HelpEscalated,
    HelpPressedAgain,
    HelpRaised,
    Press,
)
from common.events.terms import Payload
from common.identifiers import is_identifier, uuid7
from drivers.panel import PressReading
from sync.ranges import Ranges, contains, union

log = logging.getLogger(__name__)

CLOSED_SHOWN_S = 60
"""How long a closed call is still shown, in seconds."""

MOST_UNRECORDED = 256
"""Most presses that wait for the disk; a panel repeats the others, and they ring all the same."""

_REMEMBERED_STEPS = 256
_NS = 1_000_000_000


class HelpDesk:
    """Every open call of the station, in memory first and in the journal behind it.

    Hand `calls.projectors()` and `calls.SCHEMA` to the journal, `restore()` before the first press, keep `run()`
    alive. Everything here belongs to the loop. Callbacks, all optional:

    `changed()`: what `alarm` or `views` say is another than before; it comes before anything waits for the disk.
    `on_unrecorded(since)`: a call rings that could not be recorded, pressed at `since` (RFC 3339, wall clock).
    `on_recorded()`: no press is unrecorded any more.

    `unattended_at(since)`: the first moment from `since` on at which nobody was at the desk, None when there was none
    (CLOCK_BOOTTIME, ns); call `desk_changed()` when it says something else than before.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        ladder: Ladder,
        *,
        unattended_at: Callable[[int], int | None] = lambda _since: None,
    ) -> None:
        self.changed: Callable[[], None] = _nothing
        self.on_unrecorded: Callable[[str], None] = _ignore
        self.on_recorded: Callable[[], None] = _nothing
        self._journal = journal
        self._clock = clock
        self._ladder = ladder
        self._unattended_at = unattended_at
        self._open: dict[str, Call] = {}
        self._closed: Call | None = None
        self._outbox = Outbox(journal, clock, on_recorded=self._recorded, on_late=self._late)
        self._pressed: dict[tuple[str, int], Ranges] = {}  # in the journal
        self._screen_pressed: set[str] = set()  # in the journal
        self._presses: dict[PressKey | str, Waiting] = {}  # not yet in the journal
        self._steps: dict[str, Waiting] = {}  # the last ones, by event id
        self._shown = Alarm()
        self._wake = asyncio.Event()

    # -- what happens -----------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Load what the journal knows of open calls and of presses; raises JournalError.

        A call of this boot goes on where it stood. One of an earlier boot rings at its loudest and climbs every rung
        it has not had at once: nobody knows how long the station was dark, and a rung too early costs a look, one too
        late may cost more.
        """
        stored = self._journal.query(calls.load)
        cursor = (await self._journal.kept()).cursor
        self._pressed = dict(stored.presses)
        self._screen_pressed = set(stored.screen_presses)
        for row in stored.calls:
            self._open[row.id] = Call.restored(row, boot=self._clock.boot, cursor=cursor)
        self._touch()

    async def press(self, reading: PressReading) -> bool:
        """Ring, then journal a numbered press; True once it is journaled, and may be acknowledged to the panel.

        False when that failed or took over a second: the alarm goes on, and the panel has to repeat the press. A press
        journaled before, or on its way, is no second event.
        """
        key = (reading.panel, reading.epoch, reading.number)
        if contains(self._pressed.get(key[:2], ()), reading.number):
            return True
        waiting = self._presses.get(key)
        if waiting is None:
            waiting = self._ring(
                "panel",
                key,
                uuid7(wall_ms=self._clock.wall_ms()),
                press=Press(panel=reading.panel, epoch=reading.epoch, number=reading.number),
                button=reading.button,
                age_ms=reading.age_ms,
            )
        return waiting is not None and await self._outbox.recorded(waiting)

    async def press_screen(self, event_id: str) -> None:
        """Ring, then journal a press of the citizen's screen; returns once it is journaled, or after a second.

        `event_id` is the id its form carries, and the call's if it raises one; a repeated submit changes nothing. The
        screen keeps no press as a panel does: what could not be journaled is tried again here until it is.
        """
        event_id = self._event_id(event_id)
        if event_id in self._screen_pressed:
            return
        waiting = self._presses.get(event_id) or self._ring("screen", event_id, event_id)
        if waiting is not None:
            await self._outbox.recorded(waiting)

    async def acknowledge(self, call: str, event_id: str) -> bool:
        """Take a call: its tone stops at once. False when it is not there to be taken, and nothing changed.

        Returns once the event is journaled, or after a second; it is then tried again until it is. The same
        `event_id` a second time changes nothing. All of this holds for the other steps too.
        """
        now = self._clock.mono_ns()
        return await self._step(
            call, event_id, "acknowledge", lambda c: HelpAcknowledged(call=call, after_ms=c.after_ms(now))
        )

    async def attend(self, call: str, event_id: str) -> bool:
        """Say that an officer is on the way; as `acknowledge`."""
        return await self._step(call, event_id, "attend", lambda _: HelpAttending(call=call))

    async def close(self, call: str, event_id: str, reason: CloseReason) -> bool:
        """End a call; as `acknowledge`. Raises ValueError for a reason that is none of CLOSE_REASONS."""
        if reason not in CLOSE_REASONS:
            raise ValueError(f"{reason!r} is no reason to close a call; give one of {', '.join(CLOSE_REASONS)}")
        return await self._step(call, event_id, "close", lambda _: HelpClosed(call=call, reason=reason))

    def climb_by(self, ladder: Ladder) -> None:
        """Climb this ladder from now on, open calls too."""
        if ladder != self._ladder:
            self._ladder = ladder
            self._touch()

    def hq_holds(self, held: Callable[[int], bool]) -> None:
        """Hear headquarters' signed ack: `held(number)` tells whether it names a number of the open journal."""
        before = [call.at_hq for call in self._known()]
        for call in self._known():
            if call.number is not None:
                call.at_hq = held(call.number)
        if before != [call.at_hq for call in self._known()]:
            self._touch()

    def desk_changed(self) -> None:
        """Hear that everybody left the desk, or that somebody is back: rungs may be due sooner."""
        self._touch()

    def orders_applied(self) -> None:
        """Learn which calls headquarters has answered, after orders were applied; raises JournalError."""
        answered = self._journal.query(lambda connection: calls.hq_answered(connection, self._open))
        for call in answered:
            self._open[call].hq_answered = True
        self._touch()

    def journal_opened(self) -> None:
        """Learn the calls' new numbers, after `journal.opened` was appended; raises JournalError."""
        known = {call.id: call for call in self._known() if call.number is not None}
        numbers = self._journal.query(lambda connection: calls.raised_numbers(connection, known))
        for call in known.values():
            call.number = numbers.get(call.id)
            call.at_hq = call.number is None  # it was closed on what headquarters surely holds
        self._touch()

    # -- what is seen and heard -------------------------------------------------------------------------------------

    @property
    def alarm(self) -> Alarm:
        """What sounds and shines now: the worst of all open calls."""
        now = self._clock.mono_ns()
        return worst(self._climb(call, now).alarm for call in self._open.values())

    @property
    def unrecorded_since(self) -> str | None:
        """When the oldest press was made (RFC 3339, wall clock) that could not be recorded; None when there is none."""
        late = [waiting.happened_ns for waiting in self._presses.values() if waiting.late]
        return self._wall(min(late)) if late else None

    def views(self, now: int) -> tuple[CallView, ...]:
        """Return the open calls at `now` (CLOCK_BOOTTIME, ns), oldest first."""
        return tuple(self._view(call, now) for call in self._open.values())

    def recently_closed(self, now: int) -> CallView | None:
        """Return the call closed last, for CLOSED_SHOWN_S after it was."""
        call = self._closed
        if call is None or now - call.closed_ns >= CLOSED_SHOWN_S * _NS:
            return None
        return self._view(call, now)

    async def run(self) -> None:
        """Climb the ladder, for ever: look, sleep until something is due or has changed, look again."""
        while True:
            self._wake.clear()
            again_s = self.look()
            try:
                async with asyncio.timeout(again_s):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def look(self) -> float | None:
        """Do what is due now, and return in how many seconds something will be; None when nothing will."""
        now = self._clock.mono_ns()
        again: list[float] = []
        for call in self._open.values():
            climbed = self._climb(call, now)
            for rung in climbed.due:
                self._reach(call, rung, now)
            if climbed.again_s is not None:
                again.append(climbed.again_s)
        outbox_ns = self._outbox.look(now)
        if outbox_ns is not None:
            again.append((outbox_ns - now) / _NS)
        if self._closed is not None:
            if self.recently_closed(now) is None:
                self._closed = None
                self._touch()
            else:
                again.append(CLOSED_SHOWN_S - (now - self._closed.closed_ns) / _NS)
        if self.alarm != self._shown:
            self._touch()
        # Not quite 0: the loop's clock may run a little ahead of CLOCK_BOOTTIME.
        return max(min(again), 0.001) if again else None

    # -- in memory --------------------------------------------------------------------------------------------------

    def _ring(
        self,
        origin: Origin,
        key: PressKey | str,
        event_id: str,
        *,
        press: Press | None = None,
        button: int = 0,
        age_ms: int = 0,
    ) -> Waiting | None:
        """Take a press nobody has seen before into memory, and ring; None when too many wait for the disk."""
        pressed_ns = self._clock.mono_ns() - age_ms * 1_000_000
        call = next(reversed(self._open.values()), None)
        payload: Payload
        if call is None:
            call = Call(id=event_id, origin=origin, raised_ns=pressed_ns, unanswered_ns=pressed_ns)
            self._open[call.id] = call
            payload = HelpRaised(call=call.id, origin=origin, press=press, button=button)
        else:
            call.press_again(pressed_ns)
            if len(self._presses) >= MOST_UNRECORDED:
                self._touch()
                return None
            call.presses += 1
            payload = HelpPressedAgain(call=call.id, origin=origin, press=press, button=button)
        self._touch()
        waiting = self._presses[key] = self._outbox.put(event_id, call.id, payload, pressed_ns)
        return waiting

    async def _step(self, call_id: str, event_id: str, taken: Step, payload: Callable[[Call], Payload]) -> bool:
        event_id = self._event_id(event_id)
        waiting = self._steps.get(event_id)
        if waiting is None:
            call = self._open.get(call_id)
            if call is None or not call.take(taken):
                return False
            now = self._clock.mono_ns()
            event = payload(call)
            if isinstance(event, HelpClosed):
                call.closed_reason, call.closed_ns = event.reason, now
                self._closed = self._open.pop(call_id)
            self._touch()
            waiting = self._steps[event_id] = self._outbox.put(event_id, call_id, event, now)
            if len(self._steps) > _REMEMBERED_STEPS:
                self._steps.pop(next(iter(self._steps)))
        await self._outbox.recorded(waiting)
        return True

    def _reach(self, call: Call, rung: Rung, now: int) -> None:
        call.rungs.add(rung)
        reached = HelpEscalated if rung == "escalated" else HelpBreached
        event_id = uuid7(wall_ms=self._clock.wall_ms())
        self._touch()
        self._outbox.put(event_id, call.id, reached(call=call.id, after_ms=call.after_ms(now)), now)

    # -- from the disk ----------------------------------------------------------------------------------------------

    def _recorded(self, waiting: Waiting) -> None:
        if isinstance(waiting.payload, HelpRaised):
            for call in self._known():
                if call.id == waiting.call:
                    call.number = waiting.number
        if waiting.is_press:
            self._forget_press(waiting)
        self._touch()

    def _forget_press(self, waiting: Waiting) -> None:
        """Move a press from those that wait to those the journal has."""
        assert isinstance(waiting.payload, HelpRaised | HelpPressedAgain)
        press = waiting.payload.press
        if press is None:
            del self._presses[waiting.event_id]
            self._screen_pressed.add(waiting.event_id)
        else:
            of_panel = press.panel, press.epoch
            del self._presses[*of_panel, press.number]
            self._pressed[of_panel] = union(self._pressed.get(of_panel, ()), ((press.number, press.number),))
        if waiting.late and self.unrecorded_since is None:
            log.warning("Every press for help is recorded again.")
            self.on_recorded()

    def _late(self, waiting: Waiting) -> None:
        if waiting.is_press:
            others = [other for other in self._presses.values() if other.late and other is not waiting]
            if not others:
                log.error("A press for help could not be recorded; the alarm goes on, and the desk tries again.")
            if all(other.call != waiting.call for other in others):
                self.on_unrecorded(self._wall(waiting.happened_ns))
            self._touch()

    # -- small things -----------------------------------------------------------------------------------------------

    def _known(self) -> list[Call]:
        return [*self._open.values(), *([self._closed] if self._closed is not None else [])]

    def _view(self, call: Call, now: int) -> CallView:
        lates = [waiting.late for waiting in self._presses.values() if waiting.call == call.id]
        return call.view(now, recorded=False if any(lates) else None if lates else True)

    def _climb(self, call: Call, now: int) -> Climb:
        return call.climb(self._ladder, now, self._unattended_at(call.unanswered_ns))

    def _event_id(self, event_id: str) -> str:
        """Return the id a form carried; a damaged one must not silence a call, and gets a new one."""
        return event_id if is_identifier(event_id) else uuid7(wall_ms=self._clock.wall_ms())

    def _wall(self, mono_ns: int) -> str:
        ago_ms = (self._clock.mono_ns() - mono_ns) // 1_000_000
        return rfc3339(self._clock.wall_ms() - ago_ms)

    def _touch(self) -> None:
        self._shown = self.alarm
        self._wake.set()
        self.changed()


def _nothing() -> None:
    """Nobody listens."""


def _ignore(_: str) -> None:
    """Nobody listens."""
