"""Passwords as they are kept: Argon2id, in its own text.

Parameters: RFC 9106, section 4, the second recommended option (64 MiB, three passes, four lanes; salt of 128 bits, tag
of 256): about 0.2 s of a processor core for whoever signs in, once a shift, and as much for each guess at a stolen
database. Its first option would take 2 GiB for every sign-in. The text names them, so that they may grow later.
"""

import os
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

LEAST: Final = 15
"""Fewest characters: what NIST SP 800-63B-4 (section 3.1.1.2) asks of a password that is the only factor."""

MOST: Final = 128

_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 4
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 32

NOBODYS: Final = (
    f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p={_LANES}"
    "$B4d7wO1C3wc6WIIHqavOHA$0ZLaKMY4l8yL5NSCshlPl/b8WVpUjKi9/2gAwrt5pnE"
)
"""Kept of no password: looking at it takes as long as at anybody's, so that no answer tells which accounts exist."""


def check_password(password: str) -> None:
    """Raise ValueError, saying what is asked for, when a new password is too short or too long to be kept."""
    if not LEAST <= len(_plain(password)) <= MOST:
        raise ValueError(f"a password has {LEAST} to {MOST} characters; several words are easy to remember")


def kept(password: str) -> str:
    """Return the text to keep of a password; takes 64 MiB and about 0.2 s."""
    argon = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_TAG_BYTES,
        iterations=_PASSES,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    return argon.derive_phc_encoded(_plain(password).encode())


def matches(password: str, text: str) -> bool:
    """Tell whether this is the password of which `text` was kept; takes as long when it is not."""
    if len(password) > MOST:
        return False
    try:
        Argon2id.verify_phc_encoded(_plain(password).encode(errors="replace"), text)
    except InvalidKey:
        return False
    return True


def _plain(password: str) -> str:
    """Return in one way what keyboards write in several for the same characters (SP 800-63B-4, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
