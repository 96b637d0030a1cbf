"""What presses come of edges and levels, whatever is lost between kernel and driver."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.button_memory import LATCH, REPEAT_NS, STUCK_NS, ButtonMemory, Edge

S = 1_000_000_000


def a_memory(*, held=False) -> ButtonMemory:
    memory = ButtonMemory("door", epoch=7)
    memory.opened(0, pressed=held)
    return memory


def taken(memory, now_ns=10**15) -> list:
    """The presses that wait, each acknowledged."""
    readings = memory.due(now_ns)
    for reading in readings:
        memory.acknowledge(reading.epoch, reading.number)
    return readings


def edges(count, *, first_pressed=True, spacing_ns=S) -> list[Edge]:
    return [Edge((index % 2 == 0) == first_pressed, (index + 1) * spacing_ns, index + 1) for index in range(count)]


def test_a_press_is_told_at_once_then_every_250_ms_until_it_is_acknowledged():
    memory = a_memory()
    memory.edge(Edge(pressed=True, at_ns=S, seqno=1))
    [reading] = memory.due(S + 5_000_000)
    assert (reading.panel, reading.epoch, reading.number, reading.button, reading.age_ms) == ("door", 7, 1, 0, 5)
    assert not memory.due(S + REPEAT_NS)
    [again] = memory.due(S + 5_000_000 + REPEAT_NS)
    assert (again.number, again.age_ms) == (1, 255)
    memory.acknowledge(7, 2)
    memory.acknowledge(8, 1)
    assert memory.waiting
    memory.acknowledge(7, 1)
    assert not memory.waiting
    assert not memory.due(10 * S)


def test_a_button_held_for_over_30_s_is_stuck_until_it_is_released():
    memory = a_memory()
    memory.edge(Edge(pressed=True, at_ns=S, seqno=1))
    assert not memory.stuck(S + STUCK_NS)
    assert memory.stuck(S + STUCK_NS + 1)
    memory.edge(Edge(pressed=False, at_ns=40 * S, seqno=2))
    assert not memory.stuck(100 * S)
    assert len(taken(memory)) == 1


def test_a_button_held_when_the_line_is_opened_was_pressed_while_nobody_looked():
    assert len(taken(a_memory(held=True))) == 1


def test_a_press_between_request_and_look_is_one_and_a_release_there_tells_of_the_press_before():
    memory = a_memory(held=True)
    memory.edge(Edge(pressed=True, at_ns=1, seqno=1))
    assert len(taken(memory)) == 1
    memory = a_memory(held=False)
    memory.edge(Edge(pressed=False, at_ns=1, seqno=1))
    assert len(taken(memory)) == 1


def test_a_chip_that_comes_back_makes_no_second_press_of_a_button_held_all_the_time():
    memory = a_memory()
    memory.edge(Edge(pressed=True, at_ns=S, seqno=1))
    memory.opened(2 * S, pressed=True)
    assert len(taken(memory)) == 1
    memory.opened(3 * S, pressed=False)
    memory.opened(4 * S, pressed=True)
    assert len(taken(memory)) == 1


def test_the_edge_behind_a_level_that_was_read_early_is_the_same_press():
    memory = a_memory()
    memory.level(S, pressed=True)
    memory.edge(Edge(pressed=True, at_ns=S, seqno=1))
    memory.edge(Edge(pressed=False, at_ns=2 * S, seqno=2))
    memory.edge(Edge(pressed=True, at_ns=3 * S, seqno=3))
    assert len(taken(memory)) == 2


def test_an_edge_told_twice_is_one():
    memory = a_memory()
    memory.edge(Edge(pressed=True, at_ns=S, seqno=1))
    memory.edge(Edge(pressed=True, at_ns=S, seqno=1))
    assert len(taken(memory)) == 1


def test_the_kernels_numbers_go_round():
    memory = a_memory()
    memory._edge = Edge(pressed=False, at_ns=0, seqno=2**32 - 1)
    memory.edge(Edge(pressed=True, at_ns=S, seqno=0))
    assert len(taken(memory)) == 1
    assert memory.edges_lost == 0


def test_a_full_latch_says_so_and_takes_presses_again_when_one_is_acknowledged():
    memory = a_memory()
    for edge in edges(2 * LATCH + 2):
        memory.edge(edge)
    assert memory.latch_full
    assert len(taken(memory)) == LATCH
    assert not memory.latch_full
    memory.edge(Edge(pressed=True, at_ns=9000 * S, seqno=2 * LATCH + 3))
    [reading] = taken(memory)
    assert reading.number == LATCH + 1


@given(count=st.integers(1, 60), held=st.booleans(), data=st.data())
def test_every_press_is_told_once_whichever_edges_are_lost(count, held, data):
    memory = a_memory(held=held)
    told = len(taken(memory))
    assert told == held
    line = edges(count, first_pressed=not held)
    kept = data.draw(st.sets(st.sampled_from(line)).map(lambda some: sorted(some | {line[-1]}, key=lambda e: e.seqno)))
    lost = 0
    for edge in kept:
        lost += memory.edge(edge)
        told += len(taken(memory))
    assert told == held + sum(edge.pressed for edge in line)
    assert memory.edges_lost == count - len(kept)
    assert (lost > 0) == (len(kept) < count)


@given(count=st.integers(1, 40), data=st.data())
def test_no_press_is_lost_however_late_edges_come_behind_the_levels(count, data):
    """Levels are the truth of their moment, edges are told later, and some never."""
    memory, line = a_memory(), edges(count)
    told = levels = read = 0
    for happened in range(1, count + 1):
        if data.draw(st.booleans()):  # the driver runs now: it reads what waits, and perhaps loses some of it
            waiting = line[read:happened]
            lost = data.draw(st.integers(0, len(waiting) - 1)) if data.draw(st.booleans()) else 0
            for edge in waiting[lost:]:
                memory.edge(edge)
            read = happened
        if data.draw(st.booleans()):
            memory.level(happened * S, pressed=line[happened - 1].pressed)
            levels += 1
        told += len(taken(memory))
    for edge in line[read:]:
        memory.edge(edge)
    told += len(taken(memory))
    presses = sum(edge.pressed for edge in line)
    assert presses <= told <= presses + levels


@given(
    st.lists(
        st.one_of(
            st.builds(Edge, pressed=st.booleans(), at_ns=st.integers(0, 2**63), seqno=st.integers(0, 2**32 - 1)),
            st.tuples(st.sampled_from(("level", "opened")), st.booleans()),
            st.just("tell"),
        ),
        max_size=50,
    )
)
def test_whatever_a_kernel_says_the_memory_stays_small_and_its_numbers_never_come_twice(happenings):
    memory, seen, now = ButtonMemory("door", 1), set(), 2**63
    for happening in happenings:
        now += REPEAT_NS
        match happening:
            case Edge():
                memory.edge(happening)
            case ("level", pressed):
                memory.level(now, pressed=pressed)
            case ("opened", pressed):
                memory.opened(now, pressed=pressed)
            case _:
                numbers = {reading.number for reading in taken(memory, now)}
                assert not numbers & seen
                assert len(numbers) <= LATCH
                seen |= numbers
        memory.stuck(now)
        memory.next_ns(now)
