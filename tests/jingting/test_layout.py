"""A city's folder: every house's settings load, and the broker lets everybody say and hear only what is theirs."""

import contextlib
import itertools
import queue
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from agent import settings as station_settings
from hq import settings as hq_settings
from jingting import layout
from jingting.child import Child
from jingting.ports import Ports
from sync.broker import Broker
from tests.certificates import certify

NOT_AUTHORIZED = 0x87
"""MQTT 5.0, section 3.4.2.1."""
ACCEPTED = (0x00, 0x10)
"""Success, and success though nobody listens."""


@pytest.fixture
def ports():
    taken = Ports()
    yield taken
    taken.release()


def write(folder, ports, *stations: str) -> tuple[int, int]:
    broker_port, hq_broker_port = ports.take(), ports.take()
    station_ports = {station: ports.take() for station in stations}
    layout.write(
        folder,
        broker_port=broker_port,
        hq_broker_port=hq_broker_port,
        hq_port=ports.take(),
        station_ports=station_ports,
    )
    return broker_port, hq_broker_port


def test_every_house_loads_its_settings_and_believes_the_others_key(tmp_path, ports):
    broker_port, hq_broker_port = write(tmp_path, ports, "jt-001", "jt-002")
    hq = hq_settings.load(tmp_path / "hq/hq.toml")
    for number, station in enumerate(("jt-001", "jt-002")):
        home = tmp_path / "stations" / station
        settings = station_settings.load(home / "station.toml")
        assert settings.station.id == station
        assert (settings.station.name_zh, settings.station.name_en) == layout.names(number)
        assert (settings.broker.port, hq.broker.port) == (broker_port, hq_broker_port)
        assert settings.panel[0].port == str(home / "panel")
        assert (home / "headquarters.pub").read_bytes() == (tmp_path / "hq/order.key.pub").read_bytes()
        assert (hq.keys.stations / f"{station}.pub").read_bytes() == (home / "station.key.pub").read_bytes()


def test_a_folder_used_before_keeps_its_keys_and_certificates(tmp_path, ports):
    write(tmp_path, ports, "jt-001")
    kept = {name: (tmp_path / name).read_bytes() for name in ("hq/order.key", "stations/jt-001/station.key")}
    for name in ("hq/authority/ca.key", "hq/hq.pem", "broker/server.pem", "stations/jt-001/tls.pem"):
        kept[name] = (tmp_path / name).read_bytes()
    write(tmp_path, ports, "jt-001", "jt-002")
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept


