"""A city whose people bring cards, and a look at every byte that is left of it: whoever they were stands nowhere."""

import asyncio
import base64
import functools
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from faults_rig import STATION, said, until

from common.clock import Clock
from common.identifiers import uuid7
from drivers.simulators.cards import PEOPLE
from jingting.city import City
from jingting.web import page, submit

ROOT = Path(__file__).parents[2]

FIELDS = ("name", "name_en", "number", "pass_number", "address", "newest_address")

pytestmark = pytest.mark.slow


def secrets() -> list[str]:
    """Return what the cards say that would tell who came; they have no telephone."""
    people = tomllib.loads(PEOPLE.read_text(encoding="utf-8"))
    return [card[field] for card in people.values() for field in FIELDS if field in card]


def spellings(text: str) -> set[bytes]:
    """Return the bytes by which a text can be found: plain, as JSON escapes it, and in base64 at each alignment."""
    plain = {text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be", "gb18030")}
    escaped = json.dumps(text)[1:-1].encode()
    encoded = set()
    for data in plain:
        for shift in range(3):
            # A character is six bits: those that are whole do not depend on what stands before and after.
            whole = base64.b64encode(bytes(shift) + data)
            inner = whole[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
            encoded |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return {spelling for spelling in {*plain, escaped, *encoded} if len(spelling) >= 6}


def found_in(folder: Path, wanted: dict[bytes, str]) -> list[tuple[str, str]]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [
        (str(path.relative_to(folder)), what)
        for path in files
        for data in [path.read_bytes()]
        for spelling, what in wanted.items()
        if spelling in data
    ]


def test_the_search_finds_what_is_planted_in_every_spelling(tmp_path):
    text = secrets()[0]
    wanted = dict.fromkeys(spellings(text), text)
    planted = [text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    for data in planted[:]:
        planted += [base64.b64encode(b"x" * before + data + b"yz") for before in range(4)]
    for at, data in enumerate(planted):
        (tmp_path / str(at)).write_bytes(b"\0" * 100 + data + b"\n")
    assert {name for name, _ in found_in(tmp_path, wanted)} == {str(at) for at in range(len(planted))}


def test_after_a_demo_with_cards_no_byte_kept_tells_who_came(tmp_path):
    city = tmp_path / "city"
    command = [sys.executable, "-m", "jingting", "demo", "--stations", 2, "--seconds", 8, "--seed", 3, "--dir", city]
    arguments = [str(part) for part in (*command, "--json")]
    result = subprocess.run(arguments, cwd=ROOT, capture_output=True, timeout=110, check=False)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["total"]["records"]["made"] > 0
    # A search that finds nothing proves something only if cards were read, and sealed.
    readers = "".join(path.read_text() for path in city.glob("stations/*/reader.jsonl"))
    assert '"read"' in readers
    assert found_in(city, {b'"sealed":{': "a box"})
    wanted = {spelling: text for text in secrets() for spelling in spellings(text)}
    assert found_in(city, wanted) == []
    (tmp_path / "said").write_bytes(result.stdout + result.stderr)
    assert found_in(tmp_path, wanted) == []


async def test_what_an_officer_types_about_a_person_stands_nowhere_either(tmp_path):
    typed = {
        "name": "测试人甲·䶮㛃",
        "number": "11010519491231002X",
        "phone": "13900001234",
        "need": "钱包在公交站丢了",
        "represents": "测试人乙丙",
    }
    async with City(tmp_path, stations=1) as city:
        url, event_id = city.duty_url(city.stations[0]), uuid7(wall_ms=Clock().wall_ms())
        form = {"event_id": event_id, "service": "HZ-01", "as": "registered"} | typed
        await asyncio.to_thread(functools.partial(submit, url + "/duty/records", **form))
        desk = await asyncio.to_thread(page, url + f"/duty/records/{event_id}")
        assert "测*" in desk, "the record was not taken"
        assert typed["number"] not in desk
        assert await city.drained()
    wanted = {spelling: text for text in typed.values() for spelling in spellings(text)}
    assert found_in(tmp_path, {b'"sealed":{': "a box"})
    assert found_in(tmp_path, wanted) == []


def what_others_may_read(pid: int) -> bytes:
    """Return what /proc shows of a process to whoever may look: its environment, its arguments, its names."""
    shown = b""
    for name in ("environ", "cmdline", "comm", "status", "maps"):
        try:
            shown += Path(f"/proc/{pid}/{name}").read_bytes()
        except PermissionError:
            assert os.geteuid() != 0  # nobody but root looks into a process that leaves no trace
    return shown


def in_memory(pid: int, spelling: bytes) -> bool:
    """Tell whether a process's writable memory holds some bytes; whoever is not root may not look, and believes it."""
    if os.geteuid() != 0:
        return True
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    spans = [re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line) for line in lines]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for span in filter(None, spans):
            start, end = (int(part, 16) for part in span.groups())
            memory.seek(start)
            if spelling in memory.read(end - start):
                return True
    return False


async def test_while_a_visit_is_open_no_process_shows_who_it_is_and_none_that_crashes_says_it(tmp_path, monkeypatch):
    """Environment, arguments, log, and what a crash leaves: the words of the fault handler, and no core."""
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    monkeypatch.chdir(tmp_path)
    card = tomllib.loads(PEOPLE.read_text(encoding="utf-8"))["card-1"]
    wanted = {spelling: text for text in secrets() for spelling in spellings(text)}
    async with City(tmp_path / "city", stations=1) as city:
        url = city.station_url(STATION)
        await asyncio.to_thread(functools.partial(submit, url + "/go", to="service/HZ-01"))
        about = await asyncio.to_thread(page, url + "/")
        visit = re.search(r'action="/visit">\s*<input type="hidden" name="event_id" value="([0-9a-f-]+)"', about)[1]
        act = functools.partial(submit, event_id=visit)
        await asyncio.to_thread(functools.partial(act, url + "/visit", service="HZ-01"))
        for question in "01":
            await asyncio.to_thread(functools.partial(act, url + "/visit/answer", question=question, answer="0"))
        await asyncio.to_thread(act, url + "/visit/agree")
        city.put_card(STATION, "card-1")
        await until(lambda: 'action="/visit/confirm"' in page(url + "/"))
        assert f"{card['name'][0]}*" in await asyncio.to_thread(page, url + "/")
        station = city.process(f"station-{STATION}")
        assert in_memory(station.pid, card["number"].encode()), "a search that finds nothing proves nothing"
        for name in city.processes:
            shown = what_others_may_read(city.process(name).pid)
            assert [what for spelling, what in wanted.items() if spelling in shown] == [], name
        station.send(signal.SIGSEGV)
        await station.ended(20)
        assert said(city, f"station-{STATION}", "Fatal Python error: Segmentation fault") == 1
        city.process("hq").send(signal.SIGABRT)
        await city.process("hq").ended(20)
        assert station.exit_code == -signal.SIGSEGV
    assert found_in(tmp_path, wanted) == []
    assert [path for place in (tmp_path.rglob("core*"), ROOT.glob("core*")) for path in place if path.is_file()] == []
