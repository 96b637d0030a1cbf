"""The golden vectors of sealed boxes and wrapped keys, by our code and by the independent reader."""

import json

import pytest

from sync import base64url
from sync.sealing import SUITE, BrokenSealError, SealingKey, SealingPublicKey, ShiftKey
from tests.vectors import make, reader

SEALING = json.loads(make.FILE.read_text(encoding="utf-8"))["sealing"]
PRIVATE, SECRET = base64url.decode(SEALING["private"]), base64url.decode(SEALING["secret"])


def named(case):
    return case["name"]


def test_a_private_sealing_key_gives_the_public_one_and_its_id():
    assert SealingKey(PRIVATE).public.raw == base64url.decode(SEALING["public"])
    assert SealingPublicKey(base64url.decode(SEALING["public"])).id == base64url.decode(SEALING["id"])
    assert SEALING["suite"] == SUITE


@pytest.mark.parametrize("case", SEALING["wraps"], ids=named)
def test_both_readers_unwrap_what_opens_and_nothing_else(case):
    kem = base64url.decode(case["kem"])
    place = case["station"], case["kid"], kem
    if not case["opens"]:
        with pytest.raises(BrokenSealError):
            SealingKey(PRIVATE).unwrap(*place)
        with pytest.raises(ValueError):
            reader.unwrap(PRIVATE, *place)
        return
    assert reader.unwrap(PRIVATE, *place) == SECRET
    key = SealingKey(PRIVATE).unwrap(*place)
    box = SEALING["boxes"][0]
    assert key.open(box["event"], box["sealed"]) == box["fields"]


@pytest.mark.parametrize("case", SEALING["boxes"], ids=named)
def test_both_readers_open_what_opens_and_nothing_else(case):
    key, place = ShiftKey(SEALING["kid"], SECRET), (case["event"], case["sealed"])
    if "fields" in case:
        assert key.open(*place) == case["fields"] == reader.unseal(SECRET, key.kid, *place)
        return
    with pytest.raises(BrokenSealError):
        key.open(*place)
    with pytest.raises(ValueError):
        reader.unseal(SECRET, key.kid, *place)


def test_the_independent_reader_opens_what_our_code_seals_and_wraps_today():
    private, public = SealingKey(PRIVATE), SealingPublicKey(base64url.decode(SEALING["public"]))
    key = ShiftKey.new(SEALING["kid"])
    sealed = key.seal("an event", {"name": "欧阳"})
    secret = reader.unwrap(PRIVATE, "sjz-009", key.kid, key.wrap(public, "sjz-009"))
    assert reader.unseal(secret, key.kid, "an event", sealed) == {"name": "欧阳"}
    assert private.public.id == public.id
