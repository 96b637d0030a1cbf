"""The power goes at every write, flush and change of a name of an append, a retention pass, a migration, a rescue and a
first start: what was confirmed is there, once, and every journal can be read.

Recorded once and cut everywhere (`boundaries`). `make faults ARGS="--only boundaries"` tears more of what is in flight.
"""

import os
import secrets

import pytest
from boundaries import CHEATS, cut_everywhere
from disk_trace import why_not

SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.mark.parametrize(
    ("story", "torn"), [("first start", 1), ("append", 1), ("migration", 1), ("retention", 0), ("rescue", 0)]
)
async def test_a_power_cut_at_any_boundary_loses_nothing_confirmed_and_leaves_a_journal_that_goes_on(story, torn):
    print(f"SEED={SEED}")
    cuts = await cut_everywhere(story, SEED, torn=torn)
    print(cuts)
    assert cuts.confirmed > 0
    assert (cuts.lost, cuts.duplicated, cuts.unreadable) == (0, 0, 0)
    assert not cuts.wrong


@pytest.mark.parametrize("cheat", CHEATS)
async def test_commits_that_do_not_wait_for_the_disk_are_caught_at_a_boundary(cheat):
    before, pragma = CHEATS[cheat]
    cuts = await cut_everywhere("short", SEED, before=before, cheat=pragma, until_lost=True)
    assert cuts.lost > 0


async def test_a_journal_whose_commit_is_an_unlink_loses_nothing_once_that_is_flushed():
    """Against DELETE alone: the rig does not call everything lost."""
    cuts = await cut_everywhere(
        "short", SEED, before="PRAGMA journal_mode = DELETE", cheat="PRAGMA synchronous = EXTRA"
    )
    assert cuts.confirmed > 0
    assert (cuts.lost, cuts.unreadable) == (0, 0)
