import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import base64url


@given(st.binary(max_size=200))
def test_what_was_encoded_decodes_to_itself_and_has_no_padding(data):
    text = base64url.encode(data)
    assert "=" not in text
    assert base64url.decode(text) == data
    assert base64url.decode(text, size=len(data)) == data


@given(st.text(alphabet="AZaz09-_+/= \n", max_size=12))
def test_a_text_is_either_the_only_spelling_of_its_bytes_or_refused(text):
    try:
        data = base64url.decode(text)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text


@pytest.mark.parametrize("wrong", ["QQ==", "QR", "Q", "+/+/", "QQ\n", " QQ", "éé", None, 7, b"QQ"])
def test_every_other_spelling_is_refused(wrong):
    with pytest.raises(ValueError):
        base64url.decode(wrong)


def test_a_wrong_size_is_refused():
    with pytest.raises(ValueError, match="3 bytes where 4 are expected"):
        base64url.decode("AAAA", size=4)
