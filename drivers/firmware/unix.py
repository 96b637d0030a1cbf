"""The firmware as a process: `micropython -m drivers.firmware.unix PINS FOLDER power|watchdog`; see `hal_unix.py`.

PINS is the file descriptor of the pins. FOLDER plays the flash: `config.json`, when there is one, and what the panel
keeps. The last word is what has restarted it.
"""

import json
import sys

from drivers.firmware.hal_unix import UnixHal
from drivers.firmware.panel import HelpPanel
from drivers.firmware.settings import buttons, complete


def main(pins_fd: int, folder: str, cause: str) -> None:
    """Be a panel until the parent is gone."""
    try:
        with open(folder + "/config.json") as config:
            given = json.load(config)
    except OSError:
        given = {}
    settings = complete(given)
    hal = UnixHal(pins_fd, folder + "/latch", watchdog_reset=cause == "watchdog")
    HelpPanel(hal, buttons(settings), tamper=bool(settings["tamper"])).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
