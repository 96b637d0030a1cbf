"""The journal when the process is killed and when the disk fails, for real."""

import asyncio
import json
import random
import signal
import sqlite3

import pytest
from journal_rig import all_lines, child, is_chained, open_journal

from agent.database import JournalError
from common.events.journal import StationStarted, StationStopped
from sync.batch import chain_start

# Appends for ever from several tasks, and says each number once it is confirmed.
APPENDS_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from journal_rig import open_journal
from common.events.journal import StationStarted

async def one(journal, name):
    while True:
        appended = await journal.append(StationStarted(agent=name))
        sys.stdout.write(f"{appended.number} {appended.id}\\n")
        sys.stdout.flush()

async def main():
    journal = await open_journal(Path(sys.argv[1]))
    await asyncio.gather(*(one(journal, f"task-{n}") for n in range(4)))

asyncio.run(main())
"""


async def test_every_number_confirmed_before_a_kill_is_there_after_it(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    confirmed: dict[int, str] = {}
    for _ in range(5):
        process = child(APPENDS_UNTIL_KILLED, str(tmp_path))
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 120)):
            number, event_id = process.stdout.readline().split()
            confirmed[int(number)] = event_id
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        for line in rest.split("\n")[:-1]:  # the last may be torn
            number, event_id = line.split()
            confirmed[int(number)] = event_id
    journal = await open_journal(tmp_path)
    kept, lines = await journal.kept(), await all_lines(journal)
    await journal.stop()
    ids = {line.number: json.loads(line.line)["id"] for line in lines}
    assert {number: ids.get(number) for number in confirmed} == confirmed
    assert [line.number for line in lines] == list(range(1, kept.head + 1))
    assert is_chained(chain_start(kept.journal), lines)


# Appends until a file size limit stands in for a full disk, then after it was lifted; tells what it saw.
FILLS_THE_DISK = """
import asyncio, json, logging, resource, sys
from pathlib import Path
from agent.database import JournalError
from journal_rig import all_lines, is_chained, open_journal
from common.events.journal import OrderFailed
from sync.batch import chain_start

logging.basicConfig(format="%(message)s", stream=sys.stdout)
event = OrderFailed(order="x", reason="y" * 3000)

async def main():
    journal = await open_journal(Path(sys.argv[1]))
    seen = {"confirmed": [], "failed": []}
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    while len(seen["failed"]) < 12:
        results = await asyncio.gather(*(journal.append(event) for _ in range(4)), return_exceptions=True)
        seen["confirmed"] += [result.number for result in results if not isinstance(result, Exception)]
        seen["failed"] += [str(result) for result in results if isinstance(result, JournalError)]
        assert all(not isinstance(result, Exception) or isinstance(result, JournalError) for result in results)
    assert journal.failure is not None
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for _ in range(4):
        seen["confirmed"].append((await journal.append(event)).number)
    assert journal.failure is None
    kept, lines = await journal.kept(), await all_lines(journal)
    await journal.stop()
    seen["chained"] = is_chained(chain_start(kept.journal), lines)
    seen["numbers"] = [line.number for line in lines]
    print(json.dumps(seen))

asyncio.run(main())
"""


@pytest.mark.parametrize("limit", [150_000, 150_001, 200_000])
def test_a_full_disk_fails_every_append_of_that_commit_and_the_next_works_once_there_is_room(tmp_path, limit):
    process = child(FILLS_THE_DISK, str(tmp_path), str(limit))
    output, _ = process.communicate()
    assert process.returncode == 0
    *log, last = output.splitlines()
    seen = json.loads(last)
    assert "free disk space" in seen["failed"][0] or "dmesg" in seen["failed"][0]
    assert str(tmp_path / "station.db") in seen["failed"][0]
    assert seen["chained"]
    assert seen["numbers"] == list(range(1, len(seen["numbers"]) + 1))
    assert seen["confirmed"] == seen["numbers"]
    # A failed commit makes SQLite tidy its WAL, so room may come and go more than once; each turn is said once.
    broken, whole = "The journal fails", f"The journal {tmp_path / 'station.db'} can be written again."
    assert [line.split(":")[0] for line in log] == [broken, whole] * (len(log) // 2)
    assert 2 <= len(log) < len(seen["failed"])


async def test_a_write_lock_held_for_ever_fails_the_append_and_the_next_works_when_it_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.database.BUSY_S", 0.05)
    journal = await open_journal(tmp_path)
    await journal.append(StationStarted(agent="0.1.0"))
    holder = sqlite3.connect(tmp_path / "station.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    appends = (journal.append(StationStopped()), journal.append(StationStopped()))
    for failure in await asyncio.gather(*appends, return_exceptions=True):
        assert isinstance(failure, JournalError)
        assert failure.hint == "stop the other process that holds it"
    holder.execute("ROLLBACK")
    holder.close()
    assert (await journal.append(StationStopped())).number == 2
    await journal.stop()


async def test_another_writer_of_the_file_is_found_out_and_no_number_is_given_twice(tmp_path):
    ours, theirs = await open_journal(tmp_path), await open_journal(tmp_path)
    await ours.append(StationStarted(agent="ours"))
    await theirs.append(StationStarted(agent="theirs"))
    with pytest.raises(JournalError, match="is taken; stop the other process"):
        await ours.append(StationStopped())
    assert (await ours.append(StationStopped())).number == 3
    kept, lines = await ours.kept(), await all_lines(ours)
    assert is_chained(chain_start(kept.journal), lines)
    await ours.stop()
    await theirs.stop()
