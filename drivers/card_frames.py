"""The frames of a resident-card reader: the SDT/SAM serial protocol of GA 450 and GA/T 467, bytes <-> payloads.

A frame is AA AA AA 96 69, two length bytes (big-endian, counting what follows them), the payload and X, the XOR of the
length bytes and the payload. A request's payload is command, parameter, data; an answer's is SW1, SW2, SW3, data.
An answer does not say which request it answers: whoever asks has to keep count (`card_line`).
"""

import operator
import struct
from dataclasses import dataclass, field
from itertools import accumulate

PREAMBLE = b"\xaa\xaa\xaa\x96\x69"
LONGEST = 7 + 0x090A
"""Bytes of the longest legal frame: text, photo and two fingerprints."""

_HEAD = len(PREAMBLE) + 2
_SHORTEST_REQUEST = 3
_SHORTEST_ANSWER = 4

RESET = b"\x10\xff"
SAM_STATUS = b"\x11\xff"
SAM_ID = b"\x12\xff"
FIND = b"\x20\x01"
SELECT = b"\x20\x02"
READ = b"\x30\x01"
"""Read text and photo; 30 10, which adds fingerprints, is never asked."""

DONE = 0x90
FOUND = 0x9F
BAD_CHECKSUM = 0x10
BAD_LENGTH = 0x11
BAD_COMMAND = 0x21
READ_FAILED = 0x41
SELF_TEST_FAILED = 0x60
NOT_AUTHORISED = 0x66
FIND_FAILED = 0x80
SELECT_FAILED = 0x81

TEXT_BYTES = 256
PHOTO_BYTES = 1024
_LENGTH_WORDS = 4
_SAM_ID_BYTES = 16

# How many bytes the one good answer to each request brings; that to READ says it itself.
_GOOD_ANSWERS = {
    SAM_STATUS: (DONE, 0),
    SAM_ID: (DONE, _SAM_ID_BYTES),
    FIND: (FOUND, 4),
    SELECT: (DONE, 8),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's SW3, which is the reader's own status, and its data, which may be personal and is never shown."""

    status: int
    data: bytes = field(repr=False)

    @property
    def refusal(self) -> bool:
        """Whether this is a bare status other than the two good ones; any request may get one."""
        return self.status not in (DONE, FOUND) and not self.data

    def fits(self, request: bytes) -> bool:
        """Tell whether this is the good answer to `request`, by status and number of bytes."""
        if request == READ:
            return self.status == DONE and card_text(self.data) is not None
        return (self.status, len(self.data)) == _GOOD_ANSWERS[request]


def frame(payload: bytes) -> bytes:
    """Return a payload, of a request or of an answer, as it goes on the line."""
    counted = struct.pack(">H", len(payload) + 1) + payload
    return PREAMBLE + counted + bytes([_xor(counted)])


def answer(payload: bytes) -> Answer:
    """Return what a payload from the reader says. SW1 and SW2, the card's own words, explain a refusal no better."""
    return Answer(payload[2], payload[3:])


def card_text(data: bytes) -> bytes | None:
    """Return the card's 256 bytes of text out of a READ answer's data, or None when the lengths in it do not agree.

    The photo that follows the text is looked at by nobody.
    """
    if len(data) < _LENGTH_WORDS:
        return None
    text_bytes, photo_bytes = struct.unpack(">HH", data[:_LENGTH_WORDS])
    if text_bytes != TEXT_BYTES or _LENGTH_WORDS + text_bytes + photo_bytes != len(data):
        return None
    return data[_LENGTH_WORDS : _LENGTH_WORDS + TEXT_BYTES]


def printed_sam_id(data: bytes) -> str:
    """Return a SAM's id as it is printed on readers: `05.01-20120411-0002011994-1234567890`."""
    kind, version, date, number, check = struct.unpack("<HHIII", data)
    return f"{kind:02}.{version:02}-{date:08}-{number:010}-{check:010}"


class Decoder:
    """Finds the good frames in a stream of bytes, however it is cut; holds less than two frames and no clock.

    Every place where a frame might begin is tried, inside of what looked like another one too: a line that drops bytes
    costs the frame that lost them and seldom the next. `bad` counts places that looked like a frame with a wrong X,
    `noise` the bytes that belonged to no good frame.
    """

    def __init__(self, *, requests: bool = False) -> None:
        self.bad = self.noise = 0
        self._shortest = _SHORTEST_REQUEST if requests else _SHORTEST_ANSWER
        self._buffer = bytearray()
        self._sums = bytearray()  # the XOR of the buffer up to and with each byte: any stretch is checked at once
        self._starts: list[int] = []  # where a frame may begin that is not complete yet
        self._searched = 0

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun and its end has not come."""
        return bool(self._starts)

    def reset(self) -> None:
        """Forget what has begun: nothing that comes later shall complete it."""
        self._cut(len(self._buffer))

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes from the line; return the payloads of the frames they completed."""
        return [payload for at in range(0, len(data), LONGEST) for payload in self._take(data[at : at + LONGEST])]

    def _take(self, piece: bytes) -> list[bytes]:
        before = self._sums[-1] if self._sums else 0
        self._buffer += piece
        self._sums += bytes(accumulate(piece, operator.xor, initial=before))[1:]
        payloads = []
        while (payload := self._next()) is not None:
            payloads.append(payload)
        keep_from = self._starts[0] if self._starts else max(0, len(self._buffer) - len(PREAMBLE) + 1)
        self._cut(keep_from)
        return payloads

    def _next(self) -> bytes | None:
        """Return the payload of the good frame that ends first, and forget everything up to its end.

        A long frame with a whole good one inside is the accident of the two: X fits by chance once in 256 times, a
        preamble hardly ever.
        """
        while (at := self._buffer.find(PREAMBLE, self._searched)) >= 0:
            self._starts.append(at)
            self._searched = at + len(PREAMBLE)
        self._searched = max(self._searched, len(self._buffer) - len(PREAMBLE) + 1)
        incomplete, good = [], []
        for start in self._starts:
            end = self._end(start)
            if end is None or end > len(self._buffer):
                incomplete.append(start)
            elif end and self._sums[end - 1] == self._sums[start + len(PREAMBLE) - 1]:
                good.append((end, start))
            else:
                self.bad += 1
        self._starts = sorted([*incomplete, *(start for _, start in good)])
        if not good:
            return None
        end, start = min(good)
        payload = bytes(self._buffer[start + _HEAD : end - 1])
        self._cut(end)
        self.noise -= end - start
        return payload

    def _end(self, start: int) -> int | None:
        """Return where the frame ends that begins at `start`: None while unknown, 0 when its length is not legal."""
        head = self._buffer[start + len(PREAMBLE) : start + _HEAD]
        if len(head) < _HEAD - len(PREAMBLE):
            return None
        length = int.from_bytes(head)
        return start + _HEAD + length if self._shortest <= length <= LONGEST - _HEAD else 0

    def _cut(self, until: int) -> None:
        del self._buffer[:until]
        del self._sums[:until]
        self.noise += until
        self._starts = [start - until for start in self._starts if start >= until]
        self._searched = max(0, self._searched - until)


def _xor(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
