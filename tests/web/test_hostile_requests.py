"""What a hostile browser sends, to both servers: each is refused or cut, and the next one is served."""

import asyncio
import contextlib
import re

import pytest
from web_desks import CALL, EVENT, CityDesk, StationDesk, a_call, a_row, a_station, at_headquarters, at_station

from agent.view import DeviceView
from common.web import head, server
from hq.screens import server as hq_server

SCRIPT = "<script>alert(1)</script>"
BOTH = [pytest.param(at_station, StationDesk, id="station"), pytest.param(at_headquarters, CityDesk, id="headquarters")]
FORM = "Content-Type: application/x-www-form-urlencoded"

pytestmark = pytest.mark.parametrize(("at", "desk"), BOTH)


def _request(*lines, body=b""):
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + body


def _status(answer):
    return int(answer.split()[1]) if answer else 0


@contextlib.asynccontextmanager
async def _served(at, desk):
    async with at(desk()) as browser:
        yield browser
        assert (await browser.get("/static/base.css")).status_code == 200, "it no longer serves"


@pytest.mark.parametrize(
    "lines",
    [
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 5", "Transfer-Encoding: chunked"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Transfer-Encoding: chunked"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Transfer-Encoding: xchunked", "Content-Length: 5"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 5", "Content-Length: 6"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Content-Length: +5"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 5, 5"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Content-Length : 5"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "X: y", " Content-Length: 5"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 5\x00"),
        ("POST /help HTTP/1.1", "Host: 127.0.0.1", "X: a\rTransfer-Encoding: chunked", "Content-Length: 5"),
    ],
)
async def test_a_request_that_a_proxy_could_read_differently_is_refused_and_nothing_behind_it_is_read(at, desk, lines):
    async with _served(at, desk) as browser:
        smuggled = _request("GET /smuggled HTTP/1.1", "Host: 127.0.0.1")
        answer = await browser.raw(_request(*lines, FORM, body=b"0\r\n\r\n" + smuggled))
        assert _status(answer) in {0, 400}
        assert answer.count(b"HTTP/1.") <= 1
        assert getattr(browser.desk, "orders", {}) == {}


@pytest.mark.parametrize(
    "lines",
    [
        ("GET / HTTP/1.1",),
        ("GET / HTTP/1.1", "Host: 127.0.0.1", "Host: evil.example"),
        ("GET http://127.0.0.1/ HTTP/1.1", "Host: evil.example"),
        ("GET / HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: 127.0.0.1"),
        ("GET / HTTP/1.1", "Host: 127.0.0.1.evil.example"),
    ],
)
async def test_only_one_host_and_only_ours_is_answered(at, desk, lines):
    async with _served(at, desk) as browser:
        assert _status(await browser.raw(_request(*lines))) in {400, 421}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages.py",
        "/static/..%2fpages.py",
        "/static/%2e%2e/%2e%2e/pages.py",
        "/static/..%5cpages.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/base.css%00.js",
        "/static/",
    ],
)
async def test_no_path_leads_out_of_the_static_files(at, desk, path):
    async with _served(at, desk) as browser:
        answer = await browser.raw(_request(f"GET {path} HTTP/1.1", "Host: 127.0.0.1"))
        assert _status(answer) in {400, 404}
        assert b"root:" not in answer
        assert b"import " not in answer


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
async def test_no_other_method_does_anything(at, desk, method):
    async with _served(at, desk) as browser:
        head_lines = (f"{method} / HTTP/1.1", "Host: 127.0.0.1", "X-Echo: secret", "Content-Length: 0")
        answer = await browser.raw(_request(*head_lines))
        assert _status(answer) in {403, 404, 405}
        assert b"secret" not in answer


async def test_too_many_or_too_large_headers_are_refused(at, desk):
    async with _served(at, desk) as browser:
        many = [f"X-{number}: y" for number in range(head.HEADERS)]
        large = [f"X-{number}: {'y' * 1800}" for number in range(12)]
        for headers in (many, large):
            answer = await browser.raw(_request("GET / HTTP/1.1", "Host: 127.0.0.1", *headers))
            assert _status(answer) in {0, 400}


async def test_a_head_without_end_is_cut_before_it_fills_anything(at, desk):
    async with _served(at, desk) as browser:
        answer = await browser.raw(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 200_000)
        assert _status(answer) in {0, 400}


async def test_a_body_beyond_measure_is_refused_unread(at, desk):
    async with _served(at, desk) as browser:
        lines = ("POST /help HTTP/1.1", "Host: 127.0.0.1", FORM, "Content-Length: 1000000000")
        assert _status(await browser.raw(_request(*lines, body=b"x" * 1000))) == 413


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"POST /help HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n1",
    ],
)
async def test_a_request_that_never_ends_is_cut_and_holds_up_nobody(at, desk, begun, monkeypatch):
    for module in (server, hq_server):
        monkeypatch.setattr(module, "REQUEST_S", 0.1)
    async with _served(at, desk) as browser:
        reader, writer = await asyncio.open_connection("127.0.0.1", browser.port)
        writer.write(begun)
        assert (await browser.get("/static/base.css")).status_code == 200
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                assert _status(await reader.read()) in {0, 408}
        writer.close()


async def test_a_flood_of_connections_is_cut_at_the_limit_and_room_comes_back(at, desk, monkeypatch):
    for module in (server, hq_server):
        monkeypatch.setattr(module, "CONNECTIONS", 2)
        monkeypatch.setattr(module, "REQUEST_S", 0.2)
    async with _served(at, desk) as browser:
        held = [await asyncio.open_connection("127.0.0.1", browser.port) for _ in range(2)]
        for _, writer in held:
            writer.write(b"GET / HT")
        assert await browser.raw(_request("GET / HTTP/1.1", "Host: 127.0.0.1")) == b""
        async with asyncio.timeout(10):
            for reader, writer in held:
                with contextlib.suppress(ConnectionResetError):
                    await reader.read()
                writer.close()
            again = b""
            while not again:
                again = await browser.raw(_request("GET / HTTP/1.1", "Host: 127.0.0.1"))


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_a_form_of_another_site_changes_nothing(at, desk, headers):
    async with _served(at, desk) as browser:
        path = "/help" if at is at_station else f"/stations/sjz-001/calls/{CALL}/answer"
        answer = await browser.post(path, data={"event_id": EVENT}, headers=headers)
        assert answer.status_code == 403
        assert getattr(browser.desk, "orders", {}) == {}


async def test_script_in_every_text_that_is_shown_back_is_text(at, desk):
    device = DeviceView(name=SCRIPT, kind="panel", state="faulty", reason=SCRIPT)
    shown = {
        at_station: StationDesk(a_call(), name_zh=SCRIPT, name_en=SCRIPT, devices=(device,)),
        at_headquarters: CityDesk(
            a_row(station=SCRIPT, id=SCRIPT, origin=SCRIPT),
            a_row(answered_by=SCRIPT),
            stations=[a_station(SCRIPT, alarms=(SCRIPT,), unrecorded_since=SCRIPT)],
        ),
    }[at]
    async with at(shown) as browser:
        for path in ("/", "/live", "/duty", "/duty/live", f"/{SCRIPT}", f"/?lang={SCRIPT}"):
            page = await browser.get(path)
            assert not re.search("<script(?! src=)", page.text)
            assert "script-src 'self';" in page.headers["content-security-policy"]
