"""An independent reader of the link, from the rules of `docs/link.md` alone; it imports nothing of the project."""

import base64
import hashlib
import hmac
import io
import json
import re

import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KINDS = {"batch": ("up/urgent", "up/log", "down/urgent", "down/log"), "ack": ("up/ack", "down/ack")}
KINDS |= {"birth": ("state",), "farewell": ("state",)}
TO_STATION = ("up/ack", "down/urgent", "down/log")
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Refused(Exception):
    """What the ack that answers says: first, count, reason, and sha256 or signer where they belong."""


class Ignored(Exception):
    """An unknown version or kind."""


def need(condition):
    if not condition:
        raise ValueError


def b64(text, size):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text and len(data) == size)
    return data


def text64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def strict(data):
    def unique(pairs):
        need(len(dict(pairs)) == len(pairs))
        return dict(pairs)

    def integer(literal):
        need(len(literal) <= 17 and abs(int(literal)) < 2**53)
        return int(literal)

    def levels(value):
        if not isinstance(value, (dict, list)):
            return 0
        return 1 + max(map(levels, value.values() if isinstance(value, dict) else value), default=0)

    value = json.loads(data.decode(), object_pairs_hook=unique, parse_int=integer)
    need(type(value) is dict and levels(value) <= 32)
    json.dumps(value, allow_nan=False)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def unpack(wire, limit):
    need(len(wire) <= 256 * 1024)
    if wire[:1] == b"{":
        plain = wire
    else:
        need(wire[:4] == b"\x28\xb5\x2f\xfd" and not zstandard.get_frame_parameters(wire).dict_id)
        context = zstandard.ZstdDecompressor(max_window_size=4 << 20)
        with context.stream_reader(io.BytesIO(wire)) as stream:
            plain = stream.read(limit + 1)
        if len(plain) <= limit:
            whole = context.decompressobj()
            plain = whole.decompress(wire)
            need(whole.eof and not whole.unused_data)
    need(len(plain) <= limit)
    return plain


def is_count(value, least=1):
    return type(value) is int and value >= least


def read(wire, topic, keys):
    """Return (header, lines, chain values from prev on); keys: id -> raw public key, of the one who may sign."""
    _, _, station, place = topic.split("/", 3)
    header = {}

    def refused(reason, **more):
        first, count = (n if is_count(n) else 0 for n in (header.get("first"), header.get("count")))
        return Refused({"first": first, "count": count, "reason": reason, **more})

    try:
        plain = unpack(wire, (256 << 10) if place in TO_STATION else 4 << 20)
        text, *rest = plain.split(b"\n")
        need(len(text) <= 4096)
        parsed = strict(text)
    except (ValueError, RecursionError, zstandard.ZstdError):
        raise refused("malformed") from None
    if type(parsed.get("v")) is not int or parsed["v"] != 1 or str(parsed.get("kind")) not in KINDS:
        raise Ignored
    header = parsed
    try:
        need(place in KINDS[header["kind"]] and header["station"] == station)
        signer = b64(header["signer"], 16)
    except (KeyError, TypeError, ValueError):
        raise refused("malformed") from None
    if signer not in keys:
        raise refused("unknown-key", signer=header["signer"])
    try:
        signature = b64(rest[0].decode("ascii"), 64)
        Ed25519PublicKey.from_public_bytes(keys[signer]).verify(signature, b"jingting/1\n" + text)
    except (IndexError, ValueError, InvalidSignature):
        raise refused("signature") from None
    lines = rest[1:-1] if not rest[-1] and len(rest) > 1 else rest[1:]
    if header["kind"] != "batch":
        if lines:
            raise refused("malformed")
        return header, [], []
    try:
        first, count, oldest = header["first"], header["count"], header["oldest"]
        prev, chain = b64(header["prev"], 32), b64(header["chain"], 32)
        need(is_count(first) and is_count(count) and is_count(oldest) and oldest <= first and len(lines) == count)
        need(count <= (1 if place.endswith("urgent") else 1024) and UUID.fullmatch(header["journal"]))
    except (KeyError, TypeError, ValueError):
        raise refused("malformed") from None
    chains = [prev]
    for line in lines:
        try:
            event = strict(line)
            need(all(type(event[key]) is str and event[key] for key in ("id", "source", "type")))
            need(event["specversion"] == "1.0" and len(line) <= (48 if event["type"] == "rescued" else 32) * 1024)
        except (KeyError, ValueError, RecursionError):
            lone = {"sha256": text64(hashlib.sha256(line).digest())} if count == 1 else {}
            raise refused("malformed", **lone) from None
        chains.append(hashlib.sha256(chains[-1] + line).digest())
    if chains[-1] != chain:
        raise refused("chain")
    return header, lines, chains


