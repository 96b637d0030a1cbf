"""Durable puts by peers: python peer_queues.py persist-queue|sqlite-utils FOLDER, with the interpreter of .venv/peers.

Each as its documentation has it for several threads, and durable: persist-queue's SQLiteQueue commits every put in WAL
with SQLite's own synchronous=FULL; sqlite-utils has one connection in WAL, which threads take turns at.
"""

import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

LINE = b"x" * 328


def _persist_queue(folder: Path) -> Callable[[bytes], object]:
    from persistqueue import SQLiteQueue  # noqa: PLC0415 - only one of the two is measured in a process

    return SQLiteQueue(str(folder / "persist-queue"), multithreading=True, auto_commit=True).put


def _sqlite_utils(folder: Path) -> Callable[[bytes], object]:
    import sqlite_utils  # noqa: PLC0415

    database = sqlite_utils.Database(sqlite3.connect(folder / "sqlite-utils.db", check_same_thread=False))
    database.enable_wal()
    database.execute("PRAGMA synchronous=FULL")
    turn = threading.Lock()

    def put(line: bytes) -> None:
        with turn:
            database["events"].insert({"line": line})

    return put


def measure(put: Callable[[bytes], object], producers: int, seconds: float) -> dict[str, object]:
    """Let so many threads put as fast as they can; return puts a second and each put's ms."""
    took_ms: list[float] = []
    began = time.perf_counter()

    def produce() -> None:
        while (start := time.perf_counter()) < began + seconds:
            put(LINE)
            took_ms.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=produce) for _ in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"per_s": len(took_ms) / (time.perf_counter() - began), "took_ms": took_ms}


def _written() -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["write_bytes"])


def main(peer: str, folder: str) -> None:
    put = {"persist-queue": _persist_queue, "sqlite-utils": _sqlite_utils}[peer](Path(folder))
    for line in sys.stdin:
        asked = json.loads(line)
        if "count" in asked:
            before = _written()
            for _ in range(asked["count"]):
                put(LINE)
            print(json.dumps({"written": (_written() - before) / asked["count"]}), flush=True)
        else:
            print(json.dumps(measure(put, asked["producers"], asked["seconds"])), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
