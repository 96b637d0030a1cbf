"""Content packs from headquarters to a station, by real processes: last of all, once, whole or not at all."""

import asyncio
import json
import random
import re
import time
import urllib.request
from pathlib import Path

import pytest
from content_rig import delivery, file_of, held, hq, packed, write_folder
from faults_rig import STATION, answered, journaled, page, press_recorded, query, said, settings, status, until
from proxy import Proxy

from common.pack import CHUNK
from jingting import lesson
from jingting.city import City

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SLOW = 8_000
"""Bytes a second: 64 kbit/s."""
ROTA = Path(__file__).parents[2] / "config/rota.toml"
CHUNKS = "SELECT count(*) FROM order_lines WHERE bulk"


def stored(city: City, pack: str):
    return lambda: delivery(city, pack).get("state") == "stored"


def lacks(city: City, pack: str) -> int:
    """How many of a pack's chunks have not come."""
    database = city.station_folder(STATION) / "data/station.db"
    rows = query(database, "SELECT missing FROM content_packs WHERE pack = ?", pack)
    return sum(byte.bit_count() for missing in rows for byte in missing)


def began(city: City, pack: str):
    """Whether some of a pack has come, and some has not."""

    def look() -> bool:
        rows = query(
            city.station_folder(STATION) / "data/station.db", "SELECT missing FROM content_packs WHERE pack = ?", pack
        )
        lacks = sum(byte.bit_count() for byte in rows[0]) if rows else 0
        return 0 < lacks < (file_of(city, pack).stat().st_size // CHUNK) - 3 if file_of(city, pack).exists() else False

    return look


@pytest.mark.timeout(300)
async def test_an_order_overtakes_ten_megabytes_on_a_slow_line(tmp_path):
    async with City(tmp_path / "city", stations=1) as city, Proxy(city.broker_port) as line:
        await settings(city, f"port = {city.broker_port}", f"port = {line.port}")
        await city.connected()
        file, pack = await packed(city, write_folder(tmp_path / "big", pictures=20, size=500_000, seed=7))
        assert file.stat().st_size > 9.5e6
        line.bytes_per_s = SLOW
        await hq(city, "content", "send", file, "--all")
        await until(began(city, pack), within=60)
        before = held(city)
        # The urgent one, an answer to a call, and one that is not urgent.
        await press_recorded(city)
        assert await answered(city, within=15) < 15
        await hq(city, "order", "rota", ROTA, "--all")
        began_at = time.monotonic()
        await until(lambda: query(city.station_folder(STATION) / "data/station.db", "SELECT 1 FROM rota"), within=30)
        took = time.monotonic() - began_at
        print(f"\nan ordinary order behind a pack on 64 kbit/s: {took:.1f} s")
        assert took < 20
        assert held(city) == before, "the pack is still on its way"
        assert query(city.hq_database, CHUNKS)[0] <= 3
        line.bytes_per_s = None
        lacking = lacks(city, pack)
        await until(lambda: lacks(city, pack) < lacking - 20, within=60)
        database = city.station_folder(STATION) / "data/station.db"
        assert query(database, "SELECT sum(length(line)) FROM orders")[0] < 4 * CHUNK


async def test_a_station_killed_again_and_again_puts_each_chunk_in_once(tmp_path):
    rng = random.Random(seed := random.SystemRandom().randrange(10**6))
    print(f"\nseed {seed}")
    async with City(tmp_path / "city", stations=1) as city:
        file, pack = await packed(city, write_folder(tmp_path / "p", pictures=6, size=400_000, seed=seed))
        await hq(city, "content", "send", file, "--all")
        for _ in range(4):
            await until(lambda: pack in held(city), within=60)
            await asyncio.sleep(rng.uniform(0.05, 0.6))  # the moment is what is tried
            city.process(f"station-{STATION}").kill()
            await city.process(f"station-{STATION}").ended()
            await city.restart(f"station-{STATION}")
            if stored(city, pack)():
                break
        await until(stored(city, pack), within=90)
        assert file_of(city, pack).read_bytes() == file.read_bytes()
        assert journaled(city, "order.failed") == []
        assert len(journaled(city, "content.stored")) == 1


async def test_headquarters_killed_in_the_middle_goes_on(tmp_path):
    async with City(tmp_path / "city", stations=1) as city:
        file, pack = await packed(city, write_folder(tmp_path / "p", pictures=8, size=400_000, seed=1))
        await hq(city, "content", "send", file, "--all")
        await until(began(city, pack), within=60)
        city.process("hq").kill()
        await city.process("hq").ended()
        await city.restart("hq")
        await until(stored(city, pack), within=120)
        assert file_of(city, pack).read_bytes() == file.read_bytes()


async def test_a_pack_is_withdrawn_while_it_comes_and_after(tmp_path):
    async with City(tmp_path / "city", stations=1) as city:
        file, pack = await packed(city, write_folder(tmp_path / "p", pictures=8, size=400_000, seed=1))
        other, kept = await packed(city, write_folder(tmp_path / "q", pictures=1, size=20_000, seed=2, version=2), 2)
        await hq(city, "content", "send", file, "--all")
        await until(began(city, pack), within=60)
        await hq(city, "content", "withdraw", pack[:12])
        await until(lambda: pack not in held(city), within=30)
        await until(lambda: not file_of(city, pack).exists(), within=30)
        assert query(city.hq_database, "SELECT count(*) FROM content_chunks") == [0]
        await hq(city, "content", "send", other, "--all")
        await until(stored(city, kept), within=60)
        await hq(city, "content", "withdraw", kept)
        await until(lambda: not held(city), within=30)
        assert delivery(city, kept)["state"] == "withdrawn"
        listed = await hq(city, "content", "list")
        assert listed.count("withdrawn") >= 2


async def test_the_example_comes_to_every_station_of_the_demo_and_is_shown(tmp_path):
    async with City(tmp_path / "city", stations=2) as city:
        assert await lesson.send(city)
        for station in city.stations:
            await until(lambda station=station: list(held(city, station).values()) == ["whole"], within=60)
        assert (await hq(city, "content", "list")).count("stored, 0 times") == 2
        # Nobody touches the screen: after a minute it is there, in both languages, with a picture.
        live = city.station_url(STATION) + "/live"
        await until(lambda: 'class="leaf"' in page(live), within=100)
        address = re.findall(r"/content/[0-9a-f]{64}", page(live))[0]
        assert await asyncio.to_thread(type_of, city.station_url(STATION) + address) == "image/png"
        # And a press of the button takes it away at once.
        await press_recorded(city)
        await until(lambda: 'class="leaf"' not in page(live), within=5)


async def test_a_kiosk_in_place_of_another_is_given_the_packs_again(tmp_path):
    async with City(tmp_path / "city", stations=1) as city:
        file, pack = await packed(city, write_folder(tmp_path / "p", pictures=2, size=40_000, seed=1))
        await hq(city, "content", "send", file, "--all")
        await until(stored(city, pack), within=60)
        station = city.process(f"station-{STATION}")
        await station.stop()
        data = city.station_folder(STATION) / "data"
        for left in (*data.glob("station.db*"), *data.glob("content/*")):
            left.unlink()
        await city.restart(f"station-{STATION}")
        await until(lambda: held(city).get(pack) == "whole", within=60)
        assert file_of(city, pack).read_bytes() == file.read_bytes()


async def test_a_pack_of_another_city_is_refused_and_the_next_one_comes(tmp_path):
    async with City(tmp_path / "city", stations=1) as city:
        file, _ = await packed(city, write_folder(tmp_path / "p", pictures=1, size=30_000, seed=1))
        forged = bytearray(file.read_bytes())
        forged[forged.index(b"\n") + 5] ^= 1  # in the signature's line
        usb = city.station_folder(STATION) / "usb"
        usb.mkdir()
        toml = city.station_folder(STATION) / "station.toml"
        toml.write_text(toml.read_text(encoding="utf-8") + f'\n[content]\nusb_folder = "{usb}"\n', encoding="utf-8")
        (usb / "forged.pack").write_bytes(bytes(forged))
        await city.restart(f"station-{STATION}")
        await until(lambda: journaled(city, "content.refused"), within=30)
        good, name = await packed(city, write_folder(tmp_path / "q", pictures=1, size=30_000, seed=2, version=2), 2)
        await hq(city, "content", "send", good, "--all")
        await until(stored(city, name), within=60)
        [refused] = journaled(city, "content.refused")
        assert refused["data"]["way"] == "usb"
        assert said(city, f"station-{STATION}", "is refused") == 1
        await until(lambda: "refused by USB" in json.dumps(delivery_list(city)), within=30)
        assert status(city)["journal_ok"]


def type_of(url: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as response:
        return str(response.headers["Content-Type"])


def delivery_list(city: City) -> list[str]:
    rows = query(city.hq_database, "SELECT state, way FROM content_deliveries WHERE station = ?", STATION)
    return [f"{state}{' by USB' if way == 'usb' else ''}" for state, way in rows]
