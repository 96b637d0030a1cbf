"""`jingting hq invite` and `jingting station enroll`: what people are told at either end."""

import re
import subprocess
import threading

import pytest

from agent.key_folder import KeyFolders
from agent.settings import load
from jingting import enroll, layout
from jingting.child import jingting
from sync.invitation import Code, Invitation, read_code, read_file, read_uri
from tests.enrolment_rig import Office

STATION = "sjz-001"


@pytest.fixture
def config(tmp_path):
    """The settings of a headquarters that enrols, and does not run."""
    layout.write(tmp_path, broker_port=1883, hq_broker_port=1884, hq_port=0, station_ports={})
    file = tmp_path / "hq/hq.toml"
    with file.open("a", encoding="utf-8") as out:
        out.write('\n[enrolment]\nname = "hq.example"\n')
    return file


def run(*arguments):
    return subprocess.run(jingting(*arguments), capture_output=True, text=True, timeout=60, check=False)


def test_an_invitation_as_text_has_a_code_and_the_command_that_takes_it(config):
    made = run("hq", "invite", "--config", config, "--station", STATION, "--qr")
    assert made.returncode == 0, made.stderr
    code = read_code(re.search(r"^Code +(\S+)$", made.stdout, re.MULTILINE)[1])
    assert f"jingting station enroll --at hq.example:8443 --station {STATION}" in made.stdout
    assert read_uri(re.search(r"^URI +(\S+)$", made.stdout, re.MULTILINE)[1]).code == code
    assert made.stdout.count("█") > 50
    audit = run("hq", "audit", "--config", config)
    assert '"what":"invite"' in audit.stdout
    assert STATION in audit.stdout
    assert code.secret not in audit.stdout


def test_an_invitation_as_a_folder_has_all_in_one_file_and_prints_no_code(config, tmp_path):
    made = run("hq", "invite", "--config", config, "--station", STATION, "--folder", tmp_path / "stick")
    assert made.returncode == 0, made.stderr
    (file,) = (tmp_path / "stick").iterdir()
    invitation = read_file(file.read_bytes())
    assert (invitation.at, invitation.station) == ("hq.example:8443", STATION)
    assert str(invitation.code) not in made.stdout
    assert enroll.invitation(None, tmp_path / "stick", None, None) == invitation


@pytest.mark.parametrize(
    "wrong", [["--station", "hq-2"], ["--station", "A"], [], ["--station", STATION, "--code", "jw 1"]]
)
def test_whom_nobody_can_invite(config, wrong):
    refused = run("hq", "invite", "--config", config, *wrong)
    assert refused.returncode == 2
    assert refused.stdout == ""


def test_without_a_place_to_come_to_nobody_is_invited(config):
    config.write_text(config.read_text(encoding="utf-8").split("\n[enrolment]")[0], encoding="utf-8")
    refused = run("hq", "invite", "--config", config, "--station", STATION)
    assert refused.returncode == 78
    assert "[enrolment] is missing" in refused.stderr


@pytest.mark.parametrize(
    "wrong",
    [[], ["A" * 45], ["jingting:enrol?at=x"], ["--folder", "/nowhere"], ["CODE", "--folder", "/tmp"], ["4YKJ3-Q2M8T"]],
)
def test_what_is_no_invitation_exits_2_before_anything_is_made(tmp_path, wrong):
    refused = run("station", "enroll", *wrong, "--dir", tmp_path / "kiosk")
    assert refused.returncode == 2
    assert not (tmp_path / "kiosk").exists()


def test_a_mistyped_group_is_named():
    code = str(Code.new(bytes(32)))
    wrong = code[:6] + ("0" if code[6] != "0" else "1") + code[7:]
    with pytest.raises(ValueError, match="group 2 of the code is mistyped"):
        enroll.invitation(wrong, None, "hq.example:8443", STATION)
    with pytest.raises(ValueError, match="--at and --station"):
        enroll.invitation(code, None, None, None)
    assert enroll.invitation(code.lower(), None, "hq.example:8443", STATION).station == STATION


def test_what_headquarters_says_is_passed_on_with_what_to_do_next(tmp_path, capsys):
    office = Office(tmp_path / "hq")
    office.start()
    try:
        invited = office.invite(STATION)
        assert enroll.enroll(invited, tmp_path / "kiosk", panel="/dev/ttyACM0", card_reader="usb:1a86:7523") == 0
        said = capsys.readouterr()
        assert f"jingting station --config {tmp_path}/kiosk/station.toml" in said.out
        again = enroll.enroll(invited, tmp_path / "another", panel=None, card_reader=None)
        assert again == 1
        assert "used-code" in capsys.readouterr().err
        away = Invitation(at="127.0.0.1:1", station=STATION, code=invited.code, authority=office.pem)
        assert enroll.enroll(away, tmp_path / "third", panel=None, card_reader=None) == 1
        assert "the code is as good as before" in capsys.readouterr().err
    finally:
        office.stop()
    settings = load(tmp_path / "kiosk/station.toml")
    assert settings.enrolment.at == office.at
    assert settings.panel[0].port == "/dev/ttyACM0"


def test_killed_while_it_waits_for_the_answer_it_is_a_station_after_the_next_try(tmp_path, monkeypatch):
    office = Office(tmp_path / "hq")
    asked, released = threading.Event(), threading.Event()
    answer = office.registrar._answer

    def slowly(*given):
        asked.set()
        assert released.wait(20)
        return answer(*given)

    monkeypatch.setattr(office.registrar, "_answer", slowly)
    office.start()
    try:
        (tmp_path / "stick").mkdir()
        (tmp_path / "stick/invitation.json").write_bytes(office.invite(STATION).as_file())
        command = jingting("station", "enroll", "--folder", tmp_path / "stick", "--dir", tmp_path / "kiosk")
        first = subprocess.Popen(command)
        assert asked.wait(20)
        first.kill()
        first.wait(20)
        assert not (tmp_path / "kiosk/keys").exists()
        released.set()
        done = run(*command[3:])
        assert done.returncode == 0, done.stderr
        assert office.keys.standing(STATION, KeyFolders(tmp_path / "kiosk").current.signing_key.public.id) == "current"
    finally:
        released.set()
        office.stop()
