"""Kills and torn cables: what was acknowledged is at the host, what was not is repeated, nothing is made up."""

import json
import os
import random
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Self

import pytest
from host_process import WISH
from panel_rig import DEADLINE_S, ROOT, Host, Simulator, until

from drivers.panel import Outputs


class HostProcess:
    def __init__(self, port: Path, folder: Path) -> None:
        self.port = port
        self.path = folder / "host.jsonl"
        self.path.touch()
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("host_process.py"), self.port, self.path],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def presses(self) -> set[tuple[int, ...]]:
        lines = self.path.read_bytes().rpartition(b"\n")[0].splitlines()
        return {tuple(json.loads(line)) for line in lines}


@pytest.fixture
def seed():
    seed = random.randrange(1 << 32)
    print("seed", seed)  # pytest shows it when the test fails
    return seed


@pytest.fixture
def simulator(tmp_path, seed):
    with Simulator(tmp_path, "--seed", str(seed)) as simulator:
        yield simulator


@pytest.mark.slow
async def test_presses_survive_kills_of_both_sides_exactly(tmp_path, seed):
    rng = random.Random(seed)
    by_itself = ("--every", "0.02", "--seed", str(seed))
    with Simulator(tmp_path, *by_itself) as simulator, HostProcess(simulator.link, tmp_path) as host:
        for _ in range(12):
            enough = len(simulator.log("pressed")) + rng.randrange(1, 12)
            await until(lambda enough=enough: len(simulator.log("pressed")) >= enough, "presses")
            victim = rng.choice((simulator, host))
            victim.kill()
            victim.start()
        simulator.kill()
        simulator.options = ()
        assert simulator.start()["event"] == "ready"
        await until(lambda: simulator.status()["latched"] == 0, "the last acknowledgement")
    strangers = [told for told in simulator.log("outputs") if told | asdict(WISH) != told]
    assert not strangers, "another host was on this panel's line, and what it acknowledged is not lost but elsewhere"
    pressed = set(simulator.presses("pressed"))
    assert len(pressed) == len(simulator.presses("pressed")), "a number came twice"
    assert set(simulator.presses("acknowledged")) == pressed
    assert host.presses() == pressed


async def test_a_simulator_that_was_killed_keeps_epoch_and_numbers_of_its_latched_presses(simulator):
    first = [(told["epoch"], told["number"], told["button"]) for told in map(simulator.ask, ("press", "press 3"))]
    simulator.kill()
    with simulator.log_path.open("ab") as log:
        log.write(b'{"at": 1, "event": "pre')
    assert simulator.start()["latched"] == 2
    told = simulator.ask("press 1")
    presses = [*first, (told["epoch"], told["number"], 1)]
    assert [(number, button) for _, number, button in presses] == [(1, 0), (2, 3), (3, 1)]
    assert len({epoch for epoch, _, _ in presses}) == 1
    async with Host(simulator.link) as host:
        await until(lambda: simulator.status()["latched"] == 0, "acknowledgements")
        assert set(host.presses) == set(presses)


async def test_a_killed_simulators_link_leads_nowhere_and_the_host_comes_back_with_it(simulator):
    async with Host(simulator.link) as host:
        host.panel.show(Outputs(lamp="raised"))
        await until(lambda: host.panel.state == "ready", "ready")
        simulator.kill()
        await until(lambda: host.states[-1] == ("absent", "not_found"), "absent")
        assert ("absent", "hung_up") in host.states
        simulator.start()
        await until(lambda: host.panel.state == "ready", "ready again")
        await until(lambda: simulator.status()["lamp"] == "raised", "the wish, without being asked again")


async def test_a_cable_torn_in_the_middle_of_frames_again_and_again_loses_and_invents_nothing(simulator):
    made = set()
    async with Host(simulator.link) as host:
        for turn in range(15):
            for moment in ("unplug", "press 0", "replug", "press 1", "noise 40", "press 2"):
                told = simulator.ask(moment)
                if moment.startswith("press"):
                    made.add((told["epoch"], told["number"], told["button"]))
            if turn % 3 == 0:
                await until(lambda: made <= set(host.presses), "all presses")
                garbled = host.panel.frames_bad
                simulator.ask("noise 40")
                await until(lambda garbled=garbled: host.panel.frames_bad > garbled, "the noise")
        await until(lambda: simulator.status()["latched"] == 0, "acknowledgements")
        assert set(host.presses) == made == set(simulator.presses("acknowledged"))


async def test_a_press_gets_through_behind_a_flood_of_noise(simulator):
    async with Host(simulator.link) as host:
        host.panel.show(Outputs(lamp="raised", tone=2))
        await until(lambda: host.panel.state == "ready", "ready")
        assert simulator.ask("noise 300000") == {"event": "noise", "bytes": 300000}
        presses = {(told["epoch"], told["number"], 0) for told in (simulator.ask("press") for _ in range(5))}
        await until(lambda: host.panel.noise_bytes > 100_000, "the flood")
        told = simulator.ask("press 1")
        presses.add((told["epoch"], told["number"], 1))
        await until(lambda: set(simulator.presses("acknowledged")) == presses, "the acknowledgements")
        await until(lambda: simulator.status()["tone"] == 2, "the tone")
        assert set(host.presses) == presses
