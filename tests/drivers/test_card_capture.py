"""What a technician is told of a captured line, in the order in which it went over it."""

import json
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import card_capture, card_frames, card_text
from drivers.card_frames import LONGEST, PREAMBLE, frame
from drivers.simulators import cards

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "sdt.json").read_bytes())["frames"]
PEOPLE = cards.load(cards.PEOPLE)
DONE = b"\x00\x00\x90"
FOUND = frame(b"\x00\x00\x9f" + bytes(4))


def told(*pieces: bytes) -> list[dict]:
    return list(card_capture.told(pieces))


def reading(card: str, photo: int = 1024, fingerprints: int | None = None) -> bytes:
    lengths = [256, photo] if fingerprints is None else [256, photo, fingerprints]
    head = struct.pack(f">{len(lengths)}H", *lengths)
    return frame(DONE + head + PEOPLE[card].text + bytes(photo + (fingerprints or 0)))


def problem(what: str, count: int) -> dict:
    return {"problem": what, "bytes": count}


@pytest.mark.parametrize("entry", [entry for entry in VECTORS if entry["name"].startswith(("rsp_", "cmd_"))])
def test_every_frame_that_others_print_is_told_of(entry):
    (item,) = told(bytes.fromhex(entry["hex"]))
    assert item["frame"] == {
        "rsp_find_ok": "find",
        "rsp_select_ok": "select",
    }.get(entry["name"], "request" if entry["name"].startswith("cmd_") else "status")
    assert item.get("command") != "unknown"


def test_a_request_is_named():
    assert told(frame(b"\x20\x01")) == [{"frame": "request", "command": "find", "hex": "2001"}]
    assert told(frame(b"\x60\x04")) == [{"frame": "request", "command": "speed_9600", "hex": "6004"}]
    assert told(frame(b"\x61\xff\x58")) == [
        {"frame": "request", "command": "largest_rf_frame", "hex": "61FF", "largest": 88}
    ]
    assert told(frame(b"\x77\x01")) == [{"frame": "request", "command": "unknown", "hex": "7701"}]


def test_a_status_says_what_it_means_and_what_to_do():
    assert told(frame(b"\x00\x00\x41")) == [
        {
            "frame": "status",
            "status": "41",
            "meaning": "the card could not be read",
            "to_do": "lift the card and put it back, alone and flat",
        }
    ]
    assert told(frame(b"\x00\x00\x9f")) == [{"frame": "status", "status": "9F", "meaning": "card found"}]
    assert told(frame(b"\x00\x00\xee"))[0]["meaning"] == "unknown status"
    assert "never on the line" in told(frame(b"\x00\x00\x05"))[0]["meaning"]


def test_answers_with_data_are_told_of_by_their_size():
    items = told(
        FOUND
        + frame(DONE + bytes(range(8)))
        + frame(DONE + struct.pack("<HHIII", 5, 1, 20120411, 2011994, 1234567890))
        + frame(DONE + bytes(range(28)))
        + frame(DONE + cards.encode_address("新址"))
    )
    assert [item["frame"] for item in items] == ["find", "select", "sam_id", "management_number", "newest_address"]
    assert items[1]["serial"] == "0001020304050607"
    assert items[2]["sam_id"] == "05.01-20120411-0002011994-1234567890"
    assert items[3]["management_number"] == bytes(range(28)).hex().upper()
    assert items[4]["address"] == "新址"


@pytest.mark.parametrize(
    ("card", "layout"), [("card-1", "resident"), ("card-8", "J"), ("card-9", "I"), ("card-10", "Y")]
)
def test_a_card_is_told_with_all_fields_of_its_layout(card, layout):
    (item,) = told(reading(card))
    expected = dict(card_text.spelled(PEOPLE[card].text).fields)
    assert item == {"frame": "identity", "layout": layout, **expected, "doubts": [], "photo_bytes": 1024}


@pytest.mark.parametrize(("fingerprints", "size"), [(0, 1297), (512, 1809), (1024, 2321)])
def test_of_photo_and_fingerprints_only_their_size_is_told(fingerprints, size):
    data = reading("card-2", fingerprints=fingerprints)
    assert len(data) == size
    (item,) = told(data)
    assert (item["frame"], item["photo_bytes"], item["fingerprint_bytes"]) == ("identity", 1024, fingerprints)
    assert item["name"] == "例子二"


def test_an_impossible_number_is_shown_and_doubted():
    text = cards.encode({"name": "错号", "number": "110105194912310029", "sex": "2", "birth": "19491231"})
    (item,) = told(frame(DONE + b"\x01\x00\x00\x00" + text))
    assert (item["name"], item["number"]) == ("错号", "110105194912310029")
    assert item["doubts"] == ["number", "valid_from", "valid_to"]


