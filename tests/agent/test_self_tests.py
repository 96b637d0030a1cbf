"""A self-test proves the way of a press, rings nobody, and says truly how it went."""

import asyncio
import json
from datetime import UTC, datetime
from functools import partial

import pytest
from help_rig import MovingClock, failing_disk, until

from agent import calls, self_test_rows, self_tests
from agent.help import HelpDesk
from agent.journal import Journal
from agent.ladder import Ladder
from agent.panels import Panels
from agent.self_tests import SelfTests
from agent.view import DeviceView
from common.events.calls import HelpTestAnswered
from common.events.equipment import DeviceTested
from common.identifiers import uuid7
from drivers.panel import PressReading

HOUR_MS = 3_600_000
NIGHT_MS = 24 * HOUR_MS


class TestPanel:
    """A panel whose presses, also the synthetic ones, come when a test says so, and again until acknowledged."""

    __test__ = False

    def __init__(self, name="front") -> None:
        self.name, self.state, self.reason = name, "ready", ""
        self.asked = 0
        self.acknowledged = []
        self.shown = []

    def self_test(self) -> None:
        self.asked += 1

    def acknowledge(self, epoch, number) -> None:
        self.acknowledged.append(number)

    def show(self, wished) -> None:
        self.shown.append(wished)


class LookedAt(MovingClock):
    """A clock that counts how often somebody asks whether it can be trusted."""

    def __init__(self) -> None:
        super().__init__()
        self.looks, self.sure = 0, True

    def trusted(self) -> bool:
        self.looks += 1
        return self.sure


class House:
    """Self-tests, a help desk and a panel on a real journal; headquarters is played by its order."""

    def __init__(self, path) -> None:
        self.path, self.clock, self.panel = path, LookedAt(), TestPanel()
        self.tasks = []

    async def start(self) -> None:
        self.journal = await Journal.open(
            self.path,
            source="/stations/sjz-001",
            clock=self.clock,
            projectors=calls.projectors() | self_test_rows.projectors(),
            schema=(calls.SCHEMA, self_test_rows.SCHEMA),
        )
        self.desk = HelpDesk(self.journal, self.clock, Ladder())
        self.tests = SelfTests(
            self.journal,
            self.clock,
            due_ms=lambda now: now - now % NIGHT_MS,
            is_calm=lambda: not self.desk.views(self.clock.mono_ns()),
        )
        self.panels = Panels(self.desk, self.journal, self.clock, second_output="relay", on_test=self.tests.pressed)
        self.desk.changed = self.panels.show
        self.panels.add(self.panel, buzzer=True)
        self.tests.add(self.panel)

    def keep(self) -> None:
        self.tasks.append(asyncio.create_task(self.tests.run()))

    async def looked(self) -> None:
        """Wait until it was looked several times whether a test is due."""
        enough = self.clock.looks + 5
        await until(lambda: self.clock.looks >= enough)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.journal.stop()

    def press(self, number=1, *, test=True, age_ms=0) -> None:
        self.panels.press(PressReading("front", 9, number, 0, age_ms, test))

    async def answer(self, test) -> None:
        await self.journal.run(partial(self_test_rows.answer, _="", payload=HelpTestAnswered(test=test)))
        self.tests.orders_applied()

    def events(self, *types) -> list[dict]:
        rows = self.journal.query(lambda connection: connection.execute("SELECT line FROM events").fetchall())
        events = [json.loads(line) for (line,) in rows]
        return [event for event in events if event["type"] in types or not types]

    def view(self):
        [view] = self.tests.shown([DeviceView(name="front", kind="panel", state="ready", reason="")])
        return view.self_test

    def new_id(self) -> str:
        return uuid7(wall_ms=self.clock.wall_ms())

    async def tested(self) -> str:
        """The id of the test that is under way, once its press is journaled and acknowledged."""
        await until(lambda: self.panel.acknowledged)
        return self.events("help.tested")[-1]["id"]


