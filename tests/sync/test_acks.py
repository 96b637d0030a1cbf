import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.batch import Standing, chain_start
from sync.ranges import union
from sync.receiver import MAX_RANGES, Ack, ack_header, read_ack
from sync.signed import MAX_OPEN_AT_STATION, Refusal, Writer, open_message
from sync.signing import Pinned, SigningKey

KEY = SigningKey(bytes(32))
JOURNAL = "018f3b2a-0000-7000-8000-000000000001"
CHAIN = chain_start(JOURNAL)
SPANS = st.lists(st.tuples(st.integers(1, 300), st.integers(0, 3)), max_size=60).map(
    lambda spans: union((first, first + more) for first, more in spans)
)


def carried(header) -> Ack:
    """The ack as it arrives at the other end."""
    payload = Writer(KEY).write(header)
    kinds = frozenset({"ack"})
    message = open_message(
        payload, station="sjz-001", kinds=kinds, limit=MAX_OPEN_AT_STATION, keys=Pinned([KEY.public])
    )
    return read_ack(message)


def header(standing=None, refusal=None, **changes):
    made = ack_header(
        station="sjz-001",
        session="s",
        time="2026-03-01T08:00:00.000Z",
        journal=JOURNAL,
        standing=standing or Standing(),
        chain=CHAIN,
        refusal=refusal,
    )
    return made | changes


@given(SPANS, st.integers(0, 2**53 - 1))
def test_an_ack_names_the_first_range_and_the_31_highest(held, rev):
    ack = carried(header(Standing(rev=rev, held=held)))
    assert ack.rev == rev
    assert ack.stored == (held if len(held) <= MAX_RANGES else (held[0], *held[-31:]))


def test_gone_numbers_are_cut_likewise():
    gone = tuple((n, n) for n in range(2, 200, 2))
    ack = carried(header(Standing(held=((1000, 1000),), gone=gone, oldest=1000)))
    assert ack.gone == (gone[0], *gone[-31:])


@given(SPANS)
def test_only_a_first_range_that_begins_at_1_moves_the_cursor(held):
    ack = carried(header(Standing(held=held)))
    assert ack.cursor == (held[0][1] if held and held[0][0] == 1 else 0)
    assert ack.end == (held[0][1] if held else 0)


def test_what_is_gone_before_the_first_held_number_does_not_hold_the_cursor_back():
    standing = Standing(held=((5, 9),), gone=((1, 4), (10, 12)), oldest=13)
    assert standing.cursor == 9
    assert carried(header(standing)).stored == ((1, 9),)


def test_a_refusal_is_told_with_all_the_sender_needs():
    refusal = Refusal("malformed", "", header={"first": 3, "count": 1}, sha256=bytes(32))
    rejected = carried(header(refusal=refusal)).rejected
    assert rejected is not None
    assert (rejected.reason, rejected.first, rejected.count, rejected.sha256) == ("malformed", 3, 1, bytes(32))
    rejected = carried(header(refusal=Refusal("unknown-key", "", signer=bytes(16)))).rejected
    assert rejected is not None
    assert (rejected.first, rejected.count, rejected.signer) == (0, 0, bytes(16))


def test_a_reason_nobody_knows_yet_is_read_all_the_same():
    rejected = carried(header(rejected={"first": 1, "count": 1, "reason": "tired"})).rejected
    assert rejected is not None
    assert rejected.reason == "tired"


def test_no_journal_means_no_chain():
    ack = carried(header(journal=None, chain=None))
    assert (ack.journal, ack.chain, ack.stored) == (None, None, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"chain": None},
        {"chain": "AA"},
        {"journal": "x"},
        {"journal": JOURNAL.upper()},
        {"session": None},
        {"rev": -1},
        {"rev": True},
        {"rev": 1.0},
        {"stored": None},
        {"stored": [[1]]},
        {"stored": [[0, 1]]},
        {"stored": [[2, 1]]},
        {"stored": [[1, 2], [2, 3]]},
        {"stored": [[1, 2], [3, 4]]},
        {"stored": [[5, 6], [1, 2]]},
        {"stored": [[n, n] for n in range(1, 67, 2)]},
        {"gone": "x"},
        {"rejected": "x"},
        {"rejected": {"first": 1, "count": 1}},
        {"rejected": {"first": -1, "count": 1, "reason": "fork"}},
        {"rejected": {"first": 1, "count": 1, "reason": "malformed", "sha256": "AA"}},
    ],
    ids=str,
)
def test_fields_that_cannot_be_are_malformed(changes):
    with pytest.raises(Refusal, match="malformed"):
        carried(header(**changes))
