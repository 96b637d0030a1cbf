"""TLS key and certificate files: PEM, one key or one certificate each.

Keys are ECDSA P-256 (FIPS 186-5; RFC 5480, `secp256r1`) in PKCS #8 (RFC 5958), readable by their owner only;
certificates are X.509 (RFC 5280). They say who may connect; who has *said* something, `common/keyfiles` keys say.
"""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common import keyfiles

PublicKey = ec.EllipticCurvePublicKey

_KEY = "a private key of curve P-256 in PEM"
_CERTIFICATE = "a certificate in PEM"


def create_key(path: Path) -> PublicKey:
    """Make a new private key in `path` (mode 0600), and return its public half.

    Raises FileExistsError when the file is there already: no key is ever overwritten.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    keyfiles.write_new(path, pem, 0o600)
    return key.public_key()


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return a private key.

    Raises OSError when it cannot be read, ValueError (`found; expected`) when it is no such key or others may read it.
    """
    keyfiles.check_private(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise ValueError(f"no key; {_KEY}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(f"a key of another kind; {_KEY}")  # noqa: TRY004 - every reader raises this
    return key


def read_certificate(path: Path) -> x509.Certificate:
    """Return a certificate. Raises OSError when it cannot be read, ValueError (`found; expected`) when it is none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        raise ValueError(f"no certificate; {_CERTIFICATE}") from None


def common_name(certificate: x509.Certificate) -> str:
    """Return the name a certificate stands for, "" where it has none."""
    found = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def server_names(certificate: x509.Certificate) -> set[str]:
    """Return the host names and IP addresses a server's certificate is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return addresses | set(names.get_values_for_type(x509.DNSName))


def is_issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    """Tell whether a certificate was signed by the key of `root`, in its name."""
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 of a certificate, in lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def check_pair(certificate: Path, key: Path) -> None:
    """Raise ValueError (`found; expected`) when a certificate was not made for this key; raises as the readers do."""
    if read_certificate(certificate).public_key() != read_key(key).public_key():
        raise ValueError(f"the certificate of another key; the one that was made for {key}")
