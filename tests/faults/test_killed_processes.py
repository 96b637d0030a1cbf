"""kill -9 of anything at any moment: every press acknowledged to a panel, and every record whose number somebody was
shown, is at headquarters, exactly once.

`KILLS=200 make faults ARGS="--only kill --seed 7"` runs more of it; the seed is printed, and repeats the order of
presses and kills.
"""

import os
import secrets
from pathlib import Path

import pytest
from kills import killed

KILLS = int(os.environ.get("KILLS", "16"))
SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))


@pytest.mark.slow
@pytest.mark.timeout(60 + 5 * KILLS)
async def test_no_kill_loses_a_press_or_brings_one_twice(tmp_path: Path) -> None:
    print(f"SEED={SEED} KILLS={KILLS}")
    row = await killed(tmp_path, KILLS, SEED)
    print(row.as_dict())
    assert row.confirmed > 0
    assert row.lost == 0
    assert row.duplicated == 0
