"""The process that plays a card reader on a pty: its line, the ways it misbehaves, the commands on stdin, its log.

Neither the log nor any answer tells more of a card than its name, `card-3`.
"""

import json
import os
import random
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drivers import card_frames
from drivers.simulators.card_reader import NAMES, PlayedReader
from drivers.simulators.cards import PlayedCard
from drivers.simulators.console import Console
from drivers.simulators.pty_line import PtyLine

_MS = 1_000_000
_MAX_NOISE = 1_000_000
_CHUNK = 4096
_REQUESTS = {name: request for request, name in NAMES.items() if request not in card_frames.SPEEDS.values()}
# Where data begins in an answer: preamble, length, SW1 SW2 SW3; that to READ has two length words before the text.
_DATA_AT = 5 + 2 + 3
_TEXT_AT = _DATA_AT + 4


class Misuse(Exception):
    """A command that cannot be obeyed; the words say why."""


class CardReaderPlayer:
    """Plays one reader with `cards`, by their names, until it is told to quit; `seed` makes its noise."""

    def __init__(self, line: PtyLine, cards: Mapping[str, PlayedCard], log: Path, *, seed: int) -> None:
        self._line = line
        self._cards = cards
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._rng = random.Random(seed)  # noqa: S311 - played noise, no secrets
        self._reader = PlayedReader()
        self._decoder = card_frames.Decoder(requests=True)
        self._console = Console()
        self._late_ns = 0
        self._outgoing: deque[tuple[int, bytes, int]] = deque()
        self._noise = 0
        self._answers = 0
        self._tricks: dict[int, Callable[[bytes], bytes]] = {}
        self._before = b""
        self._playing = True
        self._commands: dict[str, Callable[[list[str]], dict[str, Any]]] = {
            "put": self._put,
            "lift": self._lift,
            "swap": self._swap,
            "noise": self._make_noise,
            "late": self._be_late,
            "short": lambda words: self._trick(words, lambda frame: frame[: len(frame) // 2]),
            "garble": lambda words: self._trick(words, self._garbled),
            "twist": lambda words: self._trick(words, self._twisted),
            "double": lambda words: self._trick(words, lambda frame: frame * 2),
            "stale": lambda words: self._trick(words, lambda _: self._before),
            "mute": lambda words: self._trick(words, lambda _: b""),
            "unplug": self._unplug,
            "replug": self._replug,
            "speed": self._be_of_speed,
            "status": self._status,
            "quit": self._quit,
        }

    def play(self) -> None:
        """Play until `quit`, SIGTERM, SIGINT, or the end of a pipe on stdin. Raises OSError when the log fails."""
        wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._line.plug()
        self._console.answer({"event": "ready", "cards": list(self._cards)})
        while self._playing and not self._console.over:
            for fd in self._wait(wake):
                if fd == wake:
                    self._playing = False
                elif fd == Console.fd:
                    for words in self._console.commands():
                        self._obey(words)
                elif fd == self._line.master:
                    self._hear(self._line.read())
            self._send()
        if self._line.master >= 0:
            self._line.unplug()

    def _wait(self, wake: int) -> list[int]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._console.open:
            poll.register(Console.fd, select.POLLIN)
        if self._line.master >= 0:
            poll.register(self._line.master, select.POLLIN | (select.POLLOUT if self._noise else 0))
        due_ns = self._outgoing[0][0] - _now_ns() if self._outgoing else None
        return [fd for fd, _ in poll.poll(None if due_ns is None else max(0, -(-due_ns // _MS)))]

    def _hear(self, data: bytes) -> None:
        if self._line.baud != self._reader.baud:
            return  # to the reader it is no byte at all
        bad = self._decoder.bad
        for payload in self._decoder.feed(data):
            baud = self._reader.baud
            answer = self._reader.answer(payload)
            status = card_frames.answer(answer).status
            self._note(NAMES.get(payload[:2], "unknown"), status=f"{status:02X}")
            self._give(card_frames.frame(answer), baud)
        if self._decoder.bad > bad:
            self._give(card_frames.frame(bytes([0, 0, card_frames.BAD_CHECKSUM])), self._reader.baud)

    def _give(self, frame: bytes, baud: int) -> None:
        """Send an answer after those before it, at the speed at which it was asked, as the tricks have it."""
        self._answers += 1
        trick = self._tricks.pop(self._answers, None)
        played = trick(frame) if trick else frame
        self._before = frame
        if self._line.master >= 0:
            self._outgoing.append((_now_ns() + self._late_ns, played, baud))

    def _send(self) -> None:
        if self._line.master < 0:
            return
        while self._outgoing and self._outgoing[0][0] <= _now_ns():
            _, frame, baud = self._outgoing.popleft()
            # Read at another speed, a frame is about as many bytes of anything.
            self._line.send(frame if self._line.baud == baud else self._rng.randbytes(len(frame)))
        if self._noise:
            self._noise -= self._line.send(self._rng.randbytes(min(self._noise, _CHUNK)))

    def _obey(self, words: list[str]) -> None:
        command = self._commands.get(words[0] if words else "", self._not_understood)
        try:
            self._console.answer(command(words[1:]))
        except Misuse as error:
            self._console.answer({"error": str(error)})

    def _not_understood(self, _: list[str]) -> dict[str, Any]:
        raise Misuse(f"there are: {', '.join(self._commands)}")

    def _put(self, words: list[str]) -> dict[str, Any]:
        self._reader.put(*self._card(words))
        return self._note("put")

    def _lift(self, _: list[str]) -> dict[str, Any]:
        told = self._note("lift")
        self._reader.lift()
        return told

    def _swap(self, words: list[str]) -> dict[str, Any]:
        """Swap the card after the next select, or after the request that is named."""
        card, played = self._card(words)
        after = words[1] if len(words) > 1 else "select"
        if after not in _REQUESTS:
            raise Misuse(f"swap after what? there are: {', '.join(_REQUESTS)}")
        self._reader.swap_after(_REQUESTS[after], card, played)
        return {"event": "swap", "card": card, "after": after}

    def _make_noise(self, words: list[str]) -> dict[str, Any]:
        self._noise = min(_number(words, 100), _MAX_NOISE)
        return {"event": "noise", "bytes": self._noise}

    def _be_late(self, words: list[str]) -> dict[str, Any]:
        late_ms = _number(words, 0)
        self._late_ns = late_ms * _MS
        return {"event": "late", "ms": late_ms}

    def _be_of_speed(self, words: list[str]) -> dict[str, Any]:
        """Have been set to another speed by whoever used the reader before."""
        baud = _number(words, 0)
        if baud not in card_frames.SPEEDS:
            raise Misuse(f"a speed is one of {', '.join(map(str, card_frames.SPEEDS))}")
        self._reader.baud = baud
        return {"event": "speed", "baud": baud}

    def _trick(self, words: list[str], trick: Callable[[bytes], bytes]) -> dict[str, Any]:
        """Play a trick with the next answer, or with the one that is counted from here."""
        at = _number(words, 1)
        self._tricks[self._answers + at] = trick
        return {"event": "trick", "answer": at}

    def _garbled(self, frame: bytes) -> bytes:
        """Drop a byte and bring in another, somewhere."""
        drop, insert = self._rng.randrange(len(frame)), self._rng.randrange(len(frame))
        kept = frame[:drop] + frame[drop + 1 :]
        return kept[:insert] + self._rng.randbytes(1) + kept[insert:]

    def _twisted(self, frame: bytes) -> bytes:
        """Let two characters of a card's text or address change places, which the frame's XOR does not see."""
        if len(frame) >= _TEXT_AT + card_frames.TEXT_BYTES:
            at, end = _TEXT_AT, _TEXT_AT + card_frames.TEXT_BYTES
        elif len(frame) == _DATA_AT + card_frames.ADDRESS_BYTES + 1:
            at, end = _DATA_AT, _DATA_AT + card_frames.ADDRESS_BYTES
        else:
            return frame
        units = [frame[place : place + 2] for place in range(at, end, 2)]
        one = self._rng.randrange(len(units))
        other = self._rng.choice([place for place, unit in enumerate(units) if unit != units[one]])
        units[one], units[other] = units[other], units[one]
        return frame[:at] + b"".join(units) + frame[end:]

    def _unplug(self, words: list[str]) -> dict[str, Any]:
        """Tear the cable out now, or in the middle of the answer that is counted from here."""
        if words:
            return self._trick(words, self._torn)
        self._tear()
        return {"event": "unplugged"}

    def _torn(self, frame: bytes) -> bytes:
        self._line.send(frame[: self._rng.randrange(len(frame))])
        self._tear()
        return b""

    def _tear(self) -> None:
        if self._line.master >= 0:
            self._line.unplug()
            self._outgoing.clear()
            self._note("unplugged")

    def _replug(self, _: list[str]) -> dict[str, Any]:
        if self._line.master < 0:
            self._decoder.reset()
            self._line.plug()
            self._note("replugged")
        return {"event": "replugged"}

    def _status(self, _: list[str]) -> dict[str, Any]:
        return {
            "event": "status",
            "card": self._reader.card,
            "plugged": self._line.master >= 0,
            "baud": self._reader.baud,
            "answers": self._answers,
            "requests_bad": self._decoder.bad,
        }

    def _quit(self, _: list[str]) -> dict[str, Any]:
        self._playing = False
        return {"event": "quit"}

    def _card(self, words: list[str]) -> tuple[str, PlayedCard]:
        card = words[0] if words else ""
        if card not in self._cards:
            raise Misuse(f"there is no {card!r}; there are: {', '.join(self._cards)}")
        return card, self._cards[card]

    def _note(self, event: str, **more: str) -> dict[str, Any]:
        """Log one event with the card that lies there, and return it."""
        told = {"event": event, "card": self._reader.card} | more
        entry = {"at": time.time_ns(), "mono_ns": _now_ns()} | told
        os.write(self._log, json.dumps(entry).encode() + b"\n")
        return told


def _number(words: list[str], default: int) -> int:
    if words and not words[0].isdecimal():
        raise Misuse(f"{words[0]!r} is no number")
    return int(words[0]) if words else default


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
