"""What a city's folder holds: keys, certificates, the broker's configuration and a settings file for each house.

    broker/           mosquitto.conf, acl.conf, its certificate and key, and what the broker keeps
    hq/               hq.toml, authority/, order.key, sealing.key, ca.pem, hq.pem, hq.key, monitor.password,
                      programs.token, stations/<id>.pub, data/
    stations/<id>/    station.toml, station.key, headquarters*.pub, ca.pem, tls.pem, tls.key, panel, panel.jsonl,
                      reader, reader.jsonl, finding/, data/
    logs/             what each process said

A folder that was used before keeps its keys, journals and databases; ports and configurations are written anew.
"""

import datetime as dt
import json
import os
import pwd
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from common import certificates, keyfiles
from hq import broker_files
from hq.authority import Authority
from hq.founding import Founding, Places

PANEL = "front"
"""The name of each station's only panel."""

_SBIN = ":/usr/sbin:/usr/local/sbin"

_SOON = dt.timedelta(days=30)

_FINDING = Path(__file__).with_name("finding")
_CHECKED = dt.date(2026, 11, 12)  # some days after the last check in those files

_ROADS = (
    ("中山路", "Zhongshan Road"),
    ("和平街", "Heping Street"),
    ("光明广场", "Guangming Square"),
    ("火车站", "Railway Station"),
    ("东湖公园", "East Lake Park"),
    ("学府路", "Xuefu Road"),
    ("老城门", "Old City Gate"),
    ("滨河路", "Riverside Road"),
)

_STATION = """\
[station]
id = {id}
code = {code}
name_zh = {name_zh}
name_en = {name_en}
data = "data"

[keys]
station = "station.key"
headquarters = ["headquarters.pub"]
sealing = "headquarters.sealing.pub"

[broker]
host = "127.0.0.1"
port = {broker_port}
ca = "ca.pem"
certificate = "tls.pem"
key = "tls.key"

[[panel]]
name = "front"
port = "panel"
buzzer = true

[card_reader]
name = "cards"
port = "reader"

[finding]
places = "finding/places.csv"
addresses = "finding/addresses.csv"
contacts = "finding/contacts.csv"

[web]
port = {web_port}
duty_port = {duty_port}
"""

_HQ = """\
[hq]
worker = "one"
data = "data"

[store]
url = "sqlite:///data/hq.db"

[keys]
order = "order.key"
stations = "stations"
sealing = "sealing.key"

[broker]
host = "127.0.0.1"
port = {broker_port}
ca = "ca.pem"
certificate = "hq.pem"
key = "hq.key"

[web]
port = {web_port}
token_file = "programs.token"
"""


def names(index: int) -> tuple[str, str]:
    """Return the Chinese and the English name of the station with that index (from 0)."""
    zh, en = _ROADS[index % len(_ROADS)]
    again = index // len(_ROADS)
    return (f"{zh}{again + 1}号警务站", f"{en} Station {again + 1}") if again else (f"{zh}警务站", f"{en} Station")


def program(name: str) -> str:
    """Return the path of a program of Mosquitto's. Raises FileNotFoundError when it is not installed.

    Debian keeps the broker in /usr/sbin, which is in no ordinary user's PATH.
    """
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + _SBIN)
    if path is None:
        raise FileNotFoundError(2, f"{name} is not installed: run make setup, or apt-get install mosquitto", name)
    return path


def write(
    folder: Path,
    *,
    broker_port: int,
    hq_broker_port: int,
    hq_port: int,
    station_ports: dict[str, int],
    duty_ports: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Write a city's folder for the stations of `station_ports`, in their order.

    A station without one of the `duty_ports` serves its duty desk on any free port.
    """
    now = dt.datetime.now(dt.UTC)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    hq = folder / "hq"
    (hq / "data").mkdir(parents=True, exist_ok=True)
    for secret in ("monitor.password", "programs.token"):
        _password(hq / secret)
    founding = Founding(
        Places(
            order=hq / "order.key",
            sealing=hq / "sealing.key",
            stations=hq / "stations",
            authority=hq / "authority",
            ca=hq / "ca.pem",
            certificate=hq / "hq.pem",
            key=hq / "hq.key",
            broker=folder / "broker",
        ),
        city="demo",
        now=now,
    )
    founding.keys()
    founding.broker(("localhost", "127.0.0.1"))
    (hq / "hq.toml").write_text(_HQ.format(broker_port=hq_broker_port, web_port=hq_port), encoding="utf-8")
    for index, (station, port) in enumerate(station_ports.items()):
        home = folder / "stations" / station
        (home / "data").mkdir(parents=True, exist_ok=True)
        shutil.copy(_key(home / "station.key"), hq / "stations" / f"{station}.pub")
        shutil.copy(hq / "order.key.pub", home / "headquarters.pub")
        shutil.copy(hq / "sealing.key.pub", home / "headquarters.sealing.pub")
        shutil.copy(hq / "ca.pem", home / "ca.pem")
        _certify(founding.authority, station, home, now)
        _let_find(home / "finding", now)
        zh, en = names(index)
        text = _STATION.format(
            id=json.dumps(station),
            code=json.dumps(station.upper().replace("-", "")),
            name_zh=json.dumps(zh, ensure_ascii=False),
            name_en=json.dumps(en),
            broker_port=broker_port,
            web_port=port,
            duty_port=duty_ports.get(station, 0),
        )
        (home / "station.toml").write_text(text, encoding="utf-8")
    broker = folder / "broker"
    broker_files.write(
        broker,
        broker_files.Broker(
            port=broker_port,
            own_port=hq_broker_port,
            address="127.0.0.1",
            folder=broker,
            data=broker,
            user=pwd.getpwuid(os.geteuid()).pw_name,
        ),
    )


def _certify(authority: Authority, station: str, home: Path, now: dt.datetime) -> None:
    """Give a station its certificate, or another one when the one it has ends soon."""
    key, certificate = home / "tls.key", home / "tls.pem"
    public = certificates.read_key(key).public_key() if key.exists() else certificates.create_key(key)
    if certificate.exists() and certificates.read_certificate(certificate).not_valid_after_utc - now > _SOON:
        return
    certificate.write_bytes(authority.issue_client(station, public, now=now, days=90))


def _let_find(folder: Path, now: dt.datetime) -> None:
    """Give a station the invented files of what people may find, checked as lately as if they were written now."""
    if folder.exists():
        return
    folder.mkdir()
    late = now.date() - _CHECKED

    def later(day: re.Match[str]) -> str:
        return (dt.date.fromisoformat(day[0]) + late).isoformat()

    for file in sorted(_FINDING.glob("*.csv")):
        text = file.read_bytes().decode()
        (folder / file.name).write_bytes(re.sub("20[0-9]{2}-[0-9]{2}-[0-9]{2}", later, text).encode())


def _key(path: Path) -> Path:
    public = path.with_name(path.name + ".pub")
    return public if path.exists() and public.exists() else keyfiles.create(path)


def _password(path: Path) -> None:
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(18) + "\n")
