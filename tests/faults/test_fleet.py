"""Many stations, one headquarters: whoever dies, however much is to be done at once, all come back with all they have.

`FLEET=1000 make faults ARGS="--only fleet --only fleet-postgresql"` is the size of it.
"""

import os
import secrets
from pathlib import Path

import pytest
from fleet import gathered

from tests.headquarters import SQLITE

SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.mark.parametrize(("database", "count"), [("sqlite", 40), ("postgresql", 20)])
async def test_every_station_of_a_fleet_comes_back_with_all_it_has_to_say(
    database: str, count: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    print(f"SEED={SEED}")
    url = SQLITE
    if database == "postgresql":
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.create())
    row, came_back_s = await gathered(tmp_path, count, SEED, url=url)
    print(row.as_dict(), {what: times[-1] for what, times in came_back_s.items()})
    assert row.confirmed == count * 2 * len(came_back_s)
    assert (row.lost, row.duplicated) == (0, 0)
