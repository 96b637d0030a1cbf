"""Whoever sits on the broker with rights but no key: refused, counted, and good words behind are heard."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    answered,
    calls,
    hq_row,
    journaled,
    page,
    press,
    press_recorded,
    query,
    recorded,
    said,
    settings,
    status,
    until,
)
from hostile import FUTURE, NOBODYS, NONSENSE, ack, batch, birth, damaged, event_line, opened, signing_key
from stranger import stranger

from jingting.city import City
from sync import topics
from sync.receiver import read_ack
from sync.signed import MAX_OPEN_AT_STATION, Kind, Message, open_message
from sync.signing import Pinned

pytestmark = pytest.mark.slow

MIB = 1024 * 1024
OTHER = "jt-002"


def refused(city: City) -> Counter[str]:
    text = page(city.hq_url + "/metrics")
    return Counter(
        {reason: int(float(n)) for reason, n in re.findall(r'jt_refused_total\{reason="(.+?)"\} (\S+)', text)}
    )


@contextlib.contextmanager
def unharmed(city: City, name: str) -> Iterator[None]:
    """The same process goes on, and never took 32 MiB more for what came (proc(5): clear_refs, VmHWM)."""
    pid = city.process(name).pid
    proc = Path(f"/proc/{pid}")
    (proc / "clear_refs").write_text("5")
    before = _peak(proc)
    yield
    assert (city.process(name).running, city.process(name).pid) == (True, pid)
    assert not said(city, name, "Traceback")
    assert _peak(proc) - before < 32 * MIB


def _peak(proc: Path) -> int:
    """The most memory it had in RAM since its peak was cleared, in bytes."""
    lines = (proc / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


async def test_headquarters_refuses_and_counts_what_no_station_says_and_hears_every_press_behind_it(tmp_path):
    async with City(tmp_path, stations=1) as city, stranger(city, STATION) as liar, stranger(city, "hq") as other:
        await press_recorded(city)
        await all_there_once(city, 1)
        line = event_line("station.started", {"agent": "x"}, STATION)
        key = signing_key(city.station_folder(STATION) / "station.key")
        good = batch(key, STATION, [line])
        urgent, log, state = (
            topics.lane(STATION, "up", "urgent"),
            topics.lane(STATION, "up", "log"),
            topics.state(STATION),
        )
        words: list[tuple[str, bytes, str]] = [(urgent, word, "malformed") for word in NONSENSE]
        words += [(log, word, "malformed") for word in NONSENSE]
        words += [(topics.ack(STATION, "down"), word, "malformed") for word in NONSENSE[:3]]
        words += [(state, word, "malformed") for word in NONSENSE[1:4]]
        words += [
            (log, FUTURE, "unknown"),
            (log, batch(NOBODYS, STATION, [line]), "unknown-key"),
            (urgent, batch(NOBODYS, STATION, [line]), "unknown-key"),
            (log, damaged(good), "signature"),
            (log, batch(key, OTHER, [line]), "malformed"),
            (log, batch(key, STATION, [line], count=2), "malformed"),
            (log, batch(key, STATION, [line], first=0), "malformed"),
            (log, batch(key, STATION, [b'{"id":"twice","id":"twice"}']), "malformed"),
            (log, batch(key, STATION, [line], chain="A" * 43), "chain"),
            (urgent, batch(key, STATION, [line, line]), "malformed"),
            (state, good, "malformed"),
            (log, good[:-7], "malformed"),  # cut short
            (log, opened(good).replace(b"station.started", b"station.stopped"), "chain"),  # a line swapped for another
            (state, birth(NOBODYS, STATION), "unknown-key"),
            (state, birth(key, OTHER), "malformed"),
            (state, birth(key, STATION, head=-1), "malformed"),
            (state, opened(birth(key, STATION)).replace(b'"head":1', b'"head":9'), "signature"),
            (log, birth(key, STATION), "malformed"),
            (topics.ack(STATION, "down"), ack(NOBODYS, STATION, journal=None, session="x"), "unknown-key"),
            (topics.ack(STATION, "down"), ack(key, OTHER, journal=None, session="x"), "malformed"),
            (topics.health(STATION), b'{"ringing":' + b" " * 5000 + b"}", "malformed"),
        ]
        expected: Counter[str] = Counter(reason for _, _, reason in words)
        before = refused(city)
        with unharmed(city, "hq"):
            for number, (topic, word, _) in enumerate(words):
                await liar.says(topic, word)
                if number % 10 == 0:
                    await press(city)
            await other.says("jt/1/hq/up/urgent", good)
            expected["foreign-topic"] += 1
            await liar.says(topics.lane(OTHER, "up", "urgent"), good)  # the broker lets nobody speak for another
            await until(lambda: refused(city) - before == expected)
            presses = 1 + (len(words) + 9) // 10
            await recorded(city, presses)
            await all_there_once(city, presses)
        assert not hq_row(city, OTHER)
        assert not journaled(city, "journal.opened")
        assert not journaled(city, "event.withheld")
        await answered(city)


async def test_headquarters_stores_what_it_does_not_understand_and_takes_a_replay_for_what_it_is(tmp_path):
    urgent, log, state = topics.lane(STATION, "up", "urgent"), topics.lane(STATION, "up", "log"), topics.state(STATION)
    async with City(tmp_path, stations=1) as city, stranger(city, "hq", [urgent, log, state]) as witness:
        await press_recorded(city)
        await all_there_once(city, 1)
        await city.restart(f"station-{STATION}")  # a birth and a farewell of a session that is over
        await city.connected()
        await press_recorded(city)
        await all_there_once(city, 2)
        key = signing_key(city.station_folder(STATION) / "station.key")
        unknown = [
            event_line("weather.changed", {"rain": True}, STATION),
            event_line("help.sung", {}, STATION),
            event_line("help.raised", None, STATION),
            event_line("order.applied", {"order": ["no", "order"]}, STATION),
        ]
        with unharmed(city, "hq"):
            async with stranger(city, STATION) as liar:
                for message in list(witness.heard):
                    await liar.says(message.topic, message.payload)
                await liar.says(log, batch(key, STATION, unknown))
                for line in unknown:
                    await liar.says(urgent, batch(key, STATION, [line]))
                lines = "SELECT count(*) FROM events WHERE line = ?"
                await until(lambda: all(query(city.hq_database, lines, line) == [2] for line in unknown))
            await press_recorded(city)
            await all_there_once(city, 3)
        assert "unreadable_help" in hq_row(city)["alarms"]
        assert 'jt_unprojected_total{type="unknown"}' in page(city.hq_url + "/metrics")
        assert not journaled(city, "journal.opened")
        await answered(city)


async def test_a_station_acts_on_no_word_that_headquarters_did_not_sign(tmp_path):
    up, urgent, log = (
        topics.ack(STATION, "up"),
        topics.lane(STATION, "down", "urgent"),
        topics.lane(STATION, "down", "log"),
    )
    answers = topics.ack(STATION, "down")
    async with City(tmp_path, stations=2) as city, stranger(city, "hq", [answers, topics.state(STATION)]) as liar:
        await settings(city, "[web]\n", "[health]\nevery_s = 1\n\n[web]\n")
        await city.connected()
        await press_recorded(city, OTHER)
        async with stranger(city, OTHER, [topics.ack(OTHER, "up"), topics.lane(OTHER, "down", "urgent")]) as witness:
            await answered(city, OTHER)
            await until(lambda: len({message.topic for message in witness.heard}) == 2)
        await city.process("hq").stop()
        await press_recorded(city)
        [call] = calls(city)
        waiting = status(city)["waiting"]
        assert waiting
        session, journal = session_of(city, liar.payloads(topics.state(STATION)))
        key = signing_key(city.station_folder(STATION) / "station.key")
        order = event_line("help.answered", {"call": call["id"], "by": "nobody"}, STATION)
        beginning = event_line("orders.opened", {"generation": 99}, STATION)
        forged = [
            batch(liars, STATION, lines, generation=99) for liars in (NOBODYS, key) for lines in ([beginning], [order])
        ]
        acks = [ack(liars, STATION, journal=journal, session=session) for liars in (NOBODYS, key)]
        with unharmed(city, f"station-{STATION}"):
            words = (*NONSENSE, FUTURE, *acks, *forged, *(message.payload for message in witness.heard))
            for topic in (up, urgent, log):
                for word in words:
                    await liar.says(topic, word)
            await liar.says("jt/1/hq/evil/state", b"{" * 1000)
            await liar.says("jt/1/hq/evil/state", b'{"online":"perhaps","epoch":7}')
            last = batch(NOBODYS, STATION, [order], first=777)
            await liar.says(urgent, last)  # what a station refuses of orders, it answers: then it has read all before
            await until(lambda: 777 in refused_numbers(city, liar.payloads(answers)))
            assert status(city)["waiting"] >= waiting
            assert [(one["at_hq"], one["hq_answered"]) for one in calls(city)] == [(False, False)]
            assert not journaled(city, "journal.opened")
        await city.restart("hq")
        await all_there_once(city, 1)
        await answered(city)
        counts = re.compile(rf'station_refused_messages\{{station="{STATION}"\}} (\S+)')

        def told() -> float:
            found = counts.search(page(city.hq_url + "/metrics"))
            return float(found[1]) if found else 0

        await until(lambda: told() >= 3 * len(words) + 2)


def session_of(city: City, births: list[bytes]) -> tuple[str, str]:
    """The session and journal that a station's latest birth names."""
    header = opened_as(city, births[-1], "birth").header
    return header["session"], header["journal"]


def refused_numbers(city: City, acks: list[bytes]) -> set[int]:
    """The first numbers of what a station's acks say it refused."""
    rejected = (read_ack(opened_as(city, payload, "ack")).rejected for payload in acks)
    return {one.first for one in rejected if one is not None}


def opened_as(city: City, payload: bytes, kind: Kind) -> Message:
    key = signing_key(city.station_folder(STATION) / "station.key")
    return open_message(
        payload, station=STATION, kinds=frozenset({kind}), limit=MAX_OPEN_AT_STATION, keys=Pinned([key.public])
    )
