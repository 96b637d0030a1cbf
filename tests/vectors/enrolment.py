"""Makes `enrolment.json`, the golden vectors of `docs/enrolment.md`: python -m tests.vectors.enrolment

The keys are fixed and nobody's; the CSR is of a key that was thrown away, since an ECDSA signature is never the same.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sync import base64url
from sync.enrolment import Answer, ask, statement
from sync.invitation import Code, Invitation, _symbols, secret_hash
from sync.signing import SigningKey

FILE = Path(__file__).with_name("enrolment.json")
STATION, AT = "sjz-001", "hq.example:8443"
KEY, OLD = bytes(range(32)), bytes(range(32, 64))
SECRET, CITY = bytes(range(100, 110)), hashlib.sha256(b"the root's certificate in DER").digest()
NONCE = base64url.encode(bytes(range(200, 232)))


def made(csr: bytes) -> dict[str, Any]:
    """Return what the code makes of the fixed inputs and a CSR."""
    code = Code(_symbols(SECRET, 80) + _symbols(CITY, 100))
    key, old = SigningKey(KEY), SigningKey(OLD)
    answer = Answer(
        station=STATION,
        certificate="-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
        authority="-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
        order_keys=(bytes(32),),
        sealing_key=bytes(1216),
        broker_host="mqtt.example",
        broker_port=8883,
        generation=3,
        time="2026-11-25T01:02:03.004Z",
        settings={"code": "JW012"},
    )
    return {
        "code": {
            "secret": base64url.encode(SECRET),
            "authority_sha256": base64url.encode(CITY),
            "symbols": code.symbols,
            "text": str(code),
            "kept": base64url.encode(secret_hash(code.secret)),
            "uri": Invitation(at=AT, station=STATION, code=code).uri,
        },
        "keys": {"key": base64url.encode(KEY), "old": base64url.encode(OLD), "csr": base64url.encode(csr)},
        "signed": {
            "enrol": statement("enrol", STATION, code.secret, key.public, csr).decode(),
            "standing": statement("standing", STATION, NONCE, key.public, b"").decode(),
        },
        "requests": {
            "enrol": ask("enrol", STATION, code.secret, key=key, csr=csr),
            "renew": ask("renew", STATION, NONCE, key=key, csr=csr, old=old),
            "standing": ask("standing", STATION, NONCE, key=key),
        },
        "answer": answer.as_json(),
    }


def main() -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, STATION)])
    request = x509.CertificateSigningRequestBuilder(name).sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    csr = request.public_bytes(serialization.Encoding.DER)
    FILE.write_text(json.dumps(made(csr), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
