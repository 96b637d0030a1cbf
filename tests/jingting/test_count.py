"""The count: presses by identity, from the panel's own log and headquarters' own rows."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import events
from common.events.calls import HelpPressedAgain, HelpRaised, Press
from common.events.journal import JournalOpened, Rescued, StationStarted
from common.events.records import RecordOpened
from common.events.terms import Payload
from hq.store import Store
from jingting.count import Tally, percentile, read_hq, read_panel_log, tally
from sync import base64url
from sync.batch import Batch, chain_lines, chain_start

STATION = "jt-001"
RECEIVED_MS = 1_795_349_100_000


@pytest.fixture
def store(tmp_path):
    opened = Store.open(f"sqlite:///{tmp_path / 'hq.db'}", wall_ms=lambda: RECEIVED_MS + 5)
    yield opened
    opened.close()


@pytest.fixture
def counted(tmp_path):
    """Return a function that counts the panel's log against headquarters' file, while headquarters runs."""

    def count() -> Tally:
        return tally(read_panel_log(tmp_path / "panel.jsonl", "front"), read_hq(tmp_path / "hq.db", STATION))

    return count


def write_log(path, *entries: tuple[str, int]) -> None:
    lines = [
        json.dumps({"at": (RECEIVED_MS - 20 + number) * 1_000_000, "event": event, "epoch": 7, "number": number})
        for event, number in entries
    ]
    path.write_text("\n".join(lines) + "\n")


def line_of(payload: Payload, event_id: str | None = None) -> bytes:
    return events.encode_event(
        payload,
        event_id=event_id or str(uuid.uuid4()),
        source=f"/stations/{STATION}",
        time="2026-11-22T12:00:00.000Z",
        boot=str(uuid.uuid4()),
        mono=1,
        unsure=False,
    )


def raised(number: int, event_id: str) -> HelpRaised:
    return HelpRaised(call=event_id, origin="panel", press=Press(panel="front", epoch=7, number=number))


def again(number: int, call: str) -> HelpPressedAgain:
    return HelpPressedAgain(call=call, origin="panel", press=Press(panel="front", epoch=7, number=number))


def opened(record: str, number: str) -> RecordOpened:
    return RecordOpened(
        record=record, number=number, service="ZX-01", catalogue="1", channel="kiosk", state="registered"
    )


def take(store: Store, *lines: bytes, journal: str | None = None) -> None:
    journal = journal or str(uuid.uuid4())
    start = chain_start(journal)
    store.take(
        Batch(
            station=STATION,
            signer=b"\0" * 16,
            journal=journal,
            first=1,
            oldest=1,
            prev=start,
            lines=chain_lines(start, 1, lines),
            events=tuple(json.loads(line) for line in lines),
        ),
        received_ms=RECEIVED_MS,
    )


def test_every_press_that_was_acknowledged_is_at_headquarters_once(store, counted, tmp_path):
    call = str(uuid.uuid4())
    take(store, line_of(raised(1, call), call), line_of(again(2, call)), line_of(StationStarted(agent="0.1.0")))
    write_log(
        tmp_path / "panel.jsonl", ("pressed", 1), ("sent", 1), ("acknowledged", 1), ("pressed", 2), ("acknowledged", 2)
    )
    assert counted() == Tally(made=2, at_hq=2, lost=0, duplicates=0, help_ms=(24.0,))


def test_a_lost_press_is_not_made_up_for_by_another_that_came_twice(store, counted, tmp_path):
    call = str(uuid.uuid4())
    take(store, line_of(raised(1, call), call), line_of(again(1, call)))
    write_log(tmp_path / "panel.jsonl", ("pressed", 1), ("acknowledged", 1), ("pressed", 2), ("acknowledged", 2))
    counts = counted()
    assert (counts.made, counts.at_hq, counts.lost, counts.duplicates) == (2, 1, 1, 1)


def test_a_press_the_panel_was_not_told_of_is_neither_made_nor_lost(store, counted, tmp_path):
    call = str(uuid.uuid4())
    take(store, line_of(raised(1, call), call))
    write_log(tmp_path / "panel.jsonl", ("pressed", 1), ("pressed", 2))
    counts = counted()
    assert (counts.made, counts.at_hq, counts.lost, counts.duplicates) == (0, 1, 0, 0)


def test_a_rescued_copy_is_the_same_event_and_no_duplicate(store, counted, tmp_path):
    call, old = str(uuid.uuid4()), str(uuid.uuid4())
    line = line_of(raised(1, call), call)
    take(store, line, journal=old)
    opened = JournalOpened(previous=old, reason="fork", last_common=0)
    take(store, line_of(opened), line_of(Rescued(line=base64url.encode(line))))
    write_log(tmp_path / "panel.jsonl", ("pressed", 1), ("acknowledged", 1))
    counts = counted()
    assert (counts.made, counts.at_hq, counts.lost, counts.duplicates) == (1, 1, 0, 0)


def test_a_press_on_the_screen_is_not_a_panels(store, counted, tmp_path):
    call = str(uuid.uuid4())
    take(store, line_of(HelpRaised(call=call, origin="screen"), call))
    write_log(tmp_path / "panel.jsonl")
    assert counted() == Tally()


def test_a_line_of_the_log_torn_by_a_kill_counts_for_nothing(tmp_path):
    path = tmp_path / "panel.jsonl"
    write_log(path, ("pressed", 1), ("acknowledged", 1))
    with path.open("ab") as log:
        log.write(b'{"at":1,"event":"acknowl')
    log = read_panel_log(path, "front")
    assert log.acknowledged == {("front", 7, 1)}
    assert read_panel_log(tmp_path / "none", "front").pressed_ns == {}


def test_a_record_that_was_shown_and_is_not_at_headquarters_is_lost_and_one_number_twice_a_duplicate(store, tmp_path):
    for number, copies in (("JT001-20261122-0001", 1), ("JT001-20261122-0002", 2)):
        for _ in range(copies):
            record = str(uuid.uuid4())
            take(store, line_of(opened(record, number), record), journal=None)
    shown = frozenset({"JT001-20261122-0001", "JT001-20261122-0003"})
    hq = read_hq(tmp_path / "hq.db", STATION)
    counts = tally(read_panel_log(tmp_path / "none", "front"), hq, shown, wire_bytes=1000, wire_events=3)
    assert (counts.records_made, counts.records_at_hq, counts.lost, counts.duplicates) == (2, 2, 1, 1)
    assert counts.as_dict()["wire_bytes_per_event"] == 333.3


def test_the_counts_of_stations_add_up_and_no_calls_have_no_percentile():
    total = sum([Tally(2, 2, 0, 0, (1.0, 3.0)), Tally(1, 0, 1, 0, (2.0,))], Tally())
    assert total.as_dict() == {
        "help_calls": {"made": 3, "at_hq": 2},
        "records": {"made": 0, "at_hq": 0},
        "lost": 1,
        "duplicates": 0,
        "help_ms": {"p50": 2.0, "p99": 3.0},
        "wire_bytes_per_event": None,
    }
    assert Tally().as_dict()["help_ms"] == {"p50": None, "p99": None}


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values, percent):
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)
