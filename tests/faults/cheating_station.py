"""A station that says "recorded" without waiting for its disk: `cheating_station.py MODE FILE`, MODE of SQLite's
`PRAGMA synchronous`, FILE its settings. A rig that does not see this one lose events proves nothing about ours.
"""

import sqlite3
import sys
from pathlib import Path

from agent import __main__ as daemon
from agent import journal


def main(mode: str, file: str) -> int:
    """Be `python -m agent FILE`, but for the journal's commits."""
    honest = journal.connect

    def connect(path: Path) -> sqlite3.Connection:
        connection = honest(path)
        connection.execute(f"PRAGMA synchronous = {mode}")
        return connection

    journal.connect = connect  # type: ignore[attr-defined]
    return daemon.main(Path(file))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
