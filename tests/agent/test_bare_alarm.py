"""What rings while there is no journal: every press, and no self-test."""

import os

import pytest
from help_rig import until
from room_rig import WirePanel

from agent import buttons
from agent.bare_alarm import BareAlarm
from agent.device_settings import GpioButtonSettings, PanelSettings
from agent.supervisor import Supervisor
from drivers import gpio_button
from drivers.firmware import frames
from tests.gpio_line import FakeLine

DOOR = GpioButtonSettings(name="door", chip="pinctrl-rp1", line=17, active_low=True, bias="pull_up", debounce_ms=25)


@pytest.fixture
async def front():
    wire = WirePanel()
    yield wire
    os.close(wire.master)
    os.close(wire.slave)


@pytest.fixture
async def supervisor():
    supervisor = Supervisor()
    yield supervisor
    await supervisor.stop()


def panels(front) -> list[PanelSettings]:
    return [PanelSettings(name="front", port=front.port, buzzer=True)]


async def test_a_self_test_rings_nothing_and_a_press_everything(front, supervisor):
    alarm = BareAlarm(panels(front), [], {})
    alarm.keep(supervisor)
    await until(lambda: front.shows("fault", 0))
    front.send(frames.Press(epoch=1, number=1, button=0, age_ms=0, test=True))
    front.press(2)
    await until(lambda: front.shows("raised", 2, relay=True))
    assert alarm.rings
    assert not front.acks


async def test_a_test_alone_leaves_it_quiet(front, supervisor):
    alarm = BareAlarm(panels(front), [], {})
    alarm.keep(supervisor)
    await until(lambda: front.shows("fault", 0))
    [panel] = alarm._panels
    seen, ring = [], panel._on_press
    panel._on_press = lambda reading: (ring(reading), seen.append(reading))
    front.send(frames.Press(epoch=1, number=1, button=0, age_ms=0, test=True))
    await until(lambda: bool(seen))
    assert not alarm.rings


async def test_a_button_on_a_gpio_line_rings_the_panels_and_its_press_waits_for_a_journal(
    front, supervisor, monkeypatch
):
    line = FakeLine()
    monkeypatch.setattr(gpio_button, "request_line", lambda _: line)
    memories = buttons.remember([DOOR])
    alarm = BareAlarm(panels(front), [DOOR], memories)
    alarm.keep(supervisor)
    await until(lambda: front.shows("fault", 0))
    line.turn(True)
    await until(lambda: front.shows("raised", 2, relay=True))
    assert memories["door"].waiting


def test_each_life_of_a_button_has_an_epoch_of_its_own():
    assert buttons.remember([DOOR])["door"]._epoch != buttons.remember([DOOR])["door"]._epoch
