"""The shift key: what the kiosk seals personal fields with, and forgets with the shift or the process.

It is announced in the journal, wrapped for headquarters, before anything is sealed with it. Once it is forgotten the
kiosk cannot read back what it sealed: its screens say "identity on file", and headquarters has to be asked.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.entry import Clock
from agent.journal import Journal
from common.events.records import KeyIssued
from common.events.terms import Sealed
from common.identifiers import uuid7
from sync import base64url
from sync.sealing import SUITE, SealingPublicKey, ShiftKey


@dataclass(slots=True, eq=False)
class _Issue:
    """A key, and the event that announces it: the same one, with the same id, however often the disk refuses it."""

    key: ShiftKey
    event_id: str
    event: KeyIssued
    announced: bool = False


class ShiftKeys:
    """The one shift key there is; a new one at the process's start, at each `new_shift` and after 2^19 boxes.

    `to` is headquarters' sealing key. All belongs to the loop of the journal.
    """

    def __init__(self, journal: Journal, *, station: str, to: SealingPublicKey, clock: Clock) -> None:
        self._journal = journal
        self._station = station
        self._to = to
        self._clock = clock
        self._announcing = asyncio.Lock()
        self._issue = self._make()

    def wrap_to(self, key: SealingPublicKey) -> None:
        """Wrap the next key to another sealing key of headquarters'; the one of now stays as it was announced."""
        self._to = key

    async def new_shift(self) -> None:
        """Forget the key at once, and announce a new one.

        Raises what `announce` does; the old key is gone all the same, and the new one is announced before its first
        box.
        """
        self._renew()
        await self.announce()

    async def announce(self) -> None:
        """Return once the key of now stands in the journal; at the start, and before headquarters is to seal for us.

        Raises JournalError when the disk fails: nothing can be sealed until it recovers.
        """
        async with self._announcing:
            while not (issue := self._issue).announced:
                await self._journal.append(issue.event, event_id=issue.event_id)
                issue.announced = True  # if a new shift began meanwhile, its key comes next

    async def seal(self, event_id: str, fields: Mapping[str, object]) -> Sealed:
        """Return the fields sealed for the event that is about to be appended under `event_id`.

        Raises what `announce` does, and ValueError for fields that are no JSON object as the link allows it.
        """
        await self.announce()
        while self._issue.key.spent:
            self._renew()
            await self.announce()
        return Sealed(**self._issue.key.seal(event_id, fields))

    def open(self, event_id: str, sealed: Sealed) -> dict[str, Any] | None:
        """Return the fields of an event; None once their key is forgotten: "identity on file".

        Raises BrokenSealError for a box of the key of now that is another event's, or damaged.
        """
        key = self._issue.key
        if sealed.key != key.kid:
            return None
        return key.open(event_id, msgspec.to_builtins(sealed))

    def _renew(self) -> None:
        self._issue.key.wipe()
        self._issue = self._make()

    def _make(self) -> _Issue:
        wall_ms = self._clock.wall_ms()
        key = ShiftKey.new(uuid7(wall_ms=wall_ms))
        kem = base64url.encode(key.wrap(self._to, self._station))
        event = KeyIssued(kid=key.kid, suite=SUITE, to=base64url.encode(self._to.id), kem=kem)
        return _Issue(key, uuid7(wall_ms=wall_ms), event)
