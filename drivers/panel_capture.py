"""A captured panel line, told to a technician: bytes of either direction -> what they say, in the order of the stream.

Pure, and bounded: what has been told is forgotten.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from drivers.firmware import frames

Told: TypeAlias = dict[str, Any]
"""One frame, `{"frame": "press", …}`, or a run between two zeros that was none, `{"problem": "noise", "bytes": n}`."""

_ZERO = b"\x00"


def told(stream: Iterable[bytes]) -> Iterator[Told]:
    """Tell of a stream that comes in pieces cut anywhere; what is left open at its end is noise."""
    decoder = frames.Decoder()
    for piece in stream:
        for at, run in enumerate(piece.split(_ZERO)):
            yield from _told(decoder, _ZERO + run if at else run)
    yield from _told(decoder, _ZERO)


def _told(decoder: frames.Decoder, run: bytes) -> Iterator[Told]:
    noise = decoder.noise
    payloads = decoder.feed(run)
    if decoder.noise > noise:
        yield {"problem": "noise", "bytes": decoder.noise - noise}
    for payload in payloads:
        message = frames.decode(payload)
        if message is None:
            yield {"frame": "unknown", "bytes": len(payload)}
        else:
            yield {"frame": _called(message), "sequence": payload[1], **message._asdict()}


def _called(message: object) -> str:
    """Return a message's name as `docs/panel-line.md` has it, in small letters: press_ack."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in type(message).__name__)[1:].lower()
