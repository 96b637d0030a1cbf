"""The swipe reader's driver against a played reader, and against one that does everything a reader should not."""

import asyncio
import logging
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_way_rig import (
    DOCUMENTS,
    TODAY,
    RawPanel,
    ReaderHost,
    Simulator,
    Time,
    identity_of,
    outcome,
    until,
)

from drivers.identity import FIELDS, NotRead
from drivers.passport_reader import PassportReader

ONE, OTHER = "utopia-passport", "passport-2"
UPPER, LOWER = (line.encode() + b"\r" for line in DOCUMENTS[ONE])
OTHER_UPPER, OTHER_LOWER = (line.encode() + b"\r" for line in DOCUMENTS[OTHER])


@pytest.fixture
def simulator(tmp_path):
    with Simulator("passport_reader", tmp_path, "--seed", "4") as simulator:
        yield simulator


@pytest.fixture
def raw():
    raw = RawPanel()
    yield raw
    raw.close()


async def swiped(host, simulator, *names):
    """Swipe while somebody reads, and return what came of it."""
    reading = asyncio.create_task(outcome(host))
    await until(lambda: host.driver._reading, "the reading to begin")
    simulator.ask(f"swipe {' '.join(names)}")
    return await reading


async def written(host, raw, data, timeout_s=15.0):
    reading = asyncio.create_task(outcome(host, timeout_s=timeout_s))
    await until(lambda: host.driver._news is not None, "the reading to begin")
    raw.write(data)
    return await reading


@pytest.mark.parametrize(
    "options", [[], ["--ending", "crlf"], ["--framed"], ["--framed", "--ending", "crlf"]], ids=" ".join
)
async def test_every_document_is_read_however_the_reader_sends_its_lines(tmp_path, options):
    with Simulator("passport_reader", tmp_path, *options) as simulator:
        async with ReaderHost(simulator.link) as host:
            await host.ready()
            for name in DOCUMENTS:
                assert await swiped(host, simulator, name) == identity_of(name)
            assert host.driver.noise_bytes == 0
            assert host.states == [("starting", "opening"), ("ready", "")]


async def test_lines_may_come_in_one_piece_or_byte_by_byte(raw):
    now = Time()
    async with ReaderHost(raw.port, monotonic=now) as host:
        await host.ready(now)
        for pieces in ([UPPER[:-1] + LOWER], [bytes([byte]) for byte in UPPER + LOWER], [b"\r\r" + UPPER + LOWER]):
            reading = asyncio.create_task(outcome(host))
            await until(lambda: host.driver._news is not None, "the reading to begin")
            heard = 0
            for piece in pieces:
                raw.write(piece)
                heard += len(piece)
                await until(lambda heard=heard: len(host.driver._swipe or b"") == heard, "the piece")
            now.now += 1
            assert await reading == identity_of(ONE)


async def test_only_the_fields_that_are_asked_for_come(simulator):
    async with ReaderHost(simulator.link) as host:
        await host.ready()
        reading = asyncio.create_task(host.read("number", "address"))
        await until(lambda: host.driver._reading, "the reading to begin")
        simulator.ask(f"swipe {ONE}")
        said = await reading
        assert (said.kind, said.fields) == ("passport", {"number": "L898902C3"})


async def test_what_is_swiped_while_nobody_asks_is_dropped_at_once(simulator):
    async with ReaderHost(simulator.link) as host:
        await host.ready()
        for turn in (1, 2, 3):
            simulator.ask(f"swipe {ONE}")
            await until(lambda turn=turn: host.driver.noise_bytes == turn * 90, "it to be dropped")
            assert host.driver._swipe is None
            assert await outcome(host, timeout_s=0.1) == "no_document"
        assert await swiped(host, simulator, OTHER) == identity_of(OTHER)


async def test_nobody_there_in_time_busy_and_absent_are_told_apart(simulator):
    async with ReaderHost(simulator.link) as host:
        assert await outcome(host) == "reader"
        await host.ready()
        assert await outcome(host, timeout_s=0.05) == "no_document"
        assert await outcome(host, timeout_s=0) == "no_document"
        reading = asyncio.create_task(outcome(host))
        await until(lambda: host.driver._reading, "the reading to begin")
        assert await outcome(host) == "busy"
        simulator.ask("unplug")
        assert await reading == "reader"


