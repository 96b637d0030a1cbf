"""Shift keys at a station: announced before the first box, forgotten with the shift, nowhere on the disk."""

import asyncio
import base64
import logging
from collections import Counter
from pathlib import Path

import pytest
from journal_rig import StillClock, all_events, open_journal

from agent.database import JournalError
from agent.shift_keys import ShiftKeys
from common.events.equipment import DeviceChanged
from common.events.terms import Sealed
from sync import base64url, sealing
from sync.sealing import BrokenSealError, SealingKey

HEADQUARTERS = SealingKey(bytes(range(96)))
STATION = "sjz-001"
EVENT, OTHER = "018f3b2a-001f-7000-8000-0123456789ab", "018f3b2a-0020-7000-8000-0123456789ab"
FIELDS = {"name": "慕容复兴", "number": "110101199003077571", "phone": "13812345678"}


@pytest.fixture
async def journal(tmp_path):
    opened = await open_journal(tmp_path)
    yield opened
    await opened.stop()


@pytest.fixture
def keys(journal):
    return ShiftKeys(journal, station=STATION, to=HEADQUARTERS.public, clock=StillClock())


async def issued(journal):
    return [event for event in await all_events(journal) if event["type"] == "key.issued"]


def opened_at_headquarters(event, event_id, sealed):
    data = event["data"]
    key = HEADQUARTERS.unwrap(STATION, data["kid"], base64url.decode(data["kem"]))
    return key.open(event_id, {"key": sealed.key, "box": sealed.box})


async def test_a_key_is_announced_before_its_first_box_and_only_once(journal, keys):
    sealed = await keys.seal(EVENT, FIELDS)
    await keys.seal(OTHER, FIELDS)
    (event,) = await issued(journal)
    assert event["data"]["kid"] == sealed.key
    assert event["data"]["suite"] == sealing.SUITE
    assert event["data"]["to"] == base64url.encode(HEADQUARTERS.public.id)
    assert opened_at_headquarters(event, EVENT, sealed) == FIELDS


async def test_many_who_seal_at_once_wait_for_one_announcement(journal, keys):
    boxes = await asyncio.gather(*(keys.seal(EVENT, {"n": n}) for n in range(20)))
    assert len(await issued(journal)) == 1
    assert [keys.open(EVENT, box) for box in boxes] == [{"n": n} for n in range(20)]


async def test_what_was_sealed_is_open_until_the_shift_ends_and_then_only_on_file(journal, keys):
    sealed = await keys.seal(EVENT, FIELDS)
    assert keys.open(EVENT, sealed) == FIELDS
    await keys.new_shift()
    assert keys.open(EVENT, sealed) is None
    first, second = await issued(journal)
    assert first["data"]["kid"] != second["data"]["kid"] == (await keys.seal(OTHER, FIELDS)).key
    assert opened_at_headquarters(first, EVENT, sealed) == FIELDS


async def test_a_key_of_a_process_that_ended_opens_nothing_in_the_next(journal, keys):
    sealed = await keys.seal(EVENT, FIELDS)
    next_process = ShiftKeys(journal, station=STATION, to=HEADQUARTERS.public, clock=StillClock())
    await next_process.announce()
    assert next_process.open(EVENT, sealed) is None


async def test_a_box_put_under_another_event_is_not_opened(keys):
    sealed = await keys.seal(EVENT, FIELDS)
    with pytest.raises(BrokenSealError):
        keys.open(OTHER, sealed)
    with pytest.raises(BrokenSealError):
        keys.open(EVENT, Sealed(key=sealed.key, box=sealed.box[:-4]))


async def test_the_secret_of_a_shift_that_ended_is_overwritten(keys):
    await keys.announce()
    secret = keys._issue.key._secret
    await keys.new_shift()
    assert secret == bytes(32)


async def test_a_spent_key_is_followed_by_a_new_one(journal, keys, monkeypatch):
    monkeypatch.setattr(sealing, "MOST_BOXES", 2)
    boxes = await asyncio.gather(*(keys.seal(EVENT, FIELDS) for _ in range(5)))
    kids = [event["data"]["kid"] for event in await issued(journal)]
    assert sorted(Counter(box.key for box in boxes).values()) == [1, 2, 2]
    assert {box.key for box in boxes} == set(kids)
    assert len(kids) == 3


async def test_nothing_is_sealed_while_the_key_cannot_be_announced_and_the_same_key_is_announced_later(tmp_path):
    stopped = await open_journal(tmp_path)
    await stopped.stop()
    keys = ShiftKeys(stopped, station=STATION, to=HEADQUARTERS.public, clock=StillClock())
    with pytest.raises(JournalError):
        await keys.seal(EVENT, FIELDS)
    with pytest.raises(JournalError):
        await keys.new_shift()
    kid = keys._issue.key.kid
    keys._journal = await open_journal(tmp_path)
    try:
        assert (await keys.seal(EVENT, FIELDS)).key == kid
        assert [event["data"]["kid"] for event in await issued(keys._journal)] == [kid]
    finally:
        await keys._journal.stop()


async def test_an_announcement_given_up_halfway_is_repeated_as_the_same_event(journal, keys):
    halfway = asyncio.create_task(keys.announce())
    await asyncio.sleep(0)  # one turn of the loop: the append has begun, and nobody was told of its end
    halfway.cancel()
    with pytest.raises(asyncio.CancelledError):
        await halfway
    await keys.seal(EVENT, FIELDS)
    first, second = await issued(journal)
    assert first["id"] == second["id"]
    assert first["data"] == second["data"]


def spellings(text: str) -> list[bytes]:
    """Return how a text would look on a disk: UTF-8, UTF-16, JSON's escapes, and base64 wherever it begins."""
    plain = [text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")]
    coded = []
    for raw in plain:
        for shift in range(3):
            middle = base64.b64encode(bytes(shift) + raw)[(4 if shift else 0) : -4]
            coded += [middle, middle.translate(bytes.maketrans(b"+/", b"-_"))]
    return [*plain, *coded, text.encode("unicode_escape")]


def found(folder: Path) -> list[tuple[str, bytes]]:
    files = [(file, file.read_bytes()) for file in folder.iterdir() if file.is_file()]
    assert any(content for _, content in files)
    return [
        (file.name, spelling)
        for file, content in files
        for text in FIELDS.values()
        for spelling in spellings(text)
        if spelling in content
    ]


async def test_no_byte_on_the_disk_and_no_word_of_the_log_tells_a_field(tmp_path, journal, keys, caplog):
    caplog.set_level(logging.DEBUG)
    for _ in range(50):
        sealed = await keys.seal(EVENT, FIELDS)
        await journal.append(DeviceChanged(device="x", kind="panel", state="ready", reason=sealed.box[:200]))
    await keys.new_shift()
    assert found(tmp_path) == []
    assert not any(text in caplog.text for text in FIELDS.values())
    assert not any(text in repr(sealed) + repr(keys) + repr(keys._issue) for text in FIELDS.values())
    assert keys._issue.key._secret not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


async def test_the_search_above_would_find_a_field_that_is_there(tmp_path, journal):
    number = FIELDS["number"]
    for text in (number, base64.b64encode(f"x{number}".encode()).decode(), number.encode("utf-16-le").decode()):
        await journal.append(DeviceChanged(device="x", kind="panel", state="ready", reason=text))
        assert found(tmp_path)
