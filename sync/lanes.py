"""What to send next: the sender's whole mind, without a clock, a socket or a disk of its own.

`docs/link.md`, "Sending" and "What a sender does with a refusal". Two lanes share one journal: the urgent lane sends
single events as soon as they exist and again until they are acknowledged; the log lane sends the whole journal in
order, within a window of wire bytes. Times are monotonic seconds and come in as arguments.
"""

import bisect
import random
from collections.abc import Sequence
from typing import Final

from sync.batch import MAX_EVENTS
from sync.flights import NEVER, Flight, Session, Try
from sync.peer import Peer
from sync.ranges import Ranges, contains, union
from sync.receiver import Ack, Rejected
from sync.source import Kept
from sync.verdict import Accepted, Close, Ignored, Plan, Rehash, Suspect, Verdict

URGENT_IN_FLIGHT: Final = 8
LOG_IN_FLIGHT: Final = 8
FIRST_ACK_WAIT_S: Final = 10.0
"""How long the log lane waits for the session's first ack before it probes."""
PROBE_EVERY_S: Final = 60.0
OVERDUE_S: Final = 60.0
"""Age of the oldest unanswered birth or event at which a new session is due."""
_LOG_FIRST_S, _LOG_CEILING_S = 2.0, 60.0
_URGENT_FIRST_S, _URGENT_CEILING_S = 1.5, 10.0


