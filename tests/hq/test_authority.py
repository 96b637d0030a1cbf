"""The city's certificate authority: who gets which certificate, and that TLS believes these and no others."""

import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from common import certificates
from hq.authority import Authority, AuthorityMissingError

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.create(tmp_path_factory.mktemp("authority"), city="Test", now=NOW)


def a_key():
    return ec.generate_private_key(ec.SECP256R1()).public_key()


def station(authority, name="jt-001", *, now=NOW, days=90):
    return x509.load_pem_x509_certificate(authority.issue_client(name, a_key(), now=now, days=days))


def test_a_certificate_names_its_station_and_lasts_as_long_as_asked(authority):
    certificate = station(authority, days=30)
    assert certificates.common_name(certificate) == "jt-001"
    assert certificate.not_valid_before_utc <= NOW < certificate.not_valid_after_utc <= NOW + timedelta(days=30)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.certificate_pem))


def test_everything_issued_is_written_down_by_serial_number_and_fingerprint(authority):
    certificate = station(authority, "jt-777")
    last = authority.issued()[-1]
    assert (last.name, int(last.serial, 16)) == ("jt-777", certificate.serial_number)
    assert last.fingerprint == certificates.fingerprint(certificate)


@pytest.mark.parametrize("name", ["hq", "hq-one", "JT-001", "a", "jt/001", "jt-001\n", "", "+", "#", "é" * 3])
def test_no_certificate_carries_a_name_that_is_no_stations(authority, name):
    with pytest.raises(ValueError, match="no station's id"):
        station(authority, name)


def test_headquarters_own_names_are_no_stations(authority):
    for name in ("jt-001", "hqx", "hq-"):
        with pytest.raises(ValueError, match="no name of headquarters'"):
            authority.issue_own(name, a_key(), now=NOW, days=1)
    assert authority.issue_own("hq-one-urgent", a_key(), now=NOW, days=1)


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate().public_key(), ec.generate_private_key(ec.SECP384R1()).public_key()]
)
def test_a_key_of_another_kind_gets_no_certificate(authority, key):
    with pytest.raises(ValueError, match="P-256"):
        authority.issue_client("jt-001", key, now=NOW, days=1)


def test_a_root_is_made_once_and_its_key_is_its_owners_only(tmp_path):
    made = Authority.create(tmp_path / "a", city="Test", now=NOW)
    assert stat.S_IMODE((tmp_path / "a/ca.key").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        Authority.create(tmp_path / "a", city="Test", now=NOW)
    again = Authority.load(tmp_path / "a")
    assert again.certificate_pem == made.certificate_pem
    assert station(again).issuer == x509.load_pem_x509_certificate(made.certificate_pem).subject


def test_a_missing_or_foreign_root_says_what_to_do(tmp_path):
    with pytest.raises(AuthorityMissingError, match="jingting hq init"):
        Authority.load(tmp_path)
    for name in ("a", "b"):
        Authority.create(tmp_path / name, city="Test", now=NOW)
    (tmp_path / "a/ca.pem").write_bytes((tmp_path / "b/ca.pem").read_bytes())
    with pytest.raises(AuthorityMissingError, match="another key"):
        Authority.load(tmp_path / "a")


# -- what TLS makes of them ----------------------------------------------------------------------------------------


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> None:
    """Do a whole handshake in memory, first words included: in TLS 1.3 a client learns of a refusal only by reading."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    )
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    for end in ends:
        end.write(b"x")
    assert [end.read(1) for end in ends] == [b"x", b"x"]


class Machine:
    """A key and the certificate it was given, as TLS contexts."""

    def __init__(self, folder, authority, issue) -> None:
        key = certificates.create_key(folder / "tls.key")
        (folder / "tls.pem").write_bytes(issue(key))
        (folder / "ca.pem").write_bytes(authority.certificate_pem)
        self._folder = folder

    def context(self, protocol: int) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.load_verify_locations(self._folder / "ca.pem")
        context.load_cert_chain(self._folder / "tls.pem", self._folder / "tls.key")
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture
def machine(tmp_path):
    def make(name, authority, issue):
        (tmp_path / name).mkdir()
        return Machine(tmp_path / name, authority, issue)

    return make


def server_of(authority, *names, days=90):
    return lambda key: authority.issue_server(names, key, now=NOW, days=days)


def client_of(authority, name="jt-001", days=90):
    return lambda key: authority.issue_client(name, key, now=NOW, days=days)


def test_the_citys_machines_believe_each_other_by_name_and_by_address(authority, machine):
    broker = machine("broker", authority, server_of(authority, "broker.example", "127.0.0.1", "::1"))
    kiosk = machine("kiosk", authority, client_of(authority))
    for name in ("broker.example", "127.0.0.1", "::1"):
        shake_hands(broker.context(ssl.PROTOCOL_TLS_SERVER), kiosk.context(ssl.PROTOCOL_TLS_CLIENT), name)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(broker.context(ssl.PROTOCOL_TLS_SERVER), kiosk.context(ssl.PROTOCOL_TLS_CLIENT), "other.example")


def test_another_citys_machine_is_believed_by_nobody(authority, machine, tmp_path):
    other = Authority.create(tmp_path / "other", city="Other", now=NOW)
    ours = machine("ours", authority, server_of(authority, "broker.example"))
    theirs = machine("theirs", authority, client_of(other))  # it trusts our root; its certificate is another's
    with pytest.raises(ssl.SSLError):
        shake_hands(ours.context(ssl.PROTOCOL_TLS_SERVER), theirs.context(ssl.PROTOCOL_TLS_CLIENT), "broker.example")
    fake = machine("fake", authority, server_of(other, "broker.example"))
    kiosk = machine("kiosk", authority, client_of(authority))
    with pytest.raises(ssl.SSLError):
        shake_hands(fake.context(ssl.PROTOCOL_TLS_SERVER), kiosk.context(ssl.PROTOCOL_TLS_CLIENT), "broker.example")


def test_a_stations_certificate_cannot_play_the_broker_nor_the_brokers_a_station(authority, machine):
    broker = machine("broker", authority, server_of(authority, "jt-001"))
    kiosk = machine("kiosk", authority, client_of(authority))
    with pytest.raises(ssl.SSLError):
        shake_hands(kiosk.context(ssl.PROTOCOL_TLS_SERVER), kiosk.context(ssl.PROTOCOL_TLS_CLIENT), "jt-001")
    with pytest.raises(ssl.SSLError):
        shake_hands(broker.context(ssl.PROTOCOL_TLS_SERVER), broker.context(ssl.PROTOCOL_TLS_CLIENT), "jt-001")


@pytest.mark.parametrize("name", ["", "two words", "a..b", "../x", "名"])
def test_a_server_is_called_what_a_machine_can_be_called(authority, name):
    with pytest.raises(ValueError, match="host name"):
        authority.issue_server([name], a_key(), now=NOW, days=1)
