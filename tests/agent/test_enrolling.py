"""A kiosk becomes a station: keys are made on it and stay, and whatever cuts it off, doing it again goes on."""

import os
import stat
import threading
import tomllib

import pytest

from agent import key_folder
from agent.enrolling import Devices, NotEnrolledError, enrol
from agent.headquarters import AwayError, DeniedError
from agent.key_folder import KeyFolders
from common import certificates
from tests.enrolment_rig import DAY_MS, Office

STATION = "sjz-001"
NONE = Devices(panel=None, card_reader=None)


class Killed(BaseException):
    """The process was killed just here."""


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path / "hq")
    office.start()
    yield office
    office.stop()


def come(invitation, home, devices=NONE):
    return enrol(invitation, home, devices, check_dates=lambda: True)


def registered(office):
    return office.keys._look(STATION).current.raw


def test_a_kiosk_with_an_invitation_has_all_a_station_needs(office, tmp_path):
    home = tmp_path / "kiosk"
    invitation = office.invite(STATION, code="JW012", name_zh="中山路", name_en='Zhongshan "Road"')
    settings = come(invitation, home, Devices(panel="/dev/ttyACM0", card_reader=None))
    written = tomllib.loads(settings.read_text(encoding="utf-8"))
    assert written["station"]["id"] == STATION
    assert written["station"]["code"] == "JW012"
    assert written["station"]["name_en"] == 'Zhongshan "Road"'
    assert written["broker"] == {
        "host": "127.0.0.1",
        "port": 8883,
        "ca": "keys/ca.pem",
        "certificate": "keys/tls.pem",
        "key": "keys/tls.key",
    }
    assert written["panel"] == [{"name": "front", "port": "/dev/ttyACM0", "buzzer": True}]
    assert "card_reader" not in written
    folder = KeyFolders(home).current
    assert folder.signing_key.public.raw == registered(office)
    certificates.check_pair(home / "keys/tls.pem", home / "keys/tls.key")
    assert certificates.common_name(folder.certificate) == STATION


