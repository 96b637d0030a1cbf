"""Keys are rotated while everything goes on: in the middle of a backlog at both ends nothing is lost."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from faults_rig import (
    STATION,
    all_there_once,
    answered,
    hq_row,
    journaled,
    press_recorded,
    query,
    settings,
    status,
    until,
)
from proxy import Proxy
from test_lost_links import BACKLOG, write_a_backlog

from common import keyfiles
from jingting.child import jingting
from jingting.city import City
from sync import base64url
from sync.signing import VerifyKey

pytestmark = pytest.mark.slow

HELD = "SELECT count(*) FROM events JOIN journals ON journals.id = journal_id WHERE station = ?"
SIGNS = "SELECT hex(coalesce(order_key, x'')) FROM stations WHERE station = ?"


async def hq(city: City, *arguments: str) -> str:
    command = jingting("hq", *arguments, "--config", city.folder / "hq/hq.toml")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def order_key(city: City) -> VerifyKey:
    return VerifyKey(keyfiles.read_public(city.folder / "hq/order.key.pub"))


def pinned(home: Path) -> list[str]:
    file = home / "data/headquarters.json"
    return json.loads(file.read_bytes())["order"] if file.exists() else []


async def test_the_order_key_is_rotated_twice_while_a_backlog_drains_and_orders_wait(tmp_path):
    async with City(tmp_path, stations=1) as city, Proxy(city.broker_port) as line:
        home = city.station_folder(STATION)
        await city.process(f"station-{STATION}").stop()
        await write_a_backlog(city, BACKLOG)
        await settings(city, f"port = {city.broker_port}", f"port = {line.port}")
        line.bytes_per_s = 12_000
        await until(lambda: hq_row(city).get("held", 0) > BACKLOG // 20)
        first = order_key(city)
        await hq(city, "keys", "rotate", "--order")
        second = order_key(city)
        assert second.id != first.id
        await press_recorded(city)
        await until(lambda: pinned(home) == [base64url.encode(second.raw)])
        assert status(city)["waiting"] > 0, "the backlog must still be on its way"
        # Again, while the station is not there and an order waits for it.
        city.process(f"station-{STATION}").kill()
        await city.process(f"station-{STATION}").ended()
        await hq(city, "keys", "rotate", "--order")
        signs = query(city.hq_database, SIGNS, STATION)
        assert signs in ([key.id.hex().upper()] for key in (first, second)), "it has not pinned the third yet"
        line.bytes_per_s = None
        await city.restart(f"station-{STATION}")
        await answered(city)
        await all_there_once(city, 1)
        third = order_key(city)
        await until(lambda: query(city.hq_database, SIGNS, STATION) == [third.id.hex().upper()])
        assert pinned(home) == [base64url.encode(key.raw) for key in (second, third)]
        # A restart believes what an order named, not only what the settings name.
        await city.restart(f"station-{STATION}")
        await city.restart("hq")
        await city.connected()
        await press_recorded(city)
        await all_there_once(city, 2)
        await answered(city)
        await until(lambda: status(city)["waiting"] == 0)
        assert hq_row(city)["missing"] == 0
        assert query(city.hq_database, HELD, STATION)[0] > BACKLOG
        assert not journaled(city, "journal.opened")
        assert len(journaled(city, "order.applied")) >= 3


async def test_what_was_sealed_before_a_rotation_and_after_it_is_read_with_keys_that_lie_side_by_side(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await until(lambda: journaled(city, "key.issued"))
        before = (city.folder / "hq/sealing.key.pub").read_bytes()
        await hq(city, "keys", "rotate", "--sealing")
        await until(lambda: journaled(city, "order.applied"))
        await city.restart(f"station-{STATION}")
        await until(lambda: len(journaled(city, "key.issued")) == 2)
        assert (city.folder / "hq/sealing.key.pub").read_bytes() != before
        wrapped_to = [event["data"]["to"] for event in journaled(city, "key.issued")]
        assert len(set(wrapped_to)) == 2
        await city.connected()
        await until(lambda: len(query(city.hq_database, "SELECT kid FROM shift_keys")) == 2)
        files = list((city.folder / "hq").glob("sealing*.key"))
        assert len(files) == 2
        assert (city.folder / f"hq/sealing-{base64url.decode(wrapped_to[0]).hex()}.key") in files
