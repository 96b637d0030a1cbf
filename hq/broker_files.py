"""The broker's files that hold no key: its configuration, its access list, and the revoked, nobody at first."""

import glob
import importlib.resources
import json
import string
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PLUGIN: Final = "mosquitto_dynamic_security.so"
_NOBODY_REVOKED: Final = {
    "defaultACLAccess": {
        "publishClientSend": False,
        "publishClientReceive": False,
        "subscribe": False,
        "unsubscribe": False,
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """How the broker runs: its ports for stations and for headquarters, and its `address` ("" for every one).

    `folder` is where its files lie when it runs, `data` where it may write, `user` whom it becomes when root starts it.
    """

    port: int
    own_port: int
    address: str
    folder: Path
    data: Path
    user: str


def configuration(broker: Broker) -> str:
    """Return the text of its `mosquitto.conf`."""
    template = string.Template(_packaged("mosquitto.conf"))
    values = {name: str(getattr(broker, name)) for name in broker.__slots__}
    return template.substitute(values, plugin=_plugin()).replace(" \n", "\n")


def write(folder: Path, broker: Broker) -> None:
    """Write `mosquitto.conf`, `acl.conf` and, if there is none, `dynamic-security.json` into `folder`."""
    (folder / "mosquitto.conf").write_text(configuration(broker), encoding="utf-8")
    (folder / "acl.conf").write_text(_packaged("acl.conf"), encoding="utf-8")
    revoked = folder / "dynamic-security.json"
    if not revoked.exists():
        revoked.write_text(json.dumps(_NOBODY_REVOKED), encoding="utf-8")
        revoked.chmod(0o600)


def _plugin() -> str:
    """Return where Debian's mosquitto has its plugin; on another machine than the broker's, where it would be."""
    found = sorted(glob.glob(f"/usr/lib/*/{_PLUGIN}") + glob.glob(f"/usr/local/lib/{_PLUGIN}"))  # noqa: PTH207
    return found[0] if found else f"/usr/lib/{sysconfig.get_config_var('MULTIARCH') or ''}/{_PLUGIN}"


def _packaged(name: str) -> str:
    return (importlib.resources.files("hq") / name).read_text(encoding="utf-8")
