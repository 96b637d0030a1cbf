"""A city's folder: every house's settings load, and the broker lets everybody say and hear only what is theirs."""

import itertools
import queue
import socket
import stat
import time

import paho.mqtt.client as mqtt
import pytest

from agent import settings as station_settings
from hq import settings as hq_settings
from jingting import layout
from jingting.child import Child
from jingting.ports import Ports


@pytest.fixture
def ports():
    taken = Ports()
    yield taken
    taken.release()


def write(folder, ports, *stations: str) -> int:
    broker_port = ports.take()
    station_ports = {station: ports.take() for station in stations}
    layout.write(folder, broker_port=broker_port, hq_port=ports.take(), station_ports=station_ports)
    return broker_port


def test_every_house_loads_its_settings_and_believes_the_others_key(tmp_path, ports):
    broker_port = write(tmp_path, ports, "jt-001", "jt-002")
    hq = hq_settings.load(tmp_path / "hq/hq.toml")
    for number, station in enumerate(("jt-001", "jt-002")):
        home = tmp_path / "stations" / station
        settings = station_settings.load(home / "station.toml")
        assert settings.station.id == station
        assert (settings.station.name_zh, settings.station.name_en) == layout.names(number)
        assert settings.broker.port == hq.broker.port == broker_port
        assert settings.panel[0].port == str(home / "panel")
        assert (home / "headquarters.pub").read_bytes() == (tmp_path / "hq/order.key.pub").read_bytes()
        assert (hq.keys.stations / f"{station}.pub").read_bytes() == (home / "station.key.pub").read_bytes()


def test_a_folder_used_before_keeps_its_keys_and_passwords(tmp_path, ports):
    write(tmp_path, ports, "jt-001")
    kept = {name: (tmp_path / name).read_bytes() for name in ("hq/order.key", "stations/jt-001/station.key")}
    kept["hq/broker.password"] = (tmp_path / "hq/broker.password").read_bytes()
    write(tmp_path, ports, "jt-001", "jt-002")
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept


def test_no_secret_is_readable_by_others_and_no_password_stands_in_the_brokers_file(tmp_path, ports):
    write(tmp_path, ports, "jt-001")
    secrets = ["hq/order.key", "hq/broker.password", "stations/jt-001/station.key", "broker/passwords"]
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in secrets} == {0o600}
    password = (tmp_path / "stations/jt-001/broker.password").read_text().strip()
    assert password not in (tmp_path / "broker/passwords").read_text()


def test_the_names_of_many_stations_are_all_different():
    names = list(itertools.chain.from_iterable(layout.names(index) for index in range(200)))
    assert len(set(names)) == 400


class Client:
    """One MQTT client, as bare as it can be: what it heard, and whether the broker took it."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._told: queue.Queue[object] = queue.Queue()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=user, protocol=mqtt.MQTTv5)
        self._client.username_pw_set(user, password)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._told.put(reason)
        self._client.on_subscribe = lambda _c, _u, mid, _r, _p: self._told.put(mid)
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self._told.put(reason.value)
        self._client.on_message = lambda _c, _u, message: self.heard.put((message.topic, message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self.refused = self._told.get(timeout=20).is_failure

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        self._told.get(timeout=20)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish, and return when the broker has answered, whatever it answered."""
        self._client.publish(topic, payload, qos=1)
        self._told.get(timeout=20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
async def broker(tmp_path, ports):
    """Start the city's broker alone, and return its port and a function that connects."""
    port = write(tmp_path, ports, "jt-001", "jt-002")
    child = Child(
        "broker", (layout.program("mosquitto"), "-c", str(tmp_path / "broker/mosquitto.conf")), log=tmp_path / "log"
    )
    child.start()
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert child.running, child.last_words()
        assert time.monotonic() < deadline
    clients = []

    def connect(user: str, password: str | None = None) -> Client:
        home = tmp_path / ("hq" if user == "hq" else f"stations/{user}")
        client = Client(port, user, password or (home / "broker.password").read_text().strip())
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()
    await child.stop()


OWN = ("up/urgent", "up/log", "down/ack", "state", "health")
HEARD = ("up/ack", "down/urgent", "down/log")


def test_a_station_says_only_its_own_topics(broker):
    hq, station = broker("hq"), broker("jt-001")
    for rest in (*OWN, *HEARD):
        hq.subscribe(f"jt/1/+/{rest}")
    for who, rest in itertools.product(("jt-001", "jt-002"), (*OWN, *HEARD)):
        station.publish(f"jt/1/{who}/{rest}", f"{who} {rest}".encode())
    station.publish("jt/1/hq/one/state", b"forged")
    station.publish("jt/1/jt-001/up/log", b"the end")
    heard = []
    while not heard or heard[-1][1] != b"the end":
        heard.append(hq.heard.get(timeout=20))
    assert sorted(topic for topic, _ in heard[:-1]) == sorted(f"jt/1/jt-001/{rest}" for rest in OWN)


def test_a_station_hears_only_what_is_for_it(broker):
    hq, station = broker("hq"), broker("jt-001")
    station.subscribe("#")
    for who, rest in itertools.product(("jt-002", "jt-001"), HEARD):
        hq.publish(f"jt/1/{who}/{rest}", b"x")
    hq.publish("jt/1/hq/one/state", b"the end")
    heard = []
    while not heard or heard[-1][1] != b"the end":
        heard.append(station.heard.get(timeout=20))
    assert [topic for topic, _ in heard] == [*(f"jt/1/jt-001/{rest}" for rest in HEARD), "jt/1/hq/one/state"]


def test_headquarters_says_nothing_in_a_stations_name(broker):
    hq = broker("hq")
    hq.subscribe("jt/1/jt-001/up/urgent")
    hq.publish("jt/1/jt-001/up/urgent", b"forged")
    broker("jt-001").publish("jt/1/jt-001/up/urgent", b"true")
    assert hq.heard.get(timeout=20) == ("jt/1/jt-001/up/urgent", b"true")


@pytest.mark.parametrize(("user", "password"), [("jt-001", "wrong"), ("nobody", "x")])
def test_nobody_connects_without_the_right_password(broker, user, password):
    assert broker(user, password).refused
