import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.batch import Batch, Line, Standing, chain_lines, chain_start, settle

JOURNAL = "018f3b2a-0000-7000-8000-000000000001"
HEAD = 12


class Ledger:
    """A receiver's journal in memory, as its database would hold it."""

    def __init__(self):
        self.lines: dict[int, Line] = {}
        self.stands = Standing()

    def standing(self):
        return self.stands

    def held(self, first, last):
        return [self.lines[n] for n in sorted(self.lines) if first <= n <= last]

    def keep(self, lines, standing):
        assert not self.lines.keys() & {line.number for line in lines}
        self.lines |= {line.number: line for line in lines}
        self.stands = standing


def history(fork_at=None):
    """A journal of 12 lines; from `fork_at` on, another one."""
    texts = [b"line %d%s" % (n, b"" if fork_at is None or n < fork_at else b" forked") for n in range(1, HEAD + 1)]
    return chain_lines(chain_start(JOURNAL), 1, texts)


def batch(lines, first, last, oldest=1, events=None):
    prev = chain_start(JOURNAL) if first == 1 else lines[first - 2].chain
    cut = lines[first - 1 : last]
    events = events or tuple({"type": "t"} for _ in cut)
    return Batch("sjz-001", bytes(16), JOURNAL, first, min(oldest, first), prev, cut, events)


SPAN = st.tuples(st.integers(1, HEAD), st.integers(0, 5)).map(lambda span: (span[0], min(HEAD, sum(span))))
STEPS = st.lists(st.tuples(SPAN, st.integers(1, HEAD), st.sampled_from([None, None, None, 1, 4, 9])), max_size=14)


def model_says_fork(held, new, prev):
    """The contract's words, number by number: may all these lines stand together?"""
    first, last = min(new), max(new)
    for number, (line, chain) in new.items():
        if number in held and held[number] != (line, chain):
            return True
    before = chain_start(JOURNAL) if first == 1 else held.get(first - 1, (None, None))[1]
    if before is not None and before != prev:
        return True
    behind = held.get(last + 1)
    return behind is not None and hashlib.sha256(new[last][1] + behind[0]).digest() != behind[1]


@settings(max_examples=300)
@given(STEPS)
def test_any_order_of_batches_with_gaps_repeats_and_forks_is_settled_as_the_contract_says(steps):
    ledger, held, oldest, rev = Ledger(), {}, 1, 0
    for (first, last), sender_oldest, fork_at in steps:
        made = batch(history(fork_at), first, last, sender_oldest)
        new = {line.number: (line.line, line.chain) for line in made.lines}
        settled = settle(ledger, made)
        if model_says_fork(held, new, made.prev):
            assert settled.verdict == "fork"
            assert settled.standing.rev == rev
        else:
            fresh = sorted(new.keys() - held.keys())
            assert list(settled.fresh) == fresh
            assert settled.verdict == ("stored" if fresh else "held")
            held |= new
            oldest = max(oldest, made.oldest)
            assert settled.standing.rev - rev in ((1,) if fresh else (0, 1))
            rev = settled.standing.rev
        assert ledger.stands == settled.standing
        stands = ledger.stands
        assert {n: (line.line, line.chain) for n, line in ledger.lines.items()} == held
        numbers = {n for a, b in stands.held for n in range(a, b + 1)}
        gone = {n for a, b in stands.gone for n in range(a, b + 1)}
        assert numbers == held.keys()
        assert gone == set(range(1, oldest)) - numbers
        there = numbers | gone
        cursor = max((n for n in numbers if there >= set(range(1, n + 1))), default=0)
        assert stands.cursor == cursor


@given(st.permutations(range(1, HEAD + 1)))
def test_whatever_the_order_everything_is_held_once_and_the_chain_is_the_senders(order):
    ledger, lines = Ledger(), history()
    for number in order:
        assert settle(ledger, batch(lines, number, number)).verdict == "stored"
    assert ledger.stands.held == ((1, HEAD),)
    assert tuple(ledger.lines[n] for n in range(1, HEAD + 1)) == lines
    assert ledger.stands.rev == HEAD


@given(SPAN, SPAN, st.integers(2, HEAD))
def test_two_batches_of_two_journals_under_one_name_are_a_fork_wherever_they_meet(one, other, fork_at):
    ledger = Ledger()
    settle(ledger, batch(history(), *one))
    verdict = settle(ledger, batch(history(fork_at), *other)).verdict
    low, high = max(one[0], other[0]), min(one[1], other[1])
    meet = low <= high + 1  # they overlap, or the one goes on where the other ends
    assert (verdict == "fork") == (meet and high >= fork_at)


def test_a_batch_that_brings_one_wrong_line_among_right_ones_stores_nothing():
    ledger = Ledger()
    settle(ledger, batch(history(), 6, 6))
    settled = settle(ledger, batch(history(fork_at=6), 1, 8))
    assert settled.verdict == "fork"
    assert list(ledger.lines) == [6]
    assert settled.standing == Standing(rev=1, held=((6, 6),))


def test_a_held_batch_changes_nothing_and_does_not_count():
    ledger = Ledger()
    first = settle(ledger, batch(history(), 1, 3))
    again = settle(ledger, batch(history(), 2, 3))
    assert (again.verdict, again.standing, again.fresh) == ("held", first.standing, ())


def test_what_the_sender_no_longer_keeps_is_gone_and_a_late_copy_brings_it_back():
    ledger = Ledger()
    settled = settle(ledger, batch(history(), 5, 6, oldest=4))
    assert settled.newly_gone == ((1, 3),)
    assert ledger.stands.stored == ((5, 6),)
    settled = settle(ledger, batch(history(), 2, 3))
    assert settled.newly_gone == ()
    assert ledger.stands.gone == ((1, 1),)
    assert ledger.stands.stored == ((1, 3), (5, 6))


def test_an_overtaken_batch_does_not_lower_oldest():
    ledger = Ledger()
    settle(ledger, batch(history(), 7, 8, oldest=7))
    settle(ledger, batch(history(), 9, 9, oldest=1))
    assert ledger.stands.oldest == 7


def test_a_withheld_number_counts_as_gone():
    ledger, lines = Ledger(), history()
    settle(ledger, batch(lines, 1, 2))
    named = ({"type": "event.withheld", "data": {"number": 3, "sha256": "x"}},)
    settled = settle(ledger, batch(lines, 4, 4, events=named))
    assert settled.newly_gone == ((3, 3),)
    assert ledger.stands.cursor == 4


@pytest.mark.parametrize(
    "data", [None, {}, {"number": 9}, {"number": 4}, {"number": "3"}, {"number": True}, {"number": 0}]
)
def test_a_withheld_number_that_cannot_be_is_left_alone(data):
    ledger = Ledger()
    settle(ledger, batch(history(), 4, 4, events=({"type": "event.withheld", "data": data},)))
    assert ledger.stands.gone == ()


def test_a_number_held_is_not_gone_though_it_be_named_withheld():
    ledger = Ledger()
    settle(ledger, batch(history(), 1, 3))
    settle(ledger, batch(history(), 4, 4, events=({"type": "event.withheld", "data": {"number": 2}},)))
    assert ledger.stands == Standing(rev=2, held=((1, 4),))
