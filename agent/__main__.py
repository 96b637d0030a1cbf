"""The daemon by itself, `python -m agent FILE`: what `jingting station` becomes, to keep no command line in memory.

Exit codes as of `jingting station`: 0 after SIGTERM or SIGINT, 1 when it could not serve, 78 for wrong settings.
"""

import asyncio
import sys
from pathlib import Path

import agent.lean  # noqa: F401 - before what would import the rest
from agent import settings
from agent.database import JournalError
from agent.station import run
from common.process import leave_no_trace, set_up_logging, share_one_heap
from common.settings import EX_CONFIG, SettingsError


def main(file: Path) -> int:
    """Serve the station of these settings until it is stopped; return the exit code, and say why on stderr."""
    try:
        loaded = settings.load(file)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return EX_CONFIG
    leave_no_trace()
    set_up_logging()
    share_one_heap()
    try:
        asyncio.run(run(loaded))
    except (OSError, JournalError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
