"""The code of an invitation: what a person mistypes is found before anybody is asked."""

import contextlib
import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sync.invitation import Code, CodeError, Invitation, read_at, read_code, read_file, read_uri, secret_hash

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CITY = hashlib.sha256(b"a certificate").digest()
SYMBOLS = st.text(ALPHABET, min_size=36, max_size=36)


@given(SYMBOLS)
def test_a_code_is_read_as_it_was_written_in_any_case_with_spaces_or_without_dashes(symbols):
    text = str(Code(symbols))
    assert len(text) == 9 * 5 + 8
    for typed in (text, text.lower(), text.replace("-", " "), text.replace("-", ""), f"  {text}\n"):
        assert read_code(typed) == Code(symbols)


@given(SYMBOLS)
def test_letters_that_look_like_digits_are_read_as_those(symbols):
    text = str(Code(symbols))
    assert read_code(text.replace("0", "o").replace("1", "l")) == Code(symbols)
    assert read_code(text.replace("0", "O").replace("1", "I")) == Code(symbols)


@given(SYMBOLS, st.integers(0, 44), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_found_and_its_group_named(symbols, at, other):
    text = str(Code(symbols)).replace("-", "")
    assume(text[at] != other)
    with pytest.raises(CodeError, match=f"group {at // 5 + 1} "):
        read_code(text[:at] + other + text[at + 1 :])


@given(SYMBOLS, st.integers(0, 8), st.tuples(st.integers(0, 4), st.integers(0, 4)))
def test_two_characters_exchanged_in_a_group_are_always_found(symbols, group, pair):
    text = list(str(Code(symbols)).replace("-", ""))
    left, right = group * 5 + pair[0], group * 5 + pair[1]
    assume(text[left] != text[right])
    text[left], text[right] = text[right], text[left]
    with pytest.raises(CodeError, match=f"group {group + 1} "):
        read_code("".join(text))


@given(SYMBOLS, st.integers(0, 8), st.integers(0, 8))
def test_two_groups_exchanged_are_always_found(symbols, one, other):
    assume(one != other)
    groups = str(Code(symbols)).split("-")
    groups[one], groups[other] = groups[other], groups[one]
    with pytest.raises(CodeError):
        read_code("-".join(groups))


@given(SYMBOLS, st.integers(0, 44))
def test_a_code_that_was_cut_short_or_went_on_is_no_code(symbols, length):
    text = str(Code(symbols)).replace("-", "")
    with pytest.raises(CodeError):
        read_code(text[:length])
    with pytest.raises(CodeError):
        read_code(text + "0")


@given(st.text())
def test_whatever_is_typed_is_a_code_or_a_mistake(text):
    with contextlib.suppress(CodeError):
        read_code(text)


def test_a_new_code_pins_its_city_and_no_other_and_is_never_shown_by_accident():
    code, other = Code.new(CITY), Code.new(CITY)
    assert code != other
    assert code.pins(CITY)
    assert not code.pins(hashlib.sha256(b"another").digest())
    assert not code.pins(bytes([CITY[0] ^ 0x80, *CITY[1:]]))
    assert code.secret not in repr(Invitation(at="hq.example:8443", station="sjz-001", code=code))


def test_what_is_kept_of_a_secret_is_its_hash_alone():
    secret = Code.new(CITY).secret
    assert secret_hash(secret) == secret_hash(secret)
    assert len(secret_hash(secret)) == 32
    for wrong in ("", secret[:-1], secret + "0", secret[:-1] + "U", secret.lower()[:-1] + "u"):
        with pytest.raises(ValueError):
            secret_hash(wrong)


def test_an_invitation_goes_as_uri_and_as_file():
    invitation = Invitation(at="[2001:db8::1]:8443", station="sjz-001", code=Code.new(CITY))
    assert read_uri(invitation.uri) == invitation
    carried = Invitation(at="hq.example:8443", station="sjz-001", code=invitation.code, authority="PEM")
    assert read_file(carried.as_file()) == carried


@pytest.mark.parametrize(
    "text", ["", "jingting:enrol?", "https://hq.example/", "jingting:enrol?at=hq.example&station=x&code=y"]
)
def test_a_uri_that_is_no_invitation_is_refused(text):
    with pytest.raises(CodeError):
        read_uri(text)


@given(st.binary(max_size=200))
def test_a_file_that_is_no_invitation_is_refused(data):
    with pytest.raises(CodeError):
        read_file(data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hq.example:8443", ("hq.example", 8443)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
    ],
)
def test_where_headquarters_is(text, expected):
    assert read_at(text) == expected


@pytest.mark.parametrize(
    "text", ["", "hq.example", "hq.example:", "hq:0", "hq:65536", "a b:1", "2001:db8::1:8443", None]
)
def test_where_headquarters_cannot_be(text):
    with pytest.raises(CodeError):
        read_at(text)
