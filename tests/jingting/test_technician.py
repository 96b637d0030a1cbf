"""A technician's captures: what stands on stdin, what comes out, and what of it a terminal shows."""

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import card_frames
from drivers.firmware import frames
from drivers.simulators import cards
from jingting.captures import masked, zones
from jingting.technician import NotHexError, from_hex

ROOT = Path(__file__).parents[2]
UTOPIA = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
TEXT = cards.load(cards.PEOPLE)["card-1"].text
READ = card_frames.frame(bytes([0, 0, 0x90, 1, 0, 4, 0]) + TEXT + bytes(1024))


def device(*arguments, stdin="", stdout=subprocess.PIPE):
    command = [sys.executable, "-m", "jingting", "device", *arguments]
    return subprocess.run(
        command, cwd=ROOT, input=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )


def told(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def on_a_terminal(*arguments, stdin):
    """What a person sees, who gave the same on stdin."""
    ours, theirs = pty.openpty()
    try:
        done = device(*arguments, stdin=stdin, stdout=theirs)
        os.set_blocking(ours, False)
        return done, os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_captured_card_is_whole_in_a_pipe_and_masked_on_a_terminal():
    hexed = "\n".join(READ.hex(" ", 2).upper()[at : at + 60] for at in range(0, len(READ) * 3, 60))
    [identity] = told(device("decode", "--driver", "card_reader", stdin=hexed))
    assert (identity["frame"], identity["layout"]) == ("identity", "resident")
    assert len(identity["number"]) == 18
    done, seen = on_a_terminal("decode", "--driver", "card_reader", stdin=hexed)
    assert json.loads(seen) == identity | {
        "name": identity["name"][0] + "*",
        "number": identity["number"][0] + "*" * 16 + identity["number"][-1],
        "birth": identity["birth"][:4] + "*",
        "address": "*",
    }
    assert done.stderr == ""
    _, full = on_a_terminal("decode", "--driver", "card_reader", "--full", stdin=hexed)
    assert json.loads(full) == identity


def test_zones_are_read_as_lines_with_a_blank_one_between_two():
    stdin = "\n".join([*UTOPIA, "", UTOPIA[0][:-1] + "X", *UTOPIA[1:], "", "nonsense"])
    first, second, third = told(device("decode", "--driver", "passport_reader", stdin=stdin))
    assert (first["surname"], first["number"], first["birth"]) == ("ERIKSSON", "D23145890", "1974-08-12")
    assert second == {"problem": "check_digit", "where": "composite"}
    assert third["problem"] == "format"
    assert list(zones([], today=None)) == []


def test_a_captured_panel_line_is_told_frame_by_frame():
    line = frames.encode(frames.PressAck(1, 2), 3) + b"noise" + frames.encode(frames.Outputs("off", 0, relay=False), 4)
    told_of = told(device("decode", "--driver", "panel", stdin=line.hex()))
    assert [one.get("frame", one.get("problem")) for one in told_of] == ["press_ack", "noise", "outputs"]


def test_captured_codes_are_told_and_hidden_on_a_terminal():
    hexed = b"JW012-20261122-0007\rA\x00B\r".hex()
    code, bad = told(device("decode", "--driver", "code_scanner", stdin=hexed))
    assert code == {"frame": "code", "text": "JW012-20261122-0007"}
    assert bad["problem"] == "noise"
    assert "JW012" not in on_a_terminal("decode", "--driver", "code_scanner", stdin=hexed)[1]


@pytest.mark.parametrize(
    ("stdin", "says"),
    [("AA AG", "no hex digit at place 4"), ("AAA", "odd number of hex digits, 3"), ("\xff", "place 1")],
)
def test_what_is_no_hex_is_refused_with_the_place(stdin, says):
    done = device("decode", "--driver", "card_reader", stdin=stdin)
    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr


@given(data=st.binary(max_size=300), spaces=st.lists(st.sampled_from(["", " ", "\n", "\t", "\r\n"]), min_size=1))
def test_hex_may_be_spaced_in_any_way(data, spaces):
    text = "".join(digit + spaces[at % len(spaces)] for at, digit in enumerate(data.hex()))
    assert b"".join(from_hex(io.BytesIO(text.encode()))) == data


@given(text=st.text("0123456789abcdefABCDEF \nxg", max_size=80))
def test_all_hex_is_taken_and_nothing_else(text):
    digits = "".join(text.split())
    is_hex = len(digits) % 2 == 0 and not set(digits) & {"x", "g"}
    try:
        assert b"".join(from_hex(io.BytesIO(text.encode()))).hex() == digits.lower()
    except NotHexError:
        assert not is_hex
    else:
        assert is_hex


def test_a_number_is_checked_from_the_command_line_or_from_stdin():
    [good] = told(device("check-number", "11010519491231002x"))
    assert good == {
        "valid": True,
        "kind": "resident",
        "birth": "1949-12-31",
        "sex": "f",
        "region": "北京市",
        "failed": [],
    }
    assert told(device("check-number", "-", stdin="1101 0519 4912 3100 2X\n")) == [good]
    [bad] = told(device("check-number", "110105194913310022"))
    assert (bad["valid"], bad["birth"], bad["failed"]) == (False, None, ["check_character", "birth_date"])


def test_masking_leaves_what_names_nobody():
    assert masked({"frame": "press", "number": 7, "bytes": 3}) == {"frame": "press", "number": 7, "bytes": 3}
    assert masked({"optional": "ZE184226B", "sex": "f"}) == {"optional": "Z*******B", "sex": "f"}
