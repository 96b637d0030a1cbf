"""`jingting hq init`: a headquarters from nothing, once; and again, without touching a key."""

import os
import pwd
import re
import socket
import stat
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from common import certificates
from hq import settings
from jingting import layout
from jingting.child import Child
from jingting.cli import main
from jingting.ports import Ports
from sync.broker import Broker

EXAMPLES = Path(__file__).parents[2] / "config/mosquitto"


def init(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["hq", "init", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def keys(folder):
    return {path: path.read_bytes() for path in folder.rglob("*.key")}


def test_from_nothing_to_settings_that_load_and_every_key_its_owners_only(tmp_path):
    said = init(tmp_path / "hq", "--city", "Shijiazhuang", "--broker", "mqtt.example", "--broker", "192.0.2.7")
    loaded = settings.load(tmp_path / "hq/hq.toml")
    assert loaded.keys.sealing.exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys(tmp_path)} == {0o600}
    server = certificates.read_certificate(tmp_path / "hq/broker/server.pem")
    assert certificates.server_names(server) == {"mqtt.example", "192.0.2.7"}
    for path in (loaded.keys.authority, loaded.keys.order, loaded.keys.sealing):
        assert str(path) in said.split("safe place")[1], "it must say what to back up"


def test_an_account_can_be_made_before_headquarters_was_ever_started(tmp_path):
    init(tmp_path)
    command = ["hq", "user", "add", "--config", str(tmp_path / "hq.toml"), "--role", "administrator", "chief"]
    made = CliRunner().invoke(main, command, input="a password long enough\n")
    assert made.exit_code == 0, made.output


def test_again_it_keeps_every_key_and_says_so_and_mends_what_is_missing(tmp_path):
    init(tmp_path)
    before = keys(tmp_path)
    (tmp_path / "keys/hq.pem").unlink()
    said = init(tmp_path, "--broker", "other.example")
    assert keys(tmp_path) == before
    assert f"kept  {tmp_path}/keys/order.key" in said
    assert f"made  {tmp_path}/keys/hq.pem" in said
    certificates.check_pair(tmp_path / "keys/hq.pem", tmp_path / "keys/hq.key")
    server = certificates.read_certificate(tmp_path / "broker/server.pem")
    assert certificates.server_names(server) == {"other.example"}


def test_settings_that_were_there_say_where_the_keys_go(tmp_path):
    init(tmp_path / "first")
    config = tmp_path / "mine.toml"
    text = (tmp_path / "first/hq.toml").read_text().replace('"keys/', '"elsewhere/')
    config.write_text(text)
    init("--config", config)
    assert settings.load(config).keys.order == tmp_path / "elsewhere/order.key"


def test_a_name_that_no_broker_can_have_is_refused(tmp_path):
    result = CliRunner().invoke(main, ["hq", "init", str(tmp_path), "--broker", "two words"])
    assert result.exit_code == 1
    assert "neither a host name nor an IP address" in result.output


@pytest.fixture
def ports():
    taken = Ports()
    yield taken
    taken.release()


async def test_a_broker_runs_with_these_files_and_lets_headquarters_in(tmp_path, ports):
    """Only its folder for data, and its user, are this test's own."""
    port, own_port = ports.take(), ports.take()
    folder = tmp_path / "broker"
    init(tmp_path, "--port", port, "--own-port", own_port, "--broker-folder", folder)
    conf = (folder / "mosquitto.conf").read_text()
    for old, new in (
        ("/var/lib/mosquitto", str(folder)),
        ("user mosquitto", f"user {pwd.getpwuid(os.geteuid()).pw_name}"),
    ):
        assert old in conf
        conf = conf.replace(old, new)
    (folder / "mosquitto.conf").write_text(conf)
    broker = Child("broker", (layout.program("mosquitto"), "-c", str(folder / "mosquitto.conf")), log=tmp_path / "log")
    broker.start()
    try:
        deadline = time.monotonic() + 20
        while True:
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", own_port)) == 0:
                    break
            assert broker.running, broker.last_words()
            assert time.monotonic() < deadline
        loaded = settings.load(tmp_path / "hq.toml").broker
        hq = Broker(host=loaded.host, port=own_port, ca=loaded.ca, certificate=loaded.certificate, key=loaded.key)
        with (
            socket.create_connection((hq.host, hq.port)) as raw,
            hq.tls().wrap_socket(raw, server_hostname=hq.host) as tls,
        ):
            tls.sendall(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02hq")  # CONNECT (MQTT 3.1.1, section 3.1)
            assert tls.recv(4) == b"\x20\x02\x00\x00"
    finally:
        await broker.stop()


def test_the_examples_for_people_to_copy_are_what_it_writes(tmp_path):
    init(tmp_path)
    for example in EXAMPLES.iterdir():
        written = (tmp_path / "broker" / example.name).read_text()
        assert re.sub(r"/usr/\S+/mosquitto_dyn", "mosquitto_dyn", written) == re.sub(
            r"/usr/\S+/mosquitto_dyn", "mosquitto_dyn", example.read_text()
        )
