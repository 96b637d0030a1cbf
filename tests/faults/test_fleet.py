"""Many stations, one headquarters: whoever dies, however much is to be done at once, all come back with all they have.

`FLEET=1000 make faults ARGS="--only fleet"` is the size of it.
"""

import os
import secrets
from pathlib import Path

import pytest
from fleet import gathered

SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


async def test_every_station_of_a_fleet_comes_back_with_all_it_has_to_say(tmp_path: Path) -> None:
    print(f"SEED={SEED}")
    row, came_back_s = await gathered(tmp_path, 40, SEED)
    print(row.as_dict(), {what: times[-1] for what, times in came_back_s.items()})
    assert row.confirmed == 40 * 2 * len(came_back_s)
    assert (row.lost, row.duplicated) == (0, 0)