@pytest.fixture
async def house(tmp_path, monkeypatch):
    monkeypatch.setattr(self_tests, "LOOK_EVERY_S", 0.01)
    house = House(tmp_path / "station.db")
    await house.start()
    yield house
    await house.stop()


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(self_tests, "PRESS_S", 0.05)
    monkeypatch.setattr(self_tests, "LIMIT_S", 0.1)


async def test_a_test_goes_to_headquarters_and_back_and_rings_nobody(house):
    test = house.new_id()
    assert house.view().state == "never"
    assert house.tests.begin("front", test) is None
    await until(lambda: house.panel.asked)
    assert house.view().state == "running"
    house.press()
    house.press(age_ms=250)  # repeated until it is acknowledged
    assert await house.tested() == test
    house.clock.advance(2)
    await house.answer(test)
    await until(lambda: house.events("device.tested"))
    [tested], [over] = house.events("help.tested"), house.events("device.tested")
    assert tested["data"] == {"panel": "front", "press": {"panel": "front", "epoch": 9, "number": 1}}
    assert over["data"] == {"device": "front", "passed": True, "took_ms": 2000}
    await until(lambda: house.view().state == "passed")
    assert house.view().passed_s == 0
    assert not house.desk.views(house.clock.mono)
    assert [(shown.lamp, shown.tone) for shown in house.panel.shown] == [("off", 0)]
    assert set(house.panel.acknowledged) == {1}
    assert {event["type"] for event in house.events()} == {"help.tested", "device.tested"}


async def test_a_real_press_meanwhile_rings_as_ever(house):
    house.tests.begin("front", house.new_id())
    await until(lambda: house.panel.asked)
    house.press(1)
    house.press(2, test=False)
    await until(lambda: 2 in house.panel.acknowledged)
    assert house.panel.shown[-1].tone == 1
    assert len(house.events("help.raised")) == 1
    await house.answer(await house.tested())
    await until(lambda: house.view().state == "passed")
    assert house.panel.shown[-1].tone == 1


async def test_the_same_form_twice_is_one_test(house):
    test = house.new_id()
    house.tests.begin("front", test)
    await until(lambda: house.panel.asked)
    assert house.tests.begin("front", house.new_id()) is None
    house.press()
    await house.answer(await house.tested())
    await until(lambda: house.view().state == "passed")
    assert house.tests.begin("front", test) is None
    await asyncio.sleep(0)
    assert house.panel.asked == 1


@pytest.mark.usefixtures("_impatient")
async def test_a_panel_that_sends_no_press_has_failed(house, caplog):
    house.tests.begin("front", house.new_id())
    await until(lambda: house.view().state == "failed")
    assert house.view().reason == "no_press"
    assert [event["data"]["reason"] for event in house.events("device.tested")] == ["no_press"]
    assert "failed its self-test: no_press" in caplog.text


@pytest.mark.usefixtures("_impatient")
async def test_no_answer_in_time_has_failed_and_one_that_comes_later_changes_nothing(house):
    house.tests.begin("front", house.new_id())
    await until(lambda: house.panel.asked)
    house.press()
    test = await house.tested()
    await until(lambda: house.view().state == "failed")
    await house.answer(test)
    assert house.view().reason == "no_answer"
    assert len(house.events("device.tested")) == 1


@pytest.mark.usefixtures("_impatient")
async def test_a_press_that_an_earlier_test_left_in_the_latch_is_not_this_ones(house):
    house.tests.begin("front", house.new_id())
    await until(lambda: house.panel.asked)
    house.press(1, age_ms=5000)
    assert house.panel.acknowledged == [1]
    await until(lambda: house.view().reason == "no_press")


async def test_synthetic_presses_that_nobody_asked_for_fill_no_journal(house):
    for number in range(100):
        house.press(number + 1)
    assert len(house.panel.acknowledged) == 100
    assert not house.events()


