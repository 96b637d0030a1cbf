"""What somebody fills in to order something: pure."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_rig import NOW

from common.clock import rfc3339
from hq.order_forms import WrongOrderError, dispatch, notice_to

NOTICE = "019a0000-0000-7000-8000-0000000000d1"
SENT = {"station": "sjz-001", "service": "QZ-01", "reference": "110-7", "grid": "", "within": "30"}
TOLD = {"zh": "今晚清查", "en": "", "to": "all", "stations": "", "days": "7"}


def test_a_dispatch_is_what_was_filled_in():
    station, order = dispatch(SENT | {"grid": " G-07 ", "urgent": "yes"}, NOW)
    assert (station, order.service, order.reference, order.grid) == ("sjz-001", "QZ-01", "110-7", "G-07")
    assert (order.priority, order.expires) == ("urgent", rfc3339(NOW + 1_800_000))
    assert dispatch(SENT, NOW)[1].grid is None


def test_every_wrong_field_of_a_dispatch_is_told_at_once():
    with pytest.raises(WrongOrderError) as caught:
        dispatch({"station": "A", "service": "", "reference": "王某", "grid": "13800138000", "within": "1441"}, NOW)
    assert caught.value.mistakes == {
        "station": "wrong",
        "service": "missing",
        "reference": "wrong",
        "grid": "personal",
        "within": "wrong",
    }
    assert "王某" not in str(caught.value)
    with pytest.raises(WrongOrderError) as caught:
        dispatch({}, NOW)
    assert set(caught.value.mistakes.values()) == {"missing"}


def test_a_notice_goes_to_all_or_to_those_named_each_once():
    assert notice_to(TOLD, NOTICE, NOW)[0] is None
    stations, order = notice_to(TOLD | {"to": "", "stations": "sjz-001, sjz-002，sjz-001"}, NOTICE, NOW)
    assert stations == ("sjz-001", "sjz-002")
    assert (order.notice, order.zh, order.must_read) == (NOTICE, "今晚清查", False)
    assert order.expires == rfc3339(NOW + 7 * 86_400_000)


@pytest.mark.parametrize(
    ("changed", "mistakes"),
    [
        ({"to": ""}, {"stations": "missing"}),
        ({"to": "", "stations": "sjz-001 A"}, {"stations": "wrong"}),
        ({"zh": "", "days": ""}, {"zh": "missing", "days": "missing"}),
        ({"zh": "x" * 201, "en": "a\x07", "days": "31"}, {"zh": "too_long", "en": "wrong", "days": "wrong"}),
        ({"zh": "打 13800138000", "days": "0"}, {"zh": "personal", "days": "wrong"}),
        ({"days": "٣"}, {"days": "wrong"}),
    ],
)
def test_every_wrong_field_of_a_notice_is_told_at_once(changed, mistakes):
    with pytest.raises(WrongOrderError) as caught:
        notice_to(TOLD | changed, NOTICE, NOW)
    assert caught.value.mistakes == mistakes


@given(st.dictionaries(st.sampled_from([*SENT, *TOLD, "urgent", "must_read"]), st.text(max_size=300)))
def test_whatever_is_filled_in_it_is_an_order_or_it_is_refused(form):
    for read in (lambda: dispatch(form, NOW), lambda: notice_to(form, NOTICE, NOW)):
        with contextlib.suppress(WrongOrderError):
            assert read()[1].expires > rfc3339(NOW)
