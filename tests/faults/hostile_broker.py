"""A broker in the wrong hands: it has the broker's certificate, reads everything, and drops, delays, replays, swaps.

It stands between a station and the city's broker and speaks MQTT 5 (OASIS MQTT 5.0, section 3.3) to both.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

from between import Between, frame, read_frame

from jingting.city import City

_PUBLISH, _PUBACK = 3, 4
_KEPT = 60


@dataclass(frozen=True)
class Publish:
    """One PUBLISH; `mid` is 0 for QoS 0."""

    topic: str
    mid: int
    retain: bool
    properties: bytes
    payload: bytes

    @classmethod
    def read(cls, first: int, body: bytes) -> "Publish":
        end = 2 + int.from_bytes(body[:2])
        qos = first >> 1 & 3
        mid = int.from_bytes(body[end : end + 2]) if qos else 0
        at = end + (2 if qos else 0)
        length = body[at]  # a property length of one byte: nobody here sends more
        return cls(body[2:end].decode(), mid, bool(first & 1), body[at : at + 1 + length], body[at + 1 + length :])

    def packet(self) -> bytes:
        topic = self.topic.encode()
        mid = self.mid.to_bytes(2) if self.mid else b""
        first = _PUBLISH << 4 | (2 if self.mid else 0) | self.retain
        return frame(first, len(topic).to_bytes(2) + topic + mid + self.properties + self.payload)

    def again(self, **changed: object) -> bytes:
        """The same as a message of its own, which nobody has to acknowledge to the broker."""
        return replace(self, mid=0, **changed).packet()


class HostileBroker(Between):
    """Between one station and the city's broker, on `port`. `wicked` turns the mischief on; `done` counts it."""

    def __init__(self, city: City, station: str, seed: int) -> None:
        super().__init__(city, station)
        self._rng = random.Random(seed)
        self._heard: deque[Publish] = deque(maxlen=_KEPT)
        self._last = ""

    async def carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pass(reader, writer, back))
            both.create_task(self._pass(there, back, writer))

    async def _pass(
        self, reader: asyncio.StreamReader, sender: asyncio.StreamWriter, receiver: asyncio.StreamWriter
    ) -> None:
        """Carry what comes from one end to the other; `sender` is the way back to who sent it."""
        held: deque[bytes] = deque()
        while True:
            first, body = await read_frame(reader)
            if first >> 4 != _PUBLISH:
                receiver.write(frame(first, body))
                continue
            publish = Publish.read(first, body)
            self._heard.append(publish)
            if not self.wicked:
                while held:
                    receiver.write(held.popleft())
                receiver.write(publish.packet())
                continue
            for packet in self._mischief(publish, held):
                receiver.write(packet)
            if publish.mid and self._last == "dropped":
                sender.write(frame(_PUBACK << 4, publish.mid.to_bytes(2)))  # "I have it": a lie that must free nothing

    def _mischief(self, publish: Publish, held: deque[bytes]) -> Iterator[bytes]:
        self._last = what = self._rng.choice(
            ["passed", "passed", "dropped", "delayed", "replayed", "swapped", "flipped", "released"]
        )
        self.done[what] += 1
        match what:
            case "dropped":
                return
            case "delayed":
                held.append(publish.packet())
                return
            case "released":  # the newest first
                yield publish.packet()
                while held:
                    yield held.pop()
                return
            case "replayed":
                old = self._rng.choice(self._heard)
                yield old.again()
            case "swapped":  # another's payload on this topic
                yield publish.again(payload=self._rng.choice(self._heard).payload)
            case "flipped":
                at = self._rng.randrange(len(publish.payload))
                flipped = bytearray(publish.payload)
                flipped[at] ^= 1 << self._rng.randrange(8)
                yield publish.again(payload=bytes(flipped))
        yield publish.packet()
