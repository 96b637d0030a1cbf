import time
import tracemalloc

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.batch import chain_lines, chain_start
from sync.receiver import read_ack, read_batch
from sync.signed import MAX_OPEN_AT_HQ, MAX_WIRE, Refusal, Unknown, Writer, open_message
from sync.signing import Pinned, SigningKey
from tests.vectors.texts import batch_header

KEY, OTHER = SigningKey(bytes(32)), SigningKey(bytes([1]) * 32)
KINDS = frozenset({"batch", "ack", "birth", "farewell"})
JOURNAL = "018f3b2a-0000-7000-8000-000000000001"
LINE = b'{"specversion":"1.0","id":"1","source":"/stations/sjz-001","type":"t","data":{"note":"%s"}}'
LINES = st.lists(st.text(alphabet="abc ", max_size=40).map(lambda note: LINE % note.encode()), min_size=1, max_size=8)


def opened(payload, *, limit=MAX_OPEN_AT_HQ, kinds=KINDS):
    return open_message(payload, station="sjz-001", kinds=kinds, limit=limit, keys=Pinned([KEY.public]))


def written(lines, first=1):
    return Writer(KEY).write(batch_header(lines, first=first, journal=JOURNAL), lines)


@given(LINES)
def test_what_was_written_is_read_byte_for_byte(lines):
    batch = read_batch(opened(written(lines)))
    assert [line.line for line in batch.lines] == lines
    assert batch.lines == chain_lines(chain_start(JOURNAL), 1, lines)
    assert batch.signer == KEY.public.id


def test_a_short_message_goes_plain_and_a_long_one_compressed():
    assert Writer(KEY).write({"kind": "farewell", "station": "sjz-001"}).startswith(b"{")
    assert written([LINE % b"a"] * 64).startswith(b"\x28\xb5\x2f\xfd")


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"{" + data))
def test_random_bytes_are_refused_and_nothing_else(payload):
    with pytest.raises((Refusal, Unknown)):
        opened(payload)


@given(st.binary(max_size=200).map(lambda data: b"\x28\xb5\x2f\xfd" + data))
def test_random_frames_are_refused_and_nothing_else(payload):
    with pytest.raises((Refusal, Unknown)):
        opened(payload)


MUTATIONS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3)


@settings(max_examples=300)
@given(MUTATIONS, st.booleans(), st.sampled_from(["put", "insert", "cut"]))
def test_a_damaged_batch_is_refused_or_still_the_very_batch_it_was(mutations, compressed, how):
    lines = [LINE % b"a" * 1, LINE % b"b" * 1, LINE % b"abc"]
    packed = bytearray(written(lines * 5))
    plain = bytearray(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    data = packed if compressed else plain
    for at, value in mutations:
        place = at % len(data)
        if how == "cut":
            del data[place]
        elif how == "insert":
            data.insert(place, value)
        else:
            data[place] = value
    try:
        batch = read_batch(opened(bytes(data)))
    except (Refusal, Unknown):
        return
    assert [line.line for line in batch.lines] == lines * 5


@given(MUTATIONS)
def test_a_header_of_odd_values_is_refused_by_every_reader_and_crashes_none(mutations):
    """The signature is right: even headquarters' own key cannot crash a station."""
    odd = [None, True, -1, 0, 1.5, 2**53 - 1, "", "x", [], [[]], [[2, 1]], [[1, 1], [2, 2]], {}, {"reason": []}]
    header = batch_header([LINE], journal=JOURNAL)
    ack = {"kind": "ack", "journal": JOURNAL, "session": "s", "rev": 1, "stored": [], "gone": []}
    ack |= {"chain": header["chain"], "rejected": {"first": 1, "count": 1, "reason": "fork"}}
    for message in (header, {"station": "sjz-001", **ack}):
        changed = dict(message)
        for at, value in mutations:
            changed[list(message)[at % len(message)]] = odd[value % len(odd)]
        try:
            read = opened(Writer(KEY).write(changed, [LINE] if message is header else []))
            (read_batch if read.header["kind"] == "batch" else read_ack)(read)
        except (Refusal, Unknown):
            continue


def test_another_context_is_another_signature():
    """So that nothing else these keys may ever sign can be taken for a message."""
    assert not KEY.public.verifies(KEY._key.sign(b"header"), b"header")
    assert KEY.public.verifies(KEY.sign(b"header"), b"header")
    assert not OTHER.public.verifies(KEY.sign(b"header"), b"header")


RLE_128_KIB = bytes([0x02, 0x00, 0x10]) + b"x"
BOMB = RLE_128_KIB * 60_000 + b"\x01\x00\x00"
FRAMES = {
    "no size": b"\x28\xb5\x2f\xfd\x00\x60" + BOMB,
    "a small size": b"\x28\xb5\x2f\xfd\x80\x60\x01\x00\x00\x00" + BOMB,
    "the window's size": b"\x28\xb5\x2f\xfd\xa0\x00\x00\x40\x00" + BOMB,
    "a size of 4 GiB in one segment": b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff" + BOMB,
    "a size of 16 EiB": b"\x28\xb5\x2f\xfd\xc0\x60" + b"\xff" * 8 + BOMB,
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_bomb_is_refused_quickly_and_in_little_memory_whatever_size_it_states(frame):
    """Counted are Python's own blocks and zstandard's output; the decoder's window adds at most 4 MiB."""
    assert len(frame) <= MAX_WIRE
    tracemalloc.start()
    began = time.process_time()
    try:
        for _ in range(5):
            with pytest.raises(Refusal, match="malformed"):
                opened(frame)
        took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert took < 2
    assert peak < 6 * 1024 * 1024


def test_a_refusal_carries_what_the_answering_ack_needs():
    header = {**batch_header([LINE], first=7, journal=JOURNAL), "count": 2}
    with pytest.raises(Refusal) as caught:
        read_batch(opened(Writer(KEY).write(header, [LINE])))
    assert (caught.value.reason, caught.value.first, caught.value.count) == ("malformed", 7, 2)
    assert caught.value.sha256 is None
