"""A captured card-reader line, told to a technician: bytes -> what they say, in the order of the stream.

Pure, and bounded: what has been told is forgotten. What it tells of a card is who it is: nobody logs this.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

from drivers import card_frames, card_status, card_text
from drivers.card_frames import Answer, Passage

Told: TypeAlias = dict[str, Any]
"""One frame, `{"frame": …}`, or a stretch that was none: `{"problem": "checksum", "length" or "noise", "bytes": n}`."""

_LETTERS: Final = {kind: letter for letter, kind in card_text.LETTERS.items()}
_REQUEST_BYTES = 2


def told(stream: Iterable[bytes]) -> Iterator[Told]:
    """Tell of a stream of either direction, or of both, that comes in pieces cut anywhere.

    A frame of the right X whose data fits no answer is a problem, `length`; so is one that is cut short by another's
    beginning. What belongs to no frame is `noise`, each run as one.
    """
    capture = _Capture()
    for piece in stream:
        yield from capture.feed(piece)
    yield from capture.end()


class _Capture:
    """Puts the places that looked like frames in order, and counts what lies between them."""

    def __init__(self) -> None:
        self._decoder = card_frames.Decoder(requests=True)
        self._pending: list[Passage] = []
        self._at = 0  # everything before has been told, or is in the run of noise
        self._noise = 0

    def feed(self, piece: bytes) -> Iterator[Told]:
        for at in range(0, len(piece), card_frames.LONGEST):
            self._pending += self._decoder.search(piece[at : at + card_frames.LONGEST])
            yield from self._settle()

    def end(self) -> Iterator[Told]:
        self._pending += self._decoder.reset()
        yield from self._settle()
        self._skip_to(self._decoder.settled)
        yield from self._told_noise()

    def _settle(self) -> Iterator[Told]:
        """Tell of every passage into which no other one can cut any more."""
        settled = self._decoder.settled
        self._pending.sort(key=lambda passage: (passage.start, passage.end))
        while self._pending and (passage := self._pending[0]).end <= settled:
            del self._pending[0]
            if passage.start < self._at:
                continue  # inside of a good one
            self._skip_to(passage.start)
            following = self._pending[0].start if self._pending else settled
            if passage.verdict == "good":
                item, self._at = described(passage.payload), passage.end
            elif following < passage.end:
                item, self._at = _problem("length", following - passage.start), following
            else:
                item, self._at = _problem(passage.verdict, passage.end - passage.start), passage.end
            yield from self._told_noise()
            yield item
        if not self._pending:
            self._skip_to(settled)

    def _skip_to(self, at: int) -> None:
        if at > self._at:
            self._noise += at - self._at
            self._at = at

    def _told_noise(self) -> Iterator[Told]:
        if self._noise:
            yield _problem("noise", self._noise)
            self._noise = 0


def described(payload: bytes) -> Told:
    """Tell of a frame's payload: a request, or an answer by its size."""
    request = payload[:_REQUEST_BYTES]
    if len(payload) == _REQUEST_BYTES or request == card_frames.LARGEST_RF_FRAME:
        name = card_frames.COMMANDS.get(request, "unknown")
        more = payload[_REQUEST_BYTES:]
        return {"frame": "request", "command": name, "hex": request.hex().upper()} | (
            {"largest": more[0]} if len(more) == 1 else {}
        )
    answer = card_frames.answer(payload)
    meaning = card_status.status(answer.status)
    said = {"status": f"{answer.status:02X}", "meaning": meaning.meaning}
    if meaning.to_do:
        said["to_do"] = meaning.to_do
    if not answer.data:
        return {"frame": "status"} | said
    for name, request, tell in _ANSWERS:
        if answer.fits(request):
            return {"frame": name} | said | tell(answer.data)
    return _identity(answer) or _problem("length", len(card_frames.frame(payload)))


def _identity(answer: Answer) -> Told | None:
    """Tell of a card's text; of photo and fingerprints nothing but how many bytes they have."""
    if answer.status != card_frames.DONE:
        return None
    found = card_frames.blocks(answer.data, 2) or card_frames.blocks(answer.data, 3)
    if found is None:
        return None
    text, photo, *fingerprints = found
    identity = card_text.spelled(text)
    item: Told = {"frame": "identity", "layout": _LETTERS.get(identity.kind, "resident")}
    item |= identity.fields.items()
    item |= {"doubts": [*identity.doubts], "photo_bytes": len(photo)}
    if fingerprints:
        item["fingerprint_bytes"] = len(fingerprints[0])
    return item


def _problem(what: str, count: int) -> Told:
    return {"problem": what, "bytes": count}


_ANSWERS: Final[tuple[tuple[str, bytes, Callable[[bytes], Told]], ...]] = (
    ("find", card_frames.FIND, lambda _: {}),
    ("select", card_frames.SELECT, lambda data: {"serial": data.hex().upper()}),
    ("sam_id", card_frames.SAM_ID, lambda data: {"sam_id": card_frames.printed_sam_id(data)}),
    ("management_number", card_frames.MANAGEMENT_NUMBER, lambda data: {"management_number": data.hex().upper()}),
    ("newest_address", card_frames.NEWEST_ADDRESS, lambda data: {"address": card_text.appended(data)}),
)
