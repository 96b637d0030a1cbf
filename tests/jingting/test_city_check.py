"""`jingting station check`: what is wrong in the city's files, before they are copied to a kiosk."""

import json

import pytest
from click.testing import CliRunner

from agent import settings
from common.settings import EX_CONFIG
from jingting.cli import main
from jingting.layout import write
from tests.agent.finding_rig import EXAMPLES


def check(*arguments: object):
    return CliRunner().invoke(main, ["station", "check", *map(str, arguments)])


def all_three(folder=EXAMPLES):
    return [part for name in ("places", "addresses", "contacts") for part in (f"--{name}", folder / f"{name}.csv")]


def test_right_files_are_counted():
    answer = check(*all_three())
    assert answer.exit_code == 0
    assert answer.stdout == "places: 22 entries, no mistake\ngrid: 38 entries, no mistake\n"
    assert json.loads(check(*all_three(), "--json").stdout) == {"entries": {"places": 22, "grid": 38}, "mistakes": []}


def test_every_mistake_is_told_on_stdout_with_the_files_own_name(tmp_path):
    circle = tmp_path / "十分钟圈.csv"
    text = (
        (EXAMPLES / "places.csv").read_text(encoding="utf-8").replace("pharmacy", "farmacy", 1).replace(",9,", ",19,")
    )
    circle.write_text(text, encoding="utf-8")
    answer = check("--places", circle)
    assert answer.exit_code == EX_CONFIG
    lines = answer.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0] == f'{circle}:3: minutes: found "19"; expected a whole number, 1 to 10'
    assert any(line.startswith(f'{circle}:8: kind: found "farmacy"; expected one of ') for line in lines)
    [first, *_] = json.loads(check("--places", circle, "--json").stdout)["mistakes"]
    assert first == {
        "file": str(circle),
        "line": 3,
        "column": "minutes",
        "found": '"19"',
        "expected": "a whole number, 1 to 10",
        "hint": "",
    }


def test_a_file_that_is_not_there_is_a_mistake(tmp_path):
    answer = check("--places", tmp_path / "no.csv")
    assert answer.exit_code == EX_CONFIG
    assert answer.stdout == f"{tmp_path}/no.csv: found no such file or directory; expected a file that can be read\n"


@pytest.mark.parametrize("alone", ["--addresses", "--contacts"])
def test_the_two_files_of_the_grid_are_checked_together(alone):
    answer = check(alone, EXAMPLES / "contacts.csv")
    assert answer.exit_code == 2
    assert "give both" in answer.stderr


@pytest.fixture
def config(tmp_path):
    """Settings of a station that could run."""
    write(tmp_path, broker_port=1, hq_broker_port=2, hq_port=3, station_ports={"jt-001": 4}, duty_ports={"jt-001": 5})
    return tmp_path / "stations/jt-001/station.toml"


def without_finding(config) -> str:
    """The settings without the table that names files, which stands before the pages'."""
    before, _, rest = config.read_text(encoding="utf-8").partition("[finding]")
    return before + "[web]" + rest.partition("[web]")[2]


def test_without_files_those_of_the_settings_are_checked(config):
    assert settings.load(config).finding.places == config.parent / "finding/places.csv"
    answer = check("--config", config)
    assert (answer.exit_code, answer.stdout.count("no mistake")) == (0, 2)


def test_settings_that_name_half_a_grid_are_told(config):
    config.write_text(without_finding(config) + '\n[finding]\naddresses = "a.csv"\n', encoding="utf-8")
    answer = check("--config", config)
    assert answer.exit_code == EX_CONFIG
    assert "finding.contacts: found nothing; expected both addresses and contacts, or neither" in answer.stderr


def test_settings_without_files_leave_nothing_to_check(config):
    config.write_text(without_finding(config), encoding="utf-8")
    answer = check("--config", config)
    assert answer.exit_code == 1
    assert "no [finding]" in answer.stderr
