"""A host as a process of its own, to be killed: writes each press to a file, syncs it, and only then acknowledges."""

import asyncio
import json
import os
import sys
import time

from drivers.panel import Outputs, Panel

# A wish that no other test's host has: the panel's log shows whether anybody else was on its line.
WISH = Outputs(lamp="acknowledged", tone=2, relay=True)


async def main(port: str, path: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def pressed(reading) -> None:
        os.write(fd, json.dumps([reading.epoch, reading.number, reading.button]).encode() + b"\n")
        os.fsync(fd)
        panel.acknowledge(reading.epoch, reading.number)

    panel = Panel(
        "desk", port, monotonic=time.monotonic, on_press=pressed, on_state=lambda *state: print(*state, flush=True)
    )
    panel.show(WISH)
    await panel.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
