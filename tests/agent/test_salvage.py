"""A damaged journal: whatever bytes are gone, the station starts, and what is readable arrives in a fresh one once."""

import json
import random
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_rig import SOURCE, StillClock, all_events, all_lines, child, is_chained, open_journal

from agent import calls, devices, record_rows, salvage
from agent.database import JournalError, connect, open_database, suspect
from agent.entry import Envelope
from agent.housekeeping import Housekeeping
from agent.pen import Pen
from agent.quota import Limits, Quota
from agent.salvage import UNKNOWN, Salvage
from agent.wreck import Wreck
from common.events.calls import HelpClosed, HelpRaised, Press
from common.events.journal import OrderFailed, StationStarted
from common.identifiers import uuid7
from sync import base64url
from sync.batch import chain_start

PAGE = 4096
SCHEMA = (calls.SCHEMA, devices.SCHEMA, record_rows.SCHEMA, salvage.SCHEMA)
PROJECTORS = calls.projectors() | devices.projectors()
CURSOR = 40


def build(folder: Path, *, events: int = 400, seed: int = 1) -> dict[int, bytes]:
    """Make a journal of many lines of all sizes, of which headquarters has acknowledged CURSOR; return the lines."""
    path = folder / "station.db"
    open_database(path, ("CREATE TABLE IF NOT EXISTS acked(a)", *SCHEMA))
    connection, chance = connect(path), random.Random(seed)
    pen = Pen(connection, Envelope(SOURCE, StillClock()), PROJECTORS, Quota(path, Limits(), lambda: None))
    connection.execute("BEGIN IMMEDIATE")
    for number in range(1, events + 1):
        if number % 20 == 0:
            call = uuid7(wall_ms=number)
            pen.append(HelpRaised(call=call, origin="panel", press=Press(panel="p", epoch=1, number=number)), call)
        elif number % 20 == 1 and number > 1:
            pen.append(HelpClosed(call=call, reason="test"))
        else:
            pen.append(OrderFailed(order="x", reason="y" * int(chance.paretovariate(0.6) * 10 % 9000)))
    connection.execute("UPDATE journal SET cursor = ?", (CURSOR,))
    connection.execute("COMMIT")
    lines = dict(connection.execute("SELECT number, line FROM events"))
    connection.close()
    return lines


async def opened(folder: Path, **options):
    journal = await open_journal(folder, schema=SCHEMA, projectors=PROJECTORS, **options)
    await salvage.begin(journal, folder / "station.db", source=SOURCE)
    return journal


async def rescued(folder: Path):
    """Open the station's journal, let it rescue everything, and return its events and what they carry."""
    journal = await opened(folder)
    await Salvage(journal, folder / "station.db", source=SOURCE).go_on()
    kept, lines, events = await journal.kept(), await all_lines(journal), await all_events(journal)
    await journal.stop()
    assert is_chained(chain_start(kept.journal), lines)
    inner = [base64url.decode(event["data"]["line"]) for event in events if event["type"] == "rescued"]
    return kept, events, inner


def test_every_row_of_a_sound_file_is_found_by_its_looks(tmp_path):
    lines = build(tmp_path, events=2000)
    assert any(len(line) > 8192 for line in lines.values())
    wreck = Wreck(tmp_path / "station.db", SOURCE)
    with closing(sqlite3.connect(tmp_path / "station.db")) as database:
        assert (wreck.journal, wreck.cursor) == database.execute("SELECT id, cursor FROM journal").fetchone()
    assert {row.number: row.line for row, _ in wreck.sound()} == lines
    wreck.close()


def test_rows_are_found_in_the_wal_too(tmp_path):
    (tmp_path / "live").mkdir()
    (tmp_path / "copy").mkdir()
    lines = build(tmp_path / "live")
    path = tmp_path / "live/station.db"
    connection = connect(path)
    pen = Pen(connection, Envelope(SOURCE, StillClock()), PROJECTORS, Quota(path, Limits(), lambda: None))
    for number in range(401, 420):
        connection.execute("BEGIN IMMEDIATE")
        pen.append(StationStarted(agent=f"{number}"))
        connection.execute("COMMIT")
    lines = dict(connection.execute("SELECT number, line FROM events"))
    connection.execute("BEGIN IMMEDIATE")
    pen.append(StationStarted(agent="never committed"))
    for name in ("station.db", "station.db-wal"):
        shutil.copy(tmp_path / "live" / name, tmp_path / "copy" / name)
    connection.close()
    wreck = Wreck(tmp_path / "copy/station.db", SOURCE)
    assert {row.number: row.line for row, _ in wreck.sound()} == lines
    wreck.close()


