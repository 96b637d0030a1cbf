"""Little memory, ten pages, and a broker that wants the station dead: it lives, and confirms, and loses nothing.

`make faults ARGS="--only memory"` is the size of it: 100,000 events that wait, each flood twice.
"""

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import memory_limit
import pytest
from memory import CONFIRMED_WITHIN_S, LIMIT, greedy, squeezed
from memory_limit import MIB, MemoryLimit

SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))
WAITING = 3_000

limited = pytest.mark.skipif(memory_limit.why_not() is not None, reason=str(memory_limit.why_not()))


@contextlib.contextmanager
def limited_where_possible() -> Iterator[MemoryLimit | None]:
    """Where nobody may make such a limit, the station is looked at all the same."""
    if memory_limit.why_not():
        yield None
    else:
        with MemoryLimit(LIMIT) as limit:
            yield limit


@limited
@pytest.mark.parametrize(("takes", "lives"), [(8 * MIB, True), (64 * MIB, False)])
def test_who_takes_more_than_the_limit_is_killed_and_who_does_not_is_not(takes, lives):
    with MemoryLimit(32 * MIB) as limit:
        command = limit.inside((sys.executable, "-c", f"print(len(bytearray(b'x') * {takes}))"))
        done = subprocess.run(command, check=False, capture_output=True)
        assert (done.returncode == 0, limit.kills) == (lives, 0 if lives else 1)


@pytest.mark.slow
async def test_a_flood_kills_no_station_of_128_mib_delays_no_press_and_loses_nothing(tmp_path: Path) -> None:
    print(f"SEED={SEED}")
    with limited_where_possible() as limit:
        # Thrown out a third time, it would take somebody else to have its name, and keep still for three minutes.
        row, seen = await squeezed(tmp_path, WAITING, SEED, limit=limit, of_each_s=0.7, without={"never read"})
    print(row.as_dict(), seen)
    assert row.killed == 0
    assert seen.most < LIMIT
    assert seen.slowest_s < CONFIRMED_WITHIN_S
    assert row.confirmed > WAITING
    assert (row.lost, row.duplicated) == (0, 0)


@limited
@pytest.mark.slow
async def test_a_station_that_keeps_what_it_hears_is_caught(tmp_path: Path) -> None:
    with MemoryLimit(LIMIT) as limit:
        row, _ = await squeezed(tmp_path, 100, SEED, limit=limit, of_each_s=2.0, as_what=greedy)
    assert row.killed == 1
    assert row.as_promised
