"""`docs/data.md` lists every field there is: a field that is not in it does not go on the wire."""

import json
import re
import tomllib
import typing
from pathlib import Path

import msgspec
import pytest

from common import events
from common.events.journal import StationStopped
from common.personal import PERSONAL
from hq import health, tables

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
PAGE = (ROOT / "docs/data.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)


def section(level: int, heading: str, within: str = PAGE) -> str:
    """Return the text under a heading, up to the next one as high."""
    mark = "#" * level
    found = re.search(rf"^{mark} {re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", within, re.MULTILINE | re.DOTALL)
    assert found, f"docs/data.md says nothing of {heading}"
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in ROW.findall(text)}


def parts(kind):
    """A type and all it is made of: lists of structs, also annotated ones."""
    yield kind
    for part in typing.get_args(kind):
        yield from parts(part)


def fields(struct: type, prefix: str = ""):
    for field in msgspec.structs.fields(struct):
        yield prefix + field.name
        for part in parts(field.type):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                yield from fields(part, f"{prefix}{field.name}.")


EVERY = [("Events", name) for name in events.EVENTS] + [("Orders", name) for name in events.ORDERS]


@pytest.mark.parametrize(("part", "name"), EVERY)
def test_every_field_of_every_event_and_order_is_listed_and_no_other(part, name):
    table = (events.EVENTS if part == "Events" else events.ORDERS)[name]
    assert list(rows(section(3, f"`{name}`", section(2, part)))) == list(fields(table))


def test_no_event_or_order_is_listed_that_there_is_not():
    for part, table in (("Events", events.EVENTS), ("Orders", events.ORDERS)):
        assert re.findall(r"^### `([^`]+)`", section(2, part), re.MULTILINE) == list(table)


def test_what_is_sealed_and_what_stands_around_an_event_are_listed():
    assert list(rows(section(2, "What is sealed"))) == list(PERSONAL)
    line = events.encode_event(StationStopped(), event_id="x", source="/x", time="x", boot="x", mono=1, unsure=True)
    assert set(rows(section(2, "The envelope of every event and order"))) == set(json.loads(line))


def test_every_figure_of_a_health_sample_is_listed():
    assert set(rows(section(2, "A station's health sample"))) == {*health.KNOWN, "devices", "ringing", "time"}


TOLD_IN_ROW = {
    "events": "lines",
    "journals": "chain",
    "journal_marks": "chain",
    "records": "records",
    "record_lines": "sealed lines",
    "figures": "figures",
    "help_calls": "calls",
    "projected": "event ids",
    "aside": "refused lines",
    "orders": "orders",
    "order_journals": "orders journals",
    "order_lines": "orders journals",
    "shift_keys": "shift keys",
    "stations": "machines",
    "births": "machines",
    "alarms": "machines",
    "self_tests": "machines",
    "epoch": "machines",
    "workers": "machines",
    "invitations": "invitations",
    "staff": "accounts",
    "staff_sessions": "sessions",
    "dispatch_steps": "dispatches",
    "notice_reads": "notices",
    "books": "books",
    "follow_ups": "follow-ups",
    "shelved_alarms": "shelved alarms",
    "content_packs": "content",
    "content_chunks": "content",
    "content_deliveries": "content",
    "content_plays": "content",
    "audit": "audit",
}
"""Each table of headquarters', and the row of the page that says how long it is kept."""


def test_of_every_table_of_headquarters_it_says_what_why_who_and_how_long():
    kept = section(2, "What headquarters keeps, and how long")
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\|.*\|$", kept, re.MULTILINE)]
    told = {row[0]: row[1:] for row in cells[2:]}
    assert set(TOLD_IN_ROW) == set(tables.metadata.tables)
    assert set(TOLD_IN_ROW.values()) <= set(told)
    assert all(len(row) == 4 and all(row) for row in told.values())


def test_the_days_it_promises_are_those_of_the_settings():
    for example, table in (("station", "journal"), ("hq", "retention")):
        settings = tomllib.loads((CONFIG / f"{example}.toml").read_text(encoding="utf-8"))[table]
        promised = dict(re.findall(rf"`{table}\.(\w+_days)` \((\d+) days\)", PAGE))
        assert promised
        assert promised == {name: str(days) for name, days in settings.items() if name.endswith("_days")}


def test_of_each_field_it_says_what_why_who_and_how_long():
    for name, cells in ROW.findall(PAGE):
        parts = [cell.strip() for cell in cells.split("|")]
        assert len(parts) == 4, name
        assert all(parts) or name == "data", name
