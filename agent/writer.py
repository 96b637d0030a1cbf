"""The one thread that writes: it gathers what waits, and everything it gathered shares one commit."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

from agent.database import JournalError, is_disk_error, journal_error
from agent.pen import NumberTakenError, Pen
from sync.batch import Line

log = logging.getLogger(__name__)

MOST_A_COMMIT = 256
"""Most units of work that share a commit, so that one commit stays short."""

T = TypeVar("T")
Work: TypeAlias = Callable[[Pen], T]
_Unit: TypeAlias = tuple[Work[Any], "asyncio.Future[Any]"]
_Outcome: TypeAlias = tuple[Any, Exception | None]
OnWritten: TypeAlias = Callable[[list[tuple[Line, str]]], None]


class Writer:
    """Runs units of work in the journal's thread, each in a savepoint, many in one transaction.

    A unit that raises is undone alone. When the disk fails, every unit of that commit fails with JournalError and
    the connection is opened anew for the next, which reads the journal's end again from the file. `make_room(error)`,
    in the journal's thread, says whether the same commit may be tried again at once. `on_written` and
    `on_failure` (`failure` has come or gone) are called on the loop.
    """

    def __init__(
        self,
        path: Path,
        pick_up: Callable[[], Pen],
        make_room: Callable[[Exception], bool],
        on_written: OnWritten,
        on_failure: Callable[[], None],
    ) -> None:
        self.failure: JournalError | None = None
        self._path = path
        self._pick_up = pick_up
        self._make_room = make_room
        self._on_written = on_written
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._stopped: asyncio.Future[None] | None = None
        self._pen: Pen | None = None  # the thread's own
        self._thread = threading.Thread(target=self._serve, name="journal", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        """Return what `work` returned once it is on the disk; raises what it raised, or JournalError.

        A caller that stops waiting changes nothing: the work is done all the same.
        """
        if self._stopped is not None:
            raise JournalError("write to", self._path, "the journal was stopped", "start the station again")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put((work, future))
        return await future

    async def stop(self) -> None:
        """Finish what waits, then end the thread; later calls wait for the same end."""
        if self._stopped is None:
            self._stopped = self._loop.create_future()
            self._queue.put(None)
        await asyncio.shield(self._stopped)
        self._thread.join()

    def _serve(self) -> None:
        while group := self._gather():
            self._write(group)
        self._put_down()
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        assert self._stopped is not None
        self._stopped.set_result(None)

    def _gather(self) -> list[_Unit]:
        """Wait for a unit and take those behind it too; empty when the queue has ended."""
        group: list[_Unit] = []
        unit = self._queue.get()
        while unit is not None:
            group.append(unit)
            if len(group) == MOST_A_COMMIT:
                return group
            try:
                unit = self._queue.get_nowait()
            except Empty:
                return group
        if group:
            self._queue.put(None)  # the end, found behind the last group: find it again
        return group

    def _write(self, group: list[_Unit]) -> None:
        try:
            outcomes, written = self._commit(group)
        except (sqlite3.Error, JournalError) as error:
            if self._make_room(error):
                self._put_down()
                self._write(group)
            else:
                self._fail(group, error)
            return
        if self.failure is not None:
            log.warning("The journal %s can be written again.", self._path)
            self.failure = None
            self._loop.call_soon_threadsafe(self._on_failure)
        self._loop.call_soon_threadsafe(self._answer, group, outcomes, written)

    def _commit(self, group: list[_Unit]) -> tuple[list[_Outcome], list[tuple[Line, str]]]:
        if self._pen is None:
            self._pen = self._pick_up()
        pen = self._pen
        pen.written = []
        pen.connection.execute("BEGIN IMMEDIATE")
        pen.quota.look(pen.connection)
        outcomes = [self._perform(pen, work, whole=len(group) == 1) for work, _ in group]
        pen.connection.execute("COMMIT")
        return outcomes, pen.written

    def _perform(self, pen: Pen, work: Work[Any], *, whole: bool) -> _Outcome:
        try:
            with pen.part(whole=whole):
                return work(pen), None
        except Exception as error:
            if isinstance(error, NumberTakenError):
                hint = "stop the other process that writes to it"
                raise JournalError("write to", self._path, str(error), hint) from error
            if is_disk_error(error):
                raise
            if not pen.connection.in_transaction:
                raise JournalError(
                    "write to", self._path, f"its transaction was ended: {error}", "see the cause"
                ) from error
            return None, error  # it belongs to whoever awaits this unit

    def _fail(self, group: list[_Unit], error: sqlite3.Error | JournalError) -> None:
        self._put_down()  # its rollback, and no trust in what it remembered
        failures = [
            error if isinstance(error, JournalError) else journal_error("write to", self._path, error) for _ in group
        ]
        for failure in failures:
            failure.__cause__ = error
        before, self.failure = self.failure, failures[0]
        if before is None:
            log.error("The journal fails: %s", failures[0])
            self._loop.call_soon_threadsafe(self._on_failure)
        outcomes: list[_Outcome] = [(None, failure) for failure in failures]
        self._loop.call_soon_threadsafe(self._answer, group, outcomes, list[tuple[Line, str]]())

    def _put_down(self) -> None:
        if self._pen is not None:
            self._pen.connection.close()
            self._pen = None

    def _answer(self, group: list[_Unit], outcomes: list[_Outcome], written: list[tuple[Line, str]]) -> None:
        """On the loop: tell everybody who waits what became of their unit."""
        for (_, future), (result, error) in zip(group, outcomes, strict=True):
            if future.done():  # its caller stopped waiting
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if written:
            self._on_written(written)
