"""A reader that somebody set to another speed is found, and set to the one the station speaks."""

import logging

import pytest
from card_rig import Host, Simulator, identity_of, until

from drivers import card_frames


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path, "--seed", "1") as simulator:
        yield simulator


async def test_a_reader_set_to_another_speed_is_found_and_set_to_the_stations(simulator, caplog):
    caplog.set_level(logging.INFO, "drivers.card_reader")
    simulator.ask("speed 9600")
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await until(lambda: simulator.log("speed"), "the reader to be found")
        await host.ready()
        assert simulator.ask("status")["baud"] == 115200
        assert await host.read() == identity_of("card-1")
    assert "answers at 9600 baud: it is set to 115200" in caplog.text


async def test_a_card_is_read_by_whoever_asks_while_the_reader_is_looked_for(simulator):
    simulator.ask("speed 57600")
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await until(lambda: host.reader.state == "faulty", "the reader to be missed")
        assert await host.read() == identity_of("card-1")


async def test_the_speed_is_a_setting_of_the_station(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link, baud=19200) as host:
        await host.ready()
        assert simulator.ask("status")["baud"] == 19200
        assert await host.read() == identity_of("card-1")


async def test_a_reader_that_answers_at_the_speed_that_is_set_is_never_asked_to_change_it(simulator):
    simulator.ask("speed 38400")
    async with Host(simulator.link, baud=38400) as host:
        await host.ready()
    assert simulator.log("speed") == []


def test_every_speed_has_its_own_request():
    assert {card_frames.frame(request).hex()[14:18] for request in card_frames.SPEEDS.values()} == {
        f"60{number:02x}" for number in range(5)
    }