async def test_a_read_that_is_cancelled_leaves_nothing_behind(raw):
    now = Time()
    async with ReaderHost(raw.port, monotonic=now) as host:
        await host.ready(now)
        reading = asyncio.create_task(outcome(host))
        await until(lambda: host.driver._news is not None, "the reading to begin")
        raw.write(UPPER)
        await until(lambda: host.driver._swipe, "the first line")
        reading.cancel()
        await asyncio.wait([reading])
        assert host.driver._swipe is None
        raw.write(LOWER)
        await until(lambda: host.driver.noise_bytes == len(LOWER), "the second line to be dropped")
        now.now += 1
        reading = asyncio.create_task(outcome(host))
        await until(lambda: host.driver._news is not None, "the reading to begin")
        raw.write(OTHER_UPPER + OTHER_LOWER)
        await until(lambda: host.driver._swipe, "the other document")
        now.now += 1
        assert await reading == identity_of(OTHER)


async def test_a_swipe_that_had_begun_before_anybody_asked_is_nobody(raw):
    now = Time()
    async with ReaderHost(raw.port, monotonic=now) as host:
        await host.ready(now)
        raw.write(UPPER)
        await until(lambda: host.driver.noise_bytes == len(UPPER), "the first line")
        reading = asyncio.create_task(outcome(host))
        await until(lambda: host.driver._news is not None, "the reading to begin")
        raw.write(LOWER)
        await until(lambda: host.driver.noise_bytes == len(UPPER + LOWER), "the second line to be dropped")
        now.now += 1
        await until(lambda: host.driver._line.silent_s >= 1, "silence")
        raw.write(OTHER_UPPER + OTHER_LOWER)
        await until(lambda: host.driver._swipe, "the other document")
        now.now += 1
        assert await reading == identity_of(OTHER)


async def test_halves_of_two_documents_are_never_put_together(raw):
    async with ReaderHost(raw.port) as host:
        await host.ready()
        assert await written(host, raw, UPPER) == "lift"
        assert await written(host, raw, OTHER_LOWER) == "lift"
        assert await written(host, raw, UPPER[:30]) == "lift"
        assert await written(host, raw, OTHER_UPPER + OTHER_LOWER) == identity_of(OTHER)


@pytest.mark.parametrize(
    "swipe",
    [
        UPPER + LOWER + OTHER_UPPER + OTHER_LOWER,
        UPPER + OTHER_UPPER + OTHER_LOWER,
        UPPER + LOWER + LOWER,
        UPPER + LOWER + OTHER_LOWER[:5],
        b"\x02" + UPPER + b"\x03\x02" + OTHER_LOWER + b"\x03",
        b"\x02" + UPPER + b"\x02" + OTHER_LOWER + b"\x03",
        LOWER + UPPER,
        UPPER[:-1] + b"\xff" + LOWER,
        b"\x00" + UPPER + LOWER,
        UPPER + LOWER.lower(),
        (UPPER + LOWER) * 3,
    ],
)
async def test_more_or_less_than_one_zone_in_one_swipe_is_to_be_swiped_again(raw, swipe):
    async with ReaderHost(raw.port) as host:
        await host.ready()
        assert await written(host, raw, swipe) == "lift"
        assert await written(host, raw, UPPER + LOWER) == identity_of(ONE)


async def test_a_permit_with_one_line_of_its_own_is_to_be_typed(raw):
    async with ReaderHost(raw.port) as host:
        await host.ready()
        assert await written(host, raw, b"CSC000000001234567890123456789\r") == "unreadable"


async def test_a_few_bytes_of_noise_are_no_swipe(raw):
    async with ReaderHost(raw.port) as host:
        await host.ready()
        assert await written(host, raw, b"\x00\xffP<", timeout_s=0.2) == "no_document"
        assert host.driver.noise_bytes == 4


async def test_two_documents_swiped_at_once_are_nobody_and_one_is_read_afterwards(simulator):
    async with ReaderHost(simulator.link) as host:
        await host.ready()
        for name in DOCUMENTS:
            if name != ONE:
                assert await swiped(host, simulator, ONE, name) == "lift"
        assert await swiped(host, simulator, OTHER) == identity_of(OTHER)


async def test_a_bad_swipe_reads_nobody_or_what_the_check_digits_prove(simulator):
    checked = ("number", "birth", "valid_to")
    async with ReaderHost(simulator.link) as host:
        await host.ready()
        for trick in ("partial", "garble"):
            for name in DOCUMENTS:
                reading = asyncio.create_task(outcome(host, timeout_s=0.3))
                await until(lambda: host.driver._reading, "the reading to begin")
                simulator.ask(f"{trick} {name}")
                result = await reading
                if isinstance(result, str):
                    assert result in ("lift", "no_document")
                else:
                    right = identity_of(name).only(checked)
                    assert trick == "garble"
                    assert result.only(checked).fields == right.fields
        assert await swiped(host, simulator, ONE) == identity_of(ONE)


