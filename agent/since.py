"""How long ago something was, by the clock that can be believed."""

from agent.entry import Clock


def since_s(clock: Clock, boot: str, ns: int, ms: int) -> int:
    """Return the whole seconds since a moment of `boot` (CLOCK_BOOTTIME in `ns`, wall clock in `ms`), 0 or more.

    Of an earlier boot, or of a time that was typed (`boot` ""), there are only the wall clocks of then and now.
    """
    if boot == clock.boot:
        return max(0, clock.mono_ns() - ns) // 1_000_000_000
    return max(0, clock.wall_ms() - ms) // 1000
