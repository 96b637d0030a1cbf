"""The desk's first page below its help calls: what is to be done, a page at a time, and what was done last."""

from datetime import datetime
from typing import Final

from microdot import Request

from agent.counter import Counter
from agent.database import JournalError
from agent.done_rows import Done
from agent.record_rows import Kept
from agent.screens.record_view import DIGITS, DoneRow, RecordRow

PAGE: Final = len(DIGITS)
"""Open records on one page: as many as there are number keys. For each name that is shown a box has to be opened."""

DONE: Final = 5
"""Most records that are listed as done."""

DONE_FOR_S: Final = 12 * 3600
"""How long they are (seconds): a shift is not longer."""

_NS: Final = 1_000_000_000


class Board:
    """What the first page asks of the records."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._records = counter.records

    def values(self, request: Request) -> dict[str, object]:
        """Return the open records, those that come back today on top; the waiting room; what was done last."""
        scanned = self._counter.scans.number
        asked = page_of(request)
        try:
            due = self._records.due_ones()
            kept, all_open = self._records.page(due, skip=(asked - 1) * PAGE, most=PAGE)
            pages = max(1, -(-all_open // PAGE))
            if asked > pages:  # what stood there has been closed since
                asked = pages
                kept, _ = self._records.page(due, skip=(asked - 1) * PAGE, most=PAGE)
            queue = self._counter.queue.view()
            done = self._records.done_ones(most=DONE)
        except JournalError:
            nothing = {"rows": None, "all_open": 0, "overdue": 0, "page": 1, "pages": 1, "queue": None, "done": ()}
            return {"scanned": scanned, **nothing}
        ids = {one.record.id for one in due}
        rows = [self._row(one, due=one.record.id in ids, key=key) for one, key in zip(kept, DIGITS, strict=False)]
        return {
            "rows": rows,
            "all_open": all_open,
            "overdue": sum(one.record.state != "suspended" for one in due),
            "page": asked,
            "pages": pages,
            "queue": queue,
            "done": [row for one in done if (row := self._done(one)).age_s <= DONE_FOR_S],
            "scanned": scanned,
        }

    def _row(self, kept: Kept, *, due: bool, key: str) -> RecordRow:
        record = kept.record
        opened_ms = int(datetime.fromisoformat(record.opened_time).timestamp() * 1000)
        return RecordRow(
            record=record,
            service=self._records.catalogue.services.get(record.service),
            age_s=self._age_s(kept.boot, kept.opened_ns, opened_ms),
            name=self._counter.reveals.masked(record.id).get("name", "") if "name" in record.on_file else "",
            due=due,
            overdue=due and record.state != "suspended",
            key=key,
        )

    def _done(self, done: Done) -> DoneRow:
        return DoneRow(
            record=done.record,
            service=self._records.catalogue.services.get(done.record.service),
            age_s=self._age_s(done.boot, done.closed_ns, done.closed_ms),
        )

    def _age_s(self, boot: str, at_ns: int, at_ms: int) -> int:
        clock = self._counter.clock
        if boot == clock.boot:
            return max(0, (clock.mono_ns() - at_ns) // _NS)
        # Of an earlier boot there are only the wall clocks of then and now.
        return max(0, (clock.wall_ms() - at_ms) // 1000)


def page_of(request: Request) -> int:
    """Return which page of a list is asked for, from 1."""
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isdecimal() and text.isascii() and len(text) < 6 else 1  # noqa: PLR2004 - in no list so many
