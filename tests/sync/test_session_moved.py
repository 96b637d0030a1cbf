"""A station that uses another broker from now on, and whether headquarters was heard there."""

import dataclasses
import socket
import time

import pytest
from broker_rig import Mosquitto, until
from session_rig import STATION, ByHand


@pytest.fixture
async def elsewhere(tmp_path, broker_certificates):
    (tmp_path / "elsewhere").mkdir()
    broker = Mosquitto(tmp_path / "elsewhere", broker_certificates)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
async def hq_elsewhere(elsewhere, impatience):
    by_hand = ByHand(elsewhere)
    await by_hand.start()
    yield by_hand
    await by_hand.stop()


async def test_it_says_farewell_where_it_was_and_is_heard_only_once_headquarters_answers_there(
    hq, station, elsewhere, hq_elsewhere
):
    await until(lambda: station.sessions.heard)
    before = hq.births[-1]
    station.sessions.move(elsewhere.address(STATION))
    assert not station.sessions.heard
    await until(lambda: hq.farewells and hq_elsewhere.births)
    assert hq.farewells[-1]["session"] == before["session"] != hq_elsewhere.births[0]["session"]
    await until(lambda: station.sessions.heard)
    event = station.append(urgent=True)
    await until(lambda: event in hq_elsewhere.database.shown)


async def test_where_nobody_answers_it_is_connected_and_not_heard_and_comes_back_at_once(hq, station, elsewhere):
    await until(lambda: station.sessions.heard)
    station.sessions.move(elsewhere.address(STATION))
    await until(lambda: station.sessions.up and station.sessions._over is station.sessions._broker)
    event = station.append(urgent=True)
    births = len(hq.births)
    station.sessions.move(station.home)
    await until(lambda: len(hq.births) > births and station.sessions.heard)
    await until(lambda: event in hq.database.shown)


async def test_a_broker_that_swallows_everything_holds_up_no_way_back(hq, station):
    await until(lambda: station.sessions.heard)
    with socket.create_server(("127.0.0.1", 0)) as hole:
        station.sessions.move(dataclasses.replace(station.home, port=hole.getsockname()[1]))
        await until(lambda: not station.sessions.up)
        began = time.monotonic()
        station.sessions.move(station.home)
        await until(lambda: station.sessions.heard)
        assert time.monotonic() - began < 5


async def test_the_same_broker_again_changes_nothing(hq, station):
    await until(lambda: station.sessions.heard)
    session = hq.births[-1]["session"]
    station.sessions.move(dataclasses.replace(station.home))
    event = station.append(urgent=True)
    await until(lambda: event in hq.database.shown)
    assert station.sessions.heard
    assert hq.births[-1]["session"] == session
