"""Shift keys, boxes and wraps: what opens, what does not, and that nothing of what is inside gets out by the way."""

import re
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import base64url, sealing
from sync.sealing import (
    KEM_BYTES,
    BrokenSealError,
    SealingKey,
    SealingPublicKey,
    ShiftKey,
    SpentKeyError,
    new_sealing_key,
)

KID, EVENT, STATION = "018f3b2a-001e-7000-8000-0123456789ab", "018f3b2a-001f-7000-8000-0123456789ab", "sjz-001"
FIELDS = {"name": "张三", "number": "110101199003077571"}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def headquarters():
    return SealingKey(new_sealing_key()[0])


@given(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=6))
def test_what_is_sealed_comes_out_as_it_went_in(event_id, fields):
    key = ShiftKey.new(KID)
    sealed = key.seal(event_id, fields)
    assert sealed["key"] == KID
    assert key.open(event_id, sealed) == fields


def test_a_key_wrapped_for_headquarters_opens_there_what_it_sealed_and_seals_what_it_opens(headquarters):
    key = ShiftKey.new(KID)
    kem = key.wrap(headquarters.public, STATION)
    assert len(kem) == KEM_BYTES
    there = headquarters.unwrap(STATION, KID, kem)
    assert there.open(EVENT, key.seal(EVENT, FIELDS)) == FIELDS
    assert key.open(EVENT, there.seal(EVENT, FIELDS)) == FIELDS


def test_no_two_boxes_and_no_two_wraps_are_alike(headquarters):
    key = ShiftKey.new(KID)
    assert len({key.seal(EVENT, FIELDS)["box"] for _ in range(50)}) == 50
    assert key.wrap(headquarters.public, STATION) != key.wrap(headquarters.public, STATION)


def test_another_sealing_key_does_not_unwrap_it(headquarters):
    kem = ShiftKey.new(KID).wrap(headquarters.public, STATION)
    with pytest.raises(BrokenSealError):
        SealingKey(new_sealing_key()[0]).unwrap(STATION, KID, kem)


def test_another_key_of_the_same_name_does_not_open_a_box():
    with pytest.raises(BrokenSealError):
        ShiftKey.new(KID).open(EVENT, ShiftKey.new(KID).seal(EVENT, FIELDS))


@pytest.mark.parametrize(
    "sealed", [None, 1, [], "box", {}, {"key": KID}, {"key": KID, "box": None}, {"key": KID, "box": ["A"]}, {"box": ""}]
)
def test_what_is_no_box_is_refused_like_a_broken_one(sealed):
    with pytest.raises(BrokenSealError):
        ShiftKey.new(KID).open(EVENT, sealed)


def test_no_shortened_box_opens():
    key = ShiftKey.new(KID)
    box = base64url.decode(key.seal(EVENT, FIELDS)["box"])
    for size in range(len(box)):
        with pytest.raises(BrokenSealError):
            key.open(EVENT, {"key": KID, "box": base64url.encode(box[:size])})


@given(st.binary(max_size=64))
def test_whatever_bytes_come_as_a_box_only_a_broken_seal_comes_out(box):
    with pytest.raises(BrokenSealError):
        ShiftKey(KID, bytes(32)).open(EVENT, {"key": KID, "box": base64url.encode(box)})


@given(st.binary(min_size=KEM_BYTES - 1, max_size=KEM_BYTES + 1))
def test_whatever_bytes_come_as_a_wrapped_key_only_a_broken_seal_comes_out(kem):
    with pytest.raises(BrokenSealError):
        SealingKey(bytes(96)).unwrap(STATION, KID, kem)


def test_a_wrapped_key_of_another_size_is_no_shift_key(headquarters):
    info = f"jingting shift key 1\n{STATION}\n{KID}".encode()
    for size in (0, 16, 31, 33):
        with pytest.raises(BrokenSealError, match=f"has {size} bytes"):
            headquarters.unwrap(STATION, KID, sealing._HPKE.encrypt(bytes(size), headquarters.public.key, info=info))


