"""Several log workers on one database, killed at random with it: each event once, and no ack that was not true.

`KILLS=50 SEED=7 make test ARGS=tests/faults/test_log_workers.py` runs more of it; the seed is printed and repeats the
order of events and kills.
"""

import asyncio
import itertools
import json
import os
import random
import secrets
import uuid

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import func, select

from common import keyfiles
from common.events.calls import HelpPressedAgain, HelpRaised
from common.events.journal import OrderFailed
from hq import tables
from hq.store import Store
from sync.ranges import difference
from sync.receiver import MAX_RANGES, read_ack
from sync.signed import MAX_OPEN_AT_STATION, open_message
from sync.signing import Pinned, VerifyKey
from tests.headquarters import headquarters, station_of, until

KILLS = int(os.environ.get("KILLS", "4"))
SEED = int(os.environ.get("SEED", str(secrets.randbits(32))))
STATIONS = ("jt-001", "jt-002")


class Ear:
    """Keeps every ack a station is sent."""

    def __init__(self, hq, station):
        self._keys = Pinned([VerifyKey(keyfiles.read_public(hq.home(station) / "headquarters.pub"))])
        self._station = station
        self.acks = []
        broker = hq.guest(f"ear-{station}", f"read jt/1/{station}/up/ack")
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"ear-{station}")
        self._client.tls_set_context(broker.tls())
        self._client.on_connect = lambda client, *_: client.subscribe(f"jt/1/{station}/up/ack", qos=1)
        self._client.on_message = self._hear
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def _hear(self, _client, _data, message):
        opened = open_message(
            message.payload,
            station=self._station,
            kinds=frozenset({"ack"}),
            limit=MAX_OPEN_AT_STATION,
            keys=self._keys,
        )
        self.acks.append(read_ack(opened))

    def stop(self):
        self._client.disconnect()
        self._client.loop_stop()


def check_acks(acks, journal_id, chain):
    """An ack of a later revision never holds less, and each shows the journal's own chain."""
    of_journal = sorted((ack for ack in acks if ack.journal == journal_id), key=lambda ack: ack.rev)
    assert of_journal
    for before, after in itertools.pairwise(of_journal):
        assert before.cursor <= after.cursor
        cut = after.stored[1][0] if len(after.stored) == MAX_RANGES else 0  # it names the first and the highest
        assert all(last < cut for _, last in difference(before.stored, after.stored))
        if before.rev == after.rev:
            assert before.stored == after.stored
    for ack in of_journal:
        assert ack.rejected is None
        if ack.end:
            assert ack.chain == chain(ack.end)


async def bustle(station, rng, stop):
    """Append what a busy station does, until told to stop: several calls and a good deal of log."""
    while not stop.is_set():
        call = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        some = [HelpRaised(call=call, origin="screen")] * rng.randrange(2)
        some += [HelpPressedAgain(call=call, origin="screen")] * rng.randrange(3)
        some += [OrderFailed(order=call, reason=f"no. {number}") for number in range(rng.randrange(40))]
        for payload in some:
            await station.journal.append(payload)
        await asyncio.sleep(rng.uniform(0, 0.05))  # a pace of its own, not a wait for anything


def held(url, station, journal_id):
    """Return what headquarters holds of a journal: lines by number, presses by call, how often an order failed."""
    store = Store.open(url)
    journals, lines, calls, alarms = tables.journals, tables.events, tables.help_calls, tables.alarms
    with store.database.read() as connection:
        of_journal = select(lines.c.number, lines.c.line).join(journals).where(journals.c.journal == journal_id)
        found = {number: bytes(line) for number, line in connection.execute(of_journal)}
        presses = dict(
            connection.execute(select(calls.c.call, calls.c.presses).where(calls.c.station == station)).all()
        )
        raised = dict(
            connection.execute(select(alarms.c.kind, alarms.c.count).where(alarms.c.station == station)).all()
        )
        journals_known = connection.execute(
            select(func.count()).select_from(journals).where(journals.c.station == station)
        ).scalar_one()
    store.close()
    return found, presses, raised, journals_known


def told(lines):
    """Return what a station's own lines add up to: presses by call, how many orders failed."""
    presses, failed = {}, 0
    for line in lines.values():
        event = json.loads(line)
        if event["type"] in ("help.raised", "help.pressed_again"):
            call = event["data"]["call"]
            presses[call] = presses.get(call, 0) + 1
        failed += event["type"] == "order.failed"
    return presses, failed


async def rage(hq, rng, postgres):
    """Kill workers, and PostgreSQL, each at any moment."""
    victims = [*hq.workers, *([postgres] if postgres else [])]
    for _ in range(KILLS):
        await asyncio.sleep(rng.uniform(0.1, 0.6))  # the moment of the kill is the chance being tested
        victim = rng.choice(victims)
        if victim is postgres:
            postgres.kill()
            postgres.start()
        else:
            victim.kill()


async def keep_up(hq):
    """Start every worker that has ended again, as systemd does: one that finds no database at its start gives up."""
    while True:
        for worker in hq.workers:
            if not worker.running:
                await worker.ended()
                worker.start()
        await asyncio.sleep(0.1)


@pytest.mark.slow
@pytest.mark.timeout(90 + 10 * KILLS)
@pytest.mark.parametrize(
    ("database", "workers"), [("postgresql", 1), ("postgresql", 2), ("postgresql", 4), ("sqlite", 2)]
)
async def test_each_event_is_held_once_and_no_ack_is_wrong_whoever_is_killed(request, tmp_path, database, workers):
    print(f"SEED={SEED} KILLS={KILLS}")
    rng = random.Random(SEED)
    postgres = request.getfixturevalue("postgres") if database == "postgresql" else None
    url = {} if postgres is None else {"url": postgres.url(postgres.create())}
    async with (
        headquarters(tmp_path, stations=STATIONS, log_workers=workers - 1, **url) as hq,
        station_of(hq, STATIONS[0]) as first,
        station_of(hq, STATIONS[1]) as second,
    ):
        stations = dict(zip(STATIONS, (first, second), strict=True))
        ears = {name: Ear(hq, name) for name in STATIONS}
        stop = asyncio.Event()
        keeping_up = asyncio.create_task(keep_up(hq))
        busy = [
            asyncio.create_task(bustle(station, random.Random(rng.random()), stop)) for station in stations.values()
        ]
        await rage(hq, rng, postgres)
        stop.set()
        await asyncio.gather(*busy)
        await until(lambda: all(not station.waiting for station in stations.values()))
        keeping_up.cancel()
        for name, station in stations.items():
            ears[name].stop()
            lines = station.lines()
            found, presses, alarms, journals = held(hq.url, name, station.link.sender.outbox.kept.journal)
            assert found == lines
            assert journals == 1  # so nobody was ever made to close one
            calls, failed = told(lines)
            assert presses == calls
            assert alarms == ({"order_failed": failed} if failed else {})
            check_acks(ears[name].acks, station.link.sender.outbox.kept.journal, station.chain)