async def test_headquarters_is_told_and_what_it_may_lack_follows_help_first(tmp_path):
    lines = build(tmp_path)
    file = tmp_path / "station.db"
    with closing(sqlite3.connect(file)) as database:
        (old,) = database.execute("SELECT id FROM journal").fetchone()
    damaged = file.read_bytes()
    file.write_bytes(b"\xff" * 100 + damaged[100:])  # only what SQLite needs to open it
    kept, events, inner = await rescued(tmp_path)
    assert kept.journal != old
    assert events[0]["type"] == "journal.opened"
    assert events[0]["data"] == {"previous": old, "reason": "damaged", "last_common": CURSOR}
    assert sorted(inner) == sorted(line for number, line in lines.items() if number > CURSOR)
    helps = [json.loads(line)["type"].startswith("help.") for line in inner]
    assert helps == sorted(helps, reverse=True)
    (aside,) = tmp_path.glob("station.db.damaged-*")
    assert aside.name.endswith(".rescued")


async def test_a_file_of_which_nothing_can_be_read_says_that_it_does_not_know_which_journal_was_lost(tmp_path):
    (tmp_path / "station.db").write_bytes(random.Random(4).randbytes(50_000))
    _, events, inner = await rescued(tmp_path)
    assert [event["data"] for event in events] == [{"previous": UNKNOWN, "reason": "damaged", "last_common": 0}]
    assert inner == []


async def test_an_open_call_rings_again_though_headquarters_has_it_already(tmp_path):
    build(tmp_path, events=CURSOR + 60)
    file = tmp_path / "station.db"
    damaged = file.read_bytes()
    file.write_bytes(b"\xff" * 100 + damaged[100:])
    journal = await opened(tmp_path)
    stored = journal.query(calls.load)
    assert stored.presses["p", 1] == ((20, 20), (40, 40), (60, 60), (80, 80), (100, 100))
    assert [call.number is None for call in stored.calls] == [False]
    await journal.stop()


async def test_a_second_start_and_a_second_damage_bring_nothing_twice(tmp_path):
    lines = build(tmp_path)
    file = tmp_path / "station.db"
    for _ in range(2):
        damaged = file.read_bytes()
        file.write_bytes(b"\xff" * 100 + damaged[100:])
        _, _, first = await rescued(tmp_path)
        _, _, again = await rescued(tmp_path)
        assert again == first
        former = [line for line in first if json.loads(line)["type"] != "journal.opened"]
        assert sorted(former) == sorted(line for number, line in lines.items() if number > CURSOR)


async def test_damage_to_a_stations_other_tables_is_damage_too(tmp_path):
    build(tmp_path)
    file = tmp_path / "station.db"
    with closing(sqlite3.connect(file)) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'calls'").fetchone()
    damaged = bytearray(file.read_bytes())
    damaged[(root - 1) * PAGE : root * PAGE] = b"\xa5" * PAGE
    file.write_bytes(damaged)
    journal = await opened(tmp_path)
    assert len(journal.query(calls.load).presses["p", 1]) == 20
    await journal.stop()


def crashed(folder: Path, transactions: int) -> tuple[Path, list[bytes]]:
    """Leave a journal with everything in its WAL, as a kill does; return its file and its lines."""
    live = folder / "live"
    live.mkdir()
    build(live, events=100)
    path = live / "station.db"
    connection = connect(path)
    pen = Pen(connection, Envelope(SOURCE, StillClock()), PROJECTORS, Quota(path, Limits(), lambda: None))
    for number in range(transactions):
        connection.execute("BEGIN IMMEDIATE")
        pen.append(StationStarted(agent=f"{number}"))
        connection.execute("COMMIT")
    lines = [line for (line,) in connection.execute("SELECT line FROM events WHERE number > ?", (CURSOR,))]
    for name in ("station.db", "station.db-wal"):
        shutil.copy(live / name, folder / name)
    connection.close()
    return folder / "station.db", lines


