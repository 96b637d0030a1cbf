"""kill -9 of anything at any moment, by a seed."""

import asyncio
import random
from pathlib import Path

from people import counted, settled, visited
from row import Row, row, steps

from jingting.city import City


class Mayhem:
    """Presses buttons and kills processes."""

    def __init__(self, city: City, rng: random.Random) -> None:
        self._city = city
        self._rng = rng
        self.killed: list[str] = []

    async def rage(self, kills: int) -> None:
        step = steps(kills)
        while len(self.killed) < kills:
            for _ in range(self._rng.randrange(4)):
                self._press(self._city.stations[0])
            # The moment of the kill is the chance being tested; nothing is waited for here.
            await asyncio.sleep(self._rng.uniform(0, 0.3))
            name = self._rng.choice(self._city.processes)
            child = self._city.process(name)
            child.kill()
            await child.ended()
            self.killed.append(name)
            if name == "broker" and self._rng.random() < 0.3:
                (self._city.folder / "broker" / "mosquitto.db").unlink(missing_ok=True)
                self.killed[-1] = "broker, wiped"
            await asyncio.sleep(self._rng.uniform(0, 0.2))
            child.start()
            step()

    def _press(self, station: str) -> None:
        if self._city.process(f"panel-{station}").running:
            self._city.press(station)


async def killed(folder: Path, tries: int, seed: int) -> Row:
    """Kill so many processes of a city while people press and come with cards."""
    rng = random.Random(seed)
    async with City(folder, stations=2) as city:
        mayhem = Mayhem(city, rng)
        # Where a call for help is open nobody is offered a service: the visitors have a station of their own.
        async with visited(city, city.stations[1], rng):
            await mayhem.rage(tries)
        recover_s = await settled(city)
        return row("kill", tries, counted(city), [recover_s])
