"""The GPIO help button's driver on a line that is faked at libgpiod's own types; real edges need a real kernel."""

import asyncio
import errno
import logging
import os
import sys
import threading
import time

import gpiod
import pytest
from panel_rig import until

from drivers import button_memory, gpio_button
from drivers.button_memory import ButtonMemory
from drivers.gpio_button import GpioButton, LineSettings, NoSuchLineError, request_line
from tests.gpio_line import FakeLine

LINE = LineSettings(chip="pinctrl-rp1", line=17)


class Host:
    """A driver with its readings kept; `lines` are what the chip gives, one an opening: a line or an error."""

    def __init__(self, *lines) -> None:
        self.lines = list(lines)
        self.readings, self.states = [], []
        self.button = GpioButton(
            "door",
            LINE,
            memory=ButtonMemory("door", 5),
            on_press=self.readings.append,
            on_state=lambda state, reason: self.states.append((state, reason)),
            request=self.request,
        )

    def request(self, settings):
        assert settings is LINE
        given = self.lines.pop(0) if len(self.lines) > 1 else self.lines[0]
        if isinstance(given, Exception):
            raise given
        return given

    async def __aenter__(self):
        self.task = asyncio.create_task(self.button.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled(), self.task.exception()

    def numbers(self):
        return [reading.number for reading in self.readings]


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(gpio_button, "_RETRY_BASE_S", 0.02)
    monkeypatch.setattr(gpio_button, "_RETRY_CAP_S", 0.02)
    monkeypatch.setattr(button_memory, "REPEAT_NS", 20_000_000)


async def test_a_press_is_told_at_once_and_repeated_until_it_is_acknowledged():
    line = FakeLine()
    async with Host(line) as host:
        await until(lambda: host.button.state == "ready", "ready")
        line.turn(True, False)
        await until(lambda: len(host.readings) >= 3, "repeated")
        assert set(host.numbers()) == {1}
        assert host.readings[-1].age_ms >= host.readings[0].age_ms
        host.button.acknowledge(5, 1)
        line.turn(True)
        await until(lambda: host.numbers()[-1] == 2, "the next one")
    assert line.released
    assert host.states == [("starting", "opening"), ("ready", "")]


async def test_edges_that_were_lost_with_a_press_among_them_are_a_press_and_the_level_is_read():
    line = FakeLine()
    async with Host(line) as host:
        await until(lambda: host.button.state == "ready", "ready")
        line.turn(True, False, told=False)
        line.turn(True)
        line.pressed = False  # and the release is lost, too
        await until(lambda: 2 in host.numbers(), "both presses")
        assert host.button.edges_lost == 2
        line.seqno += 1
        line.turn(True)
        await until(lambda: 3 in host.numbers(), "and the next")


async def test_a_button_held_too_long_is_a_fault_and_a_call_and_its_release_ends_it(monkeypatch, caplog):
    monkeypatch.setattr(button_memory, "STUCK_NS", 30_000_000)
    line = FakeLine()
    async with Host(line) as host:
        await until(lambda: host.button.state == "ready", "ready")
        line.turn(True)
        await until(lambda: host.states[-1] == ("faulty", "button_stuck"), "stuck")
        line.turn(False)
        await until(lambda: host.states[-1] == ("ready", ""), "free again")
    assert set(host.numbers()) == {1}
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_release_that_was_lost_is_found_before_the_button_is_called_stuck(monkeypatch):
    monkeypatch.setattr(button_memory, "STUCK_NS", 30_000_000)
    line = FakeLine()
    async with Host(line) as host:
        await until(lambda: host.button.state == "ready", "ready")
        line.turn(True)
        line.turn(False, told=False)
        await until(lambda: not host.button._memory._held, "looked")
        assert ("faulty", "button_stuck") not in host.states


async def test_a_chip_that_vanishes_is_told_once_its_press_is_repeated_on_and_it_comes_back(caplog):
    caplog.set_level(logging.INFO)
    line, back = FakeLine(), FakeLine()
    host = Host(line, *[OSError(errno.ENODEV, "gone")] * 3, back)
    async with host:
        await until(lambda: host.button.state == "ready", "ready")
        line.turn(True, False)
        await until(lambda: host.readings, "pressed")
        line.vanish()
        await until(lambda: host.button.state == "absent", "absent")
        seen = len(host.readings)
        await until(lambda: len(host.readings) > seen + 1, "repeated without a chip")
        await until(lambda: host.button.state == "ready", "back")
        host.button.acknowledge(5, 1)
        back.turn(True)
        await until(lambda: 2 in host.numbers(), "numbered on")
    assert line.released
    words = [record.getMessage() for record in caplog.records]
    assert len(words) == 2
    assert "hung_up" in words[0]
    assert words[1].endswith("is back")


async def test_a_button_pressed_while_its_chip_was_away_and_still_held_is_a_press():
    line = FakeLine()
    async with Host(line, FakeLine(pressed=True)) as host:
        await until(lambda: host.button.state == "ready", "ready")
        line.vanish()
        await until(host.numbers, "the press")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENODEV, ""), "not_found"),
        (OSError(errno.ENOTUNIQ, ""), "ambiguous"),
        (OSError(errno.EBUSY, ""), "busy"),
        (PermissionError(errno.EACCES, ""), "no_permission"),
        (OSError(errno.EINVAL, ""), "cannot_open"),
        (NoSuchLineError(), "no_such_line"),
    ],
)
async def test_what_keeps_a_line_from_opening_is_told_with_what_to_do(error, reason, caplog):
    async with Host(error) as host:
        await until(lambda: host.states, "told")
    assert host.states == [("absent", reason)]
    assert len(caplog.records) == 1


