"""QEMU's own port (QMP): one JSON object a line."""

import json
import socket
from pathlib import Path
from typing import Any


class QmpError(Exception):
    """QEMU refused a command; the message is its own."""


class Qmp:
    """A connection to it. Events that come meanwhile are kept in `events`."""

    def __init__(self, path: Path, *, within_s: float = 20.0) -> None:
        self.events: list[dict[str, Any]] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(within_s)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self._lines.readline()
        self.do("qmp_capabilities")

    def do(self, execute: str, **arguments: Any) -> Any:
        """Do a command and return its answer; `_` in a name is said as `-`. Raises QmpError."""
        said = {"execute": execute, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}}
        self._socket.sendall(json.dumps(said).encode() + b"\n")
        while True:
            answer = self._answer()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(answer["error"]["desc"])
            self.events.append(answer)

    def await_event(self, name: str) -> dict[str, Any]:
        """Return the next event of this name, one that was kept before any other. Raises TimeoutError."""
        while True:
            for event in self.events:
                if event["event"] == name:
                    self.events.remove(event)
                    return event
            self.events.append(self._answer())

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def _answer(self) -> dict[str, Any]:
        line = self._lines.readline()
        if not line:
            raise QmpError("QEMU has hung up")
        answer: dict[str, Any] = json.loads(line)
        return answer
