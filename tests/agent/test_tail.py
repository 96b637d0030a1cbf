from hypothesis import given
from hypothesis import strategies as st

from agent.tail import Tail
from sync.batch import Line


def lines(first: int, last: int, mark: bytes = b"") -> list[Line]:
    return [Line(number, mark + b"x" * number, bytes([number]) * 32) for number in range(first, last + 1)]


def test_it_is_empty_at_the_start_and_leaves_every_number_to_the_file():
    assert Tail().read(1, count=5, size=1000) == []
    assert Tail().chain(0) is None


def test_lines_of_another_journal_take_the_place_of_all():
    tail = Tail()
    tail.add(lines(1, 5))
    tail.add(lines(1, 3, b"new"))
    assert tail.read(1, count=9, size=1000) == lines(1, 3, b"new")
    assert tail.read(4, count=9, size=1000) == []


@given(
    head=st.integers(1, 60),
    commits=st.lists(st.integers(1, 20)),
    first=st.integers(0, 80),
    count=st.integers(1, 20),
    size=st.integers(1, 300),
)
def test_what_it_has_is_what_the_file_would_give(head, commits, first, count, size):
    tail, journal, at = Tail(), lines(1, head), 0
    for step in [*commits, head]:
        tail.add(journal[at : at + step])
        at = min(head, at + step)
    found = tail.read(first, count=count, size=size)
    if found:
        assert found == journal[first - 1 : first - 1 + len(found)]
        assert len(found) <= count
        assert len(found) == 1 or sum(len(line.line) for line in found) <= size
    assert tail.chain(first) in (None, journal[first - 1].chain if 1 <= first <= head else None)
    assert tail.chain(head) == journal[-1].chain
    assert tail.read(head, count=1, size=1) == [journal[-1]]
