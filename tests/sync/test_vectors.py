import hashlib
import json

import pytest
import zstandard

from sync import base64url
from sync.batch import Ledger, Standing, chain_start, settle
from sync.receiver import read_ack, read_batch
from sync.signed import MAX_OPEN_AT_HQ, MAX_OPEN_AT_STATION, Refusal, Unknown, open_message
from sync.signing import Pinned, VerifyKey
from tests.vectors import make, reader
from tests.vectors.texts import build

VECTORS = json.loads(make.FILE.read_text(encoding="utf-8"))
MESSAGES = {case["name"]: case for case in VECTORS["messages"]}
CASES = [*VECTORS["messages"], *VECTORS["limits"]]
FROM_HQ = ("up/ack", "down/urgent", "down/log")
KINDS = {"state": frozenset({"birth", "farewell"}), "ack": frozenset({"ack"})}


def place(case):
    return case["topic"].split("/", 3)[3]


def public_key(case):
    return base64url.decode(VECTORS["keys"]["hq" if place(case) in FROM_HQ else "station"]["public"])


def forms(case):
    """Every way the case's message may come."""
    if "wire" in case:
        return [build(case["wire"])]
    plain = build(case["plain"])
    packed = zstandard.ZstdCompressor(level=3).compress(plain)
    made = {"plain": [plain], "zstd": [packed]}.get(case.get("form"), [plain, packed])
    return [*made, base64url.decode(case["zstd"])] if "zstd" in case else made


def ours(case, payload):
    """What the project's own code makes of a message: the batch, the ack or the header, or it raises."""
    topic = place(case)
    message = open_message(
        payload,
        station=case["topic"].split("/")[2],
        kinds=KINDS.get(topic.rpartition("/")[2], frozenset({"batch"})),
        limit=MAX_OPEN_AT_STATION if topic in FROM_HQ else MAX_OPEN_AT_HQ,
        keys=Pinned([VerifyKey(public_key(case))]),
    )
    if message.header["kind"] == "batch":
        return read_batch(message, lane="urgent" if topic.endswith("urgent") else "log")
    return read_ack(message) if message.header["kind"] == "ack" else message


def theirs(case, payload):
    raw = public_key(case)
    return reader.read(payload, case["topic"], {hashlib.sha256(raw).digest()[:16]: raw})


def rejected(refusal):
    """What an ack says of a refusal, as `sync.receiver.ack_header` writes it."""
    said = {"first": refusal.first, "count": refusal.count, "reason": refusal.reason}
    said |= {"sha256": base64url.encode(refusal.sha256)} if refusal.sha256 else {}
    return said | ({"signer": base64url.encode(refusal.signer)} if refusal.signer else {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_independent_reader_says_of_every_vector_what_the_file_says(case):
    for payload in forms(case):
        try:
            theirs(case, payload)
            outcome = {"result": "ok"}
        except reader.Ignored:
            outcome = {"result": "ignored"}
        except reader.Refused as refused:
            outcome = {"result": "refused", "rejected": refused.args[0]}
        assert outcome == {key: case[key] for key in ("result", "rejected") if key in case}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_our_code_says_of_every_vector_what_the_file_says(case):
    for payload in forms(case):
        try:
            ours(case, payload)
            outcome = {"result": "ok"}
        except Unknown:
            outcome = {"result": "ignored"}
        except Refusal as refusal:
            outcome = {"result": "refused", "rejected": rejected(refusal)}
        assert outcome == {key: case[key] for key in ("result", "rejected") if key in case}


@pytest.mark.parametrize("case", VECTORS["messages"], ids=lambda case: case["name"])
def test_the_compressed_form_of_a_vector_opens_to_its_plain_form(case):
    plain = build(case["plain"])
    assert zstandard.ZstdDecompressor().decompressobj().decompress(base64url.decode(case["zstd"])) == plain


class Memory(Ledger):
    """A receiver's journal in memory."""

    def __init__(self):
        self.lines = {}
        self.stands = Standing()

    def standing(self):
        return self.stands

    def held(self, first, last):
        return [self.lines[n] for n in sorted(self.lines) if first <= n <= last]

    def keep(self, lines, standing):
        self.lines |= {line.number: line for line in lines}
        self.stands = standing


@pytest.mark.parametrize("story", VECTORS["stories"], ids=lambda story: story["name"])
def test_both_readers_settle_every_story_alike(story):
    ledger, journal, oldest = Memory(), {}, 1
    for step in story["steps"]:
        case = MESSAGES[step["message"]]
        for payload in forms(case)[:1]:
            header, lines, chains = theirs(case, payload)
            assert reader.settle(journal, header, lines, chains) == step["verdict"]
            oldest = max(oldest, header["oldest"])
            batch = ours(case, payload)
            assert settle(ledger, batch).verdict == step["verdict"]
    assert reader.stored(journal, oldest) == story["stored"]
    assert [list(span) for span in ledger.stands.stored] == story["stored"]
    assert [list(span) for span in ledger.stands.gone] == story["gone"]


def test_the_ack_in_the_vectors_ends_where_the_batch_in_the_vectors_ends():
    batch, ack = MESSAGES["batch"], MESSAGES["ack"]
    _, _, chains = theirs(batch, build(batch["plain"]))
    header, _, _ = theirs(ack, build(ack["plain"]))
    assert header["stored"] == [[1, 3]]
    assert header["chain"] == base64url.encode(chains[-1])


def test_the_rescued_line_in_the_vectors_is_the_line_it_was():
    batch, rescued = (theirs(MESSAGES[name], build(MESSAGES[name]["plain"])) for name in ("batch", "rescued batch"))
    inner = json.loads(rescued[1][1])["data"]["line"]
    assert base64url.decode(inner) == batch[1][1]


def test_the_ack_of_nothing_shows_where_the_chain_starts():
    ack = MESSAGES["ack of nothing yet"]
    header, _, _ = theirs(ack, build(ack["plain"]))
    assert base64url.decode(header["chain"]) == chain_start(header["journal"])


def test_the_vectors_are_what_their_maker_makes():
    """All but the compressed forms, whose bytes may differ with the library's version."""
    made = make.vectors()
    for vectors in (made, stored := json.loads(make.FILE.read_text(encoding="utf-8"))):
        for case in vectors["messages"]:
            del case["zstd"]
    assert json.loads(json.dumps(made)) == stored
