"""The city's files in tests: the examples of `config/`, copied where they may be spoiled, and a clock for the day."""

import asyncio
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.finding import Finding
from agent.settings import FindingSettings

EXAMPLES = Path(__file__).parents[2] / "config" / "finding"
TODAY = date(2026, 11, 25)


class Day:
    """Noon of a day in Shanghai, trusted or not."""

    def __init__(self, day: date = TODAY) -> None:
        self.day = day
        self.sure = True

    def wall_ms(self) -> int:
        return int(datetime(self.day.year, self.day.month, self.day.day, 4, tzinfo=UTC).timestamp() * 1000)

    def trusted(self) -> bool:
        return self.sure


class City:
    """A city's three files in a folder of their own, and a station that looks at them when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.places, self.addresses, self.contacts = (
            Path(shutil.copy(EXAMPLES / f"{name}.csv", folder)) for name in ("places", "addresses", "contacts")
        )
        self.data = folder / "data"
        self.data.mkdir()
        self.clock = Day()
        self.told = asyncio.Event()
        self.start()

    def start(self) -> None:
        """Start the station, again."""
        settings = FindingSettings(places=self.places, addresses=self.addresses, contacts=self.contacts)
        self.finding = Finding(
            settings, folder=self.data, zone=ZoneInfo("Asia/Shanghai"), clock=self.clock, changed=self.told.set
        )

    def look(self) -> None:
        """Let the station look twice: what has changed must have stayed as it is from look to look."""
        self.finding.look()
        self.finding.look()

    def problem(self, name: str) -> str:
        [view] = [view for view in self.finding.views() if view.name == name]
        return view.problem
