"""When a contact counts as made: time that it was made against time that it was not. Pure; times in ms that only grow.

A debouncer that waits until a contact is quiet loses the press of a dirty one. This one adds up: made time counts up,
open time counts down, and at `on_ms` the contact is on. So the first edge that survives is acted on, a bounce delays
it by no more than it lasted, and a contact that flickers while it is held is still a press.

This file also runs in the panel, under MicroPython.
"""

NEVER_MS = 1 << 29


class Debounce:
    """One contact: `on` after `on_ms` of being made, off after `off_ms` of not being made."""

    def __init__(self, on_ms: int, off_ms: int) -> None:
        self.on = False
        self.on_since = 0
        self._on_ms = on_ms
        self._off_ms = off_ms
        self._made = False
        self._sum_ms = 0
        self._at = 0
        # As it stood at the newest change of the level, since time may have been let pass too far.
        self._then = (0, 0, False)

    def hold(self) -> None:
        """Take it as on already, until it has been off."""
        self.on = True
        self._sum_ms = self._off_ms
        self._then = (self._at, self._sum_ms, True)

    def sample(self, made: bool, now: int) -> bool:
        """Take the level since `now`; True when the contact has come on since the last sample.

        To be called at each change; between them, call `look` when it is due. A change that waited in a queue while
        time was let pass is taken as of its own moment; only what was already said, that the contact came on, stays so.
        """
        said = self.on and now < self._at
        if now < self._at:
            self._at, self._sum_ms, self.on = self._then
        came_on = self.look(now) and not said
        if said and not self.on:
            self.on = True
            self._sum_ms = self._off_ms
        self._made = made
        self._then = (self._at, self._sum_ms, self.on)
        return came_on

    def look(self, now: int) -> bool:
        """Let time pass at the same level; True when the contact has come on since. To be called when due."""
        passed_ms = max(0, now - self._at)
        self._at = max(now, self._at)
        if not self._made:
            self._sum_ms = max(0, self._sum_ms - passed_ms)
            if not self._sum_ms:
                self.on = False
            return False
        self._sum_ms += passed_ms
        if self.on:
            self._sum_ms = min(self._sum_ms, self._off_ms)
        elif self._sum_ms >= self._on_ms:
            self.on = True
            self.on_since = now
            self._sum_ms = self._off_ms
            return True
        return False

    def due_ms(self) -> int:
        """Return after how long, from the last sample, `on` changes if the level stays."""
        if self._made == self.on:
            return NEVER_MS
        return self._sum_ms if self.on else self._on_ms - self._sum_ms
