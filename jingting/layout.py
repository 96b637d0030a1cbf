"""What a city's folder holds: keys, passwords, the broker's configuration and a settings file for each house.

    broker/           mosquitto.conf, acl.conf, passwords, and what the broker keeps
    hq/               hq.toml, order.key, sealing.key, broker.password, stations/<id>.pub, data/
    stations/<id>/    station.toml, station.key, headquarters*.pub, broker.password, panel, panel.jsonl, reader,
                      reader.jsonl, data/
    logs/             what each process said

A folder that was used before keeps its keys, journals and databases; ports and configurations are written anew.
"""

import importlib.resources
import json
import os
import pwd
import secrets
import shutil
import string
import subprocess
from pathlib import Path

from common import keyfiles
from sync.sealing import new_sealing_key

PANEL = "front"
"""The name of each station's only panel."""

_SBIN = ":/usr/sbin:/usr/local/sbin"

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
password_file = "broker.password"

[[panel]]
name = "front"
port = "panel"
buzzer = true

[card_reader]
name = "cards"
port = "reader"

[web]
port = {web_port}
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
password_file = "broker.password"

[web]
port = {web_port}
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


def write(folder: Path, *, broker_port: int, hq_port: int, station_ports: dict[str, int]) -> None:
    """Write a city's folder for the stations of `station_ports`, in their order."""
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    hq = folder / "hq"
    for needed in (hq / "stations", hq / "data"):
        needed.mkdir(parents=True, exist_ok=True)
    order_public, sealing_public = _key(hq / "order.key"), _sealing_key(hq / "sealing.key")
    passwords = {"hq": _password(hq / "broker.password")}
    (hq / "hq.toml").write_text(_HQ.format(broker_port=broker_port, web_port=hq_port), encoding="utf-8")
    for index, (station, port) in enumerate(station_ports.items()):
        home = folder / "stations" / station
        (home / "data").mkdir(parents=True, exist_ok=True)
        shutil.copy(_key(home / "station.key"), hq / "stations" / f"{station}.pub")
        shutil.copy(order_public, home / "headquarters.pub")
        shutil.copy(sealing_public, home / "headquarters.sealing.pub")
        passwords[station] = _password(home / "broker.password")
        zh, en = names(index)
        text = _STATION.format(
            id=json.dumps(station),
            code=json.dumps(station.upper().replace("-", "")),
            name_zh=json.dumps(zh, ensure_ascii=False),
            name_en=json.dumps(en),
            broker_port=broker_port,
            web_port=port,
        )
        (home / "station.toml").write_text(text, encoding="utf-8")
    _write_broker(folder / "broker", broker_port, passwords)


def _write_broker(folder: Path, port: int, passwords: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    package = importlib.resources.files("jingting")
    template = string.Template((package / "mosquitto.conf").read_text(encoding="utf-8"))
    user = pwd.getpwuid(os.geteuid()).pw_name
    (folder / "mosquitto.conf").write_text(template.substitute(port=port, folder=folder, user=user), encoding="utf-8")
    (folder / "acl.conf").write_text((package / "acl.conf").read_text(encoding="utf-8"), encoding="utf-8")
    _write_private(folder / "passwords", "".join(f"{name}:{word}\n" for name, word in passwords.items()))
    command = (program("mosquitto_passwd"), "-U", folder / "passwords")
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - hashes the file in place
    for file in folder.iterdir():
        file.chmod(0o600)


def _key(path: Path) -> Path:
    public = path.with_name(path.name + ".pub")
    return public if path.exists() and public.exists() else keyfiles.create(path)


def _sealing_key(path: Path) -> Path:
    public = path.with_name(path.name + ".pub")
    return public if path.exists() and public.exists() else keyfiles.write_pair(path, *new_sealing_key())


def _password(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(18) + "\n")
    return keyfiles.read_password(path)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
