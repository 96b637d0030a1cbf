"""Headquarters on the host, made by the commands of docs/operations.md, for a station in the small machine.

The machine knows it as `headquarters.example`, by the ports of the book (8443, 8883); here they are any free ones.
"""

import asyncio
import os
import pwd
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from jingting import layout
from jingting.child import Child, jingting
from jingting.count import HqRows, read_hq
from jingting.ports import Ports, is_free
from jingting.web import fetch

STATION = "sjz-001"
NAME = "headquarters.example"
ENROLMENT_PORT, BROKER_PORT = 8443, 8883


def end(children: Iterable[Child]) -> None:
    """End processes, and forget them."""
    for child in children:
        child.kill()
        asyncio.run(child.ended())


class Office:
    """A broker and `jingting hq`; `with Office(folder) as office:`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports = Ports()
        self._broker, self._own, self._web, self._enrolment = (self._ports.take() for _ in range(4))
        self._lay_out()
        self.processes = {
            "broker": Child(
                "broker",
                (layout.program("mosquitto"), "-c", str(folder / "broker/mosquitto.conf")),
                log=folder / "broker.log",
            ),
            "hq": Child("hq", jingting("hq", "--config", folder / "hq.toml"), log=folder / "hq.log"),
        }

    @property
    def forwards(self) -> dict[int, int]:
        """The machine's ports of `NAME`, and where they lead here."""
        return {ENROLMENT_PORT: self._enrolment, BROKER_PORT: self._broker}

    def __enter__(self) -> Self:
        for child in self.processes.values():
            child.start()
        url = f"http://127.0.0.1:{self._web}/health.json"
        self._until(lambda: fetch(url) is not None and not is_free(self._enrolment))
        return self

    def __exit__(self, *_: object) -> None:
        end(self.processes.values())
        self._ports.release()

    def invite(self) -> str:
        """Return a one-time code for the station, as it is typed."""
        said = self._do(
            *("hq", "invite", "--config", self.folder / "hq.toml", "--station", STATION, "--code", "JW012"),
            *("--name-zh", "中山路警务服务站", "--name-en", "Zhongshan Road Police Service Station"),
        )
        found = re.search(r"code=(\w+)", said)
        assert found, "no code was printed"
        return found[1]

    def presses(self, button: str) -> dict[tuple[str, int, int], frozenset[str]]:
        """Return every press of one button that headquarters holds, and the events that told of it."""
        return {key: ids for key, ids in self.rows().events.items() if key[0] == button}

    def rows(self) -> HqRows:
        """Return what headquarters' database holds of the station."""
        return read_hq(self.folder / "data/hq.db", STATION)

    def _lay_out(self) -> None:
        broker = self.folder / "broker"
        said = ("--broker", NAME, "--broker", "127.0.0.1", "--port", str(BROKER_PORT), "--own-port", str(self._own))
        self._do("hq", "init", self.folder, "--city", "Shijiazhuang", *said, "--broker-folder", broker)
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._change(
            broker / "mosquitto.conf",
            {"/var/lib/mosquitto": str(broker), "user mosquitto": f"user {user}"}
            | {f"listener {BROKER_PORT}": f"listener {self._broker} 127.0.0.1"},
        )
        self._change(
            self.folder / "hq.toml",
            {"port = 8081": f"port = {self._web}"}
            | {"[enrolment]": f'[enrolment]\nhost = "127.0.0.1"\nport = {self._enrolment}'},
        )

    @staticmethod
    def _change(file: Path, words: dict[str, str]) -> None:
        text = file.read_text(encoding="utf-8")
        for old, new in words.items():
            assert old in text, f"{file}: no {old!r}"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")

    @staticmethod
    def _do(*words: str | Path) -> str:
        done = subprocess.run(jingting(*words), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _until(self, condition: Callable[[], Any], within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            for child in self.processes.values():
                assert child.running, child.last_words()
            assert time.monotonic() < deadline, "headquarters does not come up"
            time.sleep(0.1)
