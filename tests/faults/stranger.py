"""Somebody on the city's broker who has rights, but no key to sign with: hears what it may, says what it likes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from faults_rig import DEADLINE_S

from jingting.city import City
from sync.broker import Broker
from sync.connection import Connection
from sync.mqtt_words import Incoming
from tests.guests import as_a_station, let_in


class Stranger:
    """A connection under another client id; `heard` is what came on the topics it subscribed to."""

    def __init__(self, connection: Connection, room: asyncio.Event, heard: list[Incoming]) -> None:
        self._connection = connection
        self._room = room
        self.heard = heard

    async def says(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 1; returns once the broker has room for it."""
        while not self._connection.publish(topic, payload, slot="ack"):  # on the loop: a connection is for one thread
            self._room.clear()
            async with asyncio.timeout(DEADLINE_S):
                await self._room.wait()

    def payloads(self, topic: str) -> list[bytes]:
        return [message.payload for message in self.heard if message.topic == topic]


@contextlib.asynccontextmanager
async def stranger(city: City, username: str, filters: Sequence[str] = ()) -> AsyncIterator[Stranger]:
    """Come with the rights of `hq` or of a station's id, beside whoever has that name."""
    if username == "hq":
        home = city.folder / "hq"
        certificate, key = home / "hq.pem", home / "hq.key"
        broker = Broker(
            host="127.0.0.1", port=city.hq_broker_port, ca=home / "ca.pem", certificate=certificate, key=key
        )
    else:
        rights = as_a_station(username)
        broker = let_in(city.folder, city.process("broker"), f"stranger-{username}", rights, port=city.broker_port)
    heard: list[Incoming] = []
    room = asyncio.Event()
    connection = Connection(
        broker,
        client_id=f"stranger-{username}",
        on_message=heard.append,
        on_room=room.set,
    )
    await connection.open()
    try:
        if filters:
            await connection.subscribe(filters)
        yield Stranger(connection, room, heard)
    finally:
        await asyncio.shield(connection.close())
