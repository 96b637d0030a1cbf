"""What people are told to do, from what a reader said."""

import re
from pathlib import Path
from typing import get_args

import pytest

from drivers import card_frames, card_reader, card_text
from drivers.card_status import STATUSES, advice, status
from drivers.identity import Advice, NotRead, NotReadReason

PAGE = (Path(__file__).parents[2] / "docs" / "card-reader.md").read_text(encoding="utf-8")


def test_the_page_for_technicians_says_what_the_code_says():
    listed = re.findall(r"^\| `([0-9A-F]{2})` \| (.*?) \| ?(.*?) ?\|$", PAGE, re.MULTILINE)
    assert listed == [(f"{code:02X}", one.meaning, one.to_do) for code, one in sorted(STATUSES.items())]
    for reason, to_do in card_reader._TO_DO.items():
        assert f"| `{reason}` | {to_do} |" in PAGE
    for layout in card_text.LAYOUTS.values():
        for name, places in layout.items():
            row = next(line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line)
            assert all(f"{at}/{length}" in row for at, length in places), name
    for request in card_frames.COMMANDS.keys() - card_frames.SPEEDS.values():
        assert f"`{request.hex(' ').upper()}" in PAGE


def test_every_status_has_a_meaning_and_whoever_can_do_something_is_told_what():
    for code, one in STATUSES.items():
        assert one.meaning
        assert one.to_do or code in (0x90, 0x9F, 0x91)
        assert status(code) is one
    assert status(0xEE).meaning == "unknown status"
    assert {status(code).to_do for code in range(0x01, 0x0A)} == {"look at the program that sent it"}


@pytest.mark.parametrize("reason", get_args(NotReadReason))
def test_without_a_readers_word_the_reason_is_the_advice(reason):
    assert advice(NotRead(reason)) == reason


@pytest.mark.parametrize(
    ("code", "told"),
    [(0x31, "not_verified"), (0x32, "not_verified"), (0x33, "not_verified"), (0x40, "other_card"), (0x41, "lift")],
)
def test_what_the_reader_says_of_a_card_refines_the_advice(code, told):
    assert advice(NotRead("lift", code)) == told
    assert told in [word for part in get_args(Advice) for word in (get_args(part) or [part])]