def test_a_wiped_key_is_gone_from_the_object_and_does_nothing_any_more(headquarters):
    secret = bytes(range(32))
    key = ShiftKey(KID, secret)
    sealed, held = key.seal(EVENT, FIELDS), key._secret
    assert held == secret
    key.wipe()
    key.wipe()
    assert key.spent
    assert held == bytes(32)
    for use in (
        lambda: key.seal(EVENT, FIELDS),
        lambda: key.open(EVENT, sealed),
        lambda: key.wrap(headquarters.public, STATION),
    ):
        with pytest.raises(SpentKeyError):
            use()


def test_a_key_seals_its_last_box_and_then_only_opens(monkeypatch):
    monkeypatch.setattr(sealing, "MOST_BOXES", 3)
    key = ShiftKey.new(KID)
    boxes = [key.seal(EVENT, FIELDS) for _ in range(3)]
    assert key.spent
    with pytest.raises(SpentKeyError, match="issue a new one"):
        key.seal(EVENT, FIELDS)
    assert all(key.open(EVENT, box) == FIELDS for box in boxes)


def test_the_number_of_boxes_is_the_contracts():
    assert sealing.MOST_BOXES == 524_288


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_keys_of_another_size_are_refused(size):
    with pytest.raises(ValueError, match=f"{size} bytes"):
        ShiftKey(KID, bytes(size))
    with pytest.raises(ValueError, match=f"{size} bytes"):
        SealingKey(bytes(size))
    with pytest.raises(ValueError, match=f"{size} bytes"):
        SealingPublicKey(bytes(size))


def test_a_public_key_no_wrap_could_work_with_is_refused_when_it_is_read(headquarters):
    raw = headquarters.public.raw
    for bad in (raw[:-32] + bytes(32), raw[:-32] + bytes([1]) + bytes(31), b"\xff" * 1184 + raw[-32:]):
        with pytest.raises(ValueError):
            SealingPublicKey(bad)


DEEP: dict[str, object] = {}
for _ in range(40):
    DEEP = {"secret-name": DEEP}
CYCLE: dict[str, object] = {"secret-name": 1}
CYCLE["secret"] = CYCLE


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "secret-name\ud800"},
        {"secret-name": float("nan")},
        {"secret-name": 2**53},
        {"secret-name": object()},
        {"name": b"secret-name"},
        {1: "secret-name", "1": "other"},
        DEEP,
        CYCLE,
    ],
)
def test_fields_headquarters_could_not_read_are_not_sealed_and_not_told(fields):
    with pytest.raises(ValueError, match="nothing was sealed") as caught:
        ShiftKey.new(KID).seal(EVENT, fields)
    assert told(caught.value) == []


@pytest.mark.parametrize(
    "plain", [b"secret-name", b'{"a":"secret-name"', b'{"a":"secret-name\xff"}', b'["secret-name"]']
)
def test_what_is_no_object_in_a_box_is_not_told(plain):
    key = ShiftKey(KID, bytes(32))
    nonce = bytes(12)
    box = nonce + sealing.AESGCM(bytes(32)).encrypt(nonce, plain, EVENT.encode())
    with pytest.raises(BrokenSealError, match="holds no JSON object") as caught:
        key.open(EVENT, {"key": KID, "box": base64url.encode(box)})
    assert told(caught.value) == []


def told(error: BaseException | None) -> list[str]:
    """Return every place where an exception, or one behind it, shows the planted name."""
    places = []
    while error is not None:
        shown = [*map(str, error.args), str(error), repr(error), *map(str, vars(error).values())]
        shown += [str(getattr(error, name, "")) for name in ("doc", "object")]
        shown += traceback.format_exception_only(error)
        places += [text for text in shown if "secret-name" in text]
        error = error.__cause__ or error.__context__
    return places


def test_the_test_above_would_see_a_name_that_is_told():
    with pytest.raises(UnicodeEncodeError) as caught:
        "secret-name\ud800".encode()
    assert told(caught.value)


def test_a_keys_secret_stands_in_no_text_of_it(headquarters):
    for thing in (ShiftKey(KID, b"0123456789abcdef0123456789abcdef"), headquarters, headquarters.public):
        assert re.fullmatch(r"<sync\.sealing\.\w+ object at 0x\w+>", repr(thing))
