"""thingsboard-gateway with SQLite storage, as shipped or tuned, as its documentation has it.

Its configuration is the one its package ships; what is changed is where ThingsBoard is, that nothing is configured from
there, and that events are stored by SQLite. Events come from the custom connector in `peer_connector.py`.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.benchmarks import peers
from tests.benchmarks.far_end import MAX_PAYLOAD_B, PAYLOAD_B

PACKAGE: Final = "thingsboard-gateway"
_TUNED_STORAGE: Final = {"max_read_records_count": 5000, "writing_batch_size": 5000}
_TUNED: Final = {"minPackSendDelayMS": 0, "minPackSizeToSend": 5000, "maxPayloadSizeBytes": MAX_PAYLOAD_B}
_CONNECTOR: Final = {"name": "bench", "type": "bench", "class": "BenchConnector", "configuration": "bench.json"}


def both() -> tuple[dict[str, bool], str]:
    """Return its names, by name whether it is tuned; none, and why, where it is not installed."""
    try:
        name = peers.named(PACKAGE)
    except peers.Missing as problem:
        return {}, str(problem)
    return {f"{name} tuned": True, name: False}, ""


class Gateway:
    """The gateway's process, its folder, and the line by which it is given events."""

    def __init__(self, folder: Path, far_port: int, *, tuned: bool) -> None:
        self.database = folder / "data/data.db"
        self._folder = folder
        package = next(peers.PYTHON.parents[1].glob("lib/python*/site-packages/thingsboard_gateway"))
        shutil.copytree(package / "config", folder / "config", dirs_exist_ok=True)
        extension = package / "extensions/bench"
        extension.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).with_name("peer_connector.py"), extension)
        (folder / "data").mkdir(exist_ok=True)
        self._listening = socket.create_server(("127.0.0.1", 0))
        config = json.loads((package / "config/tb_gateway.json").read_text())
        config["thingsboard"] |= {"host": "127.0.0.1", "port": far_port, "remoteConfiguration": False}
        config["thingsboard"]["security"] = {"type": "accessToken", "accessToken": "bench"}
        config["storage"] |= {"type": "sqlite", "data_file_path": f"{folder}/data/"}
        if tuned:
            config["thingsboard"] |= _TUNED
            config["storage"] |= _TUNED_STORAGE
        config["connectors"] = [_CONNECTOR]
        (folder / "config/tb_gateway.json").write_text(json.dumps(config))
        (folder / "config/bench.json").write_text(json.dumps({"port": self._listening.getsockname()[1], "id": "bench"}))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; it takes events once `line` has returned."""
        with (self._folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                [peers.PYTHON, "-m", "thingsboard_gateway.tb_gateway"],
                cwd=self._folder,
                env=os.environ | {"TB_GW_CONFIG_DIR": f"{self._folder}/config/"},
                stdout=log,
                stderr=log,
            )

    def line(self) -> "Line":
        """Return the line to its connector, which comes when it has started."""
        self._listening.settimeout(30)
        return Line(self._listening.accept()[0])

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        self.kill()
        self._listening.close()

    def fill(self, events: int) -> None:
        """Let so many events wait in its storage, as it stores them itself, before it starts."""
        with closing(sqlite3.connect(self.database)) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(
                "CREATE TABLE messages "
                "(id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER NOT NULL, message TEXT NOT NULL)"
            )
            database.execute("CREATE INDEX idx_timestamp ON messages (timestamp)")
            now = int(time.time() * 1000)
            database.executemany(
                "INSERT INTO messages(timestamp, message) VALUES (?, ?)",
                ((now, _stored(now + number, number)) for number in range(events)),
            )


def _stored(at_ms: int, number: int) -> str:
    values = {"n": number, "event": "x" * PAYLOAD_B}
    event = {"deviceName": "jt-001", "deviceType": "default", "telemetry": [{"ts": at_ms, "values": values}]}
    return json.dumps(event | {"attributes": {}}, separators=(",", ":"))


class Line:
    """Gives the gateway events by their numbers, and hears which it has taken."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._given, self._answers = connection.makefile("w"), connection.makefile("r")
        self.taken: set[int] = set()

    def give(self, number: int) -> None:
        """Give one event, without waiting."""
        self._given.write(f"{number}\n")
        self._given.flush()

    def hear(self) -> int:
        """Wait until the next is taken, and return its number."""
        number = int(self._answers.readline())
        self.taken.add(number)
        return number
