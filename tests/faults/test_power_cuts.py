"""The power goes at any moment, and the disk forgets what was not flushed: nothing confirmed is lost, no journal torn.

A station that does not wait for its disk is caught too. `CUTS=500 make faults ARGS="--only cut"` cuts more often.
"""

import os
import secrets
from pathlib import Path

import pytest
from power import cut, why_not

CUTS = int(os.environ.get("CUTS", "25"))
SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
    pytest.mark.timeout(120 + 5 * CUTS),
]


async def test_no_power_cut_loses_what_was_confirmed_or_breaks_the_journal(tmp_path: Path) -> None:
    print(f"SEED={SEED} CUTS={CUTS}")
    row = await cut(tmp_path, CUTS, SEED)
    print(row.as_dict())
    assert row.confirmed > 0
    assert (row.lost, row.duplicated, row.unreadable) == (0, 0, 0)


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
async def test_a_station_that_does_not_wait_for_its_disk_is_caught(synchronous: str, tmp_path: Path) -> None:
    print(f"SEED={SEED}")
    row = await cut(tmp_path, 20, SEED, synchronous=synchronous)
    print(row.as_dict())
    assert row.lost > 0
