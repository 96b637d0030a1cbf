"""What the tests of the desk's books share: a journal with one book on it, and a clock that tests move."""

from journal_rig import StillClock, all_events, open_journal

from common import things
from common.identifiers import uuid7

THINGS = things.load()
RECORD = "JW012-20261122-0007"


class Station:
    """A station whose book is `book(journal, clock, ...)` of `module`."""

    def __init__(self, folder, module, book):
        self.folder, self.module, self.book = folder, module, book
        self.clock, self.forms, self.moves = StillClock(), 0, 0

    async def start(self):
        options = {"schema": (self.module.SCHEMA,), "projectors": self.module.projectors(), "clock": self.clock}
        self.journal = await open_journal(self.folder, **options)
        self.kept = self.book(
            self.journal, self.clock, THINGS, is_record=lambda number: number == RECORD, changed=self.moved
        )
        return self

    async def restart(self):
        await self.journal.stop()
        self.clock.boot = "6a1d0d0e-6f6c-4a8e-9a58-2f6f3a3f0a02"
        self.clock.mono = 5
        await self.start()

    def moved(self):
        self.moves += 1

    def new_form(self):
        self.forms += 1
        return uuid7(wall_ms=self.forms)

    async def told(self):
        return [(event["type"], event["data"]) for event in await all_events(self.journal)]

    def advance(self, hours):
        self.clock.mono += hours * 3600 * 10**9
        self.clock.wall += hours * 3600 * 10**3
