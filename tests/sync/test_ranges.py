import time

from hypothesis import given
from hypothesis import strategies as st

from sync.ranges import contains, difference, ending_at_held, union

NUMBERS = st.sets(st.integers(1, 40), max_size=30)


def ranges(numbers):
    """Ranges as they are defined: ascending, disjoint, not adjacent."""
    spans = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return tuple(spans)


@given(st.lists(NUMBERS, max_size=4))
def test_a_union_has_the_numbers_of_all_its_sets(sets):
    assert union(*map(ranges, sets)) == ranges(set().union(*sets))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)).map(lambda span: (span[0], sum(span)))))
def test_a_union_puts_spans_in_order_that_overlap_and_touch(spans):
    assert union(spans) == ranges({n for first, last in spans for n in range(first, last + 1)})


@given(NUMBERS, NUMBERS)
def test_a_difference_has_what_the_one_has_and_the_other_has_not(some, taken):
    assert difference(ranges(some), ranges(taken)) == ranges(some - taken)


@given(NUMBERS, st.integers(0, 41))
def test_a_number_is_contained_if_it_stands_in_a_range(numbers, number):
    assert contains(ranges(numbers), number) == (number in numbers)


@given(NUMBERS, NUMBERS)
def test_every_named_range_ends_at_a_held_number_and_none_of_those_is_left_out(held, gone):
    gone -= held
    named = ending_at_held(ranges(held), ranges(gone))
    numbers = {n for first, last in named for n in range(first, last + 1)}
    assert all(last in held for _, last in named)
    assert held <= numbers <= held | gone
    whole = ranges(held | gone)
    assert all(any(first == start and last <= end for start, end in whole) for first, last in named)
    assert {first for first, _ in named} == {start for start, end in whole if held & set(range(start, end + 1))}


def test_a_journal_of_ten_thousand_gaps_is_named_at_once():
    held = tuple((n, n) for n in range(1, 40_000, 4))
    gone = tuple((n, n) for n in range(3, 40_000, 4))
    began = time.process_time()
    assert len(ending_at_held(held, gone)) == len(held)
    assert difference(gone, held) == gone
    assert time.process_time() - began < 1
