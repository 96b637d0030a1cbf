"""Enrolment at headquarters: who gets a certificate, and who is refused, counted and slowed."""

import asyncio
import http.client
import json
import socket
import ssl
import threading

import pytest
from microdot import Request

from agent.headquarters import AwayError, DeniedError, Headquarters, check_pin, fetch_authority
from common import certificates
from common.slowing import Slowing, place
from hq.enrolment_server import FORGOTTEN_S, LONGEST_S
from hq.invitations import Guest, NotInvited, redeem
from sync.enrolment import ask, read_answer
from sync.invitation import Code, secret_hash
from tests.enrolment_rig import DAY_MS, Office, certificate, csr, new_key, new_tls_key

STATION = "sjz-001"


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    office.start()
    yield office
    office.stop()


class Kiosk:
    """A kiosk's two keys, and what it asks with them."""

    def __init__(self, office: Office, station: str = STATION) -> None:
        self.office, self.station = office, station
        self.key, self.tls = new_key(), new_tls_key()

    def enrol(self, code: Code, **changed: object) -> dict:
        request = ask("enrol", self.station, code.secret, key=self.key, csr=csr(self.tls, self.station))
        return self.office.kiosk().ask("/1/enrol", request | changed)

    def nonce(self, station: str | None = None) -> str:
        return self.office.kiosk().ask("/1/nonce", {"v": 1, "station": station or self.station})["nonce"]

    def renew(self, *, key=None, old=None, nonce: str | None = None, **changed: object) -> dict:
        request = ask(
            "renew",
            self.station,
            nonce or self.nonce(),
            key=key or self.key,
            csr=csr(self.tls, self.station),
            old=old or self.key,
        )
        return self.office.kiosk().ask("/1/renew", request | changed)

    def standing(self, key=None) -> str:
        request = ask("standing", self.station, self.nonce(), key=key or self.key)
        return self.office.kiosk().ask("/1/standing", request)["key"]


def refused(error: str):
    return pytest.raises(DeniedError, check=lambda denied: denied.error == error)


# -- a code ---------------------------------------------------------------------------------------------------


def test_a_kiosk_with_the_code_gets_all_it_needs_and_headquarters_knows_its_key(office):
    kiosk, invitation = Kiosk(office), office.invite(STATION, code="JW012", name_zh="中山路")
    answer = read_answer(kiosk.enrol(invitation.code), station=STATION)
    assert answer.settings == {"code": "JW012", "name_zh": "中山路"}
    assert (answer.order_keys, answer.sealing_key) == ((office.order_key.public.raw,), office.sealing_public)
    made = certificate(answer.certificate)
    assert certificates.common_name(made) == STATION
    assert made.public_key() == kiosk.tls.public_key()
    assert office.authority.made(made)
    assert office.keys.find(STATION, kiosk.key.public.id).raw == kiosk.key.public.raw
    assert kiosk.standing() == "current"
    assert office.count("enrol", "granted") == 1


def test_an_answer_that_was_lost_is_given_again_to_the_same_keys(office):
    kiosk, invitation = Kiosk(office), office.invite(STATION)
    kiosk.enrol(invitation.code)
    again = read_answer(kiosk.enrol(invitation.code), station=STATION)
    assert certificate(again.certificate).public_key() == kiosk.tls.public_key()


def test_a_used_code_serves_no_second_kiosk_and_alarms_at_headquarters(office):
    kiosk, thief, invitation = Kiosk(office), Kiosk(office), office.invite(STATION)
    kiosk.enrol(invitation.code)
    with refused("used-code"):
        thief.enrol(invitation.code)
    assert kiosk.standing() == "current"
    assert thief.standing() == "unknown"
    assert office.alarms(STATION) == ["used-code"]
    assert office.count("enrol", "used-code") == 1


def test_a_wrong_code_is_refused_and_nothing_is_known_of_who_came(office):
    kiosk = Kiosk(office)
    office.invite(STATION)
    with refused("wrong-code"):
        kiosk.enrol(Code.new(bytes(32)))
    assert kiosk.standing() == "unknown"
    assert office.alarms(STATION) == []
    assert office.count("enrol", "wrong-code") == 1


def test_a_code_is_good_for_a_day(office):
    kiosk, invitation = Kiosk(office), office.invite(STATION)
    office.wall_ms += DAY_MS
    with refused("expired-code"):
        kiosk.enrol(invitation.code)
    assert office.alarms(STATION) == ["expired-code"]


def test_a_newer_code_ends_the_older_one(office):
    kiosk, first = Kiosk(office), office.invite(STATION)
    second = office.invite(STATION)
    with refused("expired-code"):
        kiosk.enrol(first.code)
    kiosk.enrol(second.code)


