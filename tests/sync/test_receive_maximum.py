"""A broker that takes few messages at once is never given more, and has them all in the end."""

import asyncio
import contextlib
import ssl

import pytest
from broker_rig import address, server_context, until

from sync.connection import SLOTS, Connection

TOPIC = "jt/1/sjz-001/up/log"
PUBLISH, PUBACK = 3, 4


class StrictBroker:
    """Says in CONNACK how many unacknowledged messages it takes, acknowledges when it is told to, and counts.

    `most_unanswered`: how many it ever had at once.
    """

    def __init__(self, most: int) -> None:
        self.answering = asyncio.Event()
        self.came, self.unanswered, self.most_unanswered, self.hints = 0, 0, 0, 0
        self._most = most
        self._held: asyncio.Queue[bytes] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def listening(self, context: ssl.SSLContext):
        talks = []

        async def talk(reader, writer) -> None:
            talks.append(asyncio.current_task())
            answers = asyncio.create_task(self._answer(writer))
            with contextlib.suppress(asyncio.IncompleteReadError):
                await self._talk(reader, writer)
            answers.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context) as server:
            yield server.sockets[0].getsockname()[1]
            await asyncio.gather(*talks)

    async def _talk(self, reader, writer) -> None:
        await read_frame(reader)
        writer.write(b"\x20\x06\x00\x00\x03\x21" + self._most.to_bytes(2))  # MQTT 5.0, sections 3.2.2.2 and 3.2.2.3.3
        while True:
            for mid in self._take(*await read_frame(reader)):
                self._held.put_nowait(mid)

    async def _answer(self, writer) -> None:
        await self.answering.wait()
        while True:
            mid = await self._held.get()
            self.unanswered -= 1
            writer.write(bytes([PUBACK << 4, 2]) + mid)

    def _take(self, first: int, body: bytes) -> list[bytes]:
        if first >> 4 != PUBLISH:
            return []
        if not first & 6:
            self.hints += 1
            return []
        self.came += 1
        self.unanswered += 1
        self.most_unanswered = max(self.most_unanswered, self.unanswered)
        end = 2 + int.from_bytes(body[:2])
        return [body[end : end + 2]]


async def read_frame(reader) -> tuple[int, bytes]:
    first, length = await reader.readexactly(2)  # nobody here sends more than 127 bytes
    return first, await reader.readexactly(length)


@pytest.mark.parametrize("most", [1, 4])
async def test_a_broker_that_takes_few_at_once_is_never_given_more(broker_certificates, most):
    broker, rooms = StrictBroker(most), []
    async with broker.listening(server_context(broker_certificates)) as port:
        station = Connection(
            address(broker_certificates, "sjz-001", port=port),
            client_id="sjz-001",
            on_message=lambda _: None,
            on_room=lambda: rooms.append(1),
        )
        await station.open()
        given = {slot: sum(station.publish(TOPIC, b"x", slot=slot) for _ in range(8)) for slot in SLOTS}
        assert given["urgent"] == given["log"] == 1
        assert given["ack"] == 8
        station.hint(TOPIC, b"behind all that was sent")
        await until(lambda: broker.hints)
        assert broker.came == most
        broker.answering.set()
        await until(lambda: len(rooms) == broker.came == 10)
        assert broker.most_unanswered == most
        assert station.publish(TOPIC, b"x", slot="log")
        await station.close()
