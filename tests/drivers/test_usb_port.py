"""Ports named by what is plugged in: looked up at each opening, in a list of ports faked at pyserial's own type."""

import asyncio
import errno
import os
import time

import pytest
from panel_rig import RawPanel, until
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from drivers import usb_port
from drivers.panel import Panel


def plugged(path, vid=0x2E8A, pid=0x0005, serial="E66") -> ListPortInfo:
    info = ListPortInfo(path, skip_link_detection=True)
    info.vid, info.pid, info.serial_number = vid, pid, serial
    return info


@pytest.fixture
def ports(monkeypatch):
    found = []
    monkeypatch.setattr(list_ports, "comports", lambda: list(found))
    return found


def test_a_usb_name_finds_its_device_whatever_its_number_is_now(ports):
    ports += [plugged("/dev/ttyS0", None, None, None), plugged("/dev/ttyACM3"), plugged("/dev/ttyUSB0", 0x0403, 0x6001)]
    assert usb_port.find("usb:2e8a:0005") == "/dev/ttyACM3"
    assert usb_port.find("usb:2E8A:0005:E66") == "/dev/ttyACM3"
    assert usb_port.find("/dev/ttyS7") == "/dev/ttyS7"


def test_none_and_several_are_two_kinds_of_errors(ports):
    with pytest.raises(OSError, match="No such device") as none:
        usb_port.find("usb:2e8a:0005")
    ports += [plugged("/dev/ttyACM1", serial="B:1"), plugged("/dev/ttyACM0", serial="A")]
    with pytest.raises(OSError, match="ttyACM0, /dev/ttyACM1") as several:
        usb_port.find("usb:2e8a:0005")
    assert (none.value.errno, several.value.errno) == (errno.ENODEV, errno.ENOTUNIQ)
    assert usb_port.find("usb:2e8a:0005:B:1") == "/dev/ttyACM1"


def test_a_device_that_goes_away_while_it_is_looked_at_is_not_found(monkeypatch):
    def comports():
        return int(None)  # as pyserial 3.5 does

    monkeypatch.setattr(list_ports, "comports", comports)
    with pytest.raises(OSError, match="No such device"):
        usb_port.find("usb:2e8a:0005")


@pytest.mark.parametrize(
    "port", ["usb:", "usb:2e8a", "usb:2e8a:5", "usb:2e8g:0005", "usb:2e8a:0005:", "usb:2e8a:0005:é"]
)
def test_a_name_that_is_none_is_refused_at_once(port):
    with pytest.raises(ValueError, match="write usb:VID:PID"):
        Panel("desk", port, monotonic=time.monotonic, on_press=print, on_state=print)


async def test_a_panel_is_ambiguous_until_one_of_two_is_unplugged_and_found_again_under_another_path(ports, caplog):
    states, first, second = [], RawPanel(), RawPanel()
    ports += [plugged(first.port), plugged(second.port, serial="E67")]
    panel = Panel(
        "desk",
        "usb:2e8a:0005",
        monotonic=time.monotonic,
        on_press=lambda _: None,
        on_state=lambda state, reason: states.append((state, reason)),
    )
    task = asyncio.create_task(panel.run())
    try:
        await until(lambda: states == [("absent", "ambiguous")], "ambiguous")
        ports.pop()
        await until(lambda: states[-1][0] == "starting", "the one that is left")
        ports[0] = plugged(second.port)
        os.close(first.master)
        await until(
            lambda: states[-3:] == [("starting", "opening"), ("absent", "hung_up"), ("starting", "opening")], states
        )
        assert panel._line._port.port == second.port
    finally:
        task.cancel()
        await asyncio.wait([task])
        second.close()
        os.close(first._slave)
    assert "by-path" in caplog.text
