"""The power of a whole machine goes: what was confirmed is on its disk, and no journal is torn.

`make faults ARGS="--only machine-cut"` cuts fifty times, and catches stations that break their word.
"""

import os
import secrets
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))

import machine_cuts

CUTS = int(os.environ.get("MACHINE_CUTS", "3"))
SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))

pytestmark = pytest.mark.timeout(600 + 300 * CUTS)


async def test_no_power_cut_of_a_machine_loses_what_was_confirmed_or_breaks_the_journal(tmp_path: Path) -> None:
    print(f"SEED={SEED}")
    row = await machine_cuts.cut(tmp_path, CUTS, SEED)
    print(row.as_dict())
    assert row.confirmed > 0
    assert (row.lost, row.duplicated, row.unreadable) == (0, 0, 0)
