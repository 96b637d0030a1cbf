"""The content pack's pure parts: chunks, bits, hours, tags."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pack import (
    CHUNK,
    MAX_CHUNKS,
    Head,
    PackError,
    bits_of,
    check_fragment,
    chunk_sizes,
    join_hashes,
    numbers_of,
    split_hashes,
)

PICTURE = "ab" * 32
HEAD = {
    "v": 1,
    "kind": "pack",
    "signer": "x",
    "id": "p",
    "version": 1,
    "made": "2026-09-01T00:00:00.000Z",
    "title": {"zh": "试", "en": "Trial"},
    "begins": "2026-09-10",
    "ends": "2026-09-20",
    "pages": [{"zh": 0, "en": 0}],
    "files": [{"sha256": "0" * 64, "type": "text/html", "size": 1}],
}
SEPTEMBER = datetime(2026, 9, 1)  # noqa: DTZ001 - local time, of whatever zone
OF_DAY = st.times().map(lambda moment: moment.strftime("%H:%M"))


@given(st.binary(min_size=1, max_size=5 * CHUNK))
def test_a_pack_is_its_chunks_and_nothing_else(pack):
    sizes = chunk_sizes(len(pack))
    assert (sum(sizes), all(0 < size <= CHUNK for size in sizes)) == (len(pack), True)
    chunks = [pack[at : at + CHUNK] for at in range(0, len(pack), CHUNK)]
    assert [len(chunk) for chunk in chunks] == sizes
    hashes = split_hashes(join_hashes(chunks), len(pack))
    assert len(hashes) == len(sizes)


@given(st.integers(0, 3 * MAX_CHUNKS * CHUNK), st.binary(max_size=200))
def test_hashes_that_do_not_fit_the_size_are_refused(size, joined):
    if len(joined) == 32 * len(chunk_sizes(size)) and joined:
        assert b"".join(split_hashes(joined, size)) == joined
    else:
        with pytest.raises(PackError):
            split_hashes(joined, size)


@given(st.integers(1, MAX_CHUNKS), st.data())
def test_bits_are_numbers_and_back(count, data):
    numbers = data.draw(st.sets(st.integers(0, count - 1)))
    bits = bits_of(numbers, count)
    assert (numbers_of(bits, count), len(bits)) == (sorted(numbers), (count + 7) // 8)


@given(st.datetimes(SEPTEMBER, SEPTEMBER + timedelta(days=29)), OF_DAY, OF_DAY)
def test_a_pack_is_due_on_its_days_and_in_its_hours(now, begin, until):
    all_day = msgspec.convert(HEAD, Head)
    assert all_day.is_due(now) == (10 <= now.day <= 20)
    assert all_day.has_ended(now) == (now.day > 20)
    if begin != until:
        day, night = (
            msgspec.convert(HEAD | {"hours": {"begin": first, "until": second}}, Head)
            for first, second in ((begin, until), (until, begin))
        )
        # The two halves of the day: always one of them, never both.
        assert [day.is_due(now), night.is_due(now)].count(True) == (1 if all_day.is_due(now) else 0)


def test_hours_include_their_beginning_and_not_their_end():
    head = msgspec.convert(HEAD | {"hours": {"begin": "08:00", "until": "20:00"}}, Head)
    morning = SEPTEMBER + timedelta(days=14, hours=8)
    assert [head.is_due(morning), head.is_due(morning + timedelta(hours=12))] == [True, False]
    assert not head.is_due(morning - timedelta(microseconds=1))


@pytest.mark.parametrize(
    "right",
    [
        "<h2>a &lt; b &amp; c</h2><p>x<br><strong>y</strong></p><hr>",
        f'<p><img src="/content/{PICTURE}" alt="a &quot;b&quot;"></p>',
        "<ul><li><p>一</p></li></ul>",
    ],
)
def test_the_few_tags_pass(right):
    check_fragment(right.encode(), {PICTURE})


@pytest.mark.parametrize(
    "wrong",
    [
        "<script>",
        "<p onclick=x>",
        '<a href="x">',
        "<h1>x</h1>",
        "<P>",
        "<p/>",
        "a < b",
        "a > b",
        f'<img src="/content/{PICTURE}" alt="x" onerror="y">',
        f'<img src="//evil/{PICTURE}" alt="x">',
        f'<img src="/content/{"cd" * 32}" alt="x">',
        "<scr<p>ipt>",
        "<svg>",
        "<!-- x -->",
    ],
)
def test_nothing_else_passes(wrong):
    with pytest.raises(PackError):
        check_fragment(wrong.encode(), {PICTURE})


def test_a_page_that_is_no_text_is_refused():
    with pytest.raises(PackError):
        check_fragment(b"\xff", set())