def settle(journal, header, lines, chains):
    """Take a batch into `journal`, {number: (line, chain)}; return stored, held or fork."""
    first, after = header["first"], header["first"] + len(lines)
    start = hashlib.sha256(b"jingting/1" + bytes.fromhex(header["journal"].replace("-", ""))).digest()
    before = {number: chain for number, (_, chain) in journal.items()} | {0: start}
    new = dict(enumerate(zip(lines, chains[1:], strict=True), first))
    if before.get(first - 1, chains[0]) != chains[0] or any(journal.get(n, pair) != pair for n, pair in new.items()):
        return "fork"
    if after in journal and hashlib.sha256(chains[-1] + journal[after][0]).digest() != journal[after][1]:
        return "fork"
    fresh = new.keys() - journal.keys()
    journal.update(new)
    return "stored" if fresh else "held"


def stored(journal, oldest):
    """Return what an ack names: held or gone (below `oldest`), as ranges that each end at a held number."""
    ranges, opened = [], None
    for number in range(1, max(journal, default=0) + 1):
        if number in journal or number < oldest:
            opened = opened or number
            if number in journal:
                ranges = [span for span in ranges if span[0] != opened] + [[opened, number]]
        else:
            opened = None
    return ranges


def unseal(secret, kid, event, sealed):
    """Return the fields in a box; ValueError where it does not open."""
    need(sealed["key"] == kid)
    box = base64.urlsafe_b64decode(sealed["box"] + "=" * (-len(sealed["box"]) % 4))
    need(text64(box) == sealed["box"] and len(box) >= 28)
    try:
        return strict(AESGCM(secret).decrypt(box[:12], box[12:], event.encode()))
    except InvalidTag:
        raise ValueError from None


def unwrap(private, station, kid, kem):
    """Return the shift key in `kem`: HPKE by hand, RFC 9180, sections 4 and 5.1, base mode, one message."""
    need(len(private) == 96 and len(kem) == 1168)
    lattice, curve = MLKEM768PrivateKey.from_seed_bytes(private[:64]), X25519PrivateKey.from_private_bytes(private[64:])
    share = X25519PublicKey.from_public_bytes(kem[1088:1120])
    secrets = lattice.decapsulate(kem[:1088]) + curve.exchange(share)
    whom = share.public_bytes_raw() + curve.public_key().public_bytes_raw()
    shared = hashlib.sha3_256(secrets + whom + b"\\.//^\\").digest()
    suite = b"HPKE\x64\x7a\0\1\0\2"

    def extract(salt, label, material):
        return hmac.digest(salt, b"HPKE-v1" + suite + label + material, "sha256")

    def expand(key, label, context, size):  # one block of HKDF is enough for 32 bytes
        return hmac.digest(key, bytes((0, size)) + b"HPKE-v1" + suite + label + context + b"\1", "sha256")[:size]

    info = f"jingting shift key 1\n{station}\n{kid}".encode()
    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared, b"secret", b"")
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    try:
        return AESGCM(key).decrypt(nonce, kem[1120:], b"")
    except InvalidTag:
        raise ValueError from None
