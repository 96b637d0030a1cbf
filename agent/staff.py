"""Who may sign in at this station: staff numbers, and what is kept of the PINs that headquarters gave out for it."""

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.pen import Pen
from common.events.desk import StaffSet
from common.pins import is_kept

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS staff(
    number TEXT PRIMARY KEY,
    pin TEXT NOT NULL,                -- what is kept of it
    wrong INTEGER NOT NULL DEFAULT 0  -- wrong PINs in a row: a restart is no way to guess faster
) WITHOUT ROWID;
"""
"""Tables for `Journal.open(schema=...)`."""

CHECK_S: Final = 15.0
"""How long looking at a PIN may take, in seconds: on the smallest kiosk it takes one or two."""


class CheckFailed(Exception):
    """A PIN could not be looked at; the message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the list; `pin` is what is kept of theirs, `wrong` how many wrong ones came since the last right one."""

    pin: str
    wrong: int


def apply(pen: Pen, _: str, payload: StaffSet) -> None:
    """Carry out the order `staff.set`; raises ValueError for a list that is none. A PIN that stays keeps its count."""
    pins = {member.number: member.pin for member in payload.staff}
    if len(pins) < len(payload.staff):
        raise ValueError("a staff number twice")
    if not all(is_kept(pin) for pin in pins.values()):
        raise ValueError("a PIN that was not kept as it must be")
    for number, member in members(pen.connection).items():
        if pins.get(number) != member.pin:
            pen.connection.execute("DELETE FROM staff WHERE number = ?", (number,))
    pen.connection.executemany("INSERT OR IGNORE INTO staff(number, pin) VALUES (?, ?)", pins.items())


def members(connection: sqlite3.Connection) -> Mapping[str, Member]:
    """Return the list, by staff number."""
    return {row[0]: Member(*row[1:]) for row in connection.execute("SELECT number, pin, wrong FROM staff")}


def count(pen: Pen, number: str, wrong: int) -> None:
    """Keep how many wrong PINs came in a row."""
    pen.connection.execute("UPDATE staff SET wrong = ? WHERE number = ?", (wrong, number))


async def is_pin(pin: str, kept: str) -> bool:
    """Tell whether it is the PIN that `kept` was made of, in a process of its own. Raises CheckFailed."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "agent.pin_check",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        )
    except OSError as error:
        raise CheckFailed(f"no process could be started for it: {error.strerror}") from None
    try:
        async with asyncio.timeout(CHECK_S):
            await process.communicate(f"{pin}\n{kept}\n".encode())
    except TimeoutError:
        raise CheckFailed(f"it took over {CHECK_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode not in (0, 1):
        raise CheckFailed(f"its process ended with {process.returncode}")
    return process.returncode == 0