def test_private_keys_are_made_here_for_their_owner_alone_and_never_leave(office, tmp_path):
    home = tmp_path / "kiosk"
    settings = come(office.invite(STATION), home)
    for secret in ("keys/station.key", "keys/tls.key"):
        assert stat.S_IMODE((home / secret).stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    at_hq = b"".join(path.read_bytes() for path in (tmp_path / "hq").rglob("*") if path.is_file())
    assert (home / "keys/station.key").read_bytes().strip() not in at_hq
    assert (home / "keys/tls.key").read_bytes().splitlines()[1] not in at_hq


def test_a_code_that_was_typed_is_enough(office, tmp_path):
    invitation = office.invite(STATION)
    come(type(invitation)(at=office.at, station=STATION, code=invitation.code), tmp_path / "kiosk")
    assert KeyFolders(tmp_path / "kiosk").current.signing_key.public.raw == registered(office)


def test_killed_before_any_step_is_on_the_disk_it_is_done_again_with_the_same_code(office, tmp_path, monkeypatch):
    reached, whole = 0, False
    while not whole:
        home = tmp_path / f"kiosk-{reached}"
        invitation = office.invite(STATION)
        steps = iter(range(10_000))

        def step(descriptor, *, steps=steps, at=reached):
            if threading.current_thread() is threading.main_thread() and next(steps) == at:
                raise Killed
            return os.fdatasync(descriptor)

        with monkeypatch.context() as killing:
            killing.setattr(key_folder.os, "fsync", step)
            try:
                come(invitation, home)
                whole = True
            except Killed:
                assert not (home / "keys").is_symlink() or (home / "station.toml").exists()
        if not (home / "keys").is_symlink():
            come(invitation, home)
        folder = KeyFolders(home).current
        assert folder.signing_key.public.raw == registered(office)
        certificates.check_pair(home / "keys/tls.pem", home / "keys/tls.key")
        reached += 1
    assert reached > 10


def test_an_answer_that_never_came_costs_nothing(office, tmp_path, monkeypatch):
    invitation, home = office.invite(STATION), tmp_path / "kiosk"
    with monkeypatch.context() as lost:
        lost.setattr(office.registrar, "_answer", lambda *_: (_ for _ in ()).throw(OSError("cut")))
        with pytest.raises(DeniedError, match="cannot do it now"):
            come(invitation, home)
    made = KeyFolders(home).next.signing_key.public.raw
    assert registered(office) == made
    come(invitation, home)
    assert KeyFolders(home).current.signing_key.public.raw == made


def test_done_again_too_late_it_says_why_and_a_new_code_goes_on_with_the_same_keys(office, tmp_path, monkeypatch):
    invitation, home = office.invite(STATION), tmp_path / "kiosk"
    with monkeypatch.context() as lost:
        lost.setattr(key_folder.KeyFolder, "complete", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            come(invitation, home)
    office.wall_ms += 2 * DAY_MS
    with pytest.raises(DeniedError, match=r"too old.*jingting hq invite"):
        come(invitation, home)
    come(office.invite(STATION), home)
    assert KeyFolders(home).current.signing_key.public.raw == registered(office)


def test_a_half_written_key_is_made_anew(office, tmp_path):
    home = tmp_path / "kiosk"
    (home / "keys-1").mkdir(parents=True)
    for name in ("station.key", "tls.key"):
        (home / "keys-1" / name).write_bytes(b"-----BEG")
        (home / "keys-1" / name).chmod(0o600)
    come(office.invite(STATION), home)
    assert KeyFolders(home).current.signing_key.public.raw == registered(office)


def test_settings_that_are_there_stay(office, tmp_path):
    home = tmp_path / "kiosk"
    home.mkdir()
    (home / "station.toml").write_text("# mine\n")
    come(office.invite(STATION), home)
    assert (home / "station.toml").read_text() == "# mine\n"


def test_an_enrolled_kiosk_is_not_enrolled_over(office, tmp_path):
    come(office.invite(STATION), tmp_path / "kiosk")
    before = registered(office)
    with pytest.raises(NotEnrolledError, match="station wipe"):
        come(office.invite(STATION), tmp_path / "kiosk")
    assert registered(office) == before


def test_somebody_in_between_gets_neither_code_nor_station(office, tmp_path):
    impostor = Office(tmp_path / "impostor")
    impostor.start()
    try:
        invitation = office.invite(STATION)
        led_astray = type(invitation)(at=impostor.at, station=STATION, code=invitation.code)
        with pytest.raises(AwayError, match="nothing was sent"):
            come(led_astray, tmp_path / "kiosk")
        false = type(invitation)(at=impostor.at, station=STATION, code=invitation.code, authority=impostor.pem)
        with pytest.raises(AwayError, match="nothing was sent"):
            come(false, tmp_path / "kiosk")
    finally:
        impostor.stop()
    assert not (tmp_path / "kiosk/keys").exists()
    come(invitation, tmp_path / "kiosk")


@pytest.mark.parametrize("changed", ["certificate", "authority", "order_keys", "sealing_key", "broker", "generation"])
def test_an_answer_that_is_not_as_agreed_makes_no_station(office, tmp_path, monkeypatch, changed):
    other = Office(tmp_path / "other")
    wrong = {
        "certificate": other.pem,
        "authority": other.pem,
        "order_keys": [],
        "sealing_key": "AA",
        "broker": {"host": "x", "port": 0},
        "generation": -1,
    }
    right = office.registrar.enrol
    monkeypatch.setattr(office.registrar, "enrol", right)
    office.server.url_map.clear()
    office.server.post("/1/enrol")(office.server._route("enrol", lambda body: right(body) | {changed: wrong[changed]}))
    with pytest.raises((NotEnrolledError, AwayError)):
        come(office.invite(STATION), tmp_path / "kiosk")
    assert not (tmp_path / "kiosk/keys").exists()
    other.stop()
