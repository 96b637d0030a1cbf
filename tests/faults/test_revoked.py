"""A stolen kiosk is silent: revoked with one command, thrown out at once, and let in by nobody any more."""

import asyncio
import shutil
import signal
import subprocess

import pytest
from faults_rig import STATION, all_there_once, hq_row, page, press, press_recorded, query, said, status, until
from hostile import batch, event_line, signing_key
from stranger import stranger

from jingting.child import jingting
from jingting.city import City
from sync import topics
from sync.connection import Connection
from sync.mqtt_words import BrokerUnreachableError
from tests.guests import of_the_city

pytestmark = pytest.mark.slow

OTHER = "jt-002"
STORED = "SELECT count(*) FROM events JOIN journals ON journals.id = journal_id WHERE station = ?"


async def revoke(city: City, station: str = STATION) -> subprocess.CompletedProcess[str]:
    command = jingting("hq", "revoke", station, "--config", city.folder / "hq/hq.toml", "--reason", "stolen, case 7")
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=True)


async def test_a_revoked_station_is_thrown_out_at_once_says_nothing_more_and_the_others_go_on(tmp_path):
    async with City(tmp_path, stations=2) as city:
        for station in (STATION, OTHER):
            await press_recorded(city, station)
            await all_there_once(city, 1, station)
        told = await revoke(city)
        held = query(city.hq_database, STORED, STATION)
        assert f"{STATION} is revoked" in told.stdout
        assert await until(lambda: said(city, "broker", f"Client {STATION} been disconnected")) < 10
        await until(lambda: hq_row(city)["revoked"])
        await press(city)  # it rings there all the same, and stays there
        await press_recorded(city, OTHER)
        await all_there_once(city, 2, OTHER)
        await until(lambda: status(city)["waiting"] > 0)
        # Somebody who has its keys, and a broker that would let it speak: headquarters is deaf to it, and dumb.
        up = topics.lane(STATION, "up", "urgent")
        async with stranger(city, STATION, [topics.ack(STATION, "up")]) as thief:
            key = signing_key(city.station_folder(STATION) / "station.key")
            await thief.says(up, batch(key, STATION, [event_line("help.raised", {"call": "x"}, STATION)]))
            await until(lambda: 'jt_refused_total{reason="revoked"}' in page(city.hq_url + "/metrics"))
            assert not thief.heard
        assert query(city.hq_database, STORED, STATION) == held


async def test_a_broker_that_was_given_the_list_lets_a_revoked_certificate_in_no_more(tmp_path):
    async with City(tmp_path, stations=2) as city:
        await revoke(city)
        shutil.copy(city.folder / "hq/authority/crl.pem", city.folder / "broker/crl.pem")
        reloads = said(city, "broker", "ACL pattern")
        city.process("broker").send(signal.SIGHUP)
        await until(lambda: said(city, "broker", "ACL pattern") > reloads)
        await until(lambda: status(city)["link"] == "down")
        await city.process(f"station-{STATION}").stop()
        connection = Connection(
            of_the_city(city, STATION), client_id=STATION, on_message=lambda _: None, on_room=lambda: None
        )
        with pytest.raises(BrokerUnreachableError):
            await connection.open()
        await press_recorded(city, OTHER)
        await all_there_once(city, 1, OTHER)


async def test_a_broker_that_lost_its_list_gets_it_again(tmp_path):
    async with City(tmp_path, stations=1) as city:
        await revoke(city)
        await until(lambda: said(city, "broker", f"Client {STATION} been disconnected"))
        await city.process("broker").stop()
        (city.folder / "broker/dynamic-security.json").write_text("{}")
        before = said(city, "broker", f"Client {STATION} been disconnected")
        await city.restart("broker")
        await until(lambda: said(city, "broker", f"Client {STATION} been disconnected") > before)
