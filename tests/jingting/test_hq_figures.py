"""`jingting hq figures`, as a person and as a program runs it."""

import json
from contextlib import closing

import pytest
from test_unseal import jingting

from common.events.calls import HelpAcknowledged
from hq.settings import load
from hq.store import Store
from jingting import layout
from tests.hq.store_rig import STATION, StationJournal, line_of, new_id, raised, send_all


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Return the settings of a headquarters that has heard of one call, of 2026-09-21."""
    folder = tmp_path_factory.mktemp("city")
    layout.write(folder, broker_port=1, hq_broker_port=2, hq_port=0, station_ports={})
    file, call = folder / "hq/hq.toml", new_id()
    settings = load(file)
    settings.hq.data.mkdir(parents=True, exist_ok=True)
    with closing(Store.open(settings.store.url)) as store:
        taken = HelpAcknowledged(call=call, after_ms=16_000)
        send_all(store, StationJournal().add(line_of(raised(call), event_id=call), taken))
    return file


def test_a_program_gets_one_json_object(config):
    done = jingting("hq", "figures", "--day", "2026-09-21", "--json", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["of_day"]["help"], found["of_month"]["help"], found["by_day"]["2026-09-21"]) == (1, 1, 1)
    assert found["of_day"]["answering"] | {"calls": 1} == {
        "calls": 1,
        "measured": 1,
        "unanswered": 0,
        "unknown": 0,
        "of": 1,
        "p50_s": 16.0,
        "p90_s": 16.0,
        "within_15_s": 0,
        "within_20_s": 1,
    }
    assert [one["station"] for one in found["stations"]] == [STATION]


def test_a_person_gets_a_few_lines(config):
    done = jingting("hq", "figures", "--day", "2026-09-21", "--config", config)
    assert done.returncode == 0
    assert "calls for help" in done.stdout
    assert "1/1 100.0 %" in done.stdout
    assert jingting("hq", "figures", "--config", config).returncode == 0


def test_what_is_wrong_is_told(config, tmp_path):
    unknown = jingting("hq", "figures", "--station", "jt-009", "--config", config)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no station that headquarters knows" in unknown.stderr
    assert jingting("hq", "figures", "--day", "yesterday", "--config", config).returncode == 2
    assert jingting("hq", "figures", "--config", tmp_path / "none.toml").returncode == 78
