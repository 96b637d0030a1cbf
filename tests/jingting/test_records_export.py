"""`jingting records export` and `jingting hq records export`, as people run them: what is printed, and what is not."""

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from test_unseal import AMENDED, EVENT, FIELDS, MORE, NUMBER, STATION, config, entries, headquarters, without  # noqa: F401

from common.identifiers import uuid7
from jingting import layout
from tests.agent.record_rig import PLANTED, Station
from tests.agent.station_rig import House

ROOT = Path(__file__).parents[2]


def jingting(*arguments, **environment):
    """Run the command, and return it with its output as bytes: what is exact stays so."""
    return subprocess.run(
        [sys.executable, "-m", "jingting", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
        check=False,
    )


def full_output(*arguments):
    """Run the command with its output on a full disk."""
    line = [sys.executable, "-m", "jingting", *map(str, arguments)]
    with Path("/dev/full").open("wb") as full:
        return subprocess.run(line, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)


def rows(done):
    """Return what a spreadsheet would have."""
    text = done.stdout.decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def nothing_personal(done):
    said = (done.stdout + done.stderr).decode()
    return not any(text in said for text in PLANTED.values() if len(text) > 1)


@pytest.fixture
def kiosk(tmp_path):
    """Return the settings of a station that never ran."""
    layout.write(tmp_path, broker_port=1, hq_broker_port=2, hq_port=0, station_ports={"jt-001": 0})
    return tmp_path / "stations/jt-001/station.toml"


@pytest.fixture
async def kept(kiosk):
    """Return the settings of a stopped station that keeps two records of two days, one of them about somebody."""
    (kiosk.parent / "data").mkdir(exist_ok=True)
    station = await Station(kiosk.parent / "data").start()
    await station.open(header={"reference": "-7"}, typed=PLANTED)
    station.clock.advance(86400)
    await station.open("ZX-01")
    await station.journal.stop()
    return kiosk


async def test_the_records_of_a_station_are_printed_masked_while_it_runs(tmp_path):
    house = House(tmp_path)
    try:
        await house.start(panel=False)
        async with httpx.AsyncClient(base_url=house.duty_url, headers={"Origin": house.duty_url}) as browser:
            event = uuid7(wall_ms=time.time_ns() // 1_000_000)
            form = {"event_id": event, "service": "QZ-01", "as": "registered", "name": PLANTED["name"]}
            assert (await browser.post("/duty/records", data=form)).status_code == 303
        done = jingting("records", "export", "--config", house.config)
        assert done.returncode == 0, done.stderr
        (row,) = rows(done)
        assert (row["service"], row["person_name"]) == ("QZ-01", "on file")
        assert "rating" not in row
        assert b"1 records." in done.stderr
        assert nothing_personal(done)
        assert (await house.status())["journal_ok"]
        assert PLANTED["name"] not in house.log.read_text(encoding="utf-8")
    finally:
        await house.clear()


async def test_of_a_stopped_station_it_prints_the_days_asked_for_safe_for_a_spreadsheet_or_exact(kept):
    done = jingting("records", "export", "--config", kept, LC_ALL="zh_CN.GBK", PYTHONIOENCODING="gbk")
    assert done.returncode == 0, done.stderr
    first, second = rows(done)
    assert (first["reference"], first["person_name"], second["person_name"]) == ("'-7", "on file", "")
    assert nothing_personal(done)
    assert done.stdout.count(b"\r\n") == 3

    as_json = jingting("records", "export", "--json", "--to", "2026-11-22", "--config", kept)
    (line,) = map(json.loads, as_json.stdout.splitlines())
    assert line["reference"] == "-7"
    later = jingting("records", "export", "--from", "2026-11-23", "--config", kept)
    assert [row["number"] for row in rows(later)] == ["JW012-20261123-0001"]
    assert jingting("records", "export", "--from", "2026-11-23", "--to", "2026-11-22", "--config", kept).returncode == 2
    assert jingting("records", "export").returncode == 2


async def test_it_says_what_to_do_when_the_database_is_not_there_held_damaged_or_the_output_full(kept):
    path = kept.parent / "data/station.db"

    def export():
        return jingting("records", "export", "--config", kept)

    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN IMMEDIATE")
        holder.execute("UPDATE journal SET cursor = cursor")
        held = export()
        holder.execute("ROLLBACK")
    assert held.returncode == 1
    assert b"stop the other process that holds it" in held.stderr

    full = full_output("records", "export", "--config", kept)
    assert full.returncode == 1
    assert b"no space left" in full.stderr
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE records SET record = '{' WHERE place = 2")
    broken = export()
    assert broken.returncode == 1
    assert b"after 1 records comes one" in broken.stderr

    whole = path.read_bytes()
    path.write_bytes(b"not a database, whatever it is" * 1000)
    damaged = export()
    assert (damaged.returncode, damaged.stdout) == (1, b"")
    assert b"sets a damaged file aside" in damaged.stderr
    path.write_bytes(whole)

    path.rename(path.with_name("elsewhere"))
    missing = export()
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"has not run yet" in missing.stderr
    assert not path.exists()
    for done in (held, full, broken, damaged, missing):
        assert b"Traceback" not in done.stderr


def hq_export(headquarters, *options, reason="case 7"):  # noqa: F811 - the fixture's value
    more = () if reason is None else ("--reason", reason)
    return jingting("hq", "records", "export", *options, *more, "--config", config(headquarters))


def test_at_headquarters_it_is_masked_and_in_the_audit(headquarters):  # noqa: F811
    done = hq_export(headquarters)
    assert done.returncode == 0, done.stderr
    (row,) = rows(done)
    assert (row["station"], row["number"], row["person_name"], row["person_phone"]) == (
        STATION,
        NUMBER,
        "on file",
        "",
    )
    assert b"1 records. Noted in the audit as number" in done.stderr
    last = entries(headquarters)[-1]
    assert (last["what"], last["event"]) == ("export", "1 records, the first to the last")


def test_at_headquarters_it_is_opened_for_a_reason_once_the_audit_has_it(headquarters, tmp_path):  # noqa: F811
    out = tmp_path / "records.csv"
    with out.open("wb") as file:
        line = [sys.executable, "-m", "jingting", "hq", "records", "export", "--unsealed", "--reason", "case 9"]
        line += ["--config", str(config(headquarters))]
        told = subprocess.run(line, cwd=ROOT, stdout=file, stderr=subprocess.PIPE, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    (row,) = csv.DictReader(io.StringIO(out.read_text(encoding="utf-8-sig"), newline=""))
    assert row["person_name"] == FIELDS["name"]
    assert row["person_phone"] == MORE["phone"]
    assert not any(text.encode() in told.stderr for text in (*FIELDS.values(), MORE["phone"]))
    last = entries(headquarters)[-1]
    assert (last["what"], last["reason"]) == ("export-unsealed", "case 9")
    assert EVENT not in last["event"]
    assert AMENDED not in last["event"]


def test_at_headquarters_nothing_is_printed_or_noted_without_a_reason_or_of_no_such_station(headquarters):  # noqa: F811
    before = len(entries(headquarters))
    assert hq_export(headquarters, reason=None).returncode == 2
    for done, says in (
        (hq_export(headquarters, reason=" "), b"no reason was given"),
        (hq_export(headquarters, "--station", "jt-009"), b"jt-009: headquarters knows no such station"),
    ):
        assert (done.returncode, done.stdout) == (1, b"")
        assert says in done.stderr
    assert len(entries(headquarters)) == before


def test_at_headquarters_without_the_sealing_key_it_opens_nothing_and_exits_78(headquarters):  # noqa: F811
    before = len(entries(headquarters))
    key = headquarters / "sealing.key"
    done = without(key, lambda: hq_export(headquarters, "--unsealed"))
    assert (done.returncode, done.stdout) == (78, b"")
    assert b"no such file or directory" in done.stderr
    assert len(entries(headquarters)) == before
    assert without(key, lambda: hq_export(headquarters)).returncode == 0
