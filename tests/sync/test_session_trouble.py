import asyncio
import logging

from broker_rig import until
from session_rig import Station, kicked_by_another


async def test_accepted_and_kicked_three_times_is_a_suspected_takeover_and_only_urgent_events_go_on(
    mosquitto, hq, station
):
    await kicked_by_another(mosquitto, station, 2)
    assert not station.sessions.takeover_suspected
    await kicked_by_another(mosquitto, station, 1)
    await until(lambda: station.sessions.takeover_suspected)
    station.append()
    event = station.append(urgent=True)
    await until(lambda: event in hq.database.shown)
    assert all(lane == "up/urgent" for lane, _, _ in hq.lanes)
    station.leap(181)
    await until(lambda: station.sender.outbox.cursor == 2)


async def test_to_be_kicked_before_the_subscription_is_answered_counts_too(mosquitto):
    async def kick(reader, writer):
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00")
        await reader.read(1000)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(kick, "127.0.0.1", 0, ssl=mosquitto.played()) as server:
        mosquitto.port, real = server.sockets[0].getsockname()[1], mosquitto.port
        station = Station(mosquitto)
        mosquitto.port = real
        await station.start()
        await until(lambda: station.sessions.takeover_suspected)
        await station.stop()


async def test_a_broker_that_is_away_is_told_once_and_found_again(mosquitto, hq, station, caplog):
    caplog.set_level(logging.INFO)
    await until(lambda: hq.births)
    await hq.stop()
    station.dice.share = 0.02
    mosquitto.kill()
    attempts = station.sessions._backoff
    await until(lambda: attempts._failures >= 4)
    unreachable = [record for record in caplog.records if "no connection to the broker" in record.message]
    assert len(unreachable) == 1
    mosquitto.start()
    await until(lambda: station.sessions.up)
    assert caplog.records[-1].message == "The link is up."
    await hq.start()


async def test_a_refused_certificate_is_told_once_and_tried_again(mosquitto, caplog):
    station = Station(mosquitto, certificate="stranger")
    station.dice.share = 0.02
    await station.start()
    await until(lambda: station.sessions._backoff._failures >= 3)
    assert len([record for record in caplog.records if "no connection to the broker" in record.message]) == 1
    assert not station.sessions.up
    await station.stop()


async def test_a_frozen_broker_does_not_hold_up_a_stop(mosquitto, hq, station):
    await until(lambda: hq.births and station.sessions.up)
    mosquitto.freeze()
    station.sessions.stop()
    await asyncio.wait_for(station.running, 2)
    mosquitto.thaw()


async def test_a_station_that_is_cancelled_while_it_connects_ends_at_once(mosquitto):
    mosquitto.freeze()
    station = Station(mosquitto)
    await station.start()
    await asyncio.wait({station.running}, timeout=0.1)
    await asyncio.wait_for(station.stop(), 2)
    mosquitto.thaw()


async def test_a_broker_of_the_older_protocol_is_spoken_to_in_that(mosquitto):
    """The fourth text of a CONNECT is its protocol level: 5, or 4 for MQTT 3.1.1 (section 3.1.2.2)."""
    levels = []

    async def talk(reader, writer):
        levels.append((await reader.read(1000)).partition(b"\x00\x04MQTT")[2][0])
        writer.write(b"\x20\x02\x00\x01")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=mosquitto.played()) as server:
        mosquitto.port, real = server.sockets[0].getsockname()[1], mosquitto.port
        station = Station(mosquitto)
        mosquitto.port = real
        station.dice.share = 0.02
        await station.start()
        await until(lambda: len(levels) >= 3)
        await station.stop()
    assert levels[:3] == [5, 4, 4]