def test_a_code_is_for_one_station_only(office):
    kiosk, invitation = Kiosk(office, "sjz-002"), office.invite(STATION)
    with refused("wrong-station"):
        kiosk.enrol(invitation.code)
    Kiosk(office).enrol(invitation.code)


def test_a_swapped_kiosk_ends_the_key_of_the_one_before_at_once(office):
    old, new = Kiosk(office), Kiosk(office)
    old.enrol(office.invite(STATION).code)
    new.enrol(office.invite(STATION).code)
    assert (old.standing(), new.standing()) == ("unknown", "current")
    with refused("unknown-key"):
        old.renew()


def test_of_two_kiosks_with_one_code_at_a_time_one_gets_it(office):
    invitation, kiosks, got = office.invite(STATION), [Kiosk(office) for _ in range(4)], []

    def come(kiosk: Kiosk) -> None:
        try:
            kiosk.enrol(invitation.code)
        except DeniedError as denied:
            got.append(denied.error)
        else:
            got.append("granted")

    threads = [threading.Thread(target=come, args=(kiosk,)) for kiosk in kiosks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == ["granted", "used-code", "used-code", "used-code"]


def test_what_headquarters_keeps_of_a_code_is_no_code(office, tmp_path):
    invitation = office.invite(STATION)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("hq.db*"))
    assert STATION.encode() in kept
    assert invitation.code.secret.encode() not in kept
    assert str(invitation.code).replace("-", "").encode() not in kept


@pytest.mark.parametrize("name", ["proof", "key", "csr"])
def test_who_does_not_hold_the_keys_gets_nothing(office, name):
    kiosk, other, invitation = Kiosk(office), Kiosk(office), office.invite(STATION)
    foreign = ask("enrol", STATION, invitation.code.secret, key=other.key, csr=csr(other.tls, STATION))
    with refused("wrong-proof"):
        kiosk.enrol(invitation.code, **{name: foreign[name]})
    kiosk.enrol(invitation.code)


def test_a_certificate_is_for_the_name_the_code_was_made_for(office):
    kiosk, invitation = Kiosk(office), office.invite(STATION)
    for name in ("sjz-002", "hq"):
        request = ask("enrol", STATION, invitation.code.secret, key=kiosk.key, csr=csr(kiosk.tls, name))
        with refused("malformed"):
            office.kiosk().ask("/1/enrol", request)


def test_a_revoked_station_is_refused_with_its_key_and_an_older_code_until_it_is_enrolled_again(office):
    stolen, replacement = Kiosk(office), Kiosk(office)
    stolen.enrol(office.invite(STATION).code)
    older = office.invite(STATION)
    office.wall_ms += 1000
    office.revoke(STATION)
    with refused("revoked"):
        stolen.renew()
    with refused("expired-code"):
        stolen.enrol(older.code)
    assert stolen.standing() == "revoked"
    replacement.enrol(office.invite(STATION).code)
    assert (stolen.standing(), replacement.standing()) == ("unknown", "current")
    assert not office.store.is_revoked(STATION)
    with refused("unknown-key"):
        stolen.renew()


# -- renewal --------------------------------------------------------------------------------------------------


def test_a_station_renews_with_its_key_however_old_its_certificate_is(office):
    kiosk = Kiosk(office)
    kiosk.enrol(office.invite(STATION).code)
    office.wall_ms += 400 * DAY_MS
    kiosk.tls = new_tls_key()
    answer = read_answer(kiosk.renew(), station=STATION)
    made = certificate(answer.certificate)
    assert made.public_key() == kiosk.tls.public_key()
    assert made.not_valid_after_utc.timestamp() * 1000 > office.wall_ms + 89 * DAY_MS


def test_a_nonce_is_good_once_for_one_station_for_a_minute(office):
    kiosk, other = Kiosk(office), Kiosk(office, "sjz-002")
    kiosk.enrol(office.invite(STATION).code)
    other.enrol(office.invite("sjz-002").code)
    nonce = kiosk.nonce()
    kiosk.renew(nonce=nonce)
    for wrong in (nonce, other.nonce("sjz-002"), "A" * 43):
        with refused("wrong-nonce"):
            kiosk.renew(nonce=wrong)
    late = kiosk.nonce()
    office.mono += 60
    with refused("wrong-nonce"):
        kiosk.renew(nonce=late)
    fifth = [kiosk.nonce() for _ in range(5)]
    office.server._slowing.forget("127.0.0.1")
    with refused("wrong-nonce"):
        kiosk.renew(nonce=fifth[0])
    kiosk.renew(nonce=fifth[4])


