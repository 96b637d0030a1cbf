"""A broker in the wrong hands that wants a station dead: it sends without an end, too much, too long, and never reads.

It stands between a station and the city's broker, and speaks MQTT 5 (OASIS MQTT 5.0) to both. While it is `wicked` it
keeps what the station publishes to itself, says that it has it, and sends one flood after the other.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Container, Iterator
from itertools import count, cycle, repeat
from typing import Final

from between import Between, frame, read_frame
from hostile import BOMBS, NOBODYS, NONSENSE, ack, batch, event_line

from jingting.city import City

_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP = 2, 3, 4, 9, 13
_KIB: Final = 1024


def publish(
    topic: str, payload: bytes, *, qos: int = 0, mid: int = 1, retain: bool = False, more: bytes = b""
) -> bytes:
    """A PUBLISH packet; `more` is a user property's text of it."""
    properties = b"" if not more else b"\x26\x00\x01k" + len(more).to_bytes(2) + more
    length, size = b"", len(properties)
    while True:
        size, digit = size >> 7, size & 0x7F
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            break
    name = topic.encode()
    body = len(name).to_bytes(2) + name + (mid.to_bytes(2) if qos else b"") + length + properties + payload
    return frame(_PUBLISH << 4 | qos << 1 | retain, body)


class FloodingBroker(Between):
    """Between one station and the city's broker, on `port`; `done` counts floods by name, `sent` their bytes.

    `of_each_s`: how long each flood lasts, where the station does not hang up before; `without`: floods left out.
    """

    def __init__(self, city: City, station: str, seed: int, *, of_each_s: float, without: Container[str] = ()) -> None:
        super().__init__(city, station)
        self.sent = 0
        self._of_each_s = of_each_s
        self._rng = random.Random(seed)
        self._without = without
        self._next = cycle(self.floods())

    def floods(self) -> dict[str, Callable[[], Iterator[bytes]]]:
        """What it sends, by name; each goes on without an end."""
        orders, acks = f"jt/1/{self._station}/down/log", f"jt/1/{self._station}/up/ack"
        noise = secrets.token_bytes(250 * _KIB)

        def nonsense() -> Iterator[bytes]:
            forged = [batch(NOBODYS, self._station, [event_line("help.answered", {}, "hq")] * 50)]
            forged += [ack(NOBODYS, self._station, journal=None, session="made-up")]
            for payload in cycle([*NONSENSE, *BOMBS, *forged]):
                yield publish(self._rng.choice((orders, acks)), payload)

        floods: dict[str, Callable[[], Iterator[bytes]]] = {
            "endless retained": lambda: repeat(publish(orders, noise, retain=True)),
            "nonsense": nonsense,
            "small": lambda: repeat(publish(acks, b"x") * 500),
            "made-up workers": lambda: (publish(f"jt/1/hq/w{n}/state", b'{"online":true}') for n in count()),
            "properties": lambda: repeat(publish(acks, b"x", more=b"x" * 60 * _KIB)),
            "acks of nothing": lambda: (frame(_PUBACK << 4, (n % 60_000 + 1).to_bytes(2)) * 100 for n in count()),
            "too long a packet": lambda: (b"\x30\xff\xff\xff\x7f" if not n else bytes(64 * _KIB) for n in count()),
            "never released": lambda: (publish(orders, noise, qos=2, mid=n % 60_000 + 1) for n in count()),
            "never read": lambda: (publish(acks, b"x", qos=1, mid=n % 60_000 + 1) * 50 for n in count()),
        }
        return {name: flood for name, flood in floods.items() if name not in self._without}

    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        reads, here = asyncio.Event(), asyncio.Event()
        reads.set()
        async with asyncio.TaskGroup() as both:
            both.create_task(self._up(reader, writer, back, reads))
            both.create_task(self._down(there, writer, here))
            both.create_task(self._flood(writer, reads, here))

    async def _up(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        reads: asyncio.Event,
    ) -> None:
        while True:
            await reads.wait()
            first, body = await read_frame(reader)
            if self.wicked and first >> 4 == _PUBLISH:
                topic = 2 + int.from_bytes(body[:2])
                if first & 6:
                    writer.write(frame(_PUBACK << 4, body[topic : topic + 2]))  # a lie
            elif not self.wicked or first >> 4 != _PUBACK:
                back.write(frame(first, body))

    async def _down(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, here: asyncio.Event) -> None:
        while True:
            first, body = await read_frame(there)
            if not self.wicked or first >> 4 in (_CONNACK, _SUBACK, _PINGRESP):
                writer.write(frame(first, body))
            if first >> 4 == _SUBACK:
                here.set()

    async def _flood(self, writer: asyncio.StreamWriter, reads: asyncio.Event, here: asyncio.Event) -> None:
        """Send one flood after the other, for as long as it is wicked and the station lets it."""
        now = asyncio.get_running_loop().time
        await here.wait()
        while not writer.transport.is_closing():
            if not self.wicked:
                await asyncio.sleep(0.05)
                continue
            name = next(self._next)
            self.done[name] += 1
            if name == "never read":
                reads.clear()
            until = now() + self._of_each_s
            for packet in self.floods()[name]():
                if not self.wicked or now() > until or writer.transport.is_closing():
                    break
                writer.write(packet)
                self.sent += len(packet)
                await writer.drain()
                await asyncio.sleep(0)  # the other directions have their turn
            reads.set()