class Outbox:
    """One journal on its way to one receiver; the numbers acknowledged out of order are `extra`."""

    def __init__(self, kept: Kept, urgent: Sequence[int], *, key_id: bytes, rng: random.Random) -> None:
        self._rng = rng
        self.key_id = key_id
        """Id of the key we sign with: a refusal that names another counts for nothing."""
        self._session: Session | None = None
        self.peer = Peer()
        self._log_held_until = 0.0
        self.key_refused = False
        """True while the receiver says that it does not know our key."""
        self.epoch = 0
        """Grows with every session and journal, so that work begun under an older one can be told."""
        self._take(kept, urgent)

    def _take(self, kept: Kept, urgent: Sequence[int]) -> None:
        self.kept = kept
        self.head = kept.head
        self.oldest = kept.oldest
        self.cursor = max(kept.cursor, 0)
        self._urgent = list(urgent)
        self._withheld = set(kept.withheld)
        self._extra: Ranges = ()
        self._max_count = MAX_EVENTS
        self._next = self._floor()
        self._pending: list[int] = []
        self._recount()
        self.epoch += 1

    # -- what happens around it ------------------------------------------------------------------------------

    def journal_opened(self, kept: Kept, urgent: Sequence[int]) -> None:
        """Go on with a new journal, in the same session."""
        self._take(kept, urgent)
        if self._session is not None:
            self._session.rev = None
            self._session.flights.clear()
            self._session.tries.clear()
            self._session.resend_at = NEVER
            self._session.unanswered_since = NEVER

    def appended(self, number: int, *, urgent: bool) -> None:
        """Hear of a new event in the journal."""
        self.head = max(self.head, number)
        if urgent and (not self._urgent or number > self._urgent[-1]):
            self._urgent.append(number)
            self._pending.append(number)

    def pruned(self, oldest: int) -> None:
        """Hear that retention dropped what is below `oldest`."""
        self.oldest = max(self.oldest, oldest)
        self._urgent = self._urgent[bisect.bisect_left(self._urgent, self.oldest) :]
        self._next = max(self._next, self._floor())
        self._recount()

    def withheld(self, number: int) -> None:
        """Hear that `number` can never be sent."""
        self._withheld.add(number)
        self._recount()

    def session_began(self, session: str, now: float) -> None:
        """Begin a session: the birth has just been published (or, at headquarters, received and answered)."""
        self._session = Session(session, now, unanswered_since=now)
        self._extra = ()
        self._next = self._floor()
        self._recount()
        self.epoch += 1

    def session_ended(self) -> None:
        """Send nothing until the next session."""
        self._session = None
        self.epoch += 1

    def hint(self, worker: str, now: float, *, online: bool) -> None:
        """Take in a live word of the other end's presence.

        Once it is back, everything unanswered goes again; urgent events at every such word, since it may have been away
        for a moment that nobody told us of: a broker that dies has no last words.
        """
        was_online = self.peer.online(now)
        self.peer.hint(worker, now, online=online)
        session = self._session
        if session is None or not online:
            return
        for tried in session.tries.values():
            tried.due = now
        if not was_online:
            session.resend_at = min(session.resend_at, now)

    def hold_log(self, until: float) -> None:
        """Keep the log lane still until then (a takeover is suspected); urgent events go on."""
        self._log_held_until = until

    # -- what to do ------------------------------------------------------------------------------------------

    def in_session(self, session: str) -> bool:
        """Tell whether this is the session that goes on."""
        return self._session is not None and self._session.name == session

    def holds(self, number: int) -> bool:
        """Tell whether the receiver's acks cover `number`."""
        return number <= self.cursor or contains(self._extra, number)

    @property
    def waiting(self) -> int:
        """How many events the receiver has not acknowledged."""
        extra = sum(last - max(first, self.cursor + 1) + 1 for first, last in self._extra if last > self.cursor)
        return max(0, self.head - max(self.cursor, self.oldest - 1) - extra)

    @property
    def urgent_waiting(self) -> bool:
        """Whether an urgent event has not been acknowledged."""
        return bool(self._pending)

    @property
    def unanswered(self) -> bool:
        """Whether a birth or an event waits for an answer in this session."""
        return self._session is not None and self._session.unanswered_since != NEVER

    def overdue(self, now: float) -> bool:
        """Tell whether the other end, though online, has left a birth or an event unanswered for too long."""
        session = self._session
        return session is not None and self.peer.online(now) and now - session.unanswered_since >= OVERDUE_S

    def next(self, now: float) -> Plan | float:
        """Return what to send now, or the seconds after which to ask again (infinite: only a new fact can help)."""
        session = self._session
        if session is None:
            return NEVER
        plan, urgent_wait = self._next_urgent(session, now)
        if plan is not None:
            return plan
        log = self._next_log(session, now)
        if isinstance(log, Plan):
            return log
        return max(0.0, min(urgent_wait, log))

    def sent(self, plan: Plan, *, last: int, size: int, now: float) -> None:
        """Note that a plan was carried out: lines up to `last`, `size` bytes on the wire."""
        session = self._session
        if session is None or plan.epoch != self.epoch:
            return
        session.unanswered_since = min(session.unanswered_since, now)
        if plan.lane == "urgent":
            before = session.tries.get(plan.first)
            attempts = before.attempts if before else 0
            due = now + self._backoff(_URGENT_FIRST_S, _URGENT_CEILING_S, attempts)
            session.tries[plan.first] = Try(before.first_sent if before else now, due, attempts + 1)
        elif self._may_stream(session, now):
            session.flights.append(Flight(plan.first, last, size, now))
            self._next = last + 1
            if session.resend_at == NEVER:
                session.resend_at = self._resend_at(session, now)
        else:
            session.probe_at = now + PROBE_EVERY_S

    def acked(self, ack: Ack, *, own_chain: bytes | None, now: float) -> Verdict:
        """Take in a verified ack; `own_chain` is our chain at `ack.end` (None where we no longer know it)."""
        session = self._session
        if session is None or ack.session != session.name or ack.journal != self.kept.journal:
            return Ignored()
        if session.rev is not None and ack.rev < session.rev:
            return Ignored()
        if ack.stored and ack.stored[-1][1] > self.head:
            return Close("ahead", 0 if ack.end <= self.cursor else self.cursor)
        if own_chain is not None and ack.end >= self.oldest - 1 and own_chain != ack.chain:
            return Close("disagrees", 0 if ack.end <= self.cursor else self.cursor)
        self.peer.answered(now)
        before = self.cursor
        moved = self._accept(session, ack, now)
        verdict = self._refused(session, ack.rejected, now) if ack.rejected else None
        if ack.rejected is None and moved:
            self.key_refused = False
        return verdict or Accepted(before, self.cursor)

    # -- the urgent lane -------------------------------------------------------------------------------------

    def _next_urgent(self, session: Session, now: float) -> tuple[Plan | None, float]:
        wait = NEVER
        for number in self._pending[:URGENT_IN_FLIGHT]:
            tried = session.tries.get(number)
            if tried is None or now >= tried.due:
                return Plan("urgent", number, 1, 0, self.epoch), 0.0
            wait = min(wait, tried.due - now)
        return None, wait

    # -- the log lane ----------------------------------------------------------------------------------------

    def _may_stream(self, session: Session, now: float) -> bool:
        return session.answered and self.peer.online(now) and not self.key_refused

    def _next_log(self, session: Session, now: float) -> Plan | float:
        if now < self._log_held_until:
            return self._log_held_until - now
        if not self._may_stream(session, now):
            return self._next_probe(session, now)
        if now >= session.resend_at:
            session.flights.clear()
            session.resend_at = NEVER
            session.attempts += 1
            session.window.timed_out()
            self._next = self._floor()
        first = self._unacked_from(self._next)
        wait = session.resend_at - now
        if first is None or len(session.flights) >= LOG_IN_FLIGHT:
            return wait
        tried = session.tries.get(first)
        if self._is_pending(first) and (tried is None or (tried.attempts == 1 and now < tried.due)):
            # The urgent lane has this very line in hand; twice would only put bytes in front of the next call.
            return wait if tried is None else min(wait, tried.due - now)
        room = session.window.size - sum(flight.size for flight in session.flights)
        if session.flights and room < session.window.size // 4:
            return wait
        return Plan("log", first, self._span(first), room, self.epoch)

    def _next_probe(self, session: Session, now: float) -> Plan | float:
        first = self._unacked_from(self._floor())
        if first is None:
            return NEVER
        due = max(session.probe_at, 0.0 if session.answered else session.began + FIRST_ACK_WAIT_S)
        return Plan("log", first, 1, 0, self.epoch) if now >= due else due - now

    def _span(self, first: int) -> int:
        """Count the lines a batch from `first` may have: to the head, and never across a withheld number."""
        stop = min((n for n in self._withheld if n > first), default=self.head + 1)
        return min(self._max_count, stop - first, self.head - first + 1)

    def _unacked_from(self, number: int) -> int | None:
        for first, last in self._extra:
            if first <= number <= last:
                number = last + 1
        while number in self._withheld:
            number += 1
        return number if number <= self.head else None

    # -- acks ------------------------------------------------------------------------------------------------

    def _accept(self, session: Session, ack: Ack, now: float) -> bool:
        new = ack.stored[1:] if ack.cursor else ack.stored
        fell = ack.cursor < self.cursor
        moved = ack.cursor != self.cursor
        self.cursor = ack.cursor
        self._extra = new if fell else union(self._extra, new)
        session.rev = ack.rev
        session.answered = True
        if fell:
            session.flights.clear()
            session.tries.clear()
            self._next = self._floor()
        self._recount()
        session.tries = {number: tried for number, tried in session.tries.items() if not self.holds(number)}
        arrived = [flight for flight in session.flights if self._covers(flight)]
        if arrived:
            session.flights = [flight for flight in session.flights if not self._covers(flight)]
            session.window.acked(
                size=sum(flight.size for flight in arrived),
                oldest_sent=min(flight.sent for flight in arrived),
                newest_sent=max(flight.sent for flight in arrived),
                now=now,
            )
            self._max_count = min(MAX_EVENTS, self._max_count * 2)
        self._next = max(self._next, self._floor())
        if moved or arrived:
            session.attempts = 0
            session.resend_at = NEVER
            if session.flights:
                session.resend_at = self._resend_at(session, now)
        waiting = [flight.sent for flight in session.flights]
        waiting += [tried.first_sent for tried in session.tries.values()]
        session.unanswered_since = min(waiting, default=NEVER)
        return moved

    def _refused(self, session: Session, rejected: Rejected, now: float) -> Verdict | None:
        match rejected.reason:
            case "fork":
                return Close("fork", self.cursor)
            case "chain":
                return Rehash(self.cursor)
            case "unknown-key" if rejected.signer == self.key_id:
                self.key_refused = True
                session.probe_at = now + PROBE_EVERY_S
            case "malformed" if rejected.count == 1:
                return Suspect(rejected.first, rejected.sha256)
            case "malformed" if rejected.count > 1:
                self._max_count = max(1, rejected.count // 2)
                session.resend_at = min(session.resend_at, now + self._backoff(_LOG_FIRST_S, _LOG_CEILING_S, 0))
            case _:
                pass  # a damaged message: it goes again when its time comes
        return None

    def _covers(self, flight: Flight) -> bool:
        if flight.last <= self.cursor:
            return True
        return any(first <= max(flight.first, self.cursor + 1) and flight.last <= last for first, last in self._extra)

    def _floor(self) -> int:
        return max(self.cursor + 1, self.oldest)

    def _is_pending(self, number: int) -> bool:
        at = bisect.bisect_left(self._pending, number)
        return at < len(self._pending) and self._pending[at] == number

    def _recount(self) -> None:
        above = self._urgent[bisect.bisect_right(self._urgent, max(self.cursor, self.oldest - 1)) :]
        self._pending = [n for n in above if not contains(self._extra, n) and n not in self._withheld]

    def _resend_at(self, session: Session, now: float) -> float:
        """Return when to send again: one long line alone may take longer than the window's second."""
        drains_s = sum(flight.size for flight in session.flights) / session.window.size
        return now + self._backoff(_LOG_FIRST_S, _LOG_CEILING_S, session.attempts) + max(0.0, drains_s - 1.0)

    def _backoff(self, first: float, ceiling: float, attempts: int) -> float:
        full = min(ceiling, first * 2.0 ** min(attempts, 10))
        return full if attempts == 0 else full * self._rng.uniform(0.5, 1.0)