async def test_a_chip_that_hangs_holds_up_nobody_and_its_line_is_given_back_in_the_end():
    line, let_go = FakeLine(), threading.Event()
    host = Host(line)
    host.button._request_line = lambda _: let_go.wait(10) and line
    async with host:
        await asyncio.sleep(0)
        started = time.monotonic()
        await asyncio.sleep(0.01)
        assert time.monotonic() - started < 1
    let_go.set()
    await until(lambda: line.released, "given back")


def test_without_any_gpio_chip_there_is_none_of_that_label(monkeypatch):
    monkeypatch.setattr(gpio_button, "glob", lambda _: [])
    with pytest.raises(OSError, match="No such device") as caught:
        request_line(LINE)
    assert caught.value.errno == errno.ENODEV


def test_a_chip_is_found_by_its_label_and_a_link_to_it_is_no_second_one(monkeypatch, tmp_path):
    class Chip:
        def __init__(self, path) -> None:
            self.path = path

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def get_info(self):
            label = "pinctrl-rp1" if self.path.endswith(("0", "2")) else "gpio-brcmstb"
            return type("Info", (), {"label": label})

    for number in range(2):
        (tmp_path / f"gpiochip{number}").touch()
    (tmp_path / "gpiochip4").symlink_to("gpiochip0")
    monkeypatch.setattr(gpio_button, "glob", lambda _: [str(path) for path in tmp_path.iterdir()])
    monkeypatch.setattr(gpiod, "Chip", Chip)
    monkeypatch.setattr(gpiod, "is_gpiochip_device", lambda _: True)
    assert gpio_button._chip_path("pinctrl-rp1") == str(tmp_path / "gpiochip0")
    (tmp_path / "gpiochip2").touch()
    with pytest.raises(OSError, match="several") as caught:
        gpio_button._chip_path("pinctrl-rp1")
    assert caught.value.errno == errno.ENOTUNIQ


def test_gpiod_is_imported_only_by_those_who_have_such_a_button():
    code = "import sys, drivers.gpio_button; sys.exit('gpiod' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
