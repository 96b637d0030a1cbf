"""No journal can wedge: closing, rescuing, withholding, recalling; and the whole of Source against a plain model."""

import asyncio
import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from journal_rig import all_events, all_lines, is_chained, open_journal

from agent.database import JournalError
from common.events.calls import HelpClosed, HelpRaised
from common.events.equipment import DeviceChanged
from common.events.journal import OrderFailed, StationStarted
from sync import base64url
from sync.batch import chain_start

CALL = "018f0000-0000-7000-8000-000000000001"


async def inner_lines(journal) -> list[bytes]:
    return [
        base64url.decode(event["data"]["line"]) for event in await all_events(journal) if event["type"] == "rescued"
    ]


async def three_events(folder, **options):
    journal = await open_journal(folder, **options)
    await journal.append(StationStarted(agent="0.1.0"))
    await journal.append(HelpRaised(call=CALL, origin="panel"))
    await journal.append(HelpClosed(call=CALL, reason="helped"))
    return journal


async def test_closing_goes_on_in_a_new_journal_with_what_headquarters_may_lack(tmp_path):
    journal = await three_events(tmp_path)
    old, lines = await journal.kept(), await all_lines(journal)
    await journal.acknowledged(1)
    await journal.close("fork", 1)
    kept, events = await journal.kept(), await all_events(journal)
    assert kept.journal != old.journal
    assert (kept.oldest, kept.head, kept.cursor) == (1, 3, 0)
    assert events[0]["type"] == "journal.opened"
    assert events[0]["data"] == {"previous": old.journal, "reason": "fork", "last_common": 1}
    assert await inner_lines(journal) == [line.line for line in lines[1:]]
    assert len({event["id"] for event in events} | {json.loads(line.line)["id"] for line in lines}) == 6
    assert list(await journal.urgent(0)) == [2, 3]
    assert is_chained(chain_start(kept.journal), await all_lines(journal))
    await journal.stop()


async def test_a_rescued_event_is_copied_and_never_wrapped_again(tmp_path):
    journal = await three_events(tmp_path)
    await journal.close("chain", 0)
    rescued = [line.line for line in (await all_lines(journal))[1:]]
    await journal.close("disagrees", 1)
    again = await all_lines(journal)
    assert [line.line for line in again[1:]] == rescued
    assert list(await journal.urgent(0)) == [3, 4]
    await journal.stop()


async def test_rescued_events_are_not_projected_again(tmp_path):
    projected = []
    journal = await three_events(
        tmp_path, projectors={"help.raised": lambda connection, number, *_: projected.append(number)}
    )
    await journal.close("fork", 0)
    assert projected == [2]
    await journal.stop()


async def test_the_longest_line_can_be_rescued(tmp_path):
    journal = await open_journal(tmp_path)
    await journal.append(OrderFailed(order=CALL, reason=""))
    size = len((await all_lines(journal))[0].line)
    await journal.append(OrderFailed(order=CALL, reason="x" * (32 * 1024 - size)))
    (longest,) = [line.line for line in (await all_lines(journal))[1:]]
    await journal.close("fork", 1)
    assert await inner_lines(journal) == [longest]
    await journal.stop()


async def test_a_line_the_disk_has_garbled_is_rescued_as_it_is(tmp_path):
    journal = await three_events(tmp_path)
    await journal.run(lambda pen: pen.connection.execute("UPDATE events SET line = x'ff7b' WHERE number = 2"))
    await journal.close("chain", 1)
    assert (await inner_lines(journal))[0] == b"\xff{"
    await journal.stop()


async def test_closing_that_finds_no_room_leaves_the_old_journal_whole_and_can_be_repeated(tmp_path):
    journal = await open_journal(tmp_path)
    await asyncio.gather(*(journal.append(OrderFailed(order=CALL, reason="x" * 1000)) for _ in range(100)))
    before, lines = await journal.kept(), await all_lines(journal)
    # SQLite answers SQLITE_FULL as on a full disk: its connection may add no page any more.
    await journal.run(lambda pen: pen.connection.execute("PRAGMA max_page_count = 1").fetchall())
    with pytest.raises(JournalError, match="free disk space"):
        await journal.close("fork", 50)
    assert (await journal.kept(), await all_lines(journal)) == (before, lines)
    await journal.close("fork", 50)
    assert await inner_lines(journal) == [line.line for line in lines[50:]]
    await journal.stop()


async def test_what_headquarters_had_acknowledged_of_a_closed_journal_can_be_recalled_once(tmp_path):
    journal = await three_events(tmp_path)
    old, lines = await journal.kept(), await all_lines(journal)
    await journal.close("ahead", 3)
    assert (await journal.kept()).head == 1
    await journal.recall(old.journal, 1)
    await journal.recall(old.journal, 1)
    assert await inner_lines(journal) == [line.line for line in lines[1:]]
    assert list(await journal.urgent(0)) == [2, 3]
    await journal.recall(old.journal, 0)
    assert await inner_lines(journal) == [lines[1].line, lines[2].line, lines[0].line]
    await journal.recall("018f0000-0000-4000-8000-000000000009", 0)
    assert (await journal.kept()).head == 4
    await journal.stop()


