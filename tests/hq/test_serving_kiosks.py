"""Enrolment beside the rest of headquarters: what keeps it from serving keeps nobody from answering calls."""

import asyncio
import socket
import ssl

from agent.headquarters import Headquarters
from common.clock import Clock
from hq import enrolling, main, tables
from hq.enrolment_server import ServerCertificate
from hq.journals import lock_station
from hq.own_keys import order_keys
from hq.settings import load
from hq.store import Store
from jingting import layout
from tests.enrolment_rig import Office
from tests.headquarters import until


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_port_that_is_taken_and_an_authority_that_is_away_are_told_once_and_tried_again(
    tmp_path, monkeypatch, caplog
):
    layout.write(tmp_path, broker_port=1883, hq_broker_port=1884, hq_port=0, station_ports={})
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    file = tmp_path / "hq/hq.toml"
    with file.open("a", encoding="utf-8") as out:
        out.write(f'\n[enrolment]\nhost = "127.0.0.1"\nname = "127.0.0.1"\nport = {port}\n')
    settings = load(file)
    key = settings.keys.authority / "ca.key"
    key.rename(key.with_name("away"))
    monkeypatch.setattr(main, "_ENROL_AGAIN_S", 0.01)
    store = Store.open(settings.store.url)
    serving = asyncio.create_task(main._enrol(settings, store, Clock()))

    def said(words):
        return sum(words in record.message for record in caplog.records)

    await until(lambda: said("make an authority with: jingting hq init"))
    key.with_name("away").rename(key)
    await until(lambda: said("address already in use"))
    taken.close()
    kiosk = Headquarters(f"127.0.0.1:{port}", (tmp_path / "hq/ca.pem").read_text(), check_dates=lambda: True)

    await until(lambda: answers(port))
    assert (await kiosk.asked("/1/nonce", {"v": 1, "station": "sjz-001"}))["expires_s"] == 60
    assert [said(words) for words in ("jingting hq init", "address already in use")] == [1, 1]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    store.close()


def test_its_certificate_is_made_once_and_anew_for_another_name_or_authority(tmp_path):
    office, other = Office(tmp_path / "hq"), Office(tmp_path / "other")

    def made(authority, *names):
        certificate = ServerCertificate(authority, tmp_path, names)
        certificate.look()
        assert isinstance(certificate.context, ssl.SSLContext)
        return (tmp_path / "enrolment.pem").read_bytes()

    first = made(office.authority, "hq.example")
    assert made(office.authority, "hq.example") == first
    assert made(office.authority, "hq.example", "192.0.2.1") != first
    second = made(office.authority, "hq.example")
    assert made(other.authority, "hq.example") != second
    office.stop()
    other.stop()


def test_a_station_is_told_the_key_that_signs_for_it_and_the_newest_last(tmp_path):
    layout.write(tmp_path, broker_port=1883, hq_broker_port=1884, hq_port=0, station_ports={})
    file = tmp_path / "hq/hq.toml"
    with file.open("a", encoding="utf-8") as out:
        out.write('\n[enrolment]\nname = "127.0.0.1"\n')
    settings = load(file)
    store, own = Store.open(settings.store.url), order_keys(settings.keys.order)
    told = enrolling.told(settings, store)
    before = own.current().public
    assert told.order_keys("sjz-001") == (before.raw,)
    own.prepare()
    own.switch()
    assert told.order_keys("sjz-001") == (own.current().public.raw,)
    with store.database.write() as connection:
        lock_station(connection, "sjz-001")
        connection.execute(tables.stations.update().values(order_key=before.id))
    assert told.order_keys("sjz-001") == (before.raw, own.current().public.raw)
    assert len(told.sealing_key()) == 1216
    store.close()
