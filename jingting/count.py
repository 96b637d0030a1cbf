"""Whether every press and every record got through, counted from two sides that know nothing of each other.

One side is what the panels' own logs say was acknowledged to them, and the tickets that people were shown; the other is
what headquarters' database holds. A press is known by panel, epoch and number, a record by its number, so that one that
is missing and another that came twice never make up for each other.
"""

import base64
import binascii
import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

PressKey: TypeAlias = tuple[str, int, int]
"""Panel, epoch, number."""


@dataclass(frozen=True, slots=True)
class PanelLog:
    """What one panel's log says: when each press was made (Unix ns), and which were acknowledged to it."""

    pressed_ns: dict[PressKey, int]
    acknowledged: frozenset[PressKey]


@dataclass(frozen=True, slots=True)
class HqRows:
    """What headquarters holds of one station: the ids of the events it projected for each press.

    `records`: how many records it has of each number. `committed_ms`: when the call that a press raised was committed
    (Unix ms); later presses of a call have no time.
    """

    events: dict[PressKey, frozenset[str]]
    committed_ms: dict[PressKey, int]
    records: dict[str, int]


@dataclass(frozen=True, slots=True)
class Tally:
    """One station's count, or several added up; `help_ms`: press to headquarters' commit, of each call's first.

    `lost` and `duplicates` are of presses and records together. `wire_bytes`: what the station published for
    `wire_events`.
    """

    made: int = 0
    at_hq: int = 0
    lost: int = 0
    duplicates: int = 0
    help_ms: tuple[float, ...] = ()
    records_made: int = 0
    records_at_hq: int = 0
    wire_bytes: int = 0
    wire_events: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.made + other.made,
            self.at_hq + other.at_hq,
            self.lost + other.lost,
            self.duplicates + other.duplicates,
            self.help_ms + other.help_ms,
            self.records_made + other.records_made,
            self.records_at_hq + other.records_at_hq,
            self.wire_bytes + other.wire_bytes,
            self.wire_events + other.wire_events,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as `jingting demo --json` prints it; a percentile of nothing is None."""
        return {
            "help_calls": {"made": self.made, "at_hq": self.at_hq},
            "records": {"made": self.records_made, "at_hq": self.records_at_hq},
            "lost": self.lost,
            "duplicates": self.duplicates,
            "help_ms": {"p50": percentile(self.help_ms, 50), "p99": percentile(self.help_ms, 99)},
            "wire_bytes_per_event": round(self.wire_bytes / self.wire_events, 1) if self.wire_events else None,
        }


def read_panel_log(path: Path, panel: str) -> PanelLog:
    """Read what a simulator wrote; a line torn by a kill counts for nothing."""
    pressed: dict[PressKey, int] = {}
    acknowledged: set[PressKey] = set()
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
            key = (panel, entry["epoch"], entry["number"])
        except (ValueError, KeyError, TypeError):
            continue
        if entry["event"] == "pressed":
            pressed.setdefault(key, entry["at"])
        elif entry["event"] == "acknowledged":
            acknowledged.add(key)
    return PanelLog(pressed, frozenset(acknowledged))


def read_tickets(path: Path) -> frozenset[str]:
    """Read the numbers that people noted down, one a line."""
    return frozenset(path.read_text(encoding="utf-8").split()) if path.exists() else frozenset()


def read_hq(database: Path, station: str) -> HqRows:
    """Read headquarters' SQLite file, which may be in use; nothing is changed."""
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        of_station = (station,)
        projected = {row[0] for row in connection.execute("SELECT id FROM projected WHERE station = ?", of_station)}
        raised = dict(
            connection.execute("SELECT raised_id, committed_ms FROM help_calls WHERE station = ?", of_station)
        )
        numbers = "SELECT number, count(*) FROM records WHERE station = ? AND number <> '' GROUP BY number"
        records = dict(connection.execute(numbers, of_station))
        lines = connection.execute(
            "SELECT line FROM events JOIN journals ON journals.id = journal_id WHERE station = ?"
            " UNION ALL SELECT line FROM aside WHERE station = ?",
            (station, station),
        )
        events: defaultdict[PressKey, set[str]] = defaultdict(set)
        committed_ms: dict[PressKey, int] = {}
        for key, event_id in _presses(line for (line,) in lines):
            if event_id in projected:
                events[key].add(event_id)
            if event_id in raised:
                committed_ms[key] = raised[event_id]
    finally:
        connection.close()
    return HqRows({key: frozenset(ids) for key, ids in events.items()}, committed_ms, records)


def tally(
    panel: PanelLog,
    hq: HqRows,
    tickets: frozenset[str] = frozenset(),
    *,
    wire_bytes: int = 0,
    wire_events: int = 0,
) -> Tally:
    """Compare the two sides."""
    return Tally(
        made=len(panel.acknowledged),
        at_hq=len(hq.events),
        lost=len(panel.acknowledged - hq.events.keys()) + len(tickets - hq.records.keys()),
        duplicates=sum(len(ids) - 1 for ids in hq.events.values()) + sum(n - 1 for n in hq.records.values()),
        help_ms=tuple(
            round(at_ms - panel.pressed_ns[key] / 1e6, 1)
            for key, at_ms in hq.committed_ms.items()
            if key in panel.pressed_ns
        ),
        records_made=len(tickets),
        records_at_hq=len(hq.records),
        wire_bytes=wire_bytes,
        wire_events=wire_events,
    )


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile: the smallest value that `percent` of all values do not exceed."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None


def _presses(lines: Iterator[bytes]) -> Iterator[tuple[PressKey, str]]:
    """Yield the press and the event id of every line that tells of a press, rescued copies included."""
    for line in lines:
        event = json.loads(line)
        data = event.get("data")
        try:
            if event["type"] == "rescued":
                text = data["line"]
                yield from _presses(iter([base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))]))
            elif event["type"] in ("help.raised", "help.pressed_again"):
                press = data["press"]
                yield (press["panel"], press["epoch"], press["number"]), event["id"]
        except (KeyError, TypeError, binascii.Error):
            continue  # not from a panel, or nothing this version understands: headquarters keeps it all the same
