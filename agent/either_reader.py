"""Two readers for one visit: whichever gets a document first. What one read is never mixed with what the other did."""

import asyncio
from collections.abc import Collection, Sequence

from agent.visits import Reader
from drivers.identity import Field, Identity, NotRead, NotReadReason

# Without any document: what says most of why, first.
_EMPTY: Sequence[NotReadReason] = ("no_document", "busy", "reader")


class EitherReader:
    """Several readers as one."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    async def read(self, fields: Collection[Field], *, timeout_s: float) -> Identity:
        """Ask all readers at once, and return what the first to get a document read of it; the others stop.

        A document that one of them got and could not read ends it too: the citizen has to hear what to do about it. So
        NotRead says that no document came only when all readers say so, or are away. Two at the same moment: the first
        in the order of the readers.
        """
        reads = [asyncio.create_task(reader.read(fields, timeout_s=timeout_s)) for reader in self._readers]
        try:
            waiting = set(reads)
            while waiting:
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for read in reads:
                    if read.done() and _got_a_document(read):
                        return read.result()
        finally:
            for read in reads:
                read.cancel()
            # Each ends its own talk with its reader before another read may begin.
            await asyncio.gather(*reads, return_exceptions=True)
        failures = [failure for read in reads if isinstance(failure := read.exception(), NotRead)]
        raise min(failures, key=lambda failure: _EMPTY.index(failure.reason))


def _got_a_document(read: asyncio.Task[Identity]) -> bool:
    failure = read.exception()
    return not (isinstance(failure, NotRead) and failure.reason in _EMPTY)
