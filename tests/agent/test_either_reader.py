"""Whichever reader gets a document first: never both, never mixed."""

import asyncio

import pytest

from agent.either_reader import EitherReader
from drivers.identity import Identity, NotRead


class Reader:
    """A reader that reads when a test says so."""

    def __init__(self, kind) -> None:
        self.kind = kind
        self.asked = asyncio.Event()
        self.given = None
        self.stopped = False

    def put(self, given) -> None:
        self.given.set_result(given)

    async def read(self, fields, *, timeout_s):
        self.given = asyncio.get_running_loop().create_future()
        self.asked.set()
        try:
            given = await self.given
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if isinstance(given, str):
            raise NotRead(given)
        return Identity(self.kind, {name: given[name] for name in fields if name in given})


@pytest.fixture
async def both():
    return Reader("resident"), Reader("passport")


async def read(readers):
    reading = asyncio.create_task(EitherReader(readers).read(("name", "number"), timeout_s=30))
    for reader in readers:
        await reader.asked.wait()
    return reading


@pytest.mark.parametrize("first", [0, 1])
async def test_the_first_document_is_taken_and_the_other_reader_stops(both, first):
    reading = await read(both)
    both[first].put({"name": "甲", "number": "1"})
    identity = await reading
    assert (identity.kind, identity.fields) == (both[first].kind, {"name": "甲", "number": "1"})
    assert both[1 - first].stopped


async def test_two_at_one_moment_are_not_mixed(both):
    reading = await read(both)
    both[1].put({"name": "B", "number": "2"})
    both[0].put({"name": "甲"})
    assert (await reading).fields == {"name": "甲"}


async def test_an_absent_reader_does_not_keep_the_other_from_reading(both):
    reading = await read(both)
    both[0].put("reader")
    await asyncio.sleep(0)
    assert not reading.done()
    both[1].put({"number": "2"})
    assert (await reading).kind == "passport"


@pytest.mark.parametrize("reason", ["lift", "unreadable"])
async def test_a_document_that_could_not_be_read_is_told_at_once(both, reason):
    reading = await read(both)
    both[1].put(reason)
    with pytest.raises(NotRead) as caught:
        await reading
    assert caught.value.reason == reason
    assert both[0].stopped


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (("reader", "no_document"), "no_document"),
        (("busy", "reader"), "busy"),
        (("reader", "reader"), "reader"),
    ],
)
async def test_no_document_at_all_says_what_says_most(both, reasons, told):
    reading = await read(both)
    for reader, reason in zip(both, reasons, strict=True):
        reader.put(reason)
    with pytest.raises(NotRead) as caught:
        await reading
    assert caught.value.reason == told


async def test_a_read_that_is_called_off_stops_both(both):
    reading = await read(both)
    reading.cancel()
    await asyncio.wait([reading])
    assert both[0].stopped
    assert both[1].stopped
