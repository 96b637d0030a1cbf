"""The card reader's frames: golden vectors, and a decoder on lines that drop, insert and repeat bytes."""

import json
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import card_frames
from drivers.card_frames import LONGEST, PREAMBLE, Answer, Decoder, frame

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sdt.json").read_bytes())["frames"]
REQUESTS = {
    "cmd_reset": card_frames.RESET,
    "cmd_sam_status": card_frames.SAM_STATUS,
    "cmd_sam_id": card_frames.SAM_ID,
    "cmd_find_card": card_frames.FIND,
    "cmd_select_card": card_frames.SELECT,
    "cmd_read_base": card_frames.READ,
    "cmd_read_base_fp": card_frames.READ_WITH_FINGERPRINTS,
    "cmd_read_newest_address": card_frames.NEWEST_ADDRESS,
    "cmd_read_mng_info": card_frames.MANAGEMENT_NUMBER,
    "cmd_set_max_rf_byte_0x50": card_frames.LARGEST_RF_FRAME + b"\x50",
}
ASKED = (
    card_frames.SAM_ID,
    card_frames.FIND,
    card_frames.SELECT,
    card_frames.READ,
    card_frames.NEWEST_ADDRESS,
    card_frames.MANAGEMENT_NUMBER,
    card_frames.SAM_STATUS,
)
"""Requests whose good answers differ; those to a reset and to a speed look like that to a status."""

payloads = st.binary(min_size=3, max_size=60) | st.binary(min_size=1284, max_size=1291)
pieces = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([PREAMBLE, PREAMBLE[:3], b"\xaa", b"\xaa\xaa", PREAMBLE + b"\x05\x08", PREAMBLE + b"\x00\x00"]),
    st.builds(lambda payload, at: frame(payload)[: at % (len(payload) + 8)], payloads, st.integers(0, 3000)),
)
rubbish = st.lists(pieces, max_size=8).map(b"".join)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in pairwise(marks)]


def vector(name: str) -> bytes:
    return bytes.fromhex(next(entry["hex"] for entry in VECTORS if entry["name"] == name))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_byte_for_byte_what_others_send(name):
    assert frame(REQUESTS[name]) == vector(name)


@pytest.mark.parametrize("entry", [entry for entry in VECTORS if entry["name"].startswith(("rsp_", "cmd_"))])
def test_whole_frames_that_others_print_are_good(entry):
    data = bytes.fromhex(entry["hex"])
    decoder = Decoder(requests=entry["name"].startswith("cmd_"))
    assert [frame(payload) for payload in decoder.feed(data)] == [data]
    assert (decoder.bad, decoder.noise) == (0, 0)


@pytest.mark.parametrize(
    ("name", "request_", "good", "refusal"),
    [
        ("rsp_status_ok", card_frames.SAM_STATUS, True, False),
        ("rsp_find_ok", card_frames.FIND, True, False),
        ("rsp_find_fail", card_frames.FIND, False, True),
        ("rsp_select_ok", card_frames.SELECT, True, False),
        ("rsp_select_fail", card_frames.SELECT, False, True),
        ("rsp_read_fail", card_frames.READ, False, True),
    ],
)
def test_an_answer_fits_its_own_request_and_no_other(name, request_, good, refusal):
    (payload,) = Decoder().feed(vector(name))
    answer = card_frames.answer(payload)
    assert answer.refusal == refusal
    assert [request for request in ASKED if answer.fits(request)] == ([request_] if good else [])


@pytest.mark.parametrize(
    ("request_", "status", "size"),
    [
        (card_frames.SAM_STATUS, 0x90, 11),
        (card_frames.RESET, 0x90, 11),
        (card_frames.SPEEDS[9600], 0x90, 11),
        (card_frames.FIND, 0x9F, 15),
        (card_frames.SELECT, 0x90, 19),
        (card_frames.SAM_ID, 0x90, 27),
        (card_frames.MANAGEMENT_NUMBER, 0x90, 39),
        (card_frames.NEWEST_ADDRESS, 0x90, 81),
        (card_frames.NEWEST_ADDRESS, 0x90, 11 + 280),
    ],
)
def test_good_answers_have_the_sizes_that_readers_send(request_, status, size):
    for more in (-2, -1, 0, 1, 2):
        payload = bytes([0, 0, status]) + bytes(max(0, size - 11 + more))
        fits = card_frames.answer(payload).fits(request_)
        assert fits == (len(frame(payload)) == size)
    assert not card_frames.answer(bytes([0, 0, 0x41]) + bytes(size - 11)).fits(request_)


def test_a_read_with_fingerprints_has_none_one_or_two_of_them():
    for fingerprints, size in ((0, 1297), (512, 1809), (1024, 2321)):
        data = struct.pack(">HHH", 256, 1024, fingerprints) + bytes(1280 + fingerprints)
        assert len(frame(b"\x00\x00\x90" + data)) == size
        assert [len(block) for block in card_frames.blocks(data, 3)] == [256, 1024, fingerprints]
        assert card_frames.blocks(data, 2) is None
    assert frame(b"\x00\x00\x90" + struct.pack(">HHH", 256, 1024, 0) + bytes(1280)).startswith(
        vector("hdr_read_fp_0_ok")
    )


