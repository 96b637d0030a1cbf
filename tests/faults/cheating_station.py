"""A station that says "recorded" without waiting for its disk: `cheating_station.py MODE FILE`.

MODE is one of SQLite's `PRAGMA synchronous`, or DELETE for a journal whose commit is the unlink of a file; FILE its
settings. A rig that does not see this one lose events proves nothing about ours.
"""

import contextlib
import sqlite3
import sys
from pathlib import Path

from agent import __main__ as daemon
from agent import journal
from agent.settings import load


def main(mode: str, file: str) -> int:
    """Be `python -m agent FILE`, but for the journal's commits."""
    if mode == "DELETE":
        _without_wal(load(Path(file)).station.data / "station.db")
        mode = "FULL"
    honest = journal.connect

    def connect(path: Path) -> sqlite3.Connection:
        connection = honest(path)
        connection.execute(f"PRAGMA synchronous = {mode}")
        return connection

    journal.connect = connect  # type: ignore[attr-defined]
    return daemon.main(Path(file))


def _without_wal(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