@pytest.mark.parametrize("at", [0, 20, 40, 60, 32 + 24 + 2000, 32 + 3 * 4120 + 100, 32 + 10 * 4120 + 8])
async def test_a_wal_torn_in_the_middle_is_damage_and_what_stands_behind_the_tear_is_rescued(tmp_path, at):
    file, lines = crashed(tmp_path, 20)
    torn = file.with_name("station.db-wal")
    content = bytearray(torn.read_bytes())
    content[at : at + 4] = b"\xa5\x5a\xa5\x5a"
    torn.write_bytes(content)
    _, events, inner = await rescued(tmp_path)
    assert events[0]["data"]["reason"] == "damaged"
    assert set(inner) <= set(lines)
    assert lines[-1] in inner
    assert len(lines) - len(inner) <= 1


@pytest.mark.parametrize("bytes_lost", [1, 2000, 4120])
async def test_the_last_transaction_torn_by_a_power_cut_is_no_damage(tmp_path, bytes_lost):
    file, _ = crashed(tmp_path, 20)
    torn = file.with_name("station.db-wal")
    content = torn.read_bytes()
    torn.write_bytes(content[:-bytes_lost])
    journal = await opened(tmp_path)
    assert (await journal.kept()).head == 119
    await journal.stop()
    assert not list(tmp_path.glob("*.damaged-*"))


async def test_a_start_cut_off_while_it_set_a_damaged_file_aside_begins_afresh_and_rescues_it(tmp_path):
    file, lines = crashed(tmp_path, 20)
    file.rename(tmp_path / "station.db.damaged-0123abcd")  # and its WAL is still to be renamed
    _, events, inner = await rescued(tmp_path)
    assert events[0]["data"]["reason"] == "damaged"
    assert set(inner) <= set(lines)


async def test_damage_found_in_the_middle_is_told_and_cured_by_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.database.CHECKED_AT_START", 0)
    lines = build(tmp_path)
    file = tmp_path / "station.db"
    before = file.read_bytes()
    at = before.index(lines[200][:500]) // PAGE * PAGE
    file.write_bytes(before[:at] + bytes(PAGE) + before[at + PAGE :])
    journal = await opened(tmp_path)
    told: list[bool] = []
    journal.on_failure = lambda: told.append(journal.failure is not None)
    await journal.append(StationStarted(agent="before it was found"))
    assert told == []
    with pytest.raises(JournalError, match="restart the station"):
        await journal.read(1, count=1000, size=10**9)
    assert (told, journal.failure is not None) == ([True], True)
    await journal.append(StationStarted(agent="behind it"))  # it goes on as well as it can
    await journal.stop()
    _, events, inner = await rescued(tmp_path)
    assert events[0]["data"]["reason"] == "damaged"
    assert json.loads(inner[-1])["data"]["agent"] == "behind it"
    assert not untouched(before, file_of(tmp_path).read_bytes(), lines) - set(inner)


async def test_a_long_file_is_looked_through_behind_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.database.CHECKED_AT_START", 0)
    lines = build(tmp_path)
    file = tmp_path / "station.db"
    before = file.read_bytes()
    at = before.index(lines[200][:500]) // PAGE * PAGE
    file.write_bytes(before[:at] + bytes(PAGE) + before[at + PAGE :])
    journal = await opened(tmp_path)
    housekeeping = Housekeeping(
        journal,
        Salvage(journal, file, source=SOURCE),
        file,
        StillClock(),
        rewind_days=14,
        header_days=90,
        on_dropped=lambda oldest: None,
    )
    await housekeeping.look_through()
    assert journal.failure is not None
    assert (tmp_path / "station.db.suspected").exists()
    await journal.stop()
    journal = await opened(tmp_path)
    assert journal.failure is None
    assert not (tmp_path / "station.db.suspected").exists()
    await journal.stop()


def file_of(folder: Path) -> Path:
    (aside,) = [file for file in folder.glob("station.db.damaged-*") if "-wal" not in file.name]
    return aside


def untouched(before: bytes, after: bytes, lines: dict[int, bytes]) -> set[bytes]:
    """The lines above the cursor that stand in pages of which no byte has changed."""
    pages = range(0, len(before), PAGE)
    whole = b"\n".join(before[at : at + PAGE] for at in pages if before[at : at + PAGE] == after[at : at + PAGE])
    return {line for number, line in lines.items() if number > CURSOR and line in whole}