def test_the_longest_frames_begin_as_others_print_them():
    text_and_photo = b"\x00\x00\x90" + struct.pack(">HH", 256, 1024) + bytes(1280)
    assert frame(text_and_photo).startswith(vector("hdr_read_base_ok"))
    assert len(frame(text_and_photo)) == 1295
    assert frame(b"\x00\x00\x90" + struct.pack(">HHH", 256, 1024, 1024) + bytes(2304)).startswith(
        vector("hdr_read_fp_1024_ok")
    )
    (payload,) = Decoder().feed(frame(text_and_photo))
    assert card_frames.answer(payload).fits(card_frames.READ)
    sam_id = frame(b"\x00\x00\x90" + bytes(16))
    assert sam_id.startswith(vector("hdr_sam_id_ok"))
    assert len(sam_id) == 27


def test_a_wrong_checksum_is_no_frame():
    decoder = Decoder(requests=True)
    assert decoder.feed(vector("bad_checksum_find")) == []
    assert decoder.bad == 1


def test_lengths_that_do_not_agree_are_no_card_text():
    good = struct.pack(">HH", 256, 1024) + bytes(1280)
    assert card_frames.card_text(good) == bytes(256)
    assert card_frames.card_text(struct.pack(">HH", 256, 0) + bytes(256)) == bytes(256)
    for data in (b"", good[:3], good[:-1], good + b"\x00", struct.pack(">HH", 255, 1025) + bytes(1280)):
        assert card_frames.card_text(data) is None


def test_a_sam_id_is_printed_as_it_stands_on_readers():
    data = struct.pack("<HHIII", 5, 1, 20120411, 2011994, 1234567890)
    assert card_frames.printed_sam_id(data) == "05.01-20120411-0002011994-1234567890"


def test_an_answer_shows_its_status_and_never_its_data():
    assert repr(Answer(0x90, "张三".encode())) == "Answer(status=144)"


@given(st.lists(payloads, max_size=5), st.lists(st.integers(0, 8000), max_size=12))
def test_frames_come_out_as_they_went_in_however_the_line_cuts_them(sent, at):
    decoder = Decoder(requests=True)
    line = b"".join(map(frame, sent))
    got = [payload for piece in cut(line, at) for payload in decoder.feed(piece)]
    assert got == sent
    assert (decoder.noise, decoder.waiting) == (0, False)


@given(rubbish, payloads, payloads, st.lists(st.integers(0, 8000), max_size=12))
def test_behind_any_rubbish_no_more_than_one_good_frame_is_lost(before, first, second, at):
    decoder = Decoder(requests=True)
    line = before + frame(first) + frame(second)
    got = [found for piece in cut(line, at) for found in decoder.feed(piece)]
    assert got[-1] == second
    # The first is lost only when rubbish with a fitting X ends inside of it.
    assert first in got or len(got) > 1 + len(Decoder(requests=True).feed(before))


def test_what_only_looks_like_a_long_frame_holds_nothing_up():
    decoder = Decoder()
    assert decoder.feed(PREAMBLE + b"\x05\x08\x00\x00" + frame(b"\x00\x00\x90")) == [b"\x00\x00\x90"]
    assert not decoder.waiting


@given(st.integers(1, 6), payloads)
def test_a_preamble_that_overlaps_another_still_locks(extra, payload):
    assert Decoder(requests=True).feed(b"\xaa" * extra + frame(payload)) == [payload]


@given(payloads, payloads, st.data())
def test_one_dropped_changed_or_inserted_byte_costs_no_more_than_two_frames(payload, following, data):
    good = frame(payload)
    at = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    bad = data.draw(
        st.sampled_from([good[:at] + good[at + 1 :], good[:at] + byte + good[at + 1 :], good[:at] + byte + good[at:]])
    )
    assert Decoder(requests=True).feed(bad + frame(b"\x20\x01") + frame(following))[-1] == following


@given(
    st.lists(st.binary(max_size=3000) | st.sampled_from([PREAMBLE * 900, (PREAMBLE + b"\x09\x0a") * 700]), max_size=8)
)
def test_the_decoder_never_holds_more_than_two_frames(noise):
    decoder = Decoder()
    for data in noise:
        decoder.feed(data)
        assert len(decoder._buffer) < 2 * LONGEST
        assert len(decoder._sums) == len(decoder._buffer)
        assert len(decoder._starts) <= LONGEST


@given(rubbish, payloads)
def test_after_a_reset_nothing_completes_what_had_begun(before, payload):
    decoder = Decoder(requests=True)
    decoder.feed(before)
    decoder.reset()
    assert not decoder.waiting
    half = frame(payload)
    decoder.feed(half[:-1])
    decoder.reset()
    assert decoder.feed(half[-1:]) == []
    assert decoder.feed(half) == [payload]
