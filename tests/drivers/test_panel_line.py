"""The help panel's driver and the simulator's process, over a real pty."""

import pytest
from panel_rig import Host, Simulator, until

from drivers.panel import Outputs


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path) as simulator:
        yield simulator


async def test_a_press_travels_and_is_acknowledged(simulator):
    async with Host(simulator.link) as host:
        host.panel.show(Outputs())
        await until(lambda: host.panel.state == "ready" and host.panel.firmware, "ready")
        told = simulator.ask("press 2")
        press = (told["epoch"], told["number"], 2)
        await until(lambda: press in host.presses, "the press")
        await until(lambda: simulator.presses("acknowledged") == [press], "the acknowledgement")
        assert host.readings[0].panel == "desk"
        assert simulator.presses("pressed") == simulator.presses("sent") == [press]
        assert simulator.status()["latched"] == 0
        assert host.panel.firmware == "panel 2.0"


async def test_an_unacknowledged_press_repeats_until_it_is_acknowledged(simulator):
    async with Host(simulator.link, acknowledging=False) as host:
        simulator.ask("press")
        await until(lambda: len(host.readings) >= 3, "repetitions")
        assert len(set(host.presses)) == 1
        ages = [reading.age_ms for reading in host.readings]
        assert ages == sorted(ages)
        assert simulator.log("acknowledged") == []
        host.panel.acknowledge(*host.presses[0][:2])
        await until(lambda: simulator.log("acknowledged"), "the acknowledgement")


async def test_wished_outputs_are_shown_and_a_host_that_goes_is_noticed(simulator):
    async with Host(simulator.link, acknowledging=False) as host:
        host.panel.show(Outputs(lamp="raised", tone=2, relay=True))
        await until(lambda: simulator.status()["lamp"] == "raised", "the lamp")
        assert simulator.status() | {"tone": 2, "relay": True, "host": "here"} == simulator.status()
        host.panel.show(Outputs(lamp="acknowledged"))
        await until(lambda: simulator.status()["lamp"] == "acknowledged", "the lamp")
        assert simulator.status()["tone"] == 0
        simulator.ask("press")
    await until(lambda: simulator.status()["host"] == "gone", "the host to be missed")
    status = simulator.status()
    assert (status["lamp"], status["tone"], status["latched"]) == ("host_gone", 1, 1)
    assert len(simulator.log("host_gone")) == 1
