"""One message on each side of every limit of a line and of a header."""

import base64
import json
from typing import Any

from sync import base64url
from sync.batch import Standing, chain_start
from sync.receiver import ack_header
from tests.vectors.texts import (
    IGNORED,
    JOURNAL,
    KEYS,
    OK,
    SESSION,
    STATION,
    TIME,
    Part,
    batch_header,
    case,
    lone,
    loose,
    padded,
    plain,
    raw,
    refused,
    sign,
)


def _line_limits() -> list[dict[str, Any]]:
    nested = {levels: "[" * (levels - 1) + "]" * (levels - 1) for levels in (32, 33)}
    surrogate = base64.b16decode("EDA080")
    return [
        lone("a line of 32 KiB", padded(32 * 1024)),
        lone("a line of 32 KiB and a byte", padded(32 * 1024 + 1), "malformed"),
        lone("a rescued line of 48 KiB", padded(48 * 1024, type="rescued")),
        lone("a rescued line of 48 KiB and a byte", padded(48 * 1024 + 1, type="rescued"), "malformed"),
        lone("32 levels", loose(nested[32])),
        lone("33 levels", loose(nested[33]), "malformed"),
        lone("40 brackets in a text", loose('"' + "[" * 40 + '"')),
        lone("2^53 - 1", loose("9007199254740991")),
        lone("2^53", loose("9007199254740992"), "malformed"),
        lone("-(2^53 - 1)", loose("-9007199254740991")),
        lone("-2^53", loose("-9007199254740992"), "malformed"),
        lone("2^53 with a point", loose("9007199254740992.0")),
        lone("2^53 with an E", loose("9007199254740992E0")),
        lone("an integer of 5000 digits", ['{"n":', {"repeat": "9", "times": 5000}, "," + loose()[1:]], "malformed"),
        lone("1e308", loose("1e308")),
        lone("1e309, an infinity", loose("1e309"), "malformed"),
        lone("NaN", loose("NaN"), "malformed"),
        lone("Infinity", loose("Infinity"), "malformed"),
        lone("-Infinity", loose("-Infinity"), "malformed"),
        lone("two keys", loose('{"a":1,"b":2}')),
        lone("a duplicate key", loose('{"a":1,"a":1}'), "malformed"),
        lone("a duplicate key by escape", loose('{"a":1,"\\u0061":2}'), "malformed"),
        lone("a duplicate key deep inside", loose('[[{"b":{"a":1,"a":1}}]]'), "malformed"),
        lone("one key at two depths", loose('{"a":{"a":1}}')),
        lone("a surrogate pair", loose('"\\ud83d\\ude00"')),
        lone("a lone surrogate", loose('"\\ud83d"'), "malformed"),
        lone("surrogates in the wrong order", loose('"\\ude00\\ud83d"'), "malformed"),
        lone("a lone surrogate in a key", loose('{"\\udc00":1}'), "malformed"),
        lone("a surrogate in bytes", [loose('"')[:-1], raw(surrogate), '"}'], "malformed"),
        lone("bytes that are not UTF-8", [loose('"')[:-1], raw(b"\xff"), '"}'], "malformed"),
        lone("an empty line, and the final line feed", "", "malformed", tail="\n"),
        case("only the final line feed", "up/log", refused("malformed"), plain=plain(batch_header([b""]), [""])),
        lone("an array", "[1]", "malformed"),
        lone("a trailing comma", loose("[1,]"), "malformed"),
        lone("specversion 1.1", loose(specversion="1.1"), "malformed"),
        lone("an empty id", loose(id=""), "malformed"),
        lone("a number as source", loose(source=1), "malformed"),
        lone("an unknown type", loose(type="nobody.knows")),
        lone("the same on the urgent lane", loose(type="nobody.knows"), topic="up/urgent"),
    ]


