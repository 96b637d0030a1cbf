"""Commands on a simulator's stdin, one a line; the answers on its stdout, a JSON line each."""

import json
import os
import stat
from typing import Any

_CHUNK = 4096
_STDIN, _STDOUT = 0, 1


class Console:
    """Whoever plays with the simulator. `over` once he is gone; `open` while he may type something."""

    fd = _STDIN

    def __init__(self) -> None:
        self.open = True
        self.over = False
        self._typed = b""

    def commands(self) -> list[list[str]]:
        """Return the words of each line that was typed since; only when stdin is ready."""
        typed = os.read(_STDIN, _CHUNK)
        if not typed:
            # A pipe that ends means that whoever started this is gone; /dev/null only means that nobody types.
            self.open = False
            self.over = not stat.S_ISCHR(os.fstat(_STDIN).st_mode)
            return []
        *lines, self._typed = (self._typed + typed).split(b"\n")
        return [line.decode(errors="replace").split() for line in lines]

    def answer(self, answer: dict[str, Any]) -> None:
        """Write one line."""
        try:
            os.write(_STDOUT, json.dumps(answer).encode() + b"\n")
        except BrokenPipeError:
            self.over = True
