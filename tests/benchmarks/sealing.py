"""What it costs to seal a record's fields and to open them, beside bare AES-256-GCM of the same bytes.

A shift key is wrapped and unwrapped beside the same HPKE of X25519 alone, which is what the hybrid adds ML-KEM-768 to.
What unsealing adds at headquarters, the audit's commit and the search for the event, is not measured here. The bare
way keeps its cipher, and draws a nonce as ours does. A batch's row is 22 times an event's.
"""

import json
import os
import random

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.entry import Envelope
from common.clock import Clock
from common.events.records import RecordOpened
from sync.sealing import SealingKey, ShiftKey, new_sealing_key
from sync.signed import Writer
from sync.signing import SigningKey
from tests.benchmarks import backlog
from tests.benchmarks.side_by_side import row, side_by_side
from tests.benchmarks.signing import STATION, header

SECONDS = 8.0
BATCH = 64
SEALED = 22
"""A batch's events that carry a box: of each record's three, the first."""
BARE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def fields(seconds: float) -> list[dict[str, object]]:
    """Return rows for one event's fields, and for a batch's."""
    secret, event = os.urandom(32), backlog.new_id()
    key, cipher, about = ShiftKey("kid", secret), AESGCM(secret), event.encode()
    plain = json.dumps(backlog.PERSON, separators=(",", ":"), ensure_ascii=False).encode()
    sealed, nonce = key.seal(event, backlog.PERSON), os.urandom(12)
    box = cipher.encrypt(nonce, plain, about)
    assert key.open(event, sealed) == backlog.PERSON == json.loads(cipher.decrypt(nonce, box, about))

    def seal():
        # A key seals 2^19 boxes and then no more; a bench that went on would measure the refusal.
        key._boxes = 0
        return key.seal(event, backlog.PERSON)

    def bare_seal():
        fresh = os.urandom(12)
        return fresh + cipher.encrypt(fresh, plain, about)

    ours, bare = side_by_side(seal, bare_seal, seconds / 2)
    opened = side_by_side(lambda: key.open(event, sealed), lambda: cipher.decrypt(nonce, box, about), seconds / 2)
    return [
        row("sealing, an event's fields", ours, bare),
        row(f"sealing, a batch of {BATCH} with {SEALED} boxes", ours * SEALED, bare * SEALED),
        row("sealing, an event's fields opened", *opened),
    ]


def shift_keys(seconds: float) -> list[dict[str, object]]:
    """Return rows for a shift key that is issued, and one that headquarters unwraps to open an event."""
    own, plain_own = SealingKey(new_sealing_key()[0]), X25519PrivateKey.generate()
    to, plain_to = own.public, plain_own.public_key()
    key, event, info = ShiftKey.new(backlog.new_id()), backlog.new_id(), b"jingting shift key 1"
    sealed, kem = key.seal(event, backlog.PERSON), key.wrap(to, STATION)
    enc = BARE.encrypt(os.urandom(32), plain_to, info=info)
    assert own.unwrap(STATION, key.kid, kem).open(event, sealed) == backlog.PERSON
    return [
        row(
            "sealing, a shift key issued",
            *side_by_side(
                lambda: ShiftKey.new(key.kid).wrap(to, STATION),
                lambda: BARE.encrypt(os.urandom(32), plain_to, info=info),
                seconds / 2,
            ),
        ),
        row(
            "sealing, an event unsealed by headquarters' key",
            *side_by_side(
                lambda: own.unwrap(STATION, key.kid, kem).open(event, sealed),
                lambda: BARE.decrypt(enc, plain_own, info=info),
                seconds / 2,
            ),
        ),
    ]


def on_the_wire() -> dict[str, object]:
    """Return a row for a batch's bytes: boxes are random, and do not compress. Beside them, the fields in the clear."""
    envelope, key = Envelope(f"/stations/{STATION}", Clock()), ShiftKey.new(backlog.new_id())
    writer = Writer(SigningKey(os.urandom(32)))
    draw = random.Random(1)  # the same people each time
    lines: list[bytes] = []
    clear: list[bytes] = []
    for number in range(SEALED):
        for payload, event in backlog.a_record(key, number):
            line = envelope.entry(payload, event).line
            lines.append(line)
            data = json.loads(line)
            if isinstance(payload, RecordOpened):
                data["data"]["sealed"] = _somebody(draw)
            clear.append(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())
    sizes = [len(writer.write(header(some), some)) for some in (lines[:BATCH], clear[:BATCH])]
    return row(f"sealing, a batch of {BATCH} on the wire", *sizes, unit="B")


def _somebody(draw: random.Random) -> dict[str, str]:
    """Return somebody as unlike the others as people are; no region has the number's."""
    name = "".join(chr(draw.randrange(0x4E00, 0x9FA5)) for _ in range(3))
    digits = "".join(str(draw.randrange(10)) for _ in range(20))
    return {"name": name, "sex": draw.choice("男女"), "number": f"999999{digits[:12]}", "phone": f"138{digits[12:]}"}


def rows(seconds: float) -> list[dict[str, object]]:
    """Measure for about `seconds`."""
    return [*fields(seconds / 2), *shift_keys(seconds / 2), on_the_wire()]
