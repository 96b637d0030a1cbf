"""`jingting simulate panel` as a command: its options, commands, log and end."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from panel_rig import DEADLINE_S, ROOT, Host, Simulator, until

from drivers.simulators.cli import panel


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path) as simulator:
        yield simulator


def test_sigterm_stops_it_cleanly_and_takes_the_link_away(simulator):
    assert simulator.link.is_symlink()
    assert simulator.stop() == 0
    assert not simulator.link.is_symlink()


def test_quit_and_the_end_of_a_pipe_on_stdin_stop_it(simulator):
    assert simulator.ask("quit") == {"event": "quit"}
    assert simulator.process.wait(DEADLINE_S) == 0
    simulator._reap()
    simulator.start()
    simulator.process.stdin.close()
    assert simulator.process.wait(DEADLINE_S) == 0
    simulator.process.stdout.close()


def test_what_it_does_not_know_is_answered_with_what_it_does(simulator):
    assert "there are: press, bounce, hold" in simulator.ask("dance")["error"]
    assert "error" in simulator.ask("press hard")
    assert "error" in simulator.ask("press 0 long")
    assert "error" in simulator.ask("hold 4")
    assert "error" in simulator.ask("loop open")
    assert "error" in simulator.ask("fail everything")
    assert "error" in simulator.ask("")
    assert "this panel has 0 to 3" in simulator.ask("press 4")["error"]
    assert simulator.status()["latched"] == 0


def test_an_entry_of_the_log_says_what_when_and_which_press(simulator):
    told = simulator.ask("press 3")
    (entry,) = simulator.log("pressed")
    assert set(entry) == {"at", "mono_ns", "event", "epoch", "number", "button"}
    assert (entry["epoch"], entry["number"], entry["button"]) == (told["epoch"], 1, 3)


def test_a_board_that_is_reset_twice_in_a_row_comes_up_all_the_same(simulator):
    assert {simulator.ask("reset")["event"] for _ in range(3)} == {"reset"}
    simulator.ask("press 1")
    assert len(simulator.log("restarted")) == 3


def test_settings_in_the_played_flash_are_the_firmwares(tmp_path):
    flash = tmp_path / "panel.flash"
    flash.mkdir()
    plain = [{"wiring": wiring, "pin": pin} for pin, wiring in enumerate(("closes", "closes", "loop", "loop"))]
    (flash / "config.json").write_text(json.dumps({"buttons": plain}))
    with Simulator(tmp_path) as simulator:
        simulator.ask("loop cut 0")
        assert simulator.ask("press 1")["number"] == 1
        assert simulator.status()["faults"] == 0, "nobody sees that a plain contact's cable is cut"


def test_firmware_with_wrong_settings_ends_and_says_what_is_wrong(tmp_path):
    flash = tmp_path / "panel.flash"
    flash.mkdir()
    (flash / "config.json").write_text('{"line": "radio"}')
    command = [
        sys.executable,
        "-m",
        "jingting",
        "simulate",
        "panel",
        "--link",
        tmp_path / "p",
        "--log",
        tmp_path / "panel.jsonl",
    ]
    ended = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "line: usb or uart" in ended.stderr
    assert "before it said hello" in ended.stderr


def test_each_new_log_begins_a_new_epoch_even_with_the_same_seed(tmp_path):
    epochs = set()
    for name in "abc":
        (tmp_path / name).mkdir()
        with Simulator(tmp_path / name, "--seed", "1") as simulator:
            epochs.add(simulator.ready["epoch"])
    assert len(epochs) == 3


async def test_a_hand_presses_at_random_for_so_long_and_then_no_more(tmp_path):
    with Simulator(tmp_path, "--seed", "4", "--every", "0.02", "--seconds", "0.5") as simulator:
        async with Host(simulator.link):
            first_ns = (await until(lambda: simulator.log("pressed"), "a press"))[0]["mono_ns"]
            await until(lambda: simulator.status()["latched"] == 0 and len(simulator.log("pressed")) > 5, "presses")
            await until(lambda: _at_rest_ns(simulator) > 1_000_000_000, "the hand to rest")
            assert simulator.log("pressed")[-1]["mono_ns"] - first_ns < 600_000_000
            assert len({button for *_, button in simulator.presses("pressed")}) > 1


def _at_rest_ns(simulator):
    from drivers.simulators.panel_log import now_ns  # noqa: PLC0415

    return now_ns() - simulator.log("pressed")[-1]["mono_ns"]


def test_a_log_in_use_is_refused_with_what_to_do(simulator, tmp_path):
    second = CliRunner().invoke(panel, ["--link", str(tmp_path / "b"), "--log", str(simulator.log_path)])
    assert second.exit_code == 1
    assert "another simulator plays with this log" in second.output


@pytest.mark.parametrize("line", [b"nonsense", b'{"event": "pressed"}', b"[1]", b"\x00\xff"])
def test_a_log_damaged_inside_is_refused_and_not_written_over(tmp_path, line):
    log = tmp_path / "panel.jsonl"
    whole = line + b"\n" + json.dumps({"event": "host_back"}).encode() + b"\n"
    log.write_bytes(whole)
    result = CliRunner().invoke(panel, ["--link", str(tmp_path / "panel"), "--log", str(log)])
    assert result.exit_code == 1
    assert "line 1" in result.output
    assert log.read_bytes() == whole
