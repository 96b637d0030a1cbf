"""`jingting hq user …`, as somebody at headquarters' machine types it."""

import subprocess
import sys

import pytest

from jingting import layout

PASSWORD = "correct horse battery"


@pytest.fixture
def config(tmp_path):
    layout.write(tmp_path, broker_port=1, hq_broker_port=2, hq_port=0, station_ports={})
    return tmp_path / "hq/hq.toml"


def user(config, *arguments, typed=""):
    line = [sys.executable, "-m", "jingting", "hq", "user", *arguments, "--config", str(config)]
    return subprocess.run(line, input=typed, capture_output=True, text=True, timeout=60, check=False)


def test_the_first_administrator_is_made_here_and_the_password_is_read_from_stdin(config):
    assert user(config, "list").stdout == ""
    done = user(config, "add", "wang", "--role", "administrator", typed=PASSWORD + "\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert PASSWORD not in done.stderr
    again = user(config, "add", "wang", "--role", "monitor", typed=PASSWORD + "\n")
    assert (again.returncode, again.stderr) == (1, "there is an account wang already\n")
    assert user(config, "role", "wang", "auditor").returncode == 0
    assert user(config, "disable", "wang").returncode == 0
    listed = user(config, "list").stdout.split()
    assert listed == ["wang", "auditor", "disabled", "never"]
    audit = subprocess.run(
        [sys.executable, "-m", "jingting", "hq", "audit", "--config", str(config)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [word in audit.stdout for word in ("added as administrator", "made auditor", "disabled")] == [True] * 3


def test_what_is_wrong_is_said_in_one_line(config):
    short = user(config, "add", "wang", "--role", "monitor", typed="short\n")
    assert (short.returncode, len(short.stderr.splitlines())) == (1, 1)
    assert "15 to 128" in short.stderr
    assert user(config, "password", "nobody", typed=PASSWORD + "\n").stderr == "there is no account nobody\n"
    assert user(config, "add", "wang", "--role", "king").returncode == 2
