"""A resident-card reader as a state machine: requests in, answers out; no line, no clock."""

import random
import struct

from drivers import card_frames

SAM_ID = struct.pack("<HHIII", 5, 1, 20120411, 2011994, 1234567890)
NAMES = {
    card_frames.RESET: "reset",
    card_frames.SAM_STATUS: "status",
    card_frames.SAM_ID: "sam_id",
    card_frames.FIND: "find",
    card_frames.SELECT: "select",
    card_frames.READ: "read",
}
"""What the log calls each request; all others are unknown to this reader."""

_OTHER_ANSWERS = {
    card_frames.RESET: (card_frames.DONE, b""),
    card_frames.SAM_STATUS: (card_frames.DONE, b""),
    card_frames.SAM_ID: (card_frames.DONE, SAM_ID),
}


class PlayedReader:
    """One reader, and the card that lies on it: find, select, read, and then the same card only after it was lifted.

    Where readers may differ it plays the worst: it does not notice that a selected card was swapped for another.
    """

    def __init__(self) -> None:
        self.card = ""
        self._text = b""
        self._stage = 0  # 0 put there or away, 1 found, 2 selected
        self._read = False
        self._swap: tuple[bytes, str, bytes] | None = None

    def put(self, card: str, text: bytes) -> None:
        """Put a card there, in place of the one that may lie there; a swap that was planned is off."""
        self.card, self._text = card, text
        self._stage, self._read = 0, False
        self._swap = None

    def lift(self) -> None:
        """Take the card away."""
        self.put("", b"")

    def swap_after(self, request: bytes, card: str, text: bytes) -> None:
        """Swap the card for another right after the next good answer to `request`, unnoticed."""
        self._swap = (request, card, text)

    def answer(self, payload: bytes) -> bytes:
        """Return the answer's payload to a request's."""
        request = payload[:2]
        status, data = self._answer(request)
        if self._swap and self._swap[0] == request and data:
            _, self.card, self._text = self._swap
            self._swap = None
        return bytes([0, 0, status]) + data

    def _answer(self, request: bytes) -> tuple[int, bytes]:
        if request == card_frames.FIND:
            self._stage = 1 if self.card and not self._read else 0
            return (card_frames.FOUND, bytes(4)) if self._stage else (card_frames.FIND_FAILED, b"")
        if request == card_frames.SELECT:
            self._stage = 2 if self._stage else 0
            return (card_frames.DONE, bytes(8)) if self._stage else (card_frames.SELECT_FAILED, b"")
        if request == card_frames.READ:
            if self._stage < 2:  # noqa: PLR2004 - selected
                return card_frames.READ_FAILED, b""
            self._read = True
            photo = random.Random(self._text).randbytes(card_frames.PHOTO_BYTES)  # noqa: S311 - nobody's face
            return card_frames.DONE, struct.pack(">HH", len(self._text), len(photo)) + self._text + photo
        return _OTHER_ANSWERS.get(request, (card_frames.BAD_COMMAND, b""))
