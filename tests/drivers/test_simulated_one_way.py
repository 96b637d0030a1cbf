"""The devices that only speak, as somebody plays with them: their commands, their files, and their ends."""

import pytest
from click.testing import CliRunner
from one_way_rig import DOCUMENTS, TODAY, Simulator

from drivers.mrz import parse
from drivers.simulators.cli import code_scanner, passport_reader
from drivers.simulators.documents import DocumentsError, load


def test_a_played_reader_says_what_it_has_and_what_it_said(tmp_path):
    with Simulator("passport_reader", tmp_path) as simulator:
        assert simulator.ready == {"event": "ready", "documents": list(DOCUMENTS)}
        assert simulator.ask("swipe utopia-passport") == {"event": "swipe", "bytes": 90}
        assert simulator.ask("status") == {"event": "status", "plugged": True, "swipe": 1}
        assert simulator.ask("unplug utopia-card")["event"] == "unplugged"
        assert not simulator.link.is_symlink()
        assert simulator.ask("unplug") == {"event": "unplugged", "bytes": 0}
        assert "replug it first" in simulator.ask("swipe utopia-card")["error"]
        assert simulator.ask("replug") == {"event": "replugged"}
        assert simulator.ask("replug") == {"event": "replugged"}
        assert simulator.ask("quit") == {"event": "quit"}
        assert simulator.process.wait(20) == 0
        assert not simulator.link.is_symlink()


@pytest.mark.parametrize("command", ["passport_reader", "code_scanner"])
def test_it_ends_when_it_is_told_to(tmp_path, command):
    with Simulator(command, tmp_path) as simulator:
        assert simulator.stop() == 0
        assert not simulator.link.is_symlink()


def test_what_it_does_not_know_is_answered_with_what_it_does(tmp_path):
    with Simulator("passport_reader", tmp_path) as simulator:
        assert "there are: swipe, partial" in simulator.ask("dance")["error"]
        assert "there are: swipe, partial" in simulator.ask("")["error"]
        assert "there are: utopia-passport" in simulator.ask("swipe nobody")["error"]
        assert "there are: utopia-passport" in simulator.ask("garble")["error"]
        assert "no number" in simulator.ask("noise much")["error"]


def test_a_scanner_wants_a_text(tmp_path):
    with Simulator("code_scanner", tmp_path) as simulator:
        assert "which text" in simulator.ask("scan")["error"]
        assert simulator.ask("partial a")["bytes"] == 1
        assert simulator.ask("garble 6901234567892") == {"event": "garble", "bytes": 14}


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_every_document_that_comes_along_is_one(name):
    assert parse(DOCUMENTS[name], today=TODAY).repaired == ()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a", "no TOML"),
        ("a = 1", "document a: must be a table"),
        ('[a]\nlines = "P<UTO"', "document a: must be a table"),
        ("[a]\nlines = []", "document a: must be a table"),
        ("[a]\nlines = [1]", "document a: must be a table"),
    ],
)
def test_a_file_of_documents_that_cannot_be_used_says_where_and_what(tmp_path, text, wrong):
    path = tmp_path / "documents.toml"
    path.write_text(text)
    with pytest.raises(DocumentsError, match=wrong):
        load(path)
    told = CliRunner().invoke(passport_reader, ["--link", str(tmp_path / "link"), "--documents", str(path)])
    assert told.exit_code == 1
    assert str(path) in told.output


@pytest.mark.parametrize("command", [passport_reader, code_scanner])
def test_a_link_that_cannot_be_made_is_told(tmp_path, command):
    told = CliRunner().invoke(command, ["--link", str(tmp_path / "no" / "link")])
    assert told.exit_code == 1
    assert "No such file" in told.output