async def test_a_hundred_cables_torn_in_the_middle_of_a_line_read_nobody_wrong(tmp_path):
    async def play(name):
        folder = tmp_path / name
        folder.mkdir()
        with Simulator("passport_reader", folder) as simulator:
            async with ReaderHost(simulator.link, quiet_s=0.02) as host:
                await host.ready()
                for turn in range(25):
                    document = list(DOCUMENTS)[turn % len(DOCUMENTS)]
                    reading = asyncio.create_task(outcome(host))
                    await until(lambda: host.driver._reading, "the reading to begin")
                    simulator.ask(f"unplug {document}")
                    # What had come before may look like a bad swipe, if the line is only then found to be gone.
                    assert await reading in ("reader", "lift")
                    await host.absent()
                    simulator.ask("replug")
                    await host.ready()
                assert await swiped(host, simulator, OTHER) == identity_of(OTHER)

    await asyncio.gather(*map(play, "abcd"))


async def test_one_who_speaks_without_a_pause_is_faulty_until_it_is_silent(simulator, caplog):
    caplog.set_level(logging.INFO, "drivers.passport_reader")
    async with ReaderHost(simulator.link) as host:
        await host.ready()
        reading = asyncio.create_task(outcome(host, timeout_s=0.2))
        simulator.ask("noise 100000")
        await until(lambda: host.driver.state == "faulty", "it to be faulty")
        assert await reading in ("reader", "lift", "no_document")
        await host.ready()
        assert host.states[1:] == [("ready", ""), ("faulty", "garbled"), ("ready", "")]
        assert await swiped(host, simulator, ONE) == identity_of(ONE)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "8N1" in caplog.records[0].message


async def test_a_swipe_that_does_not_end_is_given_up(raw):
    now = Time()
    async with ReaderHost(raw.port, monotonic=now) as host:
        await host.ready(now)
        reading = asyncio.create_task(outcome(host, timeout_s=3))
        await until(lambda: host.driver._news is not None, "the reading to begin")
        for turn in range(1, 101):
            raw.write(b"A")
            await until(lambda turn=turn: reading.done() or len(host.driver._swipe or b"") == turn, "the byte")
            now.now += 0.045
        assert await reading == "lift"


async def test_neither_log_nor_failure_nor_state_ever_tells_of_a_document(raw, caplog):
    caplog.set_level(logging.DEBUG)
    told = []
    async with ReaderHost(raw.port) as host:
        await host.ready()
        swipes = (UPPER + LOWER, UPPER, LOWER + LOWER, UPPER + LOWER.replace(b"7", b"8"))
        told += [repr(await written(host, raw, swipe)) for swipe in swipes]
        with pytest.raises(NotRead) as failure:
            await host.read(timeout_s=0)
        told += [repr(failure.value), str(host.states), caplog.text]
    for secret in ("ERIKSSON", "L898902C", "7408"):
        assert secret not in "".join(told)


@given(st.lists(st.binary(max_size=300), max_size=4), st.booleans())
def test_any_bytes_are_one_zone_or_nobody(chunks, zone):
    reader = PassportReader(
        "desk", "/nowhere", monotonic=Time(), today=lambda: TODAY, on_state=lambda *_: None, quiet_s=0.05
    )
    reader._reading = True
    if zone:
        chunks = [*chunks, UPPER + LOWER]
    for at, chunk in enumerate(chunks):
        reader._hear(chunk, at == 0)
    assert len(reader._swipe or b"") <= 257
    try:
        lines = reader._lines()
    except NotRead:
        lines = []
    assert not any(set("\r\n\x02\x03") & set(line) for line in lines)
    assert reader._swipe is None


async def test_everything_at_once_never_reads_anybody_else(tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)  # pytest shows it when the test fails
    rng = random.Random(seed)
    with Simulator("passport_reader", tmp_path, "--seed", str(seed)) as simulator:
        async with ReaderHost(simulator.link) as host:
            await host.ready()
            for _ in range(15):
                one, other = rng.sample(list(DOCUMENTS), 2)
                reading = asyncio.create_task(outcome(host, timeout_s=0.3))
                await until(lambda: host.driver._reading, "the reading to begin")
                for _ in range(rng.randrange(1, 3)):
                    simulator.ask(rng.choice([f"swipe {one}", f"partial {other}", "noise 30", f"swipe {one} {other}"]))
                assert await reading in ("lift", "no_document", identity_of(one))
            assert set(FIELDS) >= set(identity_of(ONE).fields)
