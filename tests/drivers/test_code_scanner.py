"""The code scanner's driver: whole texts and nothing else, whatever is held to it or happens to its line."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_way_rig import RawPanel, ScannerHost, Simulator, Time, until

from drivers.code_scanner import CodeScanner
from drivers.codes import text_of, told


@pytest.fixture
def simulator(tmp_path):
    with Simulator("code_scanner", tmp_path, "--seed", "4") as simulator:
        yield simulator


@pytest.fixture
def raw():
    raw = RawPanel()
    yield raw
    raw.close()


def scanner(codes, *, now=None, **options):
    return CodeScanner(
        "desk", "/nowhere", monotonic=now or Time(), on_state=lambda *_: None, on_code=codes.append, **options
    )


@pytest.mark.parametrize("suffix", ["cr", "lf", "crlf"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_codes_come_as_they_were_made(tmp_path, suffix, encoding):
    texts = ["6901234567892", "https://example.org/?a=1&b=2", "取号 A-017：户籍窗口", "𠮷"]
    with Simulator("code_scanner", tmp_path, "--suffix", suffix, "--encoding", encoding) as simulator:
        async with ScannerHost(simulator.link, suffix=suffix) as host:
            await host.ready()
            for text in texts:
                simulator.ask(f"scan {text}")
            await until(lambda: len(host.codes) == len(texts), "the codes")
            assert host.codes == texts
            assert (host.driver.codes, host.driver.refused) == (len(texts), 0)


async def test_a_scanner_set_to_cr_may_send_line_feeds_too(tmp_path):
    with Simulator("code_scanner", tmp_path, "--suffix", "crlf") as simulator:
        async with ScannerHost(simulator.link, suffix="cr") as host:
            await host.ready()
            for turn, text in enumerate(["one", "two", "three"], start=1):
                simulator.ask(f"scan {text}")
                await until(lambda turn=turn: len(host.codes) == turn, "the code")
                await until(lambda: host.driver._line.silent_s > 0.05, "silence")
            assert (host.codes, host.driver.refused) == (["one", "two", "three"], 0)


async def test_a_code_that_broke_off_is_not_gone_on_with_by_the_next(simulator):
    async with ScannerHost(simulator.link) as host:
        await host.ready()
        for turn in range(1, 6):
            simulator.ask("partial 6901234567892")
            await until(lambda: host.driver._decoder.waiting, "the beginning")
            await until(lambda: host.driver._line.silent_s > 0.05, "silence")
            simulator.ask("scan whole")
            await until(lambda turn=turn: len(host.codes) == turn, "the code")
            assert host.driver.refused == turn
        assert set(host.codes) == {"whole"}


async def test_a_cable_torn_in_the_middle_of_a_code_again_and_again_makes_no_other_code(simulator):
    async with ScannerHost(simulator.link, quiet_s=0.02) as host:
        await host.ready()
        for turn in range(1, 21):
            simulator.ask("unplug 6901234567892")
            await host.absent()
            simulator.ask("replug")
            await host.ready()
            simulator.ask("scan 6901234567892")
            await until(lambda turn=turn: len(host.codes) == turn, "the code")
        assert set(host.codes) == {"6901234567892"}


async def test_what_the_port_is_opened_in_the_middle_of_is_no_code(raw):
    now = Time()
    async with ScannerHost(raw.port, monotonic=now) as host:
        await until(lambda: host.driver.state == "starting", "the port to be open")
        raw.write(b"567892\r")
        now.now += 0.01
        await until(lambda: host.driver._line._spoken, "the rest of a code")
        await host.ready(now)
        raw.write(b"whole\r")
        await until(lambda: host.codes, "a code")
        assert host.codes == ["whole"]


async def test_one_who_speaks_without_a_pause_is_faulty_until_it_is_silent(simulator, caplog):
    caplog.set_level(logging.INFO, "drivers.code_scanner")
    async with ScannerHost(simulator.link) as host:
        await host.ready()
        simulator.ask("noise 100000")
        await until(lambda: host.driver.state == "faulty", "it to be faulty")
        await host.ready()
        host.codes.clear()
        simulator.ask("scan whole")
        await until(lambda: "whole" in host.codes, "the code")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"6901234567892", "6901234567892"),
        ("取号".encode(), "取号"),
        ("取号".encode("gb18030"), "取号"),
        ("\ue863".encode("gb18030"), "\ue863"),
        ("全角　空格".encode(), "全角　空格"),
        (b"", None),
        (b"\xff\xff", None),
        (b"a\x00b", None),
        (b"a\tb", None),
        (b"]C1011234\x1d10AB", None),
        (b"\x1b[2J", None),
        ("evil\u202etxt".encode(), None),
        ("a\u200bb".encode(), None),
        ("a\u2028b".encode(), None),
        ("a\x85b".encode(), None),
        ("\U000e0041".encode(), None),
    ],
)
def test_only_characters_that_show_make_a_text(code, text):
    assert text_of(code) == text


def test_what_is_too_long_is_refused_and_never_held():
    codes = []
    device = scanner(codes, longest=10)
    device._hear(b"0123456789\r01234567890\r" + b"a" * 5000, True)
    assert codes == ["0123456789"]
    for _ in range(100):
        device._hear(b"a" * 4096, False)
        assert device._decoder.waiting <= 11
    device._hear(b"b\rc\r", False)
    assert (codes, device.refused) == (["0123456789", "c"], 2)


def test_a_suffix_may_be_cut_in_two():
    codes = []
    device = scanner(codes, longest=3, suffix="crlf")
    for at, byte in enumerate(b"abc\r\nde\rf\r\n\ng\r\nhi\r\n"):
        device._hear(bytes([byte]), at == 0)
    assert (codes, device.refused) == (["abc", "hi"], 2)


def test_a_captured_stream_is_told_in_order():
    assert list(told([b"690", b"123\r\n\x00\r", "取号".encode() + b"\r", b"a" * 5000, b"\rrest"])) == [
        {"frame": "code", "text": "690123"},
        {"problem": "noise", "bytes": 1},
        {"frame": "code", "text": "取号"},
        {"problem": "length", "bytes": 5000},
        {"problem": "noise", "bytes": 4},
    ]
    assert list(told([b"a" * 5000, b"b"])) == [{"problem": "length", "bytes": 5001}]
    assert list(told([b"a\rb\r\n"], "crlf")) == [{"problem": "noise", "bytes": 3}]
    assert list(told([])) == list(told([b"\n"])) == []


@given(st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=30)), st.data())
def test_however_codes_are_cut_into_pieces_they_come_as_they_were(texts, data):
    codes = []
    device = scanner(codes)
    stream = b"".join(text.encode() + b"\r" for text in texts)
    begins = True
    while stream:
        count = data.draw(st.integers(1, len(stream)))
        device._hear(stream[:count], begins)
        stream, begins = stream[count:], False
    assert codes == texts


@given(st.lists(st.tuples(st.binary(max_size=200), st.booleans())), st.sampled_from(["cr", "lf", "crlf"]))
def test_any_bytes_have_an_answer(pieces, suffix):
    codes = []
    device = scanner(codes, suffix=suffix, longest=50)
    for piece, begins in pieces:
        device._hear(piece, begins)
        assert device._decoder.waiting <= 52
    assert device.codes == len(codes)
    assert all(text_of(text.encode()) == text for text in codes)


async def test_no_code_is_ever_told_in_log_or_state(raw, caplog):
    caplog.set_level(logging.DEBUG)
    async with ScannerHost(raw.port) as host:
        await host.ready()
        raw.write(b"secret\rsecret\x00\rsecr")
        await until(lambda: host.driver.refused, "both codes")
        assert host.codes == ["secret"]
        raw.write(b"et" * 10000)
        await until(lambda: host.driver._decoder._too_long, "too much")
    assert "secret" not in caplog.text + str(host.states)
