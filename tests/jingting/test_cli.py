"""The `jingting` command: what goes where, and with which exit code."""

import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from common import keyfiles
from sync.sealing import new_sealing_key
from tests.certificates import certify

ROOT = Path(__file__).parents[2]

WELL = {
    "version": 4,
    "station": "sjz-001",
    "name_zh": "中山路",
    "name_en": "Zhongshan Road",
    "calls": [],
    "recently_closed": None,
    "devices": [
        {
            "name": "front",
            "kind": "panel",
            "state": "ready",
            "reason": "",
            "self_test": {"state": "passed", "reason": "", "passed_s": 7200},
        },
        {"name": "cards", "kind": "card_reader", "state": "ready", "reason": "", "self_test": None},
    ],
    "link": "up",
    "hq_online": True,
    "waiting": 0,
    "oldest_waiting_s": None,
    "journal_ok": True,
    "clock_trusted": False,
}


def jingting(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "jingting", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def config(tmp_path):
    (tmp_path / "keys").mkdir()
    keyfiles.create(tmp_path / "keys/station.key")
    keyfiles.create(tmp_path / "keys/headquarters").rename(tmp_path / "keys/headquarters.pub")
    keyfiles.write_pair(tmp_path / "keys/headquarters.sealing", *new_sealing_key())
    certify(tmp_path / "keys", "sjz-001")
    return Path(shutil.copy(ROOT / "config/station.toml", tmp_path / "station.toml"))


@pytest.fixture
def answering(config):
    """Return a function that serves a status.json at the address of `config`."""
    servers = []

    def serve(view: dict[str, object]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/status.json" else 404)
                self.end_headers()
                self.wfile.write(json.dumps(view).encode())

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("port = 8082", f"port = {server.server_port}"), encoding="utf-8")

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_every_mistake_goes_to_stderr_and_the_exit_code_is_78(tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text('[station]\nid = "HQ"\nnaem_zh = "x"\n')
    for command in ("station", "hq"):
        result = jingting(command, "--config", bad)
        assert result.returncode == 78
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) > 5
        assert f"{bad}: " in result.stderr
    assert jingting("station", "--config", tmp_path / "none.toml").returncode == 78


@pytest.mark.parametrize("arguments", [["station"], ["hq"], ["nonsense"], ["simulate", "dragon"]])
def test_a_command_used_wrongly_exits_2(arguments):
    result = jingting(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""


def test_a_new_key_pair_is_named_on_stdout_and_never_overwritten(tmp_path):
    key = tmp_path / "a.key"
    result = jingting("keys", "new", key)
    assert (result.returncode, result.stdout) == (0, f"{key}\n{key}.pub\n")
    again = jingting("keys", "new", key)
    assert again.returncode == 1
    assert "file exists" in again.stderr


def test_a_station_that_is_well_exits_0(config, answering):
    answering(WELL)
    result = jingting("station", "status", "--config", config)
    assert result.returncode == 0
    assert "中山路" in result.stdout
    assert "front ready, self-test passed, last passed 120 min ago" in result.stdout
    as_json = jingting("station", "status", "--json", "--config", config)
    assert json.loads(as_json.stdout) == WELL


def test_a_station_with_something_wrong_exits_1_and_says_what(config, answering):
    answering(WELL | {"journal_ok": False, "link": "down"})
    result = jingting("station", "status", "--config", config)
    assert result.returncode == 1
    assert "the journal cannot be written" in result.stdout
    assert "no connection to the broker" in result.stdout


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ({"state": "failed", "reason": "no_answer", "passed_s": None}, "panel front failed its self-test: no_answer"),
        ({"state": "passed", "reason": "", "passed_s": 40 * 3600}, "panel front passed its last self-test 40 h ago"),
    ],
)
def test_a_self_test_that_failed_or_is_too_old_is_wrong(config, answering, test, words):
    answering(WELL | {"devices": [{**WELL["devices"][0], "self_test": test}]})
    result = jingting("station", "status", "--config", config)
    assert result.returncode == 1
    assert words in result.stdout


def test_a_station_that_does_not_run_exits_3(config):
    text = config.read_text(encoding="utf-8").replace("port = 8082", "port = 1")
    config.write_text(text, encoding="utf-8")
    result = jingting("station", "status", "--json", "--config", config)
    assert result.returncode == 3
    assert result.stdout == ""
    assert "does not answer" in result.stderr


def test_a_kiosk_never_loads_headquarters():
    probe = (
        "import sys, jingting.cli, agent.settings;"
        "print([m for m in sys.modules if m.split('.')[0] in ('hq', 'sqlalchemy', 'alembic', 'drivers')])"
    )
    result = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