def _header_limits() -> list[dict[str, Any]]:
    line = loose()
    data = line.encode()

    def changed(name: str, outcome: dict[str, Any], topic: str = "up/log", **changes: Any) -> dict[str, Any]:
        return case(name, topic, outcome, plain=plain(batch_header([data]) | changes, [line]))

    def sized(size: int) -> dict[str, Any]:
        bare = {"v": 1, "signer": base64url.encode(KEYS["station"].public.id), **batch_header([data]), "pad": ""}
        missing = size - len(json.dumps(bare, separators=(",", ":")))
        return {**batch_header([data]), "pad": "x" * missing}

    def many(count: int, outcome: dict[str, Any]) -> dict[str, Any]:
        header = batch_header([data] * count)
        repeated: Part = {"repeat": line + "\n", "times": count}
        text = json.dumps({"v": 1, "signer": base64url.encode(KEYS["station"].public.id)} | header)
        return case(f"{count} lines", "up/log", outcome,
                     plain=[f"{text}\n{sign(text.encode(), KEYS['station'])}\n", repeated])  # fmt: skip

    good = batch_header([data])
    text = json.dumps({"v": 1, "signer": base64url.encode(KEYS["station"].public.id)} | good, separators=(",", ":"))
    signature = sign(text.encode(), KEYS["station"])
    stray = signature[:-1] + chr(ord(signature[-1]) + 1)  # the last of 86 characters carries four bits that are none
    signer = base64url.encode(KEYS["station"].public.id)
    stranger = {"signer": base64url.encode(KEYS["stranger"].public.id)}
    duplicate = text[:-1] + ',"count":1}'
    two = plain(batch_header([data, data]), [line, line])
    return [
        changed("nothing wrong", OK),
        changed("an unknown key in the header", OK, colour="blue"),
        case("a header of 4 KiB", "up/log", OK, plain=plain(sized(4096), [line])),
        case("a header of 4 KiB and a byte", "up/log", refused("malformed", 0, 0), plain=plain(sized(4097), [line])),
        case("a duplicate key in the header", "up/log", refused("malformed", 0, 0), plain=plain(duplicate, [line])),
        changed("a header of 33 levels", refused("malformed", 0, 0), deep=json.loads("[" * 32 + "]" * 32)),
        changed("a first of 2^53", refused("malformed", 0, 0), first=2**53),
        many(1024, OK),
        many(1025, refused("malformed", 1, 1025)),
        changed("no lines counted", refused("malformed", 1, 0), count=0),
        changed("more lines counted than there are", refused("malformed", 1, 2), count=2),
        case("fewer lines counted than there are", "up/log", refused("malformed", 1, 1),
              plain=plain(batch_header([data]), [line, line])),
        changed("a count that is no integer", refused("malformed", 1, 0), count=1.0),
        changed("a count that is a truth", refused("malformed", 1, 0), count=True),
        changed("a first of 0", refused("malformed", 0, 1), first=0),
        changed("an oldest above first", refused("malformed"), oldest=2),
        changed("a journal in capitals", refused("malformed"), journal=JOURNAL.upper()),
        changed("a prev of 31 bytes", refused("malformed"), prev=base64url.encode(bytes(31))),
        changed("a prev with padding", refused("malformed"), prev=good["prev"] + "="),
        changed("a wrong chain", refused("chain"), chain=base64url.encode(bytes(32))),
        changed("a wrong prev", refused("chain"), prev=base64url.encode(bytes(32))),
        changed("version 2", IGNORED, v=2, kind="song"),
        changed("version true", IGNORED, v=True),
        changed("an unknown kind", IGNORED, kind="song"),
        changed("a kind that is no text", IGNORED, kind=["batch"]),
        changed("another station", refused("malformed"), station="sjz-002"),
        case("an ack where batches come", "up/log", refused("malformed", 0, 0), plain=plain(
            ack_header(station=STATION, session=SESSION, time=TIME, journal=JOURNAL, standing=Standing(),
                       chain=chain_start(JOURNAL)), [])),
        case("an ack with a line behind it", "up/ack", refused("malformed", 0, 0), plain=plain(
            ack_header(station=STATION, session=SESSION, time=TIME, journal=JOURNAL, standing=Standing(),
                       chain=chain_start(JOURNAL)), ["{}"], key="hq")),
        case("a stranger's key", "up/log", refused("unknown-key", **stranger),
              plain=plain(good, [line], key="stranger")),
        changed("a stranger's name", refused("unknown-key", **stranger), **stranger),
        case("headquarters' key on a station's topic", "up/log",
              refused("unknown-key", signer=base64url.encode(KEYS["hq"].public.id)),
              plain=plain(good, [line], key="hq")),
        changed("a signer with stray bits", refused("malformed"), signer=signer[:-1] + chr(ord(signer[-1]) + 1)),
        changed("a signer with padding", refused("malformed"), signer=signer + "=="),
        case("a signature over something else", "up/log", refused("signature"),
              plain=f"{text}\n{sign(b'something else', KEYS['station'])}\n{line}"),
        case("a signature without the context", "up/log", refused("signature"),
              plain=f"{text}\n{_bare_signature(text.encode())}\n{line}"),
        case("a signature with stray bits", "up/log", refused("signature"), plain=f"{text}\n{stray}\n{line}"),
        case("no signature", "up/log", refused("signature"), plain=text),
        case("a wrong signature comes before a wrong line", "up/log", refused("signature"),
              plain=f"{text}\n{stray}\n[]"),
        case("one final line feed", "up/log", OK, plain=plain(good, [line], tail="\n")),
        case("two final line feeds", "up/log", refused("malformed"), plain=plain(good, [line], tail="\n\n")),
        case("two on the log lane", "up/log", OK, plain=two),
        case("two on the urgent lane", "up/urgent", refused("malformed", 1, 2), plain=two),
    ]  # fmt: skip


def _bare_signature(text: bytes) -> str:
    return base64url.encode(KEYS["station"]._key.sign(text))


def cases() -> list[dict[str, Any]]:
    """Return the cases."""
    return _line_limits() + _header_limits()
