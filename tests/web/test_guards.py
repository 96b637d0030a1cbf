import re
from types import SimpleNamespace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.web.guards import KEEP, host_name, is_same_origin


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8080", "127.0.0.1"),
        ("LocalHost", "localhost"),
        ("[::1]:80", "::1"),
        ("[::1", ""),
        ("user@127.0.0.1", "127.0.0.1"),
        ("", ""),
    ],
)
def test_a_host_header_is_read_for_its_name(host, name):
    assert host_name(host) == name


@given(st.text())
def test_any_host_header_is_read_without_a_fault(host):
    assert isinstance(host_name(host), str)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Origin": "http://10.0.0.5:8080"}, True),
        ({"Origin": "http://10.0.0.5"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://10.0.0.5:8080"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://10.0.0.5:8080"}, False),
    ],
)
def test_a_form_is_ours_when_its_origin_is_the_host_asked(headers, ours):
    assert is_same_origin(SimpleNamespace(headers={"Host": "10.0.0.5:8080", **headers})) is ours


async def test_a_name_that_is_not_ours_is_refused(station):
    answer = await station.get("/", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "中山路" not in answer.text


@pytest.mark.parametrize("path", ["/help", "/duty/calls/019a0000-0000-7000-8000-000000000001/acknowledge"])
async def test_a_form_from_another_site_changes_nothing(station, path):
    before = station.desk.view()
    answer = await station.post(path, headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert station.desk.view() == before


async def test_a_body_without_measure_is_refused(station):
    answer = await station.post("/help", data={"event_id": "x" * 20_000})
    assert answer.status_code == 413
    assert station.desk.view().calls == ()


@pytest.mark.parametrize("path", ["/", "/duty", "/live", "/static/jingting.js", "/status.json", "/no-such-page"])
async def test_every_answer_forbids_other_hosts_inline_scripts_and_storing(station, path):
    headers = (await station.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


async def test_what_is_the_same_on_every_page_may_be_kept_under_the_address_that_pages_name_and_no_other(station):
    page = (await station.get("/duty")).text
    [address] = {found for found in re.findall(r'(?:src|href)="([^"]+)"', page) if "/static/night.css" in found}
    assert (await station.get(address)).headers["cache-control"] == KEEP
    for other in ("/static/night.css", "/static/night.css?0123456789ab", f"{address}0"):
        assert (await station.get(other)).headers["cache-control"] == "no-store"


async def test_an_error_answers_in_the_visitors_language(station):
    assert "没有这个页面" in (await station.get("/no-such-page")).text
    await station.post("/look", data={"lang": "en"})
    assert "does not exist" in (await station.get("/no-such-page")).text


async def test_a_fault_of_ours_shows_a_page_and_no_secret_of_the_fault(station, monkeypatch, capsys, caplog):
    def broken():
        raise RuntimeError("inner words")

    monkeypatch.setattr(station.desk, "view", broken)
    answer = await station.get("/duty")
    assert answer.status_code == 500
    assert "110" in answer.text
    assert "inner words" not in answer.text
    assert "RuntimeError in test_guards.py" in caplog.text
    assert "inner words" not in caplog.text + "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /?lang=%zz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\xff\xfe / HTTP/1.1\r\n\r\n",
        b"POST /help HTTP/1.1\r\nContent-Length: -4\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    ],
)
async def test_a_malformed_request_is_answered_400_and_the_server_lives(station, request_bytes):
    answer = await station.raw(request_bytes)
    assert answer.startswith(b"HTTP/1.0 400 ")
    assert (await station.get("/")).status_code == httpx.codes.OK


@pytest.mark.parametrize("body", [b"event_id=%zz", b"event_id=\xff\xfe", b"=&=&&"])
async def test_a_garbled_form_is_refused_at_the_duty_desk(station, body):
    answer = await station.post(
        "/duty/calls/019a0000-0000-7000-8000-000000000001/acknowledge",
        content=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400
