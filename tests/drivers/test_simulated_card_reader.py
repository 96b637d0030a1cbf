"""`jingting simulate card-reader` as a command: its cards, commands, log and end."""

import pytest
import serial
from card_rig import CARDS, DEADLINE_S, Host, Simulator, identity_of
from click.testing import CliRunner

from drivers import card_frames
from drivers.card_text import decode
from drivers.simulators.card_reader import PlayedReader
from drivers.simulators.cards import CardsError, load
from drivers.simulators.cli import card_reader


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path) as simulator:
        yield simulator


def test_sigterm_quit_and_the_end_of_stdin_stop_it_and_take_the_link_away(tmp_path, simulator):
    assert simulator.link.is_symlink()
    assert simulator.stop() == 0
    assert not simulator.link.is_symlink()
    with Simulator(tmp_path) as second:
        assert second.ask("quit") == {"event": "quit"}
        assert second.process.wait(DEADLINE_S) == 0
    with Simulator(tmp_path) as third:
        third.process.stdin.close()
        assert third.process.wait(DEADLINE_S) == 0


def test_it_says_which_cards_there_are_and_which_one_lies_there(simulator):
    assert simulator.ready == {"event": "ready", "cards": list(CARDS)}
    assert simulator.ask("put card-2") == {"event": "put", "card": "card-2"}
    assert simulator.ask("status")["card"] == "card-2"
    assert simulator.ask("lift") == {"event": "lift", "card": "card-2"}
    assert simulator.ask("status") == {
        "event": "status",
        "card": "",
        "plugged": True,
        "baud": 115200,
        "answers": 0,
        "requests_bad": 0,
    }


def test_what_it_does_not_know_is_answered_with_what_it_does(simulator):
    assert "there are: put, lift, swap" in simulator.ask("dance")["error"]
    assert "there are: put, lift, swap" in simulator.ask("")["error"]
    assert "there are: card-1" in simulator.ask("put card-99")["error"]
    assert "there are: card-1" in simulator.ask("swap")["error"]
    assert "there are: reset" in simulator.ask("swap card-1 tomorrow")["error"]
    assert "no number" in simulator.ask("noise much")["error"]


async def test_its_log_names_requests_and_cards_and_tells_nothing_of_who_they_are(simulator):
    simulator.ask("put card-1")
    async with Host(simulator.link) as host:
        await host.ready()
        assert await host.read() == identity_of("card-1")
    events = [(entry["event"], entry.get("status"), entry["card"]) for entry in simulator.log()]
    assert ("find", "9F", "card-1") in events
    assert ("read", "90", "card-1") in events
    assert set(simulator.log()[0]) == {"at", "mono_ns", "event", "card"}
    log = simulator.log_path.read_text()
    for value in filter(None, decode(CARDS["card-1"].text).fields.values()):
        assert len(value) < 3 or (value not in log and value.encode("unicode-escape").decode() not in log)


async def test_cards_may_come_from_a_file(tmp_path):
    path = tmp_path / "cards.toml"
    path.write_text('[me]\nname = "自己"\nsex = "2"\nbirth = "19491231"\nnumber = "11010519491231002X"\n')
    with Simulator(tmp_path, "--cards", str(path)) as simulator:
        simulator.ask("put me")
        async with Host(simulator.link) as host:
            await host.ready()
            assert (await host.read("name")).fields == {"name": "自己"}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a", "no TOML"),
        ("a = 1", "card a: must be a table of texts"),
        ("[a]\nname = 1", "card a: must be a table of texts"),
        ('[a]\nphone = "1"', "card a: unknown phone; there are: letter, newest_address, name"),
        ('[a]\nletter = "II"', "card a: letter must be one character"),
        ('[a]\nsex = "11"', "card a: sex takes over 1 characters"),
    ],
)
def test_a_file_of_cards_that_cannot_be_used_says_where_and_what(tmp_path, text, wrong):
    path = tmp_path / "cards.toml"
    path.write_text(text)
    with pytest.raises(CardsError, match=wrong):
        load(path)
    options = ["--link", str(tmp_path / "link"), "--log", str(tmp_path / "log"), "--cards", str(path)]
    told = CliRunner().invoke(card_reader, options)
    assert told.exit_code == 1
    assert str(path) in told.output


def test_it_knows_every_request_and_answers_each_in_its_size():
    reader = PlayedReader()
    reader.put("card-11", CARDS["card-11"])
    for request in (card_frames.FIND, card_frames.SELECT, *card_frames.COMMANDS):
        more = b"\x50" if request == card_frames.LARGEST_RF_FRAME else b""
        answer = card_frames.answer(reader.answer(request + more))
        if request == card_frames.READ_WITH_FINGERPRINTS:
            assert answer.status == card_frames.BAD_COMMAND, "no driver here may ask for fingerprints"
        else:
            # What was read is not found again.
            assert answer.fits(request) or request in (card_frames.FIND, card_frames.SELECT)
    assert card_frames.answer(reader.answer(b"\x61\xff\x17")).status == card_frames.BAD_COMMAND
    assert card_frames.answer(reader.answer(b"\x61\xff")).status == card_frames.BAD_COMMAND
    assert reader.baud == 9600


def test_at_another_speed_it_hears_nothing_and_says_so_in_its_status(simulator):
    assert simulator.ask("speed 9600") == {"event": "speed", "baud": 9600}
    assert simulator.ask("status")["baud"] == 9600
    assert "one of 115200" in simulator.ask("speed 300")["error"]
    with open_at(simulator.link, 115200) as port:
        port.write(card_frames.frame(card_frames.SAM_ID))
        assert simulator.ask("status")["answers"] == 0
    with open_at(simulator.link, 9600) as port:
        port.write(card_frames.frame(card_frames.SAM_ID))
        assert len(port.read(27)) == 27


def open_at(link, baud):
    return serial.Serial(str(link), baudrate=baud, timeout=DEADLINE_S)
