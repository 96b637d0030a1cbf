"""The idle screen's show: only what is due, each page for its time, every pack in its turn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from agent.content_show import Due, IdleShow

DUE = st.lists(
    st.builds(Due, st.sampled_from("abcd"), st.integers(1, 4), st.integers(5, 20)),
    max_size=4,
    unique_by=lambda d: d.pack,
)


@given(st.lists(st.tuples(st.floats(0.1, 40), DUE), max_size=60))
def test_only_what_is_due_is_shown_and_every_beginning_is_counted(looks):
    show, now, begun, before = IdleShow(), 0.0, Counter(), None
    for step, due in looks:
        now += step
        shown = show.look(now, due)
        if not due:
            assert shown is None
        else:
            pack, page = shown
            [of] = [one for one in due if one.pack == pack]
            assert 0 <= page < of.pages or before == shown
            if page == 0 and shown != before:
                begun[pack] += 1
        before = shown
    plays = show.take_plays()
    assert all(plays.get(pack, 0) >= count for pack, count in begun.items())
    assert show.take_plays() == {}


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(5, 15))
def test_each_page_stays_its_time_and_each_pack_has_its_turn(pages, seconds):
    show, due = IdleShow(), [Due(f"pack-{n}", count, seconds) for n, count in enumerate(pages)]
    seen = []
    for now in range(3 * sum(pages) * seconds):
        shown = show.look(float(now), due)
        if not seen or seen[-1][0] != shown:
            seen.append([shown, 0])
        seen[-1][1] += 1
    order = [(one.pack, page) for one in due for page in range(one.pages)]
    if len(order) > 1:
        assert [shown for shown, _ in seen] == order * 3
        assert {stayed for _, stayed in seen} == {seconds}


def test_after_a_while_away_the_next_pack_begins():
    show, due = IdleShow(), [Due("a", 3, 10), Due("b", 3, 10)]
    assert [show.look(0.0, due), show.look(11.0, due), show.look(100.0, due)] == [("a", 0), ("a", 1), ("b", 0)]
    assert show.take_plays() == {"a": 1, "b": 1}
