"""From a press on the wire to a call, and back to what every panel shows."""

import asyncio
import os

import pytest
from help_rig import failing_disk, slow_disk, until
from room_rig import House

from agent.device_settings import RELAY
from agent.panels import FLOOD
from drivers.button_memory import ButtonMemory
from drivers.firmware import frames
from drivers.gpio_button import GpioButton, LineSettings
from tests.gpio_line import FakeLine


@pytest.fixture
async def house(tmp_path):
    house = House(tmp_path / "station.db")
    yield house
    await house.stop()
    for wire in house.wires.values():
        os.close(wire.master)
        os.close(wire.slave)


async def test_a_press_on_the_wire_rings_is_recorded_and_then_acknowledged(house):
    await house.start(("front", True))
    front = house.wires["front"]
    front.press(1)
    await until(lambda: front.acknowledged(1) and front.shows("raised", 1))
    assert house.types().count("help.raised") == 1


async def test_a_press_the_disk_refuses_rings_and_is_acknowledged_only_when_it_is_recorded(house):
    await house.start(("front", True))
    front = house.wires["front"]
    with failing_disk():
        front.press(1)
        await until(lambda: bool(house.desk.unrecorded_since) and front.shows("raised", 1))
        assert not front.acks
    await front.repeat_until_acknowledged(1)
    assert house.types().count("help.raised") == 1


async def test_a_press_that_stalls_is_let_pass_when_it_is_repeated(house):
    await house.start(("front", True))
    front = house.wires["front"]
    with slow_disk(house.path):
        for age_ms in range(0, 2000, 250):
            front.press(1, age_ms)
        await until(lambda: front.shows("raised", 1))
        assert [task.get_name() for task in asyncio.all_tasks()].count("press") == 1
    await until(lambda: front.acknowledged(1))
    assert house.types().count("help.raised") == 1
    assert not house.panels._under_way


async def test_a_flood_of_presses_is_recorded_noted_once_and_all_of_it_acknowledged(house, caplog):
    await house.start(("front", True))
    front = house.wires["front"]
    count = FLOOD + 20
    for number in range(1, count + 1):
        front.press(number)
        if number % 40 == 0:  # a pty holds 4 KiB
            await until(lambda number=number: front.acknowledged(number))
    await until(lambda: front.acknowledged(*range(1, count + 1)))
    assert house.types().count("help.pressed_again") == count - 1
    assert caplog.text.count("presses in 10 s") == 1


async def test_the_lamp_follows_the_call_and_the_tone_stops_when_it_is_acknowledged(house):
    await house.start(("front", True))
    front = house.wires["front"]
    front.press(1)
    await until(lambda: front.shows("raised", 1))
    call = house.desk.views(house.clock.mono)[0].id
    await house.desk.acknowledge(call, house.new_id())
    await until(lambda: front.shows("acknowledged", 0))
    await house.desk.close(call, house.new_id(), "helped")
    await until(lambda: front.shows("off", 0))


async def test_a_panel_without_buzzer_shows_the_lamp(house):
    await house.start(("front", True), ("back", False))
    house.wires["back"].press(1)
    await until(lambda: house.wires["back"].shows("raised", 0) and house.wires["front"].shows("raised", 1))


async def test_the_relay_closes_when_it_grows_louder(house):
    await house.start(("front", True), second_output=RELAY)
    house.wires["front"].press(1)
    await until(lambda: house.wires["front"].shows("raised", 1))
    house.after(15)
    await until(lambda: house.wires["front"].shows("raised", 2, relay=True))


async def test_another_panel_as_second_output_sounds_when_it_grows_louder(house):
    await house.start(("front", True), ("guardroom", True), second_output="guardroom")
    front, guardroom = house.wires["front"], house.wires["guardroom"]
    front.press(1)
    await until(lambda: front.shows("raised", 1) and guardroom.shows("raised", 0))
    house.after(15)
    await until(lambda: front.shows("raised", 2) and guardroom.shows("raised", 2, relay=True))


async def test_the_second_panel_sounds_at_once_when_no_other_panel_can(house):
    await house.start(("front", True), ("guardroom", True), second_output="guardroom")
    house.wires["front"].status(faults=frames.CUT)
    await until(lambda: house.state("front") == "faulty")
    house.wires["guardroom"].press(1)
    await until(lambda: house.wires["guardroom"].shows("raised", 1))


async def test_without_a_call_the_lamp_tells_that_the_journal_fails(house):
    await house.start(("front", True))
    with failing_disk():
        house.wires["front"].status(faults=frames.CUT)
        await until(lambda: house.journal.failure is not None)
        house.panels.show()
        await until(lambda: house.wires["front"].shows("fault", 0))
    await until(lambda: house.journal.failure is None)


def a_button(house, line, memory, on_press) -> GpioButton:
    wiring = LineSettings(chip="pinctrl-rp1", line=17)
    button = GpioButton(
        "door", wiring, memory=memory, on_press=on_press, on_state=house.devices.state, request=lambda _: line
    )
    house.tasks.append(asyncio.create_task(button.run()))
    return button


async def test_a_button_on_a_gpio_line_rings_and_is_recorded_as_a_panels(house):
    await house.start(("front", True))
    line, memory = FakeLine(), ButtonMemory("door", 5)
    button = a_button(house, line, memory, house.panels.press)
    house.devices.watch(button, "gpio_button")
    house.panels.add_button(button)
    await until(lambda: house.state("door") == "ready")
    line.turn(True, False)
    await until(lambda: house.wires["front"].shows("raised", 1) and not memory.waiting)
    assert house.types().count("help.raised") == 1


async def test_a_press_made_before_there_was_a_journal_is_handed_over_with_the_buttons_memory(house):
    await house.start(("front", True))
    memory, rang = ButtonMemory("door", 5), []
    line = FakeLine()
    a_button(house, line, memory, rang.append)
    line.turn(True)  # held, so that it does not matter whether anybody listens already
    await until(lambda: bool(rang))
    house.tasks.pop().cancel()
    button = a_button(house, FakeLine(), memory, house.panels.press)
    house.panels.add_button(button)
    await until(lambda: not memory.waiting)
    assert house.types().count("help.raised") == 1