def test_items_come_in_the_order_of_the_stream_and_noise_is_merged():
    bad = bytearray(FOUND)
    bad[-1] ^= 1
    stream = b"\x55" * 3 + frame(b"\x20\x01") + bytes(bad) + b"\x00" * 5 + b"\xaa\xaa" + FOUND + b"\xaa"
    for cut in range(1, len(stream)):
        items = told(*[stream[at : at + cut] for at in range(0, len(stream), cut)])
        assert [item.get("frame") or (item["problem"], item["bytes"]) for item in items] == [
            ("noise", 3),
            "request",
            ("checksum", 15),
            ("noise", 7),
            "find",
            ("noise", 1),
        ]


def test_lengths_that_cannot_be_are_told():
    for stream, problems in (
        (PREAMBLE + b"\xff\xff", [problem("length", 7)]),
        (PREAMBLE + b"\x00\x00" + FOUND, [problem("length", 7), "find"]),
        (PREAMBLE + b"\x05\x08\x00" + FOUND, [problem("length", 8), "find"]),
        (FOUND[:-1] + FOUND, [problem("length", 14), "find"]),
        (FOUND[:-3], [problem("length", 12)]),
        (PREAMBLE, [problem("length", 5)]),
        (frame(DONE + bytes(5)), [problem("length", 16)]),
        (frame(DONE + b"\x01\x00\x04\x01" + bytes(1280)), [problem("length", 1295)]),
        (frame(b"\x00\x00\x41" + bytes(16)), [problem("length", 27)]),
        (PREAMBLE + PREAMBLE + FOUND, [problem("length", 5), problem("length", 5), "find"]),
    ):
        assert [item if "problem" in item else item["frame"] for item in told(stream)] == problems


def test_a_frame_that_others_print_with_a_wrong_checksum_is_told():
    entry = next(entry for entry in VECTORS if entry["name"] == "bad_checksum_find")
    assert told(bytes.fromhex(entry["hex"])) == [problem("checksum", 10)]


def test_a_preamble_inside_of_a_photo_is_nothing():
    data = b"\x01\x00\x04\x00" + PEOPLE["card-1"].text + (PREAMBLE + b"\x00\x00" + PREAMBLE + b"\x00\x08").ljust(1024)
    assert [item["frame"] for item in told(frame(DONE + data))] == ["identity"]


frames = st.one_of(
    st.sampled_from([*card_frames.COMMANDS]).map(frame),
    st.binary(max_size=40).map(lambda data: frame(DONE + data)),
    st.sampled_from([reading(card) for card in PEOPLE]),
    st.just(FOUND),
)
rubbish = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([PREAMBLE, PREAMBLE[:3], PREAMBLE + b"\x05\x08", PREAMBLE + b"\x00\x00", b"\xaa" * 9]),
    st.builds(lambda data, at: data[: at % len(data)], frames, st.integers(0, 3000)),
    st.builds(lambda data: data[:-1] + bytes([data[-1] ^ 1]), frames),
)
streams = st.lists(frames | rubbish, max_size=12).map(b"".join)


def in_pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(marks)]


@given(streams, st.lists(st.integers(0, 20_000), max_size=12))
def test_what_is_told_depends_on_no_cut_and_accounts_for_every_byte(stream, cuts):
    items = told(*in_pieces(stream, cuts))
    assert items == told(stream)
    payloads = card_frames.Decoder(requests=True).feed(stream)
    understood = [payload for payload in payloads if "frame" in card_capture.described(payload)]
    assert [item for item in items if "frame" in item] == list(map(card_capture.described, understood))
    lost = sum(item["bytes"] for item in items if "problem" in item)
    assert lost + sum(map(len, map(frame, understood))) == len(stream)
    json.dumps(items)
    assert not [pair for pair in pairwise(items) if {item.get("problem") for item in pair} == {"noise"}]


@given(rubbish, frames, frames)
def test_behind_any_rubbish_no_more_than_one_good_frame_is_lost(before, first, second):
    assert told(before + first + second)[-1] == told(second)[-1]


@given(
    st.lists(st.binary(max_size=3000) | st.sampled_from([(PREAMBLE + b"\x09\x0a") * 700, PREAMBLE * 900]), max_size=8)
)
def test_a_flood_of_anything_is_not_kept(noise):
    capture = card_capture._Capture()
    for piece in noise:
        for _ in capture.feed(piece):
            pass
        assert len(capture._pending) <= 3 * LONGEST
        assert sum(len(passage.payload) for passage in capture._pending) <= 3 * LONGEST
