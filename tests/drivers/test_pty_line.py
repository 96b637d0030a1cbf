"""The path of a played line: it leads there or nowhere, and to one driver at a time."""

import contextlib
import os

from panel_rig import Host, RawPanel, until

from drivers.firmware import frames
from drivers.simulators.pty_line import open_line


async def test_a_driver_whose_line_is_gone_is_never_led_to_the_next_line_of_the_same_number():
    device, driver, port = open_line()
    number = os.ttyname(driver)
    os.close(device)
    os.close(driver)
    with contextlib.ExitStack() as others:
        names: set[str] = set()
        while number not in names and len(names) < 8:  # the lowest free number comes first; this machine has others
            master, slave = os.openpty()
            others.callback(os.close, master)
            others.callback(os.close, slave)
            names.add(os.ttyname(slave))
        async with Host(port) as stray:
            await until(lambda: stray.states, "what it finds")
            assert stray.states == [("absent", "not_found")]


async def test_a_line_has_one_driver_whatever_name_it_was_opened_by():
    raw = RawPanel()
    try:
        async with Host(raw.port) as first:
            await until(lambda: first.panel.state == "starting", "the line to be opened")
            async with Host(os.ttyname(raw._slave)) as second:
                await until(lambda: second.panel.reason == "busy", "busy")
                raw.write(frames.encode(frames.Press(1, 1, 0, 0, False), 0))
                await until(lambda: first.presses == [(1, 1, 0)], "the press")
                assert second.readings == []
    finally:
        raw.close()
