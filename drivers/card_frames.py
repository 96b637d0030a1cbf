"""The frames of a resident-card reader: the SDT/SAM serial protocol of GA 450 and GA/T 467, bytes <-> payloads.

A frame is AA AA AA 96 69, two length bytes (big-endian, counting what follows them), the payload and X, the XOR of the
length bytes and the payload. A request's payload is command, parameter, data; an answer's is SW1, SW2, SW3, data.
An answer does not say which request it answers: whoever asks has to keep count (`card_line`).
"""

import operator
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

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
READ_WITH_FINGERPRINTS = b"\x30\x10"
"""Never asked; known so that a capture can be told."""
NEWEST_ADDRESS = b"\x30\x03"
MANAGEMENT_NUMBER = b"\x30\x05"
LARGEST_RF_FRAME = b"\x61\xff"
"""With one byte more, 24 to 255."""
SPEEDS: Mapping[int, bytes] = {
    115200: b"\x60\x00",
    57600: b"\x60\x01",
    38400: b"\x60\x02",
    19200: b"\x60\x03",
    9600: b"\x60\x04",
}
"""The request that sets each speed of the line, in baud."""

COMMANDS: Mapping[bytes, str] = {
    RESET: "reset",
    SAM_STATUS: "status",
    SAM_ID: "sam_id",
    FIND: "find",
    SELECT: "select",
    READ: "read",
    READ_WITH_FINGERPRINTS: "read_with_fingerprints",
    NEWEST_ADDRESS: "newest_address",
    MANAGEMENT_NUMBER: "management_number",
    LARGEST_RF_FRAME: "largest_rf_frame",
    **{request: f"speed_{baud}" for baud, request in SPEEDS.items()},
}
"""What each request is called, by its first two bytes."""

DONE = 0x90
FOUND = 0x9F
NO_SUCH_ITEM = 0x91
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
ADDRESS_BYTES = 70
"""Of one appended address; a card holds up to four (GA/T 490)."""
_MOST_ADDRESSES = 4
_LENGTH_WORD = 2
_SAM_ID_BYTES = 16
_MANAGEMENT_BYTES = 28

# How many bytes the one good answer to each request brings; those to READ and NEWEST_ADDRESS differ in length.
_GOOD_ANSWERS: Mapping[bytes, tuple[int, int]] = {
    RESET: (DONE, 0),
    SAM_STATUS: (DONE, 0),
    SAM_ID: (DONE, _SAM_ID_BYTES),
    FIND: (FOUND, 4),
    SELECT: (DONE, 8),
    MANAGEMENT_NUMBER: (DONE, _MANAGEMENT_BYTES),
    LARGEST_RF_FRAME: (DONE, 0),
    **dict.fromkeys(SPEEDS.values(), (DONE, 0)),
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
        if request == NEWEST_ADDRESS:
            addresses, rest = divmod(len(self.data), ADDRESS_BYTES)
            return self.status == DONE and 1 <= addresses <= _MOST_ADDRESSES and not rest
        return (self.status, len(self.data)) == _GOOD_ANSWERS[request]


def frame(payload: bytes) -> bytes:
    """Return a payload, of a request or of an answer, as it goes on the line."""
    counted = struct.pack(">H", len(payload) + 1) + payload
    return PREAMBLE + counted + bytes([_xor(counted)])


def answer(payload: bytes) -> Answer:
    """Return what a payload from the reader says. SW1 and SW2, the card's own words, explain a refusal no better."""
    return Answer(payload[2], payload[3:])


def blocks(data: bytes, number: int) -> tuple[bytes, ...] | None:
    """Return the `number` blocks of a read answer's data, whose lengths stand before them, or None when they disagree.

    Two for READ: text and photo; three for READ_WITH_FINGERPRINTS. The text has 256 bytes, or it is none.
    """
    at = number * _LENGTH_WORD
    if len(data) < at:
        return None
    lengths = struct.unpack_from(f">{number}H", data)
    if lengths[0] != TEXT_BYTES or at + sum(lengths) != len(data):
        return None
    ends = list(accumulate(lengths, initial=at))
    return tuple(data[start:end] for start, end in pairwise(ends))


def card_text(data: bytes) -> bytes | None:
    """Return the card's 256 bytes of text out of a READ answer's data, or None when the lengths in it do not agree.

    The photo that follows the text is looked at by nobody.
    """
    found = blocks(data, 2)
    return None if found is None else found[0]


def printed_sam_id(data: bytes) -> str:
    """Return a SAM's id as it is printed on readers: `05.01-20120411-0002011994-1234567890`."""
    kind, version, date, number, check = struct.unpack("<HHIII", data)
    return f"{kind:02}.{version:02}-{date:08}-{number:010}-{check:010}"


Verdict: TypeAlias = Literal["good", "checksum", "length"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A place in the stream that looked like a frame: its first byte and the one behind it, counted from the start.

    checksum: a wrong X. length: not legal, or a whole good frame came before its end. `payload` of a good one only.
    """

    start: int
    end: int
    verdict: Verdict
    payload: bytes = field(default=b"", repr=False)


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
        self._forgotten = 0  # bytes before the buffer

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun and its end has not come."""
        return bool(self._starts)

    @property
    def settled(self) -> int:
        """How many bytes from the start of the stream on can hold no frame but those that were told."""
        return self._forgotten

    def reset(self) -> list[Passage]:
        """Forget what has begun, and return it: nothing that comes later shall complete it."""
        begun = [self._passage(start, len(self._buffer), "length") for start in self._starts]
        self._cut(len(self._buffer))
        return begun

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes from the line; return the payloads of the frames they completed."""
        return [passage.payload for passage in self.search(data) if passage.verdict == "good"]

    def search(self, data: bytes) -> list[Passage]:
        """Take bytes from the line; return every place that is now known to be a frame or to be none."""
        return [passage for at in range(0, len(data), LONGEST) for passage in self._take(data[at : at + LONGEST])]

    def _take(self, piece: bytes) -> list[Passage]:
        before = self._sums[-1] if self._sums else 0
        self._buffer += piece
        self._sums += bytes(accumulate(piece, operator.xor, initial=before))[1:]
        passages: list[Passage] = []
        while self._next(passages):
            pass
        keep_from = self._starts[0] if self._starts else max(0, len(self._buffer) - len(PREAMBLE) + 1)
        self._cut(keep_from)
        return passages

    def _next(self, passages: list[Passage]) -> bool:
        """Take the good frame that ends first, forget everything up to its end; False when there is none.

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
                passages.append(self._passage(start, end or start + _HEAD, "checksum" if end else "length"))
        self._starts = sorted([*incomplete, *(start for _, start in good)])
        if not good:
            return False
        end, start = min(good)
        passages += [self._passage(begun, start, "length") for begun in self._starts if begun < start]
        passages.append(self._passage(start, end, "good", bytes(self._buffer[start + _HEAD : end - 1])))
        self._cut(end)
        self.noise -= end - start
        return True

    def _passage(self, start: int, end: int, verdict: Verdict, payload: bytes = b"") -> Passage:
        return Passage(self._forgotten + start, self._forgotten + end, verdict, payload)

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
        self._forgotten += until
        self._starts = [start - until for start in self._starts if start >= until]
        self._searched = max(0, self._searched - until)


def _xor(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
