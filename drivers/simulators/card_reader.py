"""A resident-card reader as a state machine: requests in, answers out; no line, no clock."""

import random
import struct

from drivers import card_frames
from drivers.simulators.cards import PlayedCard

SAM_ID = struct.pack("<HHIII", 5, 1, 20120411, 2011994, 1234567890)
NAMES = {
    card_frames.RESET: "reset",
    card_frames.SAM_STATUS: "status",
    card_frames.SAM_ID: "sam_id",
    card_frames.FIND: "find",
    card_frames.SELECT: "select",
    card_frames.READ: "read",
    card_frames.NEWEST_ADDRESS: "address",
    card_frames.MANAGEMENT_NUMBER: "management_number",
    card_frames.LARGEST_RF_FRAME: "rf_frame",
    **dict.fromkeys(card_frames.SPEEDS.values(), "speed"),
}
"""What the log calls each request; all others are unknown to this reader."""

_OTHER_ANSWERS = {
    card_frames.RESET: (card_frames.DONE, b""),
    card_frames.SAM_STATUS: (card_frames.DONE, b""),
    card_frames.SAM_ID: (card_frames.DONE, SAM_ID),
}
_BAUDS = {request: baud for baud, request in card_frames.SPEEDS.items()}
_RF_FRAMES = range(24, 256)
_MANAGEMENT_BYTES = 28
_FOUND, _SELECTED = 1, 2
_NOBODY = PlayedCard(b"")


class PlayedReader:
    """One reader, and the card that lies on it: find, select, read, and then the same card only after it was lifted.

    Where readers may differ it plays the worst: it does not notice that a selected card was swapped for another.
    `baud` is its speed; whoever has the line has to see to it that another one is not understood.
    """

    def __init__(self) -> None:
        self.card = ""
        self.baud = 115200
        self._played = _NOBODY
        self._stage = 0  # put there or away
        self._read = False
        self._swap: tuple[bytes, str, PlayedCard] | None = None

    def put(self, card: str, played: PlayedCard) -> None:
        """Put a card there, in place of the one that may lie there; a swap that was planned is off."""
        self.card, self._played = card, played
        self._stage, self._read = 0, False
        self._swap = None

    def lift(self) -> None:
        """Take the card away."""
        self.put("", _NOBODY)

    def swap_after(self, request: bytes, card: str, played: PlayedCard) -> None:
        """Swap the card for another right after the next answer to `request` that is no refusal, unnoticed.

        That a card has no newest address counts as none.
        """
        self._swap = (request, card, played)

    def answer(self, payload: bytes) -> bytes:
        """Return the answer's payload to a request's."""
        request = payload[:2]
        status, data = self._answer(request, payload[2:])
        good = status in (card_frames.DONE, card_frames.FOUND, card_frames.NO_SUCH_ITEM)
        if self._swap and self._swap[0] == request and good:
            _, self.card, self._played = self._swap
            self._swap = None
        return bytes([0, 0, status]) + data

    def _answer(self, request: bytes, more: bytes) -> tuple[int, bytes]:
        if request == card_frames.FIND:
            self._stage = _FOUND if self.card and not self._read else 0
            return (card_frames.FOUND, bytes(4)) if self._stage else (card_frames.FIND_FAILED, b"")
        if request == card_frames.SELECT:
            self._stage = _SELECTED if self._stage else 0
            return (card_frames.DONE, bytes(8)) if self._stage else (card_frames.SELECT_FAILED, b"")
        if request in (card_frames.READ, card_frames.NEWEST_ADDRESS, card_frames.MANAGEMENT_NUMBER):
            return self._of_the_card(request) if self._stage == _SELECTED else (card_frames.READ_FAILED, b"")
        if request in _BAUDS and not more:
            self.baud = _BAUDS[request]
            return card_frames.DONE, b""
        if request == card_frames.LARGEST_RF_FRAME:
            return card_frames.DONE if len(more) == 1 and more[0] in _RF_FRAMES else card_frames.BAD_COMMAND, b""
        return _OTHER_ANSWERS.get(request, (card_frames.BAD_COMMAND, b""))

    def _of_the_card(self, request: bytes) -> tuple[int, bytes]:
        if request == card_frames.NEWEST_ADDRESS:
            address = self._played.newest_address
            return (card_frames.DONE, address) if address else (card_frames.NO_SUCH_ITEM, b"")
        chance = random.Random(self._played.text)  # noqa: S311 - nobody's face, no chip's number
        if request == card_frames.MANAGEMENT_NUMBER:
            return card_frames.DONE, chance.randbytes(_MANAGEMENT_BYTES)
        self._read = True
        text, photo = self._played.text, chance.randbytes(card_frames.PHOTO_BYTES)
        return card_frames.DONE, struct.pack(">HH", len(text), len(photo)) + text + photo
