"""The wall clock is wrong, or is set while a call is open: no rung of the ladder moves, and times come out right."""

import json
import sys
import time
from pathlib import Path

import pytest
from faults_rig import STATION, all_there_once, calls, close_call, panel, press, press_recorded, query, status, until

from common.events import EVENTS, read_payload
from common.events.journal import ClockSet, ClockStepped
from hq.corrected_time import Corrected, correct, known_by, read_stamp
from jingting.city import City

pytestmark = pytest.mark.slow

SURE_CLOCK = Path(__file__).parents[1] / "sure_clock.py"
HOUR_S, DAY_S = 3600, 24 * 3600
LADDER = "\n[help]\nlouder_after_s = 1\nescalate_after_s = 3\nbreach_after_s = 6\n"
IN_1970 = "1970"


class Wall:
    """The wall clock of a city's only station, in the test's hands."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._file = city.folder / "clock"

    async def begin(self) -> None:
        """Start the station with this clock, right at first, and with a ladder that is quickly climbed."""
        self.becomes("0")
        settings = self._city.station_folder(STATION) / "station.toml"
        with settings.open("a", encoding="utf-8") as file:
            file.write(LADDER)
        station = self._city.process(f"station-{STATION}")
        station._command = (sys.executable, str(SURE_CLOCK), str(self._file), str(settings))
        await self._city.restart(station.name)
        await self._city.connected()

    def becomes(self, ahead: str) -> None:
        """Put it so many seconds ahead; `IN_1970`: at a boot's first minute, with nobody who knows better."""
        words = f"{-time.time_ns() // 1_000_000 + 60_000} unsure" if ahead == IN_1970 else f"{int(ahead) * 1000}"
        new = self._file.with_suffix(".new")
        new.write_text(words, encoding="ascii")
        new.replace(self._file)


STEPS = [str(-HOUR_S), str(HOUR_S), str(-90 * DAY_S), str(90 * DAY_S), IN_1970]


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_of_the_clock_while_a_call_is_open_moves_no_rung(step, tmp_path):
    async with City(tmp_path, stations=1) as city:
        wall = Wall(city)
        await wall.begin()
        pressed = time.monotonic()
        await press(city)
        await until(lambda: calls(city))
        wall.becomes(step)
        for rung, after_s in (("escalated", 3), ("breached", 6)):
            await until(lambda rung=rung: calls(city)[0][rung], within=20)
            assert after_s - 0.1 < time.monotonic() - pressed < after_s + 2
        assert 5 < calls(city)[0]["age_s"] < 10
        wall.becomes("0")
        await close_call(city)
        await all_there_once(city, 1)


@pytest.mark.parametrize("step", STEPS)
async def test_headquarters_knows_when_each_press_was_made_whatever_the_clock_said_then(step, tmp_path):
    async with City(tmp_path, stations=1) as city:
        wall = Wall(city)
        await wall.begin()
        await press_recorded(city)
        wall.becomes(step)
        await press_recorded(city)
        wall.becomes("0")
        await press_recorded(city)
        await until(lambda: status(city)["clock_trusted"])
        await all_there_once(city, 3)
        times = times_at_headquarters(city)
        off_ms = {key: abs(times[key].written_ms - made_ns / 1e6) for key, made_ns in panel(city).pressed_ns.items()}
        assert [off > 1_000 * (HOUR_S - 60) for off in off_ms.values()] == [False, True, False], "the clock did not lie"
        for press_id, made_ns in panel(city).pressed_ns.items():
            assert abs(times[press_id].time_ms - made_ns / 1e6) < 2_000, step


def times_at_headquarters(city: City) -> dict[tuple[str, int, int], Corrected]:
    """When each press was made, by what headquarters holds: as it was written, and as it should have been."""
    lines = query(city.hq_database, "SELECT line FROM events ORDER BY journal_id, number")
    events = [json.loads(line) for line in lines]
    told = [read_payload(EVENTS, event) for event in events]
    known = [known_by(payload) for payload in told if isinstance(payload, ClockSet | ClockStepped)]
    pressed = [event for event in events if event["type"] in ("help.raised", "help.pressed_again")]
    stamps = [read_stamp(event, number) for number, event in enumerate(events, 1)]
    times = dict(zip((event["id"] for event in events), correct(stamps, known), strict=True))
    by = (event["data"]["press"] for event in pressed)
    keys = [(one["panel"], one["epoch"], one["number"]) for one in by]
    return {key: times[event["id"]] for key, event in zip(keys, pressed, strict=True)}
