"""The panel line's frames: COBS against its oracle, any bytes at all, and the golden frames of docs/panel-line.md."""

import binascii
import re
from pathlib import Path

import pytest
from cobs import cobs
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.firmware import frames

GOLDEN = re.findall(
    r"^\| (\w+) sequence (\d+): (.*) \| `([0-9a-f ]+)` \|$",
    (Path(__file__).parents[2] / "docs/panel-line.md").read_text(),
    re.MULTILINE,
)
NAMES = {
    "HELLO": frames.Hello,
    "PRESS": frames.Press,
    "STATUS": frames.Status,
    "TEST_RESULT": frames.TestResult,
    "PRESS_ACK": frames.PressAck,
    "OUTPUTS": frames.Outputs,
    "SELF_TEST": frames.SelfTest,
}

u8 = st.integers(0, 0xFF)
u32 = st.integers(0, 0xFFFFFFFF)
tones = st.integers(0, frames.TONES - 1)
messages = st.one_of(
    st.builds(frames.Hello, st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=32), u32, u8),
    st.builds(frames.Press, u32, st.integers(1, 0xFFFFFFFF), u8, u32, st.booleans()),
    st.builds(frames.Status, st.sampled_from(frames.LAMPS), tones, st.booleans(), u8, u8),
    st.builds(frames.TestResult, u32, u8),
    st.builds(frames.PressAck, u32, u32),
    st.builds(frames.Outputs, st.sampled_from(frames.LAMPS[: frames.WISHED_LAMPS]), tones, st.booleans()),
    st.builds(frames.SelfTest, u32),
)
runs = st.one_of(st.binary(max_size=600), st.lists(st.sampled_from([0, 1, 255]), max_size=600).map(bytes))


def read(decoder, data):
    return [frames.decode(payload) for payload in decoder.feed(data)]


@given(runs)
@example(b"\x01" * 254)
@example(b"\x01" * 254 + b"\x00")
@example(b"\x01" * 255)
def test_stuffing_is_what_the_cobs_package_does(data):
    assert frames.stuff(data) == cobs.encode(data)
    assert frames.unstuff(frames.stuff(data)) == data


@given(runs.filter(bool))
def test_unstuffing_refuses_what_the_cobs_package_refuses(data):
    try:
        expected = cobs.decode(data)
    except cobs.DecodeError:
        expected = None
    assert frames.unstuff(data) == expected


def test_nothing_is_no_stuffed_data():
    assert frames.unstuff(b"") is None


@given(messages, u8)
def test_a_message_comes_back_as_it_was_sent(message, sequence):
    (payload,) = frames.Decoder().feed(frames.encode(message, sequence))
    assert frames.decode(payload) == message
    assert payload[1] == sequence


@pytest.mark.parametrize(("name", "sequence", "fields", "line"), GOLDEN)
def test_golden_frames_are_as_documented(name, sequence, fields, line):
    (payload,) = frames.Decoder().feed(bytes.fromhex(line))
    message = frames.decode(payload)
    assert isinstance(message, NAMES[name])
    assert ", ".join(f"{key} {value}" for key, value in message._asdict().items()) == fields
    assert frames.encode(message, int(sequence)) == bytes.fromhex(line)


def test_every_message_has_a_golden_frame():
    assert {name for name, *_ in GOLDEN} == set(NAMES)


@given(st.lists(st.binary(max_size=300)))
def test_any_bytes_are_survived_in_bounded_memory(chunks):
    decoder = frames.Decoder()
    for chunk in chunks:
        decoder.feed(chunk)
        assert len(decoder._buffer) <= frames.MAX_STUFFED


@given(st.binary(max_size=300), st.lists(messages, min_size=1, max_size=4), st.data())
def test_after_any_noise_the_first_whole_frame_is_read_however_the_bytes_are_cut(noise, sent, data):
    stream = noise + b"".join(frames.encode(message, 0) for message in sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = frames.Decoder()
    got = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += read(decoder, stream[start:end])
    assert got[-len(sent) :] == sent


@given(messages, st.data())
def test_a_frame_with_any_changed_bits_is_never_acted_on(message, data):
    frame = frames.encode(message, 1)
    at = data.draw(st.integers(1, len(frame) - 2))
    flipped = bytes([frame[at] ^ data.draw(st.integers(1, 255))])
    decoder = frames.Decoder()
    assert read(decoder, frame[:at] + flipped + frame[at + 1 :]) == []
    assert decoder.bad >= 1
    assert read(decoder, frame) == [message]


@given(messages, st.data())
def test_a_frame_cut_short_is_counted_and_not_acted_on(message, data):
    frame = frames.encode(message, 1)
    cut = data.draw(st.integers(2, len(frame) - 2))
    decoder = frames.Decoder()
    assert read(decoder, frame[:cut] + frame) == [message]
    assert (decoder.bad, decoder.noise) == (1, cut - 1)


@given(st.binary(max_size=40))
def test_a_checked_payload_of_any_content_is_read_or_ignored(content):
    payload = b"\x02\x00" + content
    for kind in (1, 2, 3, 4, 0x81, 0x82, 0x83, 0x77):
        message = frames.decode(bytes([kind]) + payload[1:])
        assert message is None or type(message) in NAMES.values()


@pytest.mark.parametrize(
    "payload",
    [
        b"\x82\x00\x04\x00\x00",  # only the panel itself shows "host gone"
        b"\x82\x00\x00\x03\x00",  # a tone there is not
        b"\x82\x00\x00\x00\x02",
        b"\x02\x00" + bytes(13),  # press number 0
        b"\x02\x00" + bytes(12),
        b"\x01\x00\x00\x00\x00\x01\x01\x02\x1b[",  # a terminal's escape in the firmware's name
        b"\x01\x00\x00\x00\x00\x01\x01\x05four",
        b"\x77\x00\x00",
    ],
)
def test_values_that_are_not_in_the_tables_are_ignored(payload):
    assert frames.decode(payload) is None


def test_fields_that_a_later_version_adds_are_ignored():
    (payload,) = frames.Decoder().feed(frames.encode(frames.PressAck(7, 9), 0))
    assert frames.decode(payload + b"\x01\x02") == frames.PressAck(7, 9)


def test_a_press_of_firmware_that_sends_no_flags_is_of_a_hand():
    (payload,) = frames.Decoder().feed(frames.encode(frames.Press(1, 2, 3, 4, True), 0))
    assert frames.decode(payload) == frames.Press(1, 2, 3, 4, True)
    assert frames.decode(payload[:-1]) == frames.Press(1, 2, 3, 4, False)


def test_frames_shorter_than_a_type_and_a_sequence_are_bad_even_with_a_right_crc():
    decoder = frames.Decoder()
    crc = binascii.crc32(b"\x02").to_bytes(4, "big")
    assert decoder.feed(b"\x00" + frames.stuff(b"\x02" + crc) + b"\x00") == []
    assert decoder.bad == 1


def test_a_gap_in_the_sequence_counts_as_lost_frames_but_a_restart_does_not():
    decoder = frames.Decoder()
    for sequence in (0, 1, 2, 6, 255, 1, 0, 1):
        decoder.feed(frames.encode(frames.PressAck(1, 1), sequence))
    assert decoder.lost == 3 + 248
    assert decoder.good == 8
