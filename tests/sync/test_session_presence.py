from broker_rig import until
from session_rig import Station, kicked_by_another


async def test_headquarters_that_is_online_and_leaves_a_birth_unanswered_gets_a_new_session(hq, station):
    hq.answering = False
    await until(lambda: hq.births)
    hq.say()
    await until(lambda: station.sender.outbox.peer.online(station.monotonic()))
    station.leap(61)
    await until(lambda: len(hq.births) == 2)
    assert hq.sessions[0] != hq.sessions[1]
    await until(lambda: hq.farewells)
    assert hq.farewells[0]["session"] == hq.sessions[0]


async def unmoved(hq, station):
    """Wait until the station has looked at its clock once more, a minute on, and say whether it is the same session."""
    sessions = len(hq.births)
    acks = len(hq.down_acks)
    station.leap(61)
    await until(lambda: len(hq.down_acks) > acks or len(hq.births) > sessions)
    return len(hq.births) == sessions


async def test_headquarters_that_is_away_is_waited_for(hq, station):
    hq.answering = False
    await until(lambda: hq.births and station.sessions.up)
    station.append()
    assert await unmoved(hq, station)
    assert await unmoved(hq, station)


async def test_a_retained_online_proves_nothing(mosquitto, hq):
    hq.answering = False
    hq.say(retain=True)
    station = Station(mosquitto)
    await station.start()
    await until(lambda: hq.births and station.sessions.up)
    assert await unmoved(hq, station)
    assert not station.sender.outbox.peer.online(station.monotonic())
    await station.stop()


async def test_a_new_epoch_begins_a_new_session(hq, station):
    await until(lambda: hq.births)
    hq.say(epoch="one")
    hq.say(epoch="two")
    station.leap(61)
    await until(lambda: len(hq.births) == 2)


async def test_a_second_new_epoch_within_the_minute_waits_for_its_end(hq, station):
    await until(lambda: hq.births)
    for epoch in ("one", "two"):
        hq.say(epoch=epoch)
    await until(lambda: len(hq.births) == 2)
    station.dice.share = 0.5
    hq.say(epoch="three")
    hq.say(epoch="three", online=True)
    event = station.append()
    await until(lambda: event in hq.database.shown)
    assert len(hq.births) == 2
    station.leap(120)
    await until(lambda: len(hq.births) == 3)


async def test_the_first_epoch_of_a_process_is_only_noted(hq, station):
    await until(lambda: hq.births)
    hq.say(epoch="one")
    event = station.append()
    # With its ack: one that is unanswered for two minutes is a reason for a new session of its own.
    await until(lambda: event in hq.database.shown and not station.sender.outbox.waiting)
    station.leap(120)
    another = station.append()
    await until(lambda: another in hq.database.shown)
    assert len(hq.births) == 1


async def test_an_epoch_that_comes_retained_is_only_noted(mosquitto, hq, station):
    await until(lambda: hq.births)
    hq.say(epoch="one")
    await until(lambda: station.sessions._renewal._epoch == "one")
    await kicked_by_another(mosquitto, station, 3)  # and now it stays away for minutes
    hq.say(epoch="two", retain=True)
    first = station.append(urgent=True)
    await until(lambda: station.sessions._renewal._epoch == "two")
    # With its ack: one that is unanswered for two minutes is a reason for a new session of its own.
    await until(lambda: first in hq.database.shown and not station.sender.outbox.waiting)
    session = station.sessions._session
    station.leap(120)
    event = station.append(urgent=True)
    await until(lambda: event in hq.database.shown)
    assert station.sessions._session == hq.sessions[-1] == session
