"""Opening a station's journal; what fails there must not silence the button."""

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from agent import (
    alarm_shelf,
    attendance,
    calls,
    content_rows,
    devices,
    dispatches,
    figure_rows,
    found,
    handover_rows,
    loans,
    notices,
    orders,
    patrols,
    record_rows,
    rota_row,
    salvage,
    self_test_rows,
    settings_orders,
    staff,
)
from agent.bare_alarm import BareAlarm
from agent.database import JournalError
from agent.entry import Clock
from agent.journal import Journal
from agent.pen import Projector
from agent.quota import Limits
from agent.settings import StationSettings
from agent.supervisor import Supervisor
from common import process
from drivers.button_memory import ButtonMemory

log = logging.getLogger(__name__)

_OPEN_AGAIN_S = 5.0

SCHEMA: Final = (
    alarm_shelf.SCHEMA,
    calls.SCHEMA,
    attendance.SCHEMA,
    devices.SCHEMA,
    dispatches.SCHEMA,
    notices.SCHEMA,
    found.SCHEMA,
    loans.SCHEMA,
    patrols.SCHEMA,
    figure_rows.SCHEMA,
    self_test_rows.SCHEMA,
    orders.SCHEMA,
    record_rows.SCHEMA,
    rota_row.SCHEMA,
    settings_orders.SCHEMA,
    handover_rows.SCHEMA,
    salvage.SCHEMA,
    staff.SCHEMA,
    content_rows.SCHEMA,
)
"""All tables of a station beside the journal's own."""


class _FolderError(Exception):
    """The station's folder cannot be written."""


async def open_journal(
    settings: StationSettings, clock: Clock, stop: asyncio.Event, memories: Mapping[str, ButtonMemory]
) -> Journal | None:
    """Open the journal, ringing without it for as long as that fails; None when asked to stop meanwhile.

    `memories` are those of the station's buttons. Raises OSError when another process serves from the same folder.
    """
    supervisor, claimed, told = Supervisor(), False, False
    alarm = BareAlarm(settings.panel, settings.gpio_button, memories)
    try:
        while not stop.is_set():
            try:
                claimed = claimed or _claim(settings.station.data)
                return await _try_to_open(settings, clock)
            except (JournalError, _FolderError) as error:
                if not told:
                    log.error("%s. The button rings without it; tried again every %g s.", error, _OPEN_AGAIN_S)  # noqa: TRY400
                    alarm.keep(supervisor)
                    supervisor.keep("watchdog", lambda: process.watchdog({"journal": lambda: alarm.rings}))
                    process.notify("READY=1")
                    told = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_OPEN_AGAIN_S):
                    await stop.wait()
        return None
    finally:
        await supervisor.stop()


def projectors(zone: ZoneInfo) -> dict[str, Projector]:
    """Return everything that makes rows of a station's events, by event type; `zone` says what day one is of."""
    return figure_rows.counting(
        calls.projectors()
        | attendance.projectors()
        | devices.projectors()
        | dispatches.projectors()
        | notices.projectors()
        | found.projectors()
        | loans.projectors()
        | patrols.projectors()
        | self_test_rows.projectors()
        | record_rows.projectors()
        | handover_rows.projectors()
        | alarm_shelf.projectors(),
        zone,
    )


async def open_once(path: Path, *, source: str, zone: ZoneInfo, clock: Clock, limits: Limits | None = None) -> Journal:
    """Open the journal at `path` with all that a station keeps in it, and rescue what damage has left beside it.

    Raises JournalError.
    """
    journal = await Journal.open(
        path, source=source, clock=clock, projectors=projectors(zone), schema=SCHEMA, limits=limits
    )
    with contextlib.suppress(JournalError):  # the journal has logged it, and housekeeping tries again
        await journal.run(partial(figure_rows.build, zone=zone))  # before anything is counted as it comes
        await salvage.begin(journal, path, source=source)
    return journal


async def _try_to_open(settings: StationSettings, clock: Clock) -> Journal:
    station = settings.station
    return await open_once(
        station.data / "station.db",
        source=f"/stations/{station.id}",
        zone=ZoneInfo(station.zone),
        clock=clock,
        limits=settings.journal.limits,
    )


def _claim(folder: Path) -> bool:
    """Take the folder for this process alone, for as long as it lives.

    Raises OSError (EBUSY) when another process has it, and _FolderError when it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _FolderError(f"cannot write to {folder}: {error.strerror}; look at its disk and owner") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise OSError(errno.EBUSY, "another station serves from this folder; stop it first", str(folder)) from None
    return True
