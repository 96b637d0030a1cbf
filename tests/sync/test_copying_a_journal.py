"""Sender and receiver over a channel that loses, reorders, repeats, damages: all arrives once, nothing wedges."""

import asyncio
import random
import uuid
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from model import STATION, Headquarters, ListJournal, event_line

from sync.receiver import read_ack, read_batch
from sync.sender import Sender
from sync.signed import MAX_OPEN_AT_HQ, Refusal, Unknown, Writer, open_message
from sync.signing import Pinned, SigningKey

STATION_KEY = SigningKey(bytes(range(32)))
HQ_KEY = SigningKey(bytes(range(32, 64)))
AT_HQ = Pinned([STATION_KEY.public])
PICK = st.integers(0, 10**6)
AT_STATION = Pinned([HQ_KEY.public])


class Copying(RuleBasedStateMachine):
    """One station, one headquarters, and everything that may happen between them."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = 1000.0
        self.rng = random.Random(seed)
        self.journal = ListJournal(self.rng)
        self.hq = Headquarters()
        self.hq_writer = Writer(HQ_KEY)
        self.station_writer = Writer(STATION_KEY)
        self.old_hq: list[Headquarters] = []
        self.old_journals: list[ListJournal] = []
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.past_acks: list[bytes] = []
        self.ids: list[str] = []
        self.shown_once: set[str] = set()
        self.connected = False
        self.session = ""
        self.task: asyncio.Task[None] | None = None
        self._run(self._start_sender())

    # -- machinery ---------------------------------------------------------------------------------------------

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _start_sender(self) -> None:
        if self.task is not None:
            self.task.cancel()
        self.sender = await Sender.over(
            self.journal,
            station=STATION,
            direction="up",
            writer=self.station_writer,
            publish=self._publish,
            open_limit=MAX_OPEN_AT_HQ,
            monotonic=lambda: self.now,
            on_close=lambda _: self._send_birth(),
            on_progress=lambda: None,
            rng=self.rng,
        )
        self.task = asyncio.ensure_future(self.sender.run())

    def _publish(self, topic: str, payload: bytes, *, lane: str) -> bool:
        if not self.connected or len(self.up) > 40:
            return False
        self.up.append(payload)
        return True

    def _send_birth(self) -> None:
        kept = self.sender.outbox
        birth = {"kind": "birth", "session": self.session, "journal": kept.kept.journal, "head": kept.head}
        for ack in self.hq.birth(birth):
            self.down.append(self.hq_writer.write(ack))

    async def _pump(self) -> None:
        self.sender.wake()
        for _ in range(30):
            await asyncio.sleep(0)
        assert self.task is not None
        if self.task.done():
            self.task.result()

    def _hq_takes(self, payload: bytes) -> None:
        try:
            batch = read_batch(
                open_message(payload, station=STATION, kinds=frozenset({"batch"}), limit=MAX_OPEN_AT_HQ, keys=AT_HQ)
            )
        except Unknown:
            return
        except Refusal as refusal:
            if not self.hq.births:
                return
            journal = refusal.header.get("journal")
            if journal not in self.hq.ledgers:
                journal = self.hq.births[-1]["journal"]
            if (ack := self.hq.ack(journal, refusal)) is not None:
                self.down.append(self.hq_writer.write(ack))
            return
        verdict, _ = self.hq.take(batch)
        refusal = None
        if verdict == "fork":
            refusal = Refusal("fork", "another line", header={"first": batch.first, "count": len(batch.lines)})
        ack = self.hq.ack(batch.journal, refusal)
        if ack is not None:
            self.down.append(self.hq_writer.write(ack))

    def _station_takes(self, payload: bytes) -> None:
        message = open_message(
            payload, station=STATION, kinds=frozenset({"ack"}), limit=MAX_OPEN_AT_HQ, keys=AT_STATION
        )
        self.past_acks.append(payload)
        self._run(self.sender.take_ack(read_ack(message)))
        self._run(self._pump())

    # -- what may happen ---------------------------------------------------------------------------------------

    @rule(urgent=st.booleans(), count=st.integers(1, 8))
    def append(self, urgent: bool, count: int) -> None:
        for _ in range(count):
            event_id = str(uuid.UUID(int=self.rng.getrandbits(128)))
            kind = "help.raised" if urgent else "note"
            number = self.journal.append(
                event_line(event_id, kind, {"pad": "x" * self.rng.randrange(200)}), urgent=urgent
            )
            self.sender.appended(number, urgent=urgent)
            self.ids.append(event_id)
        self._run(self._pump())

    @rule()
    def connect(self) -> None:
        self.up.clear()  # what the old connection had in flight is lost or was delivered by the rules below
        self.session = str(self.rng.getrandbits(64))
        self.connected = True
        self._send_birth()
        self.sender.session_began(self.session)
        self._run(self._pump())

    @precondition(lambda self: self.connected)
    @rule()
    def disconnect(self) -> None:
        self.connected = False
        self.sender.session_ended()

    @precondition(lambda self: self.up)
    @rule(data=st.data())
    def deliver_up(self, data: st.DataObject) -> None:
        at = data.draw(PICK) % len(self.up)
        self._hq_takes(self.up.pop(at) if data.draw(st.booleans()) else self.up[at])
        self._run(self._pump())

    @precondition(lambda self: self.up)
    @rule(data=st.data())
    def damage_up(self, data: st.DataObject) -> None:
        payload = bytearray(self.up[data.draw(PICK) % len(self.up)])
        payload[data.draw(PICK) % len(payload)] ^= 1 << data.draw(st.integers(0, 7))
        self._hq_takes(bytes(payload))

    @precondition(lambda self: self.up)
    @rule(data=st.data())
    def lose_up(self, data: st.DataObject) -> None:
        self.up.pop(data.draw(PICK) % len(self.up))

    @precondition(lambda self: self.down)
    @rule(data=st.data())
    def deliver_down(self, data: st.DataObject) -> None:
        at = data.draw(PICK) % len(self.down)
        self._station_takes(self.down.pop(at) if data.draw(st.booleans()) else self.down[at])

    @precondition(lambda self: self.past_acks)
    @rule(data=st.data())
    def replay_an_old_ack(self, data: st.DataObject) -> None:
        self._station_takes(self.past_acks[data.draw(PICK) % len(self.past_acks)])

    @rule(seconds=st.floats(0.1, 300))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self._run(self._pump())

    @rule()
    def back_up_headquarters(self) -> None:
        self.old_hq.append(self.hq.copy())

    @precondition(lambda self: self.old_hq)
    @rule(data=st.data())
    def restore_headquarters(self, data: st.DataObject) -> None:
        self.hq = self.old_hq[data.draw(PICK) % len(self.old_hq)].copy()
        self.forget_what_both_ends_lost()
        self.connect()  # the new epoch makes every station begin a new session

    @rule()
    def restart_the_station(self) -> None:
        self.connected = False
        self._run(self._start_sender())
        self.connect()

    def forget_what_both_ends_lost(self) -> None:
        """What neither an old card nor a restored headquarters has is gone; nothing else may be."""
        kept = self.journal.ids() | self.hq.shown.keys()
        self.ids = [event_id for event_id in self.ids if event_id in kept]

    @invariant()
    def nothing_is_shown_twice(self) -> None:
        if hasattr(self, "hq"):
            assert all(count == 1 for count in self.hq.shown.values())

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self._heal()
        finally:
            assert self.task is not None
            self.task.cancel()
            self.loop.run_until_complete(asyncio.gather(self.task, return_exceptions=True))
            self.loop.close()

    def _heal(self) -> None:
        """Let the channel be good again; everything that was appended must come to be shown."""
        self.down.clear()
        self.connect()
        for _ in range(400):
            while self.up or self.down:
                for payload in [self.up.pop(0) for _ in range(len(self.up))]:
                    self._hq_takes(payload)
                for payload in [self.down.pop(0) for _ in range(len(self.down))]:
                    self._station_takes(payload)
                self._run(self._pump())
            if self.sender.outbox.waiting == 0:
                break
            self.now += 5.0
            self._run(self._pump())
        assert self.sender.outbox.waiting == 0, "the journal is wedged"
        missing = [event_id for event_id in self.ids if event_id not in self.hq.shown]
        assert not missing, f"{len(missing)} of {len(self.ids)} events never came"


class CopyingWithAnOldCard(Copying):
    """The same, and the station's card may be put back to an older copy (what was never sent dies with the card)."""

    @rule()
    def copy_the_card(self) -> None:
        self.old_journals.append(deepcopy(self.journal))

    @precondition(lambda self: self.old_journals)
    @rule(data=st.data())
    def put_back_an_old_card(self, data: st.DataObject) -> None:
        self.journal = deepcopy(self.old_journals[data.draw(PICK) % len(self.old_journals)])
        self.forget_what_both_ends_lost()
        self.restart_the_station()


COMMON = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
TestCopying = Copying.TestCase
TestCopying.settings = COMMON
TestCopyingWithAnOldCard = CopyingWithAnOldCard.TestCase
TestCopyingWithAnOldCard.settings = COMMON
