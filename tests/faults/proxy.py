"""A TCP proxy on loopback that plays a bad line: it can stall, cut, delay, and carry only so many bytes a second."""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

_PIECE = 1024
_PIECES = 16  # on the way at a time: then the sender has to wait, as on a real line
_LINGER_NOT = struct.pack("ii", 1, 0)  # close with a reset, and forget what was not sent (socket(7), SO_LINGER)


class Proxy:
    """Carries connections from `port`, its own, to another port of this machine. `async with` opens and closes it.

    `carried` counts the bytes of both directions, `carried_there` those to the other port. `delay_s` is what each
    direction adds, `bytes_per_s` what it carries (None: whatever comes); both may be changed at any time.
    """

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None
        self.connections = 0
        self.carried = self.carried_there = 0
        self._to_port = to_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._carrying:
            await asyncio.wait(self._carrying)

    def stall(self) -> None:
        """Let nothing pass and nobody hear of it: no reset, no end; new connections are made and stay silent."""
        self._flowing.clear()

    def heal(self) -> None:
        """Let everything pass again, what had waited first."""
        self._flowing.set()

    def cut(self) -> None:
        """Reset every connection; what was on its way is lost. New ones may be made."""
        for task in self._carrying:
            task.cancel()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._carry(reader, writer), name="proxied connection")
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            await self._flowing.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._to_port)
            ends.append(back)
            async with asyncio.TaskGroup() as group:
                for come, go in ((reader, back), (there, writer)):
                    way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_PIECES)
                    group.create_task(self._take(come, way))
                    group.create_task(self._give(way, go, there=go is back))
        except* OSError:
            pass  # one end hung up or was not there: the other hears of it
        finally:
            for end in ends:
                _reset(end)

    async def _take(self, reader: asyncio.StreamReader, way: asyncio.Queue[tuple[float, bytes]]) -> None:
        piece = None
        while piece != b"":
            piece = await reader.read(_PIECE)
            await way.put((asyncio.get_running_loop().time() + self.delay_s, piece))

    async def _give(
        self, way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter, *, there: bool
    ) -> None:
        while True:
            due, piece = await way.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self._flowing.wait()
            if not piece:
                raise ConnectionResetError("hung up")
            self.carried += len(piece)
            self.carried_there += len(piece) if there else 0
            writer.write(piece)
            await writer.drain()
            if self.bytes_per_s is not None:
                await asyncio.sleep(len(piece) / self.bytes_per_s)


def _reset(end: asyncio.StreamWriter) -> None:
    sock = end.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    end.transport.abort()
