from broker_rig import until
from model import STATION, event_line
from session_rig import HQ_KEY, ORDERS_JOURNAL, STRANGER

from sync import base64url
from sync.connection import Connection
from sync.signed import Writer

ORDER = event_line("018f3b2a-0001-7000-8000-0123456789ab", "orders.opened", {"generation": 1})
OTHER_ORDER = event_line("018f3b2a-0002-7000-8000-0123456789ab", "help.answered", {})


async def test_a_station_without_orders_says_so_after_its_birth(hq, station):
    ack, header = await hq.down_ack(lambda ack: True)
    assert (ack.journal, ack.chain, ack.rev, ack.stored) == (None, None, 0, ())
    assert header["session"] == hq.sessions[0]


async def test_a_down_ack_is_repeated_every_minute_until_headquarters_is_heard_and_then_once(hq, station):
    hq.answering = False
    await until(lambda: len(hq.down_acks) == 1)
    for count in (2, 3):
        station.leap(61)
        await until(lambda count=count: len(hq.down_acks) == count)
    hq.answering = True
    hq.ack(station.journal.journal)
    await until(lambda: len(hq.down_acks) == 4)
    station.leap(61)
    event = station.append()
    await until(lambda: event in hq.database.shown)
    assert len(hq.down_acks) == 4


async def test_orders_are_stored_and_acknowledged(hq, station):
    await until(lambda: hq.down_acks)
    lines = hq.order([ORDER])
    ack, _ = await hq.down_ack(lambda ack: ack.journal == ORDERS_JOURNAL)
    assert (ack.stored, ack.chain, ack.rejected) == (((1, 1),), lines[0].chain, None)
    hq.order([OTHER_ORDER, OTHER_ORDER], first=2, prev=lines[0].chain)
    ack, _ = await hq.down_ack(lambda ack: ack.cursor == 3)
    assert ack.rev == 2


async def test_orders_that_are_refused_are_answered_with_the_reason(hq, station):
    await until(lambda: hq.down_acks)
    lines = hq.order([ORDER])
    await hq.down_ack(lambda ack: ack.cursor == 1)

    async def reason(ack_reason):
        return (await hq.down_ack(lambda ack: ack.rejected and ack.rejected.reason == ack_reason))[0].rejected

    hq.order([OTHER_ORDER], first=2, prev=lines[0].chain, key=STRANGER)
    assert (await reason("unknown-key")).signer == STRANGER.public.id
    hq.order([OTHER_ORDER], first=2, prev=lines[0].chain, chain=base64url.encode(bytes(32)))
    assert (await reason("chain")).first == 2
    hq.order([OTHER_ORDER], first=1)
    assert (await reason("fork")).first == 1
    hq.order([b"no event"], first=2, prev=lines[0].chain)
    assert (await reason("malformed")).sha256 is not None
    hq.publish("down/log", Writer(HQ_KEY).write({"kind": "batch", "station": "sjz-002"}))
    await until(lambda: station.sessions.refused["malformed"] == 2)
    assert station.orders.ledger.now.stored == ((1, 1),)
    assert station.sessions.refused == {"unknown-key": 1, "chain": 1, "fork": 1, "malformed": 2}


async def test_two_orders_in_one_urgent_message_are_refused(hq, station):
    await until(lambda: hq.down_acks)
    payloads = []
    hq.publish, publish = (lambda place, payload: payloads.append(payload)), hq.publish
    hq.order([ORDER, OTHER_ORDER])
    publish("down/urgent", payloads[0])
    ack, _ = await hq.down_ack(lambda ack: ack.rejected)
    assert (ack.rejected.reason, ack.rejected.count, ack.rejected.sha256) == ("malformed", 2, None)


async def test_another_orders_journal_that_is_not_accepted_is_answered_with_the_one_that_is_held(hq, station):
    await until(lambda: hq.down_acks)
    hq.order([ORDER], generation=2)
    await hq.down_ack(lambda ack: ack.cursor == 1)
    heard = len(hq.down_acks)
    hq.order([ORDER], journal="018f3b2a-0000-7000-8000-0000000000bb", generation=2)
    await until(lambda: len(hq.down_acks) > heard)
    ack, _ = hq.down_acks[-1]
    assert (ack.journal, ack.cursor, ack.rejected) == (ORDERS_JOURNAL, 1, None)


async def test_an_unrecorded_call_is_told_with_certainty_and_any_other_sample_as_a_hint(mosquitto, station):
    came = []
    watcher = Connection(
        mosquitto.address("watcher"), client_id="watcher", on_message=came.append, on_room=lambda: None
    )
    await watcher.open()
    await watcher.subscribe([f"jt/1/{STATION}/health"])
    await until(lambda: station.sessions.up)
    station.sessions.health({"n": 1}, urgent=False)
    station.sessions.health({"ringing": {"since": "now", "recorded": False}}, urgent=True)
    await until(lambda: len(came) == 2)
    assert sorted(message.payload for message in came) == [
        b'{"n":1}',
        b'{"ringing":{"since":"now","recorded":false}}',
    ]
    await watcher.close()
