import json
import re
from pathlib import Path

import pytest

from sync import base64url, topics
from sync.signed import Writer
from sync.signing import SigningKey
from tests.vectors import make, reader
from tests.vectors.texts import build

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
VECTORS = json.loads(make.FILE.read_text(encoding="utf-8"))
TYPES = {"integer": int, "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def resolved(node):
    while "$ref" in node:
        target = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def fits(value, schema):
    """Whether a value fits: the few words of JSON Schema that the document uses."""
    schema = resolved(schema)
    known = {"type", "const", "enum", "pattern", "minimum", "maximum", "minLength", "minItems", "maxItems", "oneOf"}
    assert schema.keys() <= known | {"items", "properties", "required", "description"}
    if "oneOf" in schema:
        return sum(fits(value, one) for one in schema["oneOf"]) == 1
    right = type(value) is TYPES[schema["type"]]
    right &= value == schema.get("const", value) and value in schema.get("enum", [value])
    if not right:
        return False
    match value:
        case int():
            right = schema.get("minimum", value) <= value <= schema.get("maximum", value)
        case str():
            right = len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))
        case list():
            right = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
            right &= all(fits(item, schema["items"]) for item in value)
        case dict():
            properties = schema.get("properties", {})
            right = value.keys() >= set(schema.get("required", []))
            right &= all(fits(value[key], properties[key]) for key in value.keys() & properties.keys())
    return right


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_reference_leads_somewhere():
    found = list(references(DOCUMENT))
    assert found
    assert all(resolved(node) for node in found)


def test_the_nine_topics_are_those_of_the_code():
    station = "{station}"
    lanes = {topics.lane(station, way, name) for way in ("up", "down") for name in ("urgent", "log")}
    acks = {topics.ack(station, way) for way in ("up", "down")}
    others = {topics.state(station), topics.health(station), topics.hq_state("{worker}")}
    addresses = [channel["address"] for channel in DOCUMENT["channels"].values()]
    assert sorted(addresses) == sorted(lanes | acks | others)


def test_a_station_sends_and_receives_what_the_contract_lets_it():
    may_send = {"up/urgent", "up/log", "down/ack", "state", "health"}
    for operation in DOCUMENT["operations"].values():
        place = resolved(operation["channel"])["address"].split("/", 3)[3]
        mine = "{station}" in resolved(operation["channel"])["address"]
        assert operation["action"] == ("send" if mine and place in may_send else "receive")
        assert operation["bindings"]["mqtt"]["retain"] == place.endswith("state")


def test_a_channel_carries_the_kinds_that_the_contract_lets_it_carry():
    for channel in DOCUMENT["channels"].values():
        place = channel["address"].split("/", 3)[3]
        signed = {kind for kind in channel["messages"] if kind in reader.KINDS}
        expected = {kind for kind, places in reader.KINDS.items() if place in places}
        assert signed == (expected if "{station}" in channel["address"] else set())


@pytest.mark.parametrize("case", VECTORS["messages"], ids=lambda case: case["name"])
def test_every_golden_message_fits_its_schema_and_has_no_key_that_is_not_in_it(case):
    header, _, *lines = build(case["plain"]).decode().split("\n")
    parsed = json.loads(header)
    schema = DOCUMENT["components"]["schemas"][parsed["kind"]]
    assert parsed.keys() <= schema["properties"].keys()
    assert fits(parsed, schema)
    for line in lines:
        assert fits(json.loads(line), DOCUMENT["components"]["schemas"]["event"])


def test_what_the_writer_adds_is_required_of_every_kind():
    key = SigningKey(bytes(32))
    written = json.loads(Writer(key).write({"kind": "farewell"}).split(b"\n")[0])
    assert written == {"v": 1, "kind": "farewell", "signer": base64url.encode(key.public.id)}
    for kind in reader.KINDS:
        assert written.keys() <= set(DOCUMENT["components"]["schemas"][kind]["required"])


def test_the_schemas_refuse_what_the_contract_refuses():
    schemas = DOCUMENT["components"]["schemas"]
    assert fits([[1, 2], [4, 4]], schemas["ranges"])
    assert not fits([[0, 2]], schemas["ranges"])
    assert not fits([[1, 1]] * 33, schemas["ranges"])
    assert not fits("hq", schemas["station"])
    assert not fits(2**53, schemas["number"])
    assert not fits(True, schemas["counter"])