def test_a_new_key_takes_over_and_the_one_before_counts_for_a_day_after_the_first_use(office):
    kiosk, new = Kiosk(office), new_key()
    kiosk.enrol(office.invite(STATION).code)
    kiosk.renew(key=new)
    assert (kiosk.standing(), kiosk.standing(new)) == ("previous", "current")
    office.wall_ms += 40 * DAY_MS  # never used: the answer may have been lost
    assert office.keys.find(STATION, kiosk.key.public.id) is not None
    kiosk.renew(key=new)  # asked again, it changes nothing
    assert kiosk.standing() == "previous"
    used = office.keys.find(STATION, new.public.id)
    assert not used.verifies(bytes(64), b"x")  # a forged use is none
    office.wall_ms += 2 * DAY_MS
    assert kiosk.standing() == "previous"
    assert used.verifies(new.sign(b"x"), b"x")
    office.wall_ms += DAY_MS - 1
    assert kiosk.standing() == "previous"
    office.wall_ms += 1
    assert kiosk.standing() == "unknown"
    assert office.keys.find(STATION, kiosk.key.public.id) is None
    with refused("unknown-key"):
        kiosk.renew()


def test_a_renewal_needs_both_keys(office):
    kiosk, new, foreign = Kiosk(office), new_key(), new_key()
    kiosk.enrol(office.invite(STATION).code)
    with refused("unknown-key"):
        kiosk.renew(key=new, old=foreign)
    nonce = kiosk.nonce()
    forged = ask("renew", STATION, nonce, key=new, csr=csr(kiosk.tls, STATION), old=foreign)
    for name in ("proof", "old_proof"):
        with refused("wrong-proof"):
            kiosk.renew(key=new, **{name: forged[name]})
    assert kiosk.standing(new) == "unknown"


# -- whom a kiosk trusts --------------------------------------------------------------------------------------


def test_the_code_alone_finds_the_authority(office):
    invitation = office.invite(STATION)
    assert fetch_authority(office.at, invitation.code) == office.pem


def test_an_impostor_is_sent_nothing(office, tmp_path):
    impostor = Office(tmp_path / "impostor")
    impostor.start()
    try:
        invitation = office.invite(STATION)
        with pytest.raises(AwayError, match="not the headquarters that made the code"):
            fetch_authority(impostor.at, invitation.code)
        with pytest.raises(AwayError, match="not the headquarters that made the code"):
            check_pin(impostor.pem, invitation.code)
        with pytest.raises(AwayError, match="not the headquarters this kiosk knows"):
            Headquarters(impostor.at, office.pem, check_dates=lambda: False).ask("/1/enrol", {"secret": 1})
        assert impostor.count("enrol", "malformed") == 0
    finally:
        impostor.stop()


def test_a_stations_own_certificate_cannot_play_headquarters(office, tmp_path):
    thief = Kiosk(office)
    stolen = read_answer(thief.enrol(office.invite(STATION).code), station=STATION).certificate
    (tmp_path / "stolen.pem").write_text(stolen)
    certificates.create_key(tmp_path / "stolen.key")
    pem = thief.tls.private_bytes(
        certificates.serialization.Encoding.PEM,
        certificates.serialization.PrivateFormat.PKCS8,
        certificates.serialization.NoEncryption(),
    )
    (tmp_path / "stolen.key").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "stolen.pem", tmp_path / "stolen.key")
    false_office = Office(tmp_path / "false")
    false_office.start(context)
    try:
        with pytest.raises(AwayError, match="not the headquarters this kiosk knows"):
            Headquarters(false_office.at, office.pem, check_dates=lambda: False).ask("/1/nonce", {})
    finally:
        false_office.stop()


# -- limits ---------------------------------------------------------------------------------------------------


def test_whoever_guesses_waits_and_the_right_code_from_elsewhere_does_not(office):
    kiosk, invitation = Kiosk(office), office.invite(STATION)
    for _ in range(5):
        with refused("wrong-code"):
            kiosk.enrol(Code.new(bytes(32)))
    with pytest.raises(DeniedError) as slowed:
        kiosk.enrol(invitation.code)
    assert (slowed.value.error, slowed.value.wait_s) == ("slow-down", 2)
    office.mono += 1
    with refused("wrong-code"):
        kiosk.enrol(Code.new(bytes(32)))
    office.mono += 1
    with refused("slow-down"):
        kiosk.enrol(invitation.code)
    office.mono += 1
    kiosk.enrol(invitation.code)
    assert office.count("enrol", "slow-down") == 2


def test_each_further_guess_costs_twice_as_much_up_to_five_minutes_and_an_hour_forgets():
    now = 0.0
    slowing = Slowing(lambda: now, longest_s=LONGEST_S, forgotten_s=FORGOTTEN_S)
    waits = []
    for _ in range(16):
        slowing.wrong("192.0.2.1")
        waits.append(slowing.wait_s("192.0.2.1"))
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert slowing.wait_s("192.0.2.2") == 0
    now += 3600
    slowing.wrong("192.0.2.1")
    assert slowing.wait_s("192.0.2.1") == 0


