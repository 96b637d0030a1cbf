"""What a station makes of headquarters' own word that it is there."""

import random

from sync.lanes import Outbox, Plan
from sync.source import Kept


def test_an_urgent_event_goes_again_at_every_word_that_headquarters_is_there():
    kept = Kept("019e0000-0000-7000-8000-000000000001", oldest=1, head=1)
    box = Outbox(kept, (1,), key_id=bytes(16), rng=random.Random(1))
    box.session_began("s", 0.0)
    for now in (0.0, 0.1, 0.2):
        box.hint("one", now, online=True)
        plan = box.next(now)
        assert isinstance(plan, Plan)
        assert (plan.lane, plan.first) == ("urgent", 1)
        box.sent(plan, last=1, size=300, now=now)
        assert not isinstance(box.next(now), Plan)
    box.hint("one", 0.3, online=False)
    assert not isinstance(box.next(0.3), Plan)
