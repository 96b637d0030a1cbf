"""How devices stand, shown and journaled: all kinds alike."""

import os

import pytest
from help_rig import failing_disk, until
from room_rig import House

from agent import devices
from drivers.firmware import frames


@pytest.fixture
async def house(tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "SETTLE_S", 0.02)
    house = House(tmp_path / "station.db")
    yield house
    await house.stop()
    for wire in house.wires.values():
        os.close(wire.master)
        os.close(wire.slave)


async def test_a_changed_device_is_one_event_and_a_restart_none(house):
    await house.start(("front", True))
    await until(lambda: house.types() == ["device.changed"])
    await house.stop()
    await house.start(("front", True))
    house.wires["front"].status(faults=frames.STUCK)
    await until(lambda: house.types() == ["device.changed"] * 2)
    assert [view.reason for view in house.devices.views()] == ["button_stuck"]


async def test_a_flickering_device_while_the_disk_fails_is_one_event_afterwards(house):
    await house.start(("front", True))
    await until(lambda: house.types() == ["device.changed"])
    front = house.wires["front"]
    with failing_disk():
        for faults in [frames.CUT, 0] * 10 + [frames.SHORT]:
            front.status(faults)
        await until(lambda: house.devices.views()[0].reason == "loop_short" and house.journal.failure is not None)
    await until(lambda: house.devices._watched["front"].journaled == ("faulty", "loop_short"))
    assert house.types() == ["device.changed"] * 2


class Plain:
    """A device that stands as it is told to."""

    def __init__(self, name) -> None:
        self.name, self.state, self.reason = name, "absent", "not_found"


async def test_every_kind_is_journaled_alike_and_a_kind_is_up_when_all_of_it_is_ready(house):
    await house.start(("front", True))
    kinds = {"door": "gpio_button", "cards": "card_reader", "passports": "passport_reader", "codes": "code_scanner"}
    others = {name: Plain(name) for name in kinds}
    for name, kind in kinds.items():
        house.devices.watch(others[name], kind)
    second = Plain("back")
    house.devices.watch(second, "panel")
    await until(lambda: house.types().count("device.changed") == 6)
    assert house.devices.up() == {"panel": False} | dict.fromkeys(kinds.values(), False)
    for device in (*others.values(), second):
        device.state, device.reason = "ready", ""
        house.devices.state("ready", "")
    await until(lambda: house.types().count("device.changed") == 11)
    assert house.devices.up() == {"panel": True} | dict.fromkeys(kinds.values(), True)
