import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.strict_json import MAX_NESTING, parse_object

INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
REALS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | REALS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=5)


def spellings(value):
    """Several texts of one value, escaped or not, dense or not."""
    for ascii_only in (True, False):
        for indent in (None, 1):
            yield json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()


@given(OBJECTS)
def test_a_good_text_means_what_json_says_however_it_is_spelt(value):
    for text in spellings(value):
        assert parse_object(text) == json.loads(text) == value


@given(
    st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ud8dc0123456789eE.-+truefalsn ', max_size=40).map(str.encode)
)
def test_any_bytes_are_an_object_that_json_agrees_with_or_refused(data):
    try:
        value = parse_object(data)
    except ValueError:
        return
    assert value == json.loads(data)


def nested(levels):
    """An object of that many levels, arrays inside."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


def test_the_outermost_object_is_the_first_of_32_levels():
    assert parse_object(nested(MAX_NESTING))
    with pytest.raises(ValueError, match="deeper than 32"):
        parse_object(nested(MAX_NESTING + 1))


def test_brackets_inside_a_text_are_no_levels():
    assert parse_object(json.dumps({"a": "[{" * 100}).encode())


def test_a_text_that_would_overflow_the_parsers_stack_is_refused_like_any_deep_one():
    with pytest.raises(ValueError, match="deeper than 32"):
        parse_object(b'{"a":' + b"[" * 100_000)


@given(INTEGERS | st.integers())
def test_an_integer_is_taken_if_every_double_holds_it_exactly(number):
    text = b'{"a":%d}' % number
    if abs(number) < 2**53:
        assert parse_object(text) == {"a": number}
    else:
        with pytest.raises(ValueError, match=r"2\^53"):
            parse_object(text)


def test_an_integer_of_a_million_digits_is_refused_without_reading_it():
    with pytest.raises(ValueError, match=r"2\^53"):
        parse_object(b'{"a":' + b"9" * 1_000_000 + b"}")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e309", "-1e309", "1" * 400 + ".0"])
def test_what_is_no_finite_number_is_refused(literal):
    with pytest.raises(ValueError):
        parse_object(f'{{"a":{literal}}}'.encode())


def test_a_real_beyond_2_to_the_53_is_a_real_all_the_same():
    assert math.isclose(parse_object(b'{"a":1e300}')["a"], 1e300)


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"b":[{"a":1,"c":2,"a":3}]}', '{"":1,"":2}'])
def test_a_duplicate_key_is_refused_at_any_depth_and_in_any_spelling(text):
    with pytest.raises(ValueError, match="duplicate"):
        parse_object(text.encode())


@pytest.mark.parametrize(
    "text", ['{"a":"\\ud800"}', '{"\\udfff":1}', '{"a":["\\udc00\\ud800"]}', '{"a":"\\uD83D\\u0041"}']
)
def test_a_lone_surrogate_is_refused(text):
    with pytest.raises(ValueError):
        parse_object(text.encode())


def test_a_surrogate_pair_is_one_character():
    assert parse_object(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'"a"', b"1", b"null", b"{} {}", b"\xef\xbb\xbf{}", b"{\xff}", b'{"a":"\n"}']
)
def test_what_is_not_one_json_object_in_utf_8_is_refused(data):
    with pytest.raises(ValueError):
        parse_object(data)


# What our own writer writes is read by a quicker way; nothing but the time may tell.


@given(OBJECTS)
def test_a_text_as_our_writer_writes_it_means_the_same(value):
    text = msgspec.json.encode(value)
    assert parse_object(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"b":2,"a":1}',
        b'{"data":{"sealed":{"a":1,"a":1}}}',
        b'{"a":9007199254740992}',
        b'{"data":{"a":[-9007199254740992]}}',
        b'{"a":123456789012345678901234567890}',
        b'{"a":NaN}',
        b'{"a":1e309}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xff"}',
        b'{"a":"\x01"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":1}{',
        b"[1]",
        b"",
    ],
)
def test_what_is_wrong_is_wrong_however_densely_it_is_written(text):
    with pytest.raises(ValueError, match=r".+"):
        parse_object(text)


def test_the_largest_integers_are_whole():
    assert parse_object(b'{"a":9007199254740991,"b":[-9007199254740991]}') == {"a": 2**53 - 1, "b": [1 - 2**53]}
