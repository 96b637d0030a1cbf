"""Fingers on a panel's buttons: a press as the levels that a pin goes through."""

import random
from collections.abc import Callable
from typing import TypeAlias

from drivers.simulators.board import BUTTONS, LOOP

NEVER_NS = 1 << 63
_MS = 1_000_000
_PRESSED, _NORMAL = LOOP["pressed"], LOOP["normal"]
_HOLD_MS, _OPEN_MS = 60, 60
_BOUNCE_MS = (0.3, 3.0)

_Levels: TypeAlias = tuple[tuple[int, int], ...]
"""Each a level and after how many ms it is taken."""


class Fingers:
    """One finger on each button.

    `move(button, levels)` changes a pin to each level, so many ms from now; `touch(button)` is told of each press.
    """

    def __init__(self, rng: random.Random, move: Callable[[int, _Levels], None], touch: Callable[[int], None]) -> None:
        self._rng = rng
        self._move = move
        self._touch = touch
        self._moves: list[tuple[int, int, _Levels, bool]] = []
        self._free_ns = [0] * BUTTONS

    @property
    def next_ns(self) -> int:
        """When something moves next."""
        return self._moves[0][0] if self._moves else NEVER_NS

    def free(self, now_ns: int) -> list[int]:
        """Return the buttons on which no finger is."""
        return [button for button, free_ns in enumerate(self._free_ns) if free_ns <= now_ns]

    def press(self, button: int, now_ns: int, *, hold_ms: int = _HOLD_MS, bounces: int = 0) -> None:
        """Press and let go, as soon as the finger is free; with bounces when it closes and when it opens."""
        at_ns = self._bounce(button, max(now_ns, self._free_ns[button]), _PRESSED, bounces, begins=True)
        at_ns = self._bounce(button, at_ns + hold_ms * _MS, _NORMAL, bounces, begins=False)
        self._free_ns[button] = at_ns + _OPEN_MS * _MS

    def hold(self, button: int, now_ns: int) -> None:
        """Press and stay."""
        self._later(now_ns, button, ((_PRESSED, 0),), begins=True)

    def release(self, button: int, now_ns: int) -> None:
        """Let go."""
        self._later(now_ns, button, ((_NORMAL, 0),))

    def turn(self, now_ns: int) -> None:
        """Make the moves that are due."""
        while self._moves and self._moves[0][0] <= now_ns:
            at_ns, button, levels, begins = self._moves.pop(0)
            if begins:
                self._touch(button)
            self._move(button, levels)
            # A finger that was held up stays as long as it meant to.
            self._shift(button, now_ns - at_ns)

    def _shift(self, button: int, late_ns: int) -> None:
        self._moves = sorted(
            (at_ns + late_ns * (of == button), of, levels, begins) for at_ns, of, levels, begins in self._moves
        )
        self._free_ns[button] += late_ns

    def _bounce(self, button: int, at_ns: int, level: int, bounces: int, *, begins: bool) -> int:
        self._later(at_ns, button, ((level, 0),), begins=begins)
        for _ in range(bounces):
            at_ns += int(self._rng.uniform(*_BOUNCE_MS) * _MS)
            # There and back in one: a machine that is busy in between would make a press of a bounce.
            back_ms = round(self._rng.uniform(*_BOUNCE_MS))
            self._later(at_ns, button, ((_PRESSED + _NORMAL - level, 0), (level, back_ms)))
            at_ns += back_ms * _MS
        return at_ns

    def _later(self, at_ns: int, button: int, levels: _Levels, *, begins: bool = False) -> None:
        self._moves.append((at_ns, button, levels, begins))
        self._moves.sort()


class Hand:
    """Presses at random moments, `every_s` seconds apart on average, for `seconds` (None: for ever)."""

    def __init__(self, rng: random.Random, every_s: float, seconds: float | None, now_ns: int) -> None:
        self._rng = rng
        self._every_s = every_s
        self._end_ns = NEVER_NS if seconds is None else now_ns + int(seconds * 1000 * _MS)
        self.next_ns = now_ns
        self._rest()

    def choose(self, free: list[int]) -> int | None:
        """Return which of the buttons to press now, None when none is free; and choose the next moment."""
        self._rest()
        return self._rng.choice(free) if free else None

    def _rest(self) -> None:
        self.next_ns += int(self._rng.expovariate(1 / self._every_s) * 1000 * _MS)
        if self.next_ns >= self._end_ns:
            self.next_ns = NEVER_NS