def test_no_key_is_readable_by_others_and_only_headquarters_has_the_authoritys(tmp_path, ports):
    write(tmp_path, ports, "jt-001")
    private = [path for path in tmp_path.rglob("*.key") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    roots = [path.read_bytes() for path in private if path.name == "ca.key"]
    assert len(roots) == 2
    for folder in ("broker", "stations"):
        files = [path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()]
        assert not any(root in files for root in roots)


def test_the_names_of_many_stations_are_all_different():
    names = list(itertools.chain.from_iterable(layout.names(index) for index in range(200)))
    assert len(set(names)) == 400


class Client:
    """One MQTT client, as bare as it can be: what it heard, and whether the broker took it."""

    def __init__(
        self, home: Path, port: int, *, stem: str = "tls", client_id: str = "", root: Path | None = None
    ) -> None:
        self.heard: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._told: queue.Queue[object] = queue.Queue()
        broker = Broker(
            host="127.0.0.1",
            port=port,
            ca=root or home / "ca.pem",
            certificate=home / f"{stem}.pem",
            key=home / f"{stem}.key",
        )
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._client.tls_set_context(broker.tls())
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._told.put(
            "refused" if reason.is_failure else "in"
        )
        self._client.on_disconnect = lambda *_: self._told.put("thrown out")
        self._client.on_subscribe = lambda _c, _u, mid, codes, _p: self._told.put(codes[0].value)
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self._told.put(reason.value)
        self._client.on_message = lambda _c, _u, message: self.heard.put((message.topic, message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def told(self) -> object:
        """What the broker does next: `in`, `refused`, `thrown out`, or the code of an answer."""
        return self._told.get(timeout=20)

    def subscribe(self, topic: str) -> object:
        self._client.subscribe(topic, qos=1)
        return self.told()

    def publish(self, topic: str, payload: bytes) -> object:
        """Publish, and return the broker's answer."""
        self._client.publish(topic, payload, qos=1)
        return self.told()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
async def broker(tmp_path, ports):
    """Start the city's broker alone, and return a function that connects."""
    port, hq_port = write(tmp_path, ports, "jt-001", "jt-002")
    child = Child(
        "broker", (layout.program("mosquitto"), "-c", str(tmp_path / "broker/mosquitto.conf")), log=tmp_path / "log"
    )
    child.start()
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", hq_port)) == 0:
                break
        assert child.running, child.last_words()
        assert time.monotonic() < deadline
    clients = []

    def connect(user: str, *, door: str = "", **options) -> Client:
        home, stem = (tmp_path / "hq", "hq") if user == "hq" else (tmp_path / "stations" / user, "tls")
        to = hq_port if (door or user) == "hq" else port
        client = Client(options.pop("home", home), to, stem=stem, client_id=options.pop("client_id", user), **options)
        clients.append(client)
        return client

    def let_in(user: str, **options) -> Client:
        client = connect(user, **options)
        assert client.told() == "in"
        return client

    let_in.tries = connect
    yield let_in
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


def test_a_station_is_who_its_certificate_says_whatever_client_id_it_claims(broker):
    other, liar = broker("jt-002"), broker("jt-001", client_id="jt-002")
    assert liar.publish("jt/1/jt-002/up/log", b"forged") == NOT_AUTHORIZED
    assert liar.publish("jt/1/jt-001/up/log", b"its own") in ACCEPTED
    assert other.publish("jt/1/jt-002/up/log", b"still there") in ACCEPTED


def test_headquarters_processes_share_one_name_and_choose_their_client_ids(broker):
    clients = [broker("hq", client_id=f"hq-one{lane}") for lane in ("", "-urgent")]
    for client in clients:
        assert client.publish("jt/1/jt-001/up/ack", b"x") in ACCEPTED


@pytest.mark.parametrize(("user", "door"), [("jt-001", "hq"), ("hq", "stations")])
def test_each_door_lets_in_only_those_it_is_for(broker, user, door):
    assert refused(lambda: broker.tries(user, door=door))


def test_another_citys_certificate_of_the_same_name_is_let_in_at_no_door(broker, tmp_path):
    certify(tmp_path, "jt-001")
    certify(tmp_path, "hq", stem="hq")
    root = tmp_path / "stations/jt-001/ca.pem"
    for user in ("jt-001", "hq"):
        assert refused(lambda user=user: broker.tries(user, home=tmp_path, root=root))


@pytest.mark.usefixtures("broker")
def test_nobody_is_let_in_who_shows_no_certificate_or_speaks_without_tls(tmp_path):
    doors = (tmp_path / "broker/mosquitto.conf").read_text().split("listener ")[1:]
    assert len(doors) == 2
    for door in doors:
        assert "require_certificate true" in door
        assert "use_identity_as_username true" in door
        with socket.create_connection(("127.0.0.1", int(door.split()[0])), timeout=20) as raw:
            raw.sendall(b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07sjz-001")
            with contextlib.suppress(ConnectionResetError):
                assert raw.recv(1) in {b"", b"\x15"}  # a TLS alert at most (RFC 8446, section 6)


def refused(connecting: Callable[[], Client]) -> bool:
    """Whether the broker lets nobody in: in TLS 1.3 one hears so with the handshake, or with the first word."""
    try:
        return connecting().told() != "in"
    except OSError:
        return True
