"""Verify, commit, acknowledge: what headquarters makes of a station's messages.

Nothing here talks MQTT: bytes come in with the station whose topic they came on, acks go out as bytes. One `Ingest`
serves one thread, since it signs and compresses.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.clock import Clock, rfc3339
from common.identifiers import is_identifier
from hq.births import Birth
from hq.journals import StationRevokedError
from hq.signers import Signers
from hq.station_keys import StationKeys
from hq.store import Store, Taken
from sync.batch import Batch
from sync.receiver import Ack, ack_header, read_ack, read_batch
from sync.signed import MAX_OPEN_AT_HQ, Kind, Message, Refusal, Unknown, open_message
from sync.strict_json import parse_object
from sync.topics import Lane

log = logging.getLogger(__name__)

_MAX_HEALTH: Final = 4096
_MAX_SESSION: Final = 128
_MAX_NUMBER: Final = 2**53
_IGNORED: Final = {"replaced": "its session was replaced", "closed": "its journal was closed"}


class Presences:
    """The latest birth of every station, shared by the ingest threads; an ack names its session."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._births: dict[str, Birth | None] = {}
        self._lock = threading.Lock()

    def latest(self, station: str) -> Birth | None:
        """Return the latest accepted birth, from memory once it was asked for."""
        with self._lock:
            if station not in self._births:
                self._births[station] = self._store.latest_birth(station)
            return self._births[station]

    def renew(self, station: str) -> Birth | None:
        """Read the latest birth again."""
        with self._lock:
            self._births[station] = self._store.latest_birth(station)
            return self._births[station]


@dataclass(frozen=True, slots=True)
class StateTaken:
    """What a message on a station's `state` topic came to: acks to send; whether a session began or ended."""

    acks: tuple[bytes, ...] = ()
    began: bool = False
    ended: bool = False


