"""`docs/enrolment.md` as bytes: what this code makes and reads is what the golden vectors say, at both ends."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import base64url
from sync.enrolment import MalformedError, ask, read_answer, read_request, read_station
from sync.invitation import read_code, read_uri
from sync.signing import SigningKey, VerifyKey
from tests.vectors.enrolment import AT, FILE, KEY, NONCE, OLD, STATION, made

VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("v", "station", "code", "nonce", "key", "csr", "proof", "old", "old_proof")


def test_the_vectors_are_what_the_code_makes():
    assert made(base64url.decode(VECTORS["keys"]["csr"])) == VECTORS


def test_the_code_is_read_back_in_each_form():
    code = read_code(VECTORS["code"]["text"])
    assert code.symbols == VECTORS["code"]["symbols"]
    assert code.pins(base64url.decode(VECTORS["code"]["authority_sha256"]))
    read = read_uri(VECTORS["code"]["uri"])
    assert (read.at, read.station, read.code) == (AT, STATION, code)


@pytest.mark.parametrize("purpose", ["enrol", "renew", "standing"])
def test_a_request_is_read_back_and_every_proof_is_right(purpose):
    asked = read_request(purpose, VECTORS["requests"][purpose])
    assert asked.station == STATION
    assert asked.key.raw == SigningKey(KEY).public.raw
    assert asked.proved_by(asked.key, asked.proof)
    if purpose == "renew":
        assert asked.old == SigningKey(OLD).public.id
        assert asked.proved_by(SigningKey(OLD).public, asked.old_proof)


@pytest.mark.parametrize("purpose", ["enrol", "renew", "standing"])
def test_a_proof_is_over_every_word_of_the_request(purpose):
    request = VECTORS["requests"][purpose]
    other = ask(purpose, "sjz-002", "Z" * 43, key=SigningKey(OLD), csr=b"another")
    for name in {"station", "code", "nonce", "csr"} & request.keys():
        changed = request | {name: "0" * 16 if name == "code" else other[name]}
        if name == "nonce":
            changed["nonce"] = base64url.encode(bytes(32))
        asked = read_request(purpose, changed)
        assert not asked.proved_by(asked.key, asked.proof), name
    exchanged = read_request(purpose, request | {"key": other["key"]})
    assert not exchanged.proved_by(VerifyKey(SigningKey(KEY).public.raw), exchanged.proof)


def test_a_proof_of_one_purpose_serves_no_other():
    standing = ask("standing", STATION, NONCE, key=SigningKey(KEY))
    renew = VECTORS["requests"]["renew"] | {"proof": standing["proof"]}
    asked = read_request("renew", renew)
    assert not asked.proved_by(asked.key, asked.proof)


def test_the_answer_is_read_back():
    answer = read_answer(VECTORS["answer"], station=STATION)
    assert answer.as_json() == VECTORS["answer"]
    with pytest.raises(MalformedError):
        read_answer(VECTORS["answer"], station="sjz-002")


@given(st.sampled_from(["enrol", "renew", "standing"]), st.sampled_from(FIELDS), JSON)
def test_whatever_stands_in_a_field_is_read_or_refused(purpose, name, value):
    with contextlib.suppress(MalformedError):
        read_request(purpose, VECTORS["requests"][purpose] | {name: value})


@given(st.dictionaries(st.sampled_from([*VECTORS["answer"]]), JSON))
def test_whatever_stands_in_an_answer_is_read_or_refused(values):
    with contextlib.suppress(MalformedError):
        read_answer(VECTORS["answer"] | values, station=STATION)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_comes_for_a_nonce_names_a_station_or_is_refused(body):
    with contextlib.suppress(MalformedError):
        read_station(body)
