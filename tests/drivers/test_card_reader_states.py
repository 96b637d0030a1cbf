"""The card reader's driver against readers that are ill, silent, garbled or rude, and what it tells of them."""

import logging

import pytest
from card_rig import CARDS, SAM_ID, Clock, Host, RawReader, good, identity_of, status, until

from drivers import card_frames
from drivers.identity import NotRead


@pytest.fixture
async def raw():
    raw = RawReader(good)
    yield raw
    raw.close()


async def test_only_the_readers_status_is_asked_while_nobody_reads(raw):
    clock = Clock()
    async with Host(raw.port, monotonic=clock) as host:
        await host.ready()
        assert raw.requests == [card_frames.SAM_ID]
        await host.read("name")
    assert set(raw.requests) == {card_frames.SAM_ID, card_frames.FIND, card_frames.SELECT, card_frames.READ}


@pytest.mark.parametrize(("code", "reason"), [(0x60, "self_test_failed"), (0x66, "not_authorised")])
async def test_a_reader_that_says_it_cannot_work_is_faulty_until_it_can(raw, caplog, code, reason):
    caplog.set_level(logging.INFO, "drivers.card_reader")
    raw.answers = lambda _: status(code)
    async with Host(raw.port) as host:
        await until(lambda: host.states[-1:] == [("faulty", reason)], "faulty")
        with pytest.raises(NotRead, match="reader"):
            await host.read()
        raw.answers = good
        await host.ready()
        assert await host.read() == identity_of("card-1")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]


async def test_a_reader_that_falls_ill_in_the_middle_of_a_reading_reads_nobody(raw):
    async with Host(raw.port) as host:
        await host.ready()
        raw.answers = lambda request: status(0x60) if request == card_frames.READ else good(request)
        with pytest.raises(NotRead, match="reader"):
            await host.read()
        assert host.states[-1] == ("faulty", "self_test_failed")


async def test_a_silent_reader_is_faulty_and_is_opened_anew_until_it_speaks(raw, caplog):
    caplog.set_level(logging.INFO, "drivers.card_reader")
    raw.answers = lambda _: b""
    clock = Clock()
    async with Host(raw.port, monotonic=clock) as host:
        await until(lambda: raw.requests, "a question")
        opened = host.reader._line.lost

        def later(condition):
            clock.ahead_s += 0.1
            return condition

        await until(lambda: later(host.reader.state == "faulty"), "faulty")
        await until(lambda: later(host.reader._line.lost is not opened), "the line to be opened anew")
        raw.answers = good
        await until(lambda: later(host.reader.state == "ready"), "ready")
        assert host.states == [("starting", "opening"), ("faulty", "silent"), ("ready", "")]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "INFO"]
    assert "every speed is tried" in caplog.records[0].message
    assert caplog.records[1].message.endswith(card_frames.printed_sam_id(SAM_ID))


async def test_a_reader_that_refuses_the_status_question_is_not_ill(raw):
    raw.answers = lambda request: status(0x21) if request == card_frames.SAM_STATUS else good(request)
    async with Host(raw.port) as host:
        await host.ready()
        assert await host.read() == identity_of("card-1")


@pytest.mark.parametrize("code", [0x31, 0x32, 0x33, 0x3F, 0x40, 0x41, 0x47, 0x91])
async def test_a_card_that_cannot_be_read_is_to_be_lifted_and_put_back(raw, code):
    raw.answers = lambda request: status(code) if request == card_frames.READ else good(request)
    async with Host(raw.port) as host:
        await host.ready()
        with pytest.raises(NotRead, match="lift") as failure:
            await host.read()
        assert (failure.value.reason, failure.value.status) == ("lift", code)
        assert host.reader.state == "ready", "the card is bad, the reader is well"


@pytest.mark.parametrize("code", [0x34, 0x80, 0x81])
async def test_no_document_yet_is_no_error_in_any_of_its_words(raw, code):
    finds = iter([code, code, 0x9F])
    raw.answers = lambda request: (
        good(request) if request != card_frames.FIND or (word := next(finds)) == 0x9F else status(word)
    )
    async with Host(raw.port) as host:
        await host.ready()
        assert await host.read() == identity_of("card-1")


async def test_a_reader_that_misheard_is_asked_again(raw):
    finds = iter([0x10, 0x11, 0x9F])
    raw.answers = lambda request: (
        good(request) if request != card_frames.FIND or (word := next(finds)) == 0x9F else status(word)
    )
    async with Host(raw.port) as host:
        await host.ready()
        assert await host.read() == identity_of("card-1")
        assert raw.count(card_frames.FIND) == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(8),
        bytes(16),
        b"\x01\x00\x04\x00" + CARDS["card-2"].text + bytes(1023),
        b"\x01\x01\x03\xff" + CARDS["card-2"].text + bytes(1024),
        b"\x00\x00\x00\x00",
    ],
)
async def test_a_read_answer_of_the_wrong_shape_is_nobody(raw, data):
    raw.answers = lambda request: status(0x90, data) if request == card_frames.READ else good(request)
    async with Host(raw.port) as host:
        await host.ready()
        with pytest.raises(NotRead, match="lift"):
            await host.read()


async def test_two_readings_that_differ_are_nobody(raw):
    texts = iter([CARDS["card-1"].text, CARDS["card-2"].text] * 5)
    raw.answers = lambda request: good(request, next(texts)) if request == card_frames.READ else good(request)
    async with Host(raw.port) as host:
        await host.ready()
        with pytest.raises(NotRead, match="lift"):
            await host.read()


async def test_a_lost_answer_made_good_by_an_echo_of_the_one_before_is_noticed_by_the_last_marker(raw):
    reads = iter([CARDS["card-1"].text, CARDS["card-2"].text, CARDS["card-3"].text, CARDS["card-3"].text])
    late = []

    def answers(request):
        if request == card_frames.READ:
            text = next(reads)
            if text == CARDS["card-2"].text:  # the echo of the first comes in its place, the answer itself later
                late.append(good(request, text))
                return good(request, CARDS["card-1"].text)
            return good(request, text)
        return (late.pop() if late else b"") + good(request)

    raw.answers = answers
    async with Host(raw.port) as host:
        await host.ready()
        assert await host.read() == identity_of("card-3")


async def test_neither_log_nor_failure_nor_state_ever_tells_of_a_card(raw, caplog):
    caplog.set_level(logging.DEBUG)
    told = []
    broken = (
        CARDS["card-1"].text[:122]
        + CARDS["card-2"].text[122:158]
        + CARDS["card-1"].text[158:240]
        + b"9\x00"
        + bytes(14)
    )
    for text in (CARDS["card-1"].text, CARDS["card-8"].text, broken[:150] + b"7\x00" + broken[152:]):
        raw.answers = lambda request, text=text: good(request, text)
        async with Host(raw.port) as host:
            await host.ready()
            try:
                told.append(repr(await host.read()))
            except NotRead as failure:
                told.append(f"{failure!r} {failure} {failure.__cause__!r}")
            told.append(repr(host.states))
            told.append(repr(vars(host.reader)))
            told.append(repr(vars(host.reader._line)))
    told.append(caplog.text)
    for card in ("card-1", "card-2"):
        for name, value in identity_of(card).fields.items():
            if value and len(value) > 2:
                assert value not in "".join(told), name
    assert "unreadable" in "".join(told)


async def test_after_a_reading_nothing_of_the_card_is_kept(raw):
    async with Host(raw.port) as host:
        await host.ready()
        await host.read("sex")
        assert not host.reader._line._heard
        assert bytes(host.reader._line._decoder._buffer) == b""
