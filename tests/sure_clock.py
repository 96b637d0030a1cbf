"""A station on a wall clock that a test moves: `python sure_clock.py CLOCK SETTINGS`, instead of `python -m agent`.

The first word of the file CLOCK is how many milliseconds the wall clock is ahead; `unsure` behind it makes it one that
is not synchronised. All other clocks are the machine's.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent.__main__ import main
from common.clock import Clock


def move(file: Path) -> None:
    machine = Clock.wall_ms

    def words() -> list[str]:
        return file.read_text(encoding="ascii").split()

    Clock.wall_ms = lambda clock: machine(clock) + int(words()[0])
    Clock.trusted = lambda _: "unsure" not in words()


if __name__ == "__main__":
    move(Path(sys.argv[1]))
    sys.exit(main(Path(sys.argv[2])))
