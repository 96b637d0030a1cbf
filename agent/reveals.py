"""Whom a record is about, as far as the duty screen may see: masked while the shift key lives, in full for ten seconds.

Once the key is forgotten nothing here can open a box again, and screens say "identity on file".
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from agent import record_rows
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Pen
from agent.record_form import Mistake, WrongForm, check_id, check_staff
from agent.records import Records, Seals
from common.events.records import RecordRevealed
from common.personal import PERSONAL, OnFile, PersonalField
from common.privacy import mask_name, mask_number, mask_phone
from sync.sealing import BrokenSealError

REVEAL_S: Final = 10
"""How long a revealed field is shown, in seconds."""

_NS: Final = 1_000_000_000
_MASKS: Final[dict[OnFile, Callable[[str], str]]] = {"name": mask_name, "number": mask_number, "phone": mask_phone}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Revealed:
    """Personal fields in full, and for how many seconds more they may stand on the screen; its repr tells none."""

    fields: dict[PersonalField, str] = field(repr=False)
    left_s: float


@dataclass(frozen=True, slots=True)
class _Reveal:
    """What was asked for under one event id, and until when it is answered (CLOCK_BOOTTIME, ns)."""

    record: str
    fields: tuple[PersonalField, ...]
    until_ns: int


class Reveals:
    """Opens boxes for the duty screen; of a confidential service (`common.catalogue`) none."""

    def __init__(self, records: Records, journal: Journal, clock: Clock, *, seals: Seals) -> None:
        self._records = records
        self._journal = journal
        self._clock = clock
        self._seals = seals
        self._last: dict[str, _Reveal] = {}
        self._broken: set[str] = set()  # by event, so that each is logged once

    def masked(self, record: str) -> dict[OnFile, str]:
        """Return what may always be shown of a record's sealed fields: 张*, 1****************2, 138****5678.

        What `on_file` names and this does not is "on file". Raises JournalError.
        """
        plain = self._plain(record)
        return {name: mask(plain[name]) for name, mask in _MASKS.items() if plain.get(name)}

    def unlike(self, record: str, typed: Mapping[str, str]) -> dict[str, str]:
        """Return of `typed` what the record does not say already; raises JournalError.

        What cannot be opened any more counts as not said; an empty field only where something can be taken away.
        """
        plain = dict[str, str](self._plain(record).items())
        return {name: text for name, text in typed.items() if text != plain.get(name, "")}

    async def reveal(
        self, record: str, event_id: str, *, fields: Collection[PersonalField], staff: str | None = None
    ) -> Revealed | None:
        """Journal that these fields are shown, then return them; None when there is nothing to be shown.

        The same `event_id` again gives the same, until REVEAL_S have passed since the first time; then None. Raises
        WrongForm, and JournalError when the disk fails: what is not on the disk is not shown.
        """
        check_id(event_id)
        check_staff(staff)
        if any(name not in PERSONAL for name in fields):
            raise WrongForm([Mistake("fields", "unknown")])
        now = self._clock.mono_ns()
        self._last = {one: reveal for one, reveal in self._last.items() if reveal.until_ns > now}
        asked = self._last.get(event_id)
        if asked is None:
            plain = self._plain(record)
            there = tuple(name for name in PERSONAL if name in fields and plain.get(name))
            plain.clear()  # nothing of it while the disk is waited for
            event = RecordRevealed(record=record, fields=there, staff=staff)
            noted: bool = len(there) > 0 and await self._journal.run(partial(_note, event_id, event))
            if noted:
                self._last[event_id] = _Reveal(record, there, self._clock.mono_ns() + REVEAL_S * _NS)
            asked = self._last.get(event_id)
        if asked is None or asked.record != record:
            return None
        left_s = (asked.until_ns - self._clock.mono_ns()) / _NS
        plain = self._plain(asked.record)
        shown = {name: plain[name] for name in asked.fields if name in plain}
        return Revealed(shown, left_s) if shown and left_s > 0 else None

    def _plain(self, record: str) -> dict[PersonalField, str]:
        """Return the personal fields of a record that can be opened now, later boxes over earlier ones."""
        found = self._records.get(record)
        if found is None:
            return {}
        service = self._records.catalogue.services.get(found.service)
        if service is None or service.confidential:  # one that left the catalogue may have been
            return {}
        boxes = self._journal.query(lambda connection: record_rows.boxes(connection, record))
        plain: dict[PersonalField, str] = {}
        for box in boxes:
            try:
                opened = self._seals.open(box.event, box.sealed) or {}
            except BrokenSealError as error:
                if box.event not in self._broken:
                    self._broken.add(box.event)
                    log.warning("A box of record %s cannot be opened: %s; ask headquarters for it.", record, error)
                continue
            plain |= {name: str(opened[name]) for name in PERSONAL if name in opened}
        return plain


def _note(event_id: str, event: RecordRevealed, pen: Pen) -> bool:
    """Journal a reveal; False when it stands there already."""
    if record_rows.is_known(pen.connection, event_id):
        return False
    pen.append(event, event_id)
    return True
