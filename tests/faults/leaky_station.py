"""A station that keeps a little of each event for ever, `leaky_station.py SETTINGS`: a soak has to see it grow."""

import sys
from pathlib import Path

from agent import __main__ as daemon
from agent.pen import Pen

kept: list[bytes] = []
record = Pen.record


def leak(*arguments: object, **words: object) -> object:
    kept.append(bytes(1024))
    return record(*arguments, **words)  # type: ignore[arg-type]


if __name__ == "__main__":
    Pen.record = leak  # type: ignore[method-assign,assignment]
    sys.exit(daemon.main(Path(sys.argv[1])))