def test_a_network_of_ipv6_addresses_is_one_guesser(office):
    assert place("2001:db8::1") == place("2001:db8::ffff%eth0") != place("2001:db8:0:1::1")
    assert place("::ffff:192.0.2.1") == place("192.0.2.1") != place("::ffff:192.0.2.2")
    kiosk = Kiosk(office)
    body = json.dumps(
        ask("enrol", STATION, Code.new(bytes(32)).secret, key=kiosk.key, csr=csr(kiosk.tls, STATION))
    ).encode()

    async def guess(address: str) -> int:
        headers = {"Content-Length": str(len(body))}
        request = Request(office.server, (address, 1), "POST", "/1/enrol", "1.1", headers, body=body)
        return (await office.server.dispatch_request(request)).status_code

    def guess_from(*addresses: str) -> list[int]:
        return [asyncio.run(guess(address)) for address in addresses]

    assert guess_from(*(f"2001:db8::{host:x}" for host in range(6))) == [403] * 5 + [429]
    assert guess_from("2001:db8:0:1::1", "::ffff:192.0.2.1") == [403, 403]


def raw(office: Office, method: str, path: str, body: bytes, **headers: str) -> tuple[int, dict]:
    context = ssl.create_default_context(cadata=office.pem)
    connection = http.client.HTTPSConnection("127.0.0.1", office.port, context=context, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("line", "body", "status", "error"),
    [
        ("POST /1/enrol", b"", 400, "malformed"),
        ("POST /1/enrol", b"[]", 400, "malformed"),
        ("POST /1/enrol", b'{"v":2,"station":"sjz-001"}', 400, "malformed"),
        ("POST /1/nonce", b'{"v":1,"station":"HQ"}', 400, "malformed"),
        ("POST /1/nonce", b'{"v":1,"v":1,"station":"sjz-001"}', 400, "malformed"),
        ("POST /1/renew", b"{" + b" " * 8192, 413, "too-large"),
        ("GET /1/enrol", b"", 405, "not-allowed"),
        ("GET /", b"", 404, "not-found"),
    ],
)
def test_what_is_no_request_is_refused_in_the_contracts_words(office, line, body, status, error):
    found, answer = raw(office, *line.split(), body)
    assert (found, answer["v"], answer["error"]) == (status, 1, error)


def test_a_body_too_large_is_refused_before_it_comes(office):
    found, answer = raw(office, "POST", "/1/renew", b"", **{"Content-Length": "100000"})
    assert (found, answer["error"]) == (413, "too-large")


def test_a_database_that_does_not_answer_costs_no_code(office, monkeypatch):
    kiosk, invitation = Kiosk(office), office.invite(STATION)
    with monkeypatch.context() as broken:
        broken.setattr(office.keys, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
        with refused("unavailable"):
            kiosk.enrol(invitation.code)
    kiosk.enrol(invitation.code)


def test_plain_http_and_half_a_handshake_hold_up_nobody(office):
    with socket.create_connection(("127.0.0.1", office.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert b"HTTP" not in plain.recv(100)
    silent = [socket.create_connection(("127.0.0.1", office.port)) for _ in range(100)]
    try:
        Kiosk(office).enrol(office.invite(STATION).code)
    finally:
        for connection in silent:
            connection.close()
    Kiosk(office).nonce()  # they are gone by now


async def test_headquarters_that_is_not_there_or_whose_authority_is_none_is_away(office):
    for at, authority in (("127.0.0.1:1", office.pem), (office.at, ""), (office.at, "no certificate")):
        with pytest.raises(AwayError):
            await Headquarters(at, authority, check_dates=lambda: True).asked("/1/nonce", {})


async def test_asking_can_be_given_up_while_headquarters_swallows_every_packet(office):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kiosk = Headquarters(f"127.0.0.1:{silent.getsockname()[1]}", office.pem, check_dates=lambda: True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(kiosk.asked("/1/nonce", {}), 0.1)


def test_a_used_code_still_says_used_once_it_is_old(office):
    kiosk, invitation = Kiosk(office), office.invite(STATION)
    kiosk.enrol(invitation.code)
    office.wall_ms += DAY_MS
    with refused("expired-code"):
        kiosk.enrol(invitation.code)
    guest = Guest(hash=secret_hash(invitation.code.secret), station=STATION, key=bytes(32), tls=bytes(32))
    with office.store.database.write() as connection, pytest.raises(NotInvited, match="used-code"):
        redeem(connection, guest, now_ms=office.wall_ms)
