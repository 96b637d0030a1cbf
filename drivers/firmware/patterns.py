"""What lamp and buzzer do in each state, so that people tell them apart. Pure.

A pattern is how many ms it is on, off, on, off and so on, from the beginning of the state, round and round; empty:
never on; one figure: always on. This file also runs in the panel, under MicroPython.
"""

LAMP = {
    "off": (),
    "raised": (250, 250),
    "acknowledged": (1,),
    "fault": (100, 1900),
    "host_gone": (100, 150, 100, 1650),
}
# By tone; the last is the panel's own: a press waits and no host is there that could say how to sound.
ALONE = 3
SOUND = ((), (300, 700), (400, 100), (100, 100, 100, 100, 100, 1500))


def at(pattern: tuple[int, ...], passed_ms: int) -> tuple[bool, int | None]:
    """Return whether a pattern is on after so long, and in how many ms that changes; None: never."""
    if len(pattern) < 2:
        return bool(pattern), None
    left_ms = passed_ms % sum(pattern)
    on = True
    for lasts_ms in pattern:
        if left_ms < lasts_ms:
            return on, lasts_ms - left_ms
        left_ms -= lasts_ms
        on = not on
    return False, None