@pytest.mark.parametrize("seed", range(24))
async def test_whatever_bytes_are_gone_the_start_succeeds_and_what_is_readable_arrives_once(tmp_path, seed):
    chance = random.Random(seed)
    lines = build(tmp_path, events=200, seed=seed)
    file = tmp_path / "station.db"
    before = file.read_bytes()
    after = bytearray(before)
    for _ in range(chance.choice([1, 2, 5, 30])):
        size = chance.choice([1, 8, 512, PAGE, 3 * PAGE])
        at = chance.randrange(len(after))
        if chance.random() < 0.5:
            at = at // 512 * 512
        after[at : at + size] = chance.choice([bytes, chance.randbytes])(min(size, len(after) - at))
    if chance.random() < 0.2:
        del after[chance.randrange(len(after)) :]
    file.write_bytes(after)

    journal = await opened(tmp_path)
    if not list(
        tmp_path.glob("station.db.damaged-*")
    ):  # only the text of lines was hit: that is for headquarters to find
        assert (await journal.kept()).head == 200
        await journal.stop()
        return
    await journal.stop()
    _, events, inner = await rescued(tmp_path)
    assert events[0]["type"] == "journal.opened"
    assert len({json.loads(line)["id"] for line in inner}) == len(inner)
    assert not untouched(before, bytes(after), lines) - set(inner)
    # A garbled line may still be an event; what can be proved to be garbled is left out.
    assert len(set(inner) - set(lines.values())) <= 1


# Rescues a damaged journal until it is killed.
RESCUES_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from test_salvage import opened, SOURCE
from agent import salvage
from agent.salvage import Salvage

async def main():
    folder = Path(sys.argv[1])
    journal = await opened(folder)
    journal.on_append = lambda number, _: print(number, flush=True)
    await Salvage(journal, folder / "station.db", source=SOURCE).go_on()
    print("done", flush=True)

asyncio.run(main())
"""


async def test_a_kill_in_the_middle_of_a_rescue_repeats_nothing(tmp_path):
    lines = build(tmp_path, events=3000)
    file = tmp_path / "station.db"
    damaged = file.read_bytes()
    file.write_bytes(b"\xff" * 100 + damaged[100:])
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(3):
        process = child(RESCUES_UNTIL_KILLED, str(tmp_path))
        for _ in range(chance.randrange(1, 900)):
            if process.stdout.readline() in ("", "done\n"):
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
    _, _, inner = await rescued(tmp_path)
    assert sorted(inner) == sorted(line for number, line in lines.items() if number > CURSOR)


async def test_a_wal_that_was_begun_anew_and_has_nothing_in_it_yet_is_no_damage(tmp_path):
    """As a power cut leaves it between the WAL's new head and the first frame behind it: all before is in the file."""
    (tmp_path / "left").mkdir()
    lines = build(tmp_path)
    path, wal_file = tmp_path / "station.db", tmp_path / "station.db-wal"
    connection = connect(path)
    pen = Pen(connection, Envelope(SOURCE, StillClock()), PROJECTORS, Quota(path, Limits(), lambda: None))

    def append(word: str) -> None:
        connection.execute("BEGIN IMMEDIATE")
        pen.append(StationStarted(agent=word))
        connection.execute("COMMIT")

    for number in range(5):
        append(f"{number}")
    lines = dict(connection.execute("SELECT number, line FROM events"))
    connection.execute("PRAGMA wal_checkpoint").fetchone()
    before, file = wal_file.read_bytes(), path.read_bytes()
    append("over the WAL's beginning")
    assert wal_file.read_bytes()[:32] != before[:32]
    (tmp_path / "left/station.db").write_bytes(file)
    (tmp_path / "left/station.db-wal").write_bytes(wal_file.read_bytes()[:32] + before[32:])
    connection.close()
    journal = await opened(tmp_path / "left")
    assert {line.number: line.line for line in await all_lines(journal)} == lines
    assert not list((tmp_path / "left").glob("*.damaged-*"))
    await journal.stop()


async def test_a_power_cut_while_a_file_is_set_aside_makes_nobody_suspect_the_fresh_one(tmp_path):
    suspect(tmp_path / "station.db")
    for _ in range(2):
        journal = await opened(tmp_path)
        await journal.stop()
        assert not list(tmp_path.glob("*.damaged-*"))
        assert not list(tmp_path.glob("*.suspected"))