async def test_a_press_that_cannot_be_recorded_is_not_acknowledged_and_has_failed(house):
    house.tests.begin("front", house.new_id())
    await until(lambda: house.panel.asked)
    with failing_disk():
        house.press()
        await until(lambda: house.view().state == "failed")
    assert house.view().reason == "not_recorded"
    assert not house.panel.acknowledged
    house.press()
    assert house.panel.acknowledged == [1]


@pytest.mark.parametrize("why", ["call", "away", "unknown"])
async def test_what_speaks_against_a_test_is_told_to_who_asks(house, why):
    if why == "call":
        house.press(test=False)
        await until(lambda: house.desk.views(house.clock.mono))
    if why == "away":
        house.panel.state, house.panel.reason = "faulty", "silent"
    assert house.tests.begin("front" if why != "unknown" else "nobody", house.new_id()) == why
    assert not house.panel.asked


# -- by night ----------------------------------------------------------------------------------------------------------


async def a_night_later(house) -> None:
    house.clock.advance(NIGHT_MS / 1000)


async def passes(house) -> None:
    """Wait for the test, and let it pass."""
    asked = house.panel.asked
    await until(lambda: house.panel.asked > asked)
    number = house.panel.asked
    house.press(number)
    await until(lambda: number in house.panel.acknowledged)
    await house.answer(house.events("help.tested")[-1]["id"])
    await until(lambda: house.view().state == "passed")


async def test_a_panel_waits_for_its_first_night_and_is_tested_once_each(house):
    house.keep()
    await house.looked()
    assert not house.panel.asked
    for _ in range(2):
        await a_night_later(house)
        await passes(house)
        await house.looked()
    assert house.panel.asked == 2


async def test_a_night_missed_is_made_up_for_after_a_restart(house):
    house.keep()
    await house.looked()
    await a_night_later(house)
    await passes(house)
    await house.stop()
    await a_night_later(house)
    await house.start()
    house.keep()
    await passes(house)


@pytest.mark.parametrize("why", ["clock", "call", "away"])
async def test_a_test_that_cannot_be_now_is_put_off_and_not_off(house, why):
    house.keep()
    await house.looked()
    if why == "clock":
        house.clock.sure = False
    elif why == "call":
        house.press(77, test=False)
        await until(lambda: house.desk.views(house.clock.mono))
    else:
        house.panel.state = "absent"
    await a_night_later(house)
    await house.looked()
    assert not house.panel.asked
    if why == "clock":
        house.clock.sure = True
    elif why == "call":
        [call] = house.desk.views(house.clock.mono)
        await house.desk.acknowledge(call.id, house.new_id())
        await house.desk.close(call.id, house.new_id(), "helped")
    else:
        house.panel.state = "ready"
    await passes(house)


@pytest.mark.usefixtures("_impatient")
async def test_a_test_that_failed_is_repeated_later_and_ever_more_seldom(house):
    house.keep()
    await house.looked()
    await a_night_later(house)
    await until(lambda: house.view().state == "failed")
    for minutes, expected in ((10, 1), (6, 2), (20, 2), (11, 3)):
        house.clock.advance(minutes * 60)
        await until(lambda expected=expected: house.panel.asked >= expected)
        await until(lambda: house.view().state != "running")
        assert house.panel.asked == expected


async def test_a_test_passed_in_a_future_that_a_wrong_clock_said_does_not_count(house):
    house.clock.wall += 400 * NIGHT_MS
    await house.journal.append(DeviceTested(device="front", passed=True, took_ms=1))
    house.clock.wall -= 400 * NIGHT_MS
    await house.stop()
    await house.start()
    house.keep()
    await passes(house)
    at = datetime.fromtimestamp(house.clock.wall / 1000, UTC)
    assert house.events("device.tested")[-1]["time"][:10] == at.isoformat()[:10]
