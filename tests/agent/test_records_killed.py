"""Records when the process is killed, and what a stolen disk tells of them."""

import json
import logging
import random
import signal
import traceback

import pytest
from journal_rig import child
from planted import found
from record_rig import PLANTED, Station

from agent.record_form import Header, WrongForm

SEARCHED = [text for name, text in PLANTED.items() if name not in ("sex", "document")]

# Opens and steps records for ever; says each form before it is submitted, and again once it is confirmed.
OPENS_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from record_rig import PLANTED, Station

def say(*words):
    sys.stdout.write(" ".join(words) + "\\n")
    sys.stdout.flush()

async def one(station):
    while True:
        form, step = station.new_id(), station.new_id()
        say("opens", form, step)
        record = await station.open(event_id=form, typed=PLANTED)
        say("opened", form, record.number)
        await station.records.step(form, "register", step)
        say("stepped", form, step)

async def main():
    station = await Station(Path(sys.argv[1])).start()
    await asyncio.gather(*(one(station) for _ in range(3)))

asyncio.run(main())
"""


async def test_a_form_submitted_again_after_a_kill_is_one_record_and_numbers_have_no_gap(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    said: list[list[str]] = []
    for _ in range(4):
        process = child(OPENS_UNTIL_KILLED, str(tmp_path))
        assert process.stdout is not None
        said += [process.stdout.readline().split() for _ in range(chance.randrange(1, 80))]
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        said += [line.split() for line in rest.split("\n")[:-1]]  # the last may be torn
    assert found(tmp_path, SEARCHED) == []

    station = await Station(tmp_path).start()
    numbers = {words[1]: words[2] for words in said if words[0] == "opened"}
    for _, form, step in (words for words in said if words[0] == "opens"):
        record = await station.open(event_id=form, typed=PLANTED)
        assert record.number == numbers.setdefault(form, record.number)
        assert await station.records.step(form, "register", step)
    events = station.events()
    await station.journal.stop()
    opened = [event["data"]["number"] for event in events if event["type"] == "record.opened"]
    assert opened == [f"JW012-20261122-{number:04d}" for number in range(1, len(numbers) + 1)]
    assert len({event["id"] for event in events}) == len(events) == 2 * len(numbers)


async def test_nothing_personal_reaches_a_file_a_log_or_an_exception(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    station = await Station(tmp_path).start()
    tellings: list[str] = []
    record = await station.open("HZ-01", typed=PLANTED, state="registered")
    await station.records.amend(record.id, station.new_id(), header=Header(), typed=PLANTED)
    await station.reveals.reveal(record.id, station.new_id(), fields=list(PLANTED))
    station.reveals.masked(record.id)
    for wrong in (
        PLANTED | {PLANTED["name"]: PLANTED["number"]},
        PLANTED | {"need": PLANTED["need"] * 20},
        PLANTED | {"need": PLANTED["need"] + "\ud800"},
    ):
        with pytest.raises(ValueError) as refused:
            await station.open("HZ-01", typed=wrong)
        tellings += traceback.format_exception(refused.value)
    with pytest.raises(WrongForm) as refused:
        await station.open("BJ-01", typed=PLANTED, header={"grid": PLANTED["name"], "reference": PLANTED["address"]})
    tellings += traceback.format_exception(refused.value)
    assert station.unsealed() == [PLANTED, PLANTED]
    tellings.append(repr([station.records.get(record.id), *station.records.open_ones(), station.keys]))
    tellings.append(json.dumps(station.tables(), ensure_ascii=False))
    assert found(tmp_path, SEARCHED) == []
    await station.journal.stop()
    assert found(tmp_path, SEARCHED) == []
    for telling in (*tellings, caplog.text):
        assert not [text for text in SEARCHED if text in telling]


async def test_the_search_would_find_what_is_there(tmp_path):
    station = await Station(tmp_path).start()
    number = PLANTED["number"]
    await station.open(header={"reference": number})
    assert {text for _, text in found(tmp_path, SEARCHED)} == {number}
    await station.journal.stop()
    (tmp_path / "log").write_bytes(f"x{PLANTED['name']}y".encode("utf-16-le"))
    assert PLANTED["name"] in {text for _, text in found(tmp_path, SEARCHED)}
