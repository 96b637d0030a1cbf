"""What stands between a station and the city's broker, with the broker's own certificate; it speaks MQTT 5 to both."""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections import Counter
from types import TracebackType
from typing import Self

from jingting.city import City
from tests.guests import of_the_city


def frame(first: int, body: bytes) -> bytes:
    length, digits = len(body), b""
    while True:
        length, digit = length >> 7, length & 0x7F
        digits += bytes([digit | (0x80 if length else 0)])
        if not length:
            return bytes([first]) + digits + body


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first = (await reader.readexactly(1))[0]
    length = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        length |= (digit & 0x7F) << shift
        shift += 7
        if digit < 0x80:
            return first, await reader.readexactly(length)


class Between(ABC):
    """It listens on `port`, as long as the block lasts. `wicked` turns the mischief on; `done` counts it."""

    def __init__(self, city: City, station: str) -> None:
        self.port = 0
        self.wicked = False
        self.done: Counter[str] = Counter()
        self._city = city
        self._station = station
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    @abstractmethod
    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        """Carry what comes from the station (`reader`, `writer`) and the broker (`there`, `back`) to each other."""

    async def __aenter__(self) -> Self:
        folder = self._city.folder / "broker"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker = of_the_city(self._city, self._station)
        ends = [writer]
        try:
            there, back = await asyncio.open_connection(broker.host, broker.port, ssl=broker.tls())
            ends.append(back)
            await self.carry(reader, writer, there, back)
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one end hung up: the other hears of it
        finally:
            for end in ends:
                end.transport.abort()
