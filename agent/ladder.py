"""The life of a help call, and what sounds and happens while nobody answers it. Pure: times come in as seconds."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["raised", "acknowledged", "attending", "closed"]
Step: TypeAlias = Literal["press", "acknowledge", "attend", "close"]
Rung: TypeAlias = Literal["escalated", "breached"]
Lamp: TypeAlias = Literal["off", "acknowledged", "raised"]
Tone: TypeAlias = Literal[0, 1, 2]

RUNGS: tuple[Rung, ...] = ("escalated", "breached")
"""The rungs that are events, each journaled once a call."""

UNKNOWN_S = math.inf
"""The time since a press made before this boot: nobody measured how long the station was dark."""

STEPS: dict[State, dict[Step, State]] = {
    "raised": {"press": "raised", "acknowledge": "acknowledged"},
    "acknowledged": {"press": "raised", "attend": "attending", "close": "closed"},
    "attending": {"press": "raised", "close": "closed"},
    "closed": {},
}
"""Where each step leads. No timer stands here: a call never ends, or falls silent, by itself.

A further press makes an answered call unanswered again: it may be another person, at another button
(`docs/decisions/0004-help-call-ladder.md`). Closing comes after acknowledging, so nobody closes what was not heard.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """When an unanswered call climbs, in seconds since the oldest press nobody has answered; ascending.

    While nobody is at the desk (`unattended`) the times are others, in seconds since the press or since everybody went,
    whichever was last; none is longer than its own above. It is louder there as soon as headquarters rings.
    """

    louder_after_s: float = 15
    escalate_after_s: float = 30
    breach_after_s: float = 60
    unattended_escalate_after_s: float = 0
    unattended_breach_after_s: float = 30

    @property
    def unattended_louder_after_s(self) -> float:
        """When it is louder while nobody is at the desk."""
        return min(self.louder_after_s, self.unattended_escalate_after_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What sounds and shines at the station: tone 2 is the louder one, `second_output` sounds with it."""

    lamp: Lamp = "off"
    tone: Tone = 0
    second_output: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """How high an unanswered call stands: its alarm, the rungs to be journaled now, and when to look again.

    `again_s`: seconds until the next rung; None when nothing changes any more by time alone.
    """

    alarm: Alarm
    due: tuple[Rung, ...]
    again_s: float | None


def step(state: State, taken: Step) -> State | None:
    """Return the state after a step, or None when the step is not possible in `state`."""
    return STEPS[state].get(taken)


def climb(
    ladder: Ladder,
    state: State,
    unanswered_s: float,
    *,
    done: Collection[Rung],
    hq_answered: bool,
    unattended_s: float | None = None,
) -> Climb:
    """Say what a call in `state` does, `unanswered_s` (infinity: not known) after its oldest unanswered press.

    `done` are the rungs it has had: each comes once a call. When headquarters answers, no further rung is due, for
    rungs tell headquarters; the desk goes on sounding until somebody there acknowledges. `unattended_s`: for how long
    the ladder of a desk without anybody has counted for this call, None when it never did; of both the sooner rung
    counts, so that knowing more of the desk makes none later.
    """
    if state == "closed":
        return Climb(alarm=Alarm(), due=(), again_s=None)
    if state != "raised":
        return Climb(alarm=Alarm(lamp="acknowledged"), due=(), again_s=None)

    def wait_s(after_s: float, unattended_after_s: float) -> float:
        if unattended_s is None:
            return after_s - unanswered_s
        return min(after_s - unanswered_s, unattended_after_s - unattended_s)

    louder_s = wait_s(ladder.louder_after_s, ladder.unattended_louder_after_s)
    waits: dict[Rung, float] = {
        "escalated": wait_s(ladder.escalate_after_s, ladder.unattended_escalate_after_s),
        "breached": wait_s(ladder.breach_after_s, ladder.unattended_breach_after_s),
    }
    ahead = {rung: wait for rung, wait in waits.items() if rung not in done and not hq_answered}
    louder = louder_s <= 0
    return Climb(
        alarm=Alarm(lamp="raised", tone=2 if louder else 1, second_output=louder),
        due=tuple(rung for rung, wait in ahead.items() if wait <= 0),
        again_s=min((wait for wait in (louder_s, *ahead.values()) if wait > 0), default=None),
    )


def worst(alarms: Iterable[Alarm]) -> Alarm:
    """Return the alarm of several calls together: the worst lamp, the loudest tone."""
    lamps: tuple[Lamp, ...] = ("off", "acknowledged", "raised")
    return max(alarms, key=lambda alarm: (lamps.index(alarm.lamp), alarm.tone), default=Alarm())
