from hypothesis import given
from hypothesis import strategies as st

from drivers.firmware import frames
from drivers.panel_capture import told

PRESS = frames.encode(frames.Press(7, 2, 3, 40, False), 1)
ACK = frames.encode(frames.PressAck(7, 2), 9)


def test_frames_of_both_directions_and_noise_are_told_in_order():
    damaged = bytes([*PRESS[:6], PRESS[6] ^ 1, *PRESS[7:]])
    assert list(told([PRESS + b"xyz" + ACK + damaged + PRESS[:4]])) == [
        {"frame": "press", "sequence": 1, "epoch": 7, "number": 2, "button": 3, "age_ms": 40, "test": False},
        {"problem": "noise", "bytes": 3},
        {"frame": "press_ack", "sequence": 9, "epoch": 7, "number": 2},
        {"problem": "noise", "bytes": len(PRESS) - 2},
        {"problem": "noise", "bytes": 3},
    ]


def test_a_message_of_a_later_version_is_told_as_unknown():
    assert list(told([frames.frame(b"\x7f\x01abc")])) == [{"frame": "unknown", "bytes": 5}]


@given(data=st.binary(max_size=600), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_wherever_a_capture_is_cut_it_tells_the_same(data, cuts):
    whole = PRESS + data + PRESS
    pieces, at = [], 0
    while at < len(whole):
        step = cuts[len(pieces) % len(cuts)]
        pieces.append(whole[at : at + step])
        at += step
    assert list(told(pieces)) == list(told([whole]))
    assert next(iter(told([whole])))["frame"] == "press"
    assert sum(one.get("frame") == "press" for one in told([whole])) >= 2