async def test_a_number_that_can_never_be_sent_is_named_once_with_its_hash(tmp_path):
    journal = await three_events(tmp_path)
    lines = await all_lines(journal)
    await journal.withhold(2)
    await journal.withhold(2)
    await journal.withhold(9)  # not kept: gone already
    kept, events = await journal.kept(), await all_events(journal)
    assert (kept.head, kept.withheld) == (4, (2,))
    sha256 = base64url.encode(hashlib.sha256(lines[1].line).digest())
    assert (events[3]["type"], events[3]["data"]) == ("event.withheld", {"number": 2, "sha256": sha256})
    await journal.stop()


@dataclass
class Model:
    """What the journal should keep: for each line its exact bytes, or what its bytes must carry."""

    lines: list[bytes] = field(default_factory=list)
    urgent: set[int] = field(default_factory=set)
    withheld: set[int] = field(default_factory=set)
    cursor: int = 0
    closed: dict[str, dict[int, tuple[bytes, bool]]] = field(default_factory=dict)


PAYLOADS = st.sampled_from(
    [
        StationStarted(agent="0.1.0"),
        DeviceChanged(device="door", kind="panel", state="ready"),
        HelpRaised(call=CALL, origin="screen"),
        HelpClosed(call=CALL, reason="test"),
    ]
)


class JournalAsItsSenderReadsIt(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="jingting-")
        self.model = Model()
        self.journals: list[str] = []
        self.open()

    def open(self) -> None:
        self.journal = self.runner.run(open_journal(Path(self.folder.name)))

    def teardown(self) -> None:
        self.runner.run(self.journal.stop())
        self.runner.close()
        self.folder.cleanup()

    def kept(self):
        return self.runner.run(self.journal.kept())

    def learn(self, number: int, *, urgent: bool) -> bytes:
        """Take a line that the journal made itself into the model: it must be the next one."""
        assert number == len(self.model.lines) + 1
        (line,) = self.runner.run(self.journal.read(number, count=1, size=1))
        self.model.lines.append(line.line)
        if urgent:
            self.model.urgent.add(number)
        return line.line

    def expect_rescued(self, line: bytes, *, urgent: bool) -> None:
        copy = self.learn(len(self.model.lines) + 1, urgent=urgent)
        if json.loads(line)["type"] == "rescued":
            assert copy == line
        else:
            assert base64url.decode(json.loads(copy)["data"]["line"]) == line

    @rule(payloads=st.lists(PAYLOADS, min_size=1, max_size=5))
    def append(self, payloads) -> None:
        async def together():
            return await asyncio.gather(*(self.journal.append(payload) for payload in payloads))

        for payload, appended in zip(payloads, self.runner.run(together()), strict=True):
            line = self.learn(appended.number, urgent=isinstance(payload, HelpRaised | HelpClosed))
            assert json.loads(line)["id"] == appended.id

    @rule(data=st.data())
    def acknowledge(self, data) -> None:
        self.model.cursor = data.draw(st.integers(0, len(self.model.lines)))
        self.runner.run(self.journal.acknowledged(self.model.cursor))

    @precondition(lambda self: self.model.lines)
    @rule(data=st.data())
    def withhold(self, data) -> None:
        number = data.draw(st.integers(1, len(self.model.lines)))
        self.runner.run(self.journal.withhold(number))
        if number not in self.model.withheld:
            self.model.withheld.add(number)
            line = self.learn(len(self.model.lines) + 1, urgent=False)
            assert json.loads(line)["data"]["number"] == number

    @rule(data=st.data())
    def close(self, data) -> None:
        last_common = data.draw(st.integers(0, len(self.model.lines)))
        old, before = self.model, self.kept().journal
        self.runner.run(self.journal.close("fork", last_common))
        self.journals.append(before)
        numbered = {n: (line, n in old.urgent) for n, line in enumerate(old.lines, 1)}
        self.model = Model(closed=old.closed)
        self.model.closed[before] = {n: kept for n, kept in numbered.items() if n <= last_common}
        opened = self.learn(1, urgent=False)
        assert json.loads(opened)["data"] == {"previous": before, "reason": "fork", "last_common": last_common}
        for n in range(last_common + 1, len(numbered) + 1):
            line, urgent = numbered[n]
            self.expect_rescued(line, urgent=urgent)

    @precondition(lambda self: self.journals)
    @rule(data=st.data())
    def recall(self, data) -> None:
        journal = data.draw(st.sampled_from(self.journals))
        cursor = data.draw(st.integers(0, 5))
        self.runner.run(self.journal.recall(journal, cursor))
        closed = self.model.closed[journal]
        for n in [n for n in closed if n > cursor]:
            line, urgent = closed.pop(n)
            self.expect_rescued(line, urgent=urgent)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.journal.stop())
        self.open()

    @invariant()
    def the_source_reads_as_the_model_says(self) -> None:
        kept, lines = self.kept(), self.runner.run(all_lines(self.journal))
        model = self.model
        assert (kept.oldest, kept.head, kept.cursor) == (1, len(model.lines), model.cursor)
        assert kept.withheld == tuple(sorted(model.withheld))
        assert [line.line for line in lines] == model.lines
        assert is_chained(chain_start(kept.journal), lines)
        assert self.runner.run(self.journal.urgent(0)) == sorted(model.urgent)
        assert self.runner.run(self.journal.chain(0)) == chain_start(kept.journal)
        assert self.runner.run(self.journal.chain(kept.head + 1)) is None
        if lines:
            assert self.runner.run(self.journal.chain(kept.head)) == lines[-1].chain


TestJournalAsItsSenderReadsIt = JournalAsItsSenderReadsIt.TestCase
TestJournalAsItsSenderReadsIt.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