class Ingest:
    """Takes messages of stations, for one thread."""

    def __init__(
        self,
        store: Store,
        *,
        keys: StationKeys,
        signers: Signers,
        presences: Presences,
        clock: Clock,
    ) -> None:
        self._store = store
        self._keys = keys
        self._signers = signers
        self._presences = presences
        self._metrics = store.metrics
        self._clock = clock

    def batch(self, station: str, lane: Lane, payload: bytes) -> bytes | None:
        """Store a batch and return the ack that answers it; None where nothing may be answered."""
        read = self.read(station, lane, payload)
        taken = self.take((read,)) if isinstance(read, Batch) else ()
        return self.answer(station, lane, read, *taken)

    def read(self, station: str, lane: Lane, payload: bytes) -> Batch | Refusal | None:
        """Open and check a batch without looking into the database; None for what is to be left alone."""
        try:
            message = self._open(station, payload, frozenset({"batch"}))
            return None if message is None else read_batch(message, lane=lane)
        except Refusal as refusal:
            return refusal

    def take(self, batches: Sequence[Batch], *, meanwhile: Callable[[], None] | None = None) -> list[Taken]:
        """Store batches, all or none of them (`Store.take_all`); when this returns, they are committed."""
        return self._store.take_all(batches, received_ms=self._clock.wall_ms(), meanwhile=meanwhile)

    def answer(
        self, station: str, lane: Lane, read: Batch | Refusal | None, taken: Taken | None = None
    ) -> bytes | None:
        """Return the ack for what was read, and of a batch also `taken`; None where nothing may be answered."""
        if isinstance(read, Refusal):
            return self._refuse(station, read)
        if read is None or taken is None:
            return None
        if taken.revoked:
            self._silence()
            return None
        self._metrics.stored(lane, len(taken.settled.fresh))
        if taken.settled.verdict == "fork":
            header = {"journal": read.journal, "first": read.first, "count": len(read.lines)}
            return self._refuse(
                station, Refusal("fork", "another line is held under one of these numbers", header=header)
            )
        # Not the session we remember: another worker may have taken a later birth.
        if taken.session is None:
            return None
        return self._write_ack(station, taken.session, taken.order_key, read.journal, taken)

    def state(self, station: str, payload: bytes) -> StateTaken:
        """Take a birth or a farewell."""
        try:
            message = self._open(station, payload, frozenset({"birth", "farewell"}))
            if message is None:
                return StateTaken()
            header = message.header
            _check_state(header)
        except Refusal as refusal:
            self._metrics.refused(refusal.reason)
            log.warning("%s: a %s state message was refused.", station, refusal.reason)
            return StateTaken()
        now = self._clock.wall_ms()
        if header["kind"] == "farewell":
            latest = self._presences.latest(station)
            self._store.farewell(station, header, received_ms=now)
            return StateTaken(ended=latest is not None and latest.session == header["session"])
        before = self._presences.latest(station)
        try:
            verdict = self._store.birth(station, header, received_ms=now)
        except StationRevokedError:
            self._silence()
            return StateTaken()
        if verdict != "accepted":
            log.warning("%s: a birth was ignored (%s).", station, _IGNORED[verdict])
            return StateTaken((self._disown(station, header),) if verdict == "closed" else ())
        latest = self._presences.renew(station)
        assert latest is not None
        began = before is None or before.session != header["session"]
        standings = [(header["journal"], self._store.standing(station, header["journal"]))]
        standings += self._store.closed_short(station)
        acks = [
            self._write_ack(station, latest.session, latest.order_key, journal, taken) for journal, taken in standings
        ]
        return StateTaken(tuple(acks), began=began)

    def down_ack(self, station: str, payload: bytes) -> Ack | None:
        """Read a station's ack of orders; None when it is not acceptable."""
        try:
            message = self._open(station, payload, frozenset({"ack"}))
            if message is not None and self._store.is_revoked(station):
                self._silence()
                return None
            return None if message is None else read_ack(message)
        except Refusal as refusal:
            self._metrics.refused(refusal.reason)
            return None

    def health(self, station: str, payload: bytes) -> None:
        """Take a health sample: a hint, unsigned."""
        try:
            sample = parse_object(payload[: _MAX_HEALTH + 1])
        except ValueError:  # cut short by the limit, it is no JSON either
            self._metrics.refused("malformed")
            return
        try:
            self._store.health(station, sample, received_ms=self._clock.wall_ms())
        except StationRevokedError:
            self._silence()

    def _open(self, station: str, payload: bytes, kinds: frozenset[Kind]) -> Message | None:
        try:
            return open_message(payload, station=station, kinds=kinds, limit=MAX_OPEN_AT_HQ, keys=self._keys)
        except Unknown:
            self._metrics.refused("unknown")
            return None

    def _silence(self) -> None:
        """Count a message of a station that is revoked; whoever has its keys is told nothing."""
        self._metrics.refused("revoked")

    def _refuse(self, station: str, refusal: Refusal) -> bytes | None:
        """Count a refusal and say so in an ack of the journal it names, or of the latest known one."""
        self._metrics.refused(refusal.reason)
        latest = self._presences.renew(station)
        if latest is None:
            return None
        journal = refusal.header.get("journal")
        if not isinstance(journal, str) or not self._store.knows(station, journal):
            journal = latest.journal
        taken = self._store.standing(station, journal)
        return self._write_ack(station, latest.session, latest.order_key, journal, taken, refusal=refusal)

    def _disown(self, station: str, birth: dict[str, Any]) -> bytes:
        """Return the ack that makes whoever was born with a closed journal close it too, and go on in one of its own.

        A copied or restored station comes with it in good faith, and would wait for an answer for ever.
        """
        fork = Refusal("fork", "the journal is closed", header=birth)
        taken = self._store.standing(station, birth["journal"])
        key = self._store.order_key(station)
        return self._write_ack(station, birth["session"], key, birth["journal"], taken, refusal=fork)

    def _write_ack(
        self,
        station: str,
        session: str,
        order_key: bytes | None,
        journal: str,
        taken: Taken,
        *,
        refusal: Refusal | None = None,
    ) -> bytes:
        self._metrics.acked()
        return self._signers.writer(order_key).write(
            ack_header(
                station=station,
                session=session,
                time=rfc3339(self._clock.wall_ms()),
                journal=journal,
                standing=taken.standing,
                chain=taken.chain,
                refusal=refusal,
            )
        )


def _check_state(header: dict[str, Any]) -> None:
    """Refuse a birth or farewell whose fields cannot be."""

    def field(name: str, *, right: bool) -> None:
        if not right:
            raise Refusal("malformed", f"field {name}", header=header)

    session = header.get("session")
    field("session", right=isinstance(session, str) and session.isprintable() and 0 < len(session) <= _MAX_SESSION)
    if header["kind"] == "farewell":
        return
    for name in ("boot", "journal"):
        field(name, right=is_identifier(header.get(name)))
    for name in ("agent", "time"):
        field(name, right=isinstance(header.get(name), str) and bool(header[name]))
    for name in ("oldest", "head", "generation"):
        value = header.get(name)
        field(name, right=isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER)
