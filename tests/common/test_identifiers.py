import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.identifiers import is_identifier, uuid7


@given(st.uuids())
def test_a_uuid_is_an_identifier_in_lower_case_with_hyphens_and_no_other_way(value):
    assert is_identifier(str(value))
    for other in (value.hex, value.urn, f"{{{value}}}", f"{value}\n", f" {value}", str(value)[:-1]):
        assert not is_identifier(other)
    if str(value) != str(value).upper():
        assert not is_identifier(str(value).upper())


@given(st.text(alphabet="0123456789abcdefABCDEF-_{}٣\n", min_size=30, max_size=40) | st.none() | st.integers())
def test_nothing_is_an_identifier_that_is_not_a_uuid_written_out(value):
    if is_identifier(value):
        assert str(uuid.UUID(value)) == value


@pytest.mark.parametrize("wall_ms", [0, 1_770_000_000_000, 2**48 - 1])
def test_a_new_identifier_is_one(wall_ms):
    assert is_identifier(uuid7(wall_ms=wall_ms))
