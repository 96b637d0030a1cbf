"""What `jingting station enroll` does: results to stdout, all else to stderr; exit codes."""

import sys
from pathlib import Path

from agent.enrolling import Devices, NotEnrolledError, enrol
from agent.headquarters import AwayError, DeniedError
from common.clock import Clock
from sync.invitation import CodeError, Invitation, read_at, read_code, read_file, read_uri
from sync.topics import STATION_ID

FAILED = 1
"""Exit code: the kiosk is no station yet; stderr says why, and what to do."""


def invitation(code: str | None, folder: Path | None, at: str | None, station: str | None) -> Invitation:
    """Return the invitation that somebody gave. Raises ValueError, saying what is missing or wrong."""
    if (code is None) == (folder is None):
        raise ValueError("Give one of CODE and --folder.")
    if folder is not None:
        file = folder / "invitation.json" if folder.is_dir() else folder
        try:
            return read_file(file.read_bytes())
        except OSError as error:
            raise ValueError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    assert code is not None
    if code.startswith("jingting:"):
        return read_uri(code)
    if at is None or station is None:
        raise ValueError("A code that was typed needs --at and --station too.")
    read_at(at)
    if not STATION_ID.fullmatch(station):
        raise CodeError("--station: 2 to 32 of a-z, 0-9 and -")
    return Invitation(at=at, station=station, code=read_code(code))


def enroll(invited: Invitation, home: Path, *, panel: str | None, card_reader: str | None) -> int:
    """Make a station of this kiosk, say the next command, and return the exit code."""
    devices = Devices(panel=panel, card_reader=card_reader)
    try:
        settings = enrol(invited, home.absolute(), devices, check_dates=Clock().trusted)
    except AwayError as error:
        return _fail(f"{error}. Then do it again: the code is as good as before.")
    except DeniedError as error:
        return _fail(f"headquarters refused ({error.error}): {error}")
    except NotEnrolledError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {(error.strerror or str(error)).lower()}; mend that, and do it again")
    sys.stdout.write(
        f"This kiosk is {invited.station} now; its keys and settings are in {home}.\n"
        f"Next: look through {settings}, then\n"
        f"  jingting station --config {settings}\n"
    )
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"This kiosk is no station yet: {message}\n")
    return FAILED
