"""A station that keeps what it hears, `python greedy_station.py SETTINGS`: there to be caught by a limit of memory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agent.__main__ import main
from sync.session import Incoming, Sessions


def keep() -> None:
    kept: list[Incoming] = []
    receive = Sessions._receive

    def greedy(sessions: Sessions, message: Incoming) -> None:
        kept.append(message)
        receive(sessions, message)

    Sessions._receive = greedy  # type: ignore[method-assign] # it is a cheat


if __name__ == "__main__":
    keep()
    sys.exit(main(Path(sys.argv[1])))
