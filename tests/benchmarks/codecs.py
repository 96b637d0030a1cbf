"""What devices send, decoded: how many a second, beside how many their line can bring.

The bytes come in pieces of 64, as a USB adapter gives them. A card is decoded from its frame to its identity, a press
from its frame to its numbers, a zone from its lines to its identity.
"""

import gc
import struct
import time
from collections.abc import Callable
from datetime import date
from statistics import median

from drivers import card_frames, card_text, mrz, mrz_identity
from drivers.firmware import frames
from drivers.simulators import cards

SECONDS = 6.0
AIM = 100
REPEATS = 5
PIECE = 64
BITS_PER_BYTE = 10
TODAY = date(2026, 1, 1)
ZONE = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
"""The specimen of ICAO Doc 9303-4."""


def card_reads() -> tuple[Callable[[], int], float]:
    """Return what decodes a stretch of line and counts what was in it, and how many a second 115,200 baud bring."""
    photo = bytes(range(256)) * 4
    answers = [
        card_frames.frame(b"\x00\x00\x90" + struct.pack(">HH", 256, len(photo)) + card.text + photo)
        for card in cards.load(cards.PEOPLE).values()
    ]
    pieces = in_pieces(b"".join(answers))
    decoder = card_frames.Decoder()

    def decode() -> int:
        count = 0
        for piece in pieces:
            for payload in decoder.feed(piece):
                text = card_frames.card_text(card_frames.answer(payload).data)
                assert text is not None
                assert card_text.decode(text).fields["number"]
                count += 1
        return count

    return decode, per_second(len(answers[0]), baud=115_200)


def presses() -> tuple[Callable[[], int], float]:
    sent = [frames.encode(frames.Press(7, number, 1, 20, False), number % 256) for number in range(1, 101)]
    pieces = in_pieces(b"".join(sent))
    decoder = frames.Decoder()

    def decode() -> int:
        return sum(
            isinstance(frames.decode(payload), frames.Press) for piece in pieces for payload in decoder.feed(piece)
        )

    return decode, per_second(len(sent[0]), baud=115_200)


def zones() -> tuple[Callable[[], int], float]:
    def decode() -> int:
        return sum(
            mrz_identity.identity(mrz.parse(ZONE, today=TODAY)).fields["number"] == "L898902C3" for _ in range(100)
        )

    return decode, per_second(len("\r".join(ZONE)) + 1, baud=9_600)


CODECS = {"card reads": card_reads, "panel presses": presses, "machine readable zones": zones}


def in_pieces(data: bytes) -> list[bytes]:
    return [data[at : at + PIECE] for at in range(0, len(data), PIECE)]


def per_second(size: int, *, baud: int) -> float:
    return baud / BITS_PER_BYTE / size


def measured(decode: Callable[[], int], seconds: float) -> float:
    """Return the median of some rates."""
    rates = []
    for _ in range(REPEATS):
        gc.collect()
        count, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds / REPEATS:
            count += decode()
        rates.append(count / passed)
    return median(rates)


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure for about `seconds`; one row for each codec."""
    result: list[dict[str, object]] = []
    for name, codec in CODECS.items():
        decode, line = codec()
        assert decode()
        ours = measured(decode, seconds / len(CODECS))
        result.append(
            {
                "name": f"codecs, {name}",
                "value": round(ours),
                "unit": "a second",
                "baseline": round(line, 1),
                "ratio": round(ours / line),
                "aim": AIM,
                "met": ours / line >= AIM,
            }
        )
    return result
