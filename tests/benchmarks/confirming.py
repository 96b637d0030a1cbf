"""A journal that says each number once its event is confirmed, until somebody kills it.

python -m tests.benchmarks.confirming DATABASE
"""

import asyncio
import itertools
import sys
from pathlib import Path

from agent.journal import Journal
from common.clock import Clock
from common.events.journal import StationStarted
from tests.benchmarks.appends import SOURCE

PRODUCERS = 8


async def main(database: str) -> None:
    journal = await Journal.open(Path(database), source=SOURCE, clock=Clock())
    numbers = itertools.count()

    async def produce() -> None:
        for number in numbers:
            await journal.append(StationStarted(agent=f"{number}"))
            print(number, flush=True)

    await asyncio.gather(*(produce() for _ in range(PRODUCERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
