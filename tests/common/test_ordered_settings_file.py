"""A file of settings to be ordered: whole or not at all, and the same looked at again where it arrives."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import ordered_settings
from common.events import EVENTS, ORDERS, encode_event, read_payload
from common.events.journal import SettingsSet
from common.ordered_settings import OrderedHelp, OrderedSettings
from common.settings import SettingsError

EXAMPLE = Path(__file__).parents[2] / "config/ordered-settings.toml"


def load(tmp_path, text):
    file = tmp_path / "ordered.toml"
    file.write_text(text, encoding="utf-8")
    return ordered_settings.load(file)


def test_the_example_is_one_and_comes_through_an_order_as_it_was():
    ordered = ordered_settings.load(EXAMPLE)
    assert (ordered.help.breach_after_s, ordered.journal.rewind_days, ordered.broker) == (60, 14, None)
    payload = SettingsSet(settings=ordered, within_s=60)
    line = encode_event(payload, event_id="x", source="/hq", time="x", boot="x", mono=1, unsure=False)
    event = msgspec.json.decode(line)
    assert read_payload(ORDERS, event) == payload
    assert read_payload(EVENTS, event) is None
    ordered_settings.check(ordered)


def test_an_empty_file_takes_everything_back(tmp_path):
    assert load(tmp_path, "") == OrderedSettings()
    ordered_settings.check(OrderedSettings())


def test_every_mistake_is_told_at_once_and_what_may_not_be_changed_from_afar_is_an_unknown_key(tmp_path):
    text = """
        [broker]
        host = "somewhere"
        [help]
        louder_after_s = 4
        escalate_after_s = 301
        [self_test]
        at = "25:00"
        [health]
        every_s = 5
        [journal]
        rewind_days = 6
        header_days = 90
        max_bytes = 1
        [[panel]]
        port = "/dev/null"
        [web]
        port = 80
    """
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text)
    assert [mistake.key for mistake in error.value.mistakes] == [
        "broker.port",
        "health.every_s",
        "help.breach_after_s",
        "help.escalate_after_s",
        "help.louder_after_s",
        "journal.max_bytes",
        "journal.rewind_days",
        "panel",
        "self_test.at",
        "web",
    ]


@given(st.integers(1, 3600), st.integers(1, 3600), st.integers(1, 3600))
def test_no_order_makes_the_ladder_wait_for_longer_than_its_bounds_or_climb_in_another_order(louder, escalate, breach):
    ordered = OrderedSettings(help=OrderedHelp(louder_after_s=louder, escalate_after_s=escalate, breach_after_s=breach))
    fits = 5 <= louder <= 120 and louder < escalate <= 300 and escalate < breach <= 600
    try:
        ordered_settings.check(ordered)
    except SettingsError:
        assert not fits
    else:
        assert fits
