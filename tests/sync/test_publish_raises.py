"""Publishing fails where nobody expects it, by an exception: the events are in the journal, and come all the same."""

import asyncio
import dataclasses

import paho.mqtt.client as mqtt
import pytest
from broker_rig import until
from model import STATION
from session_rig import Station

from agent.supervisor import Supervisor

SITES = ("state", "down/ack", "up/urgent", "up/log", "health", "farewell")


@pytest.fixture
async def supervised(mosquitto):
    """A station whose link and sender are kept running as a station keeps them."""
    station, supervisor = Station(mosquitto), Supervisor()
    await station.start()
    for task in station._tasks:
        task.cancel()
    supervisor.keep("link", station.sessions.run)
    supervisor.keep("sender", station.sender.run)
    yield station
    station._tasks = []
    await supervisor.stop()


@pytest.mark.parametrize("error", [OSError("no buffer space"), ValueError("not so")], ids=repr)
@pytest.mark.parametrize("site", SITES)
async def test_a_publish_that_raises_at_any_site_loses_nothing_and_the_link_comes_back(
    site, error, hq, supervised, monkeypatch
):
    honest, raised, born = mqtt.Client.publish, [], set()

    def publish(client, topic, payload=None, **options):
        place = topic.removeprefix(f"jt/1/{STATION}/")
        if place == "state" and client in born:
            place = "farewell"
        elif place == "state":
            born.add(client)
        if place == site and client._client_id == STATION.encode() and len(raised) < 2:
            raised.append(place)
            raise error
        return honest(client, topic, payload, **options)

    monkeypatch.setattr(mqtt.Client, "publish", publish)
    events = [supervised.append(urgent=urgent) for urgent in (False, True, False)]
    if site == "farewell":
        await until(lambda: supervised.sessions.up)
        supervised.sessions.move(dataclasses.replace(supervised.home, host="localhost"))
    if site == "health":
        await until(lambda: supervised.sessions.up)
        for urgent in (False, True):
            with pytest.raises(type(error)):
                supervised.sessions.health({}, urgent=urgent)
    await until(lambda: raised)
    events += [supervised.append(urgent=urgent) for urgent in (True, False)]
    await until(lambda: set(events) <= set(hq.database.shown))
    await until(lambda: supervised.sender.outbox.cursor == len(events))
    assert sorted(hq.database.shown) == sorted(events)
    await until(lambda: supervised.sessions.up)


@pytest.mark.parametrize("step", ["loop_misc", "loop_read"])
async def test_a_client_whose_loop_has_died_is_replaced_at_once(step, hq, supervised, monkeypatch):
    """It must not stay connected, deaf and without pings, until somebody notices."""
    await until(lambda: supervised.sessions.up and supervised.sender.outbox.cursor == 0 and hq.down_acks)
    first, honest, raised = supervised.sessions._session, getattr(mqtt.Client, step), []

    def dies(client):
        if client._client_id == STATION.encode() and not raised:
            raised.append(step)
            raise RuntimeError("it died")
        return honest(client)

    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    monkeypatch.setattr(mqtt.Client, step, dies)
    event = supervised.append(urgent=True)
    await until(lambda: raised)
    await until(lambda: supervised.sessions.up and supervised.sessions._session != first, within=10)
    await until(lambda: event in hq.database.shown)
