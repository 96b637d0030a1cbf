"""PINs as they are kept: Argon2id, in its own text, small enough for a kiosk.

Parameters: 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet, "Argon2id"; RFC 9106, section 3.1, for
their meaning): some 50 ms of a desktop's core and 0.3 s of a Raspberry Pi's. Six digits cannot withstand whoever has
the kept text for a day; so a PIN is drawn by headquarters, is good at one station alone, opens nothing of an earlier
shift, and is drawn anew when a kiosk is stolen.
"""

import os
import re
import secrets
from itertools import pairwise
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

DIGITS: Final = 6

_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_SALT_BYTES: Final = 16
_TAG_BYTES: Final = 32
_KEPT: Final = re.compile(
    rf"\$argon2id\$v=19\$m={_MEMORY_KIB},t={_PASSES},p=1\$[A-Za-z0-9+/]{{22}}\$[A-Za-z0-9+/]{{43}}", re.ASCII
)

NOBODYS: Final = (
    f"$argon2id$v=19$m={_MEMORY_KIB},t={_PASSES},p=1$bCXAtAscGs+1OiZrrr+R6A$tOrmvybYZXwQGYRfGqoRJzVj7PbBIqcgBPTFYhN00F0"
)
"""Kept of no PIN: looking at it takes as long as at anybody's, so that no answer tells which numbers there are."""


def draw() -> str:
    """Return a new PIN: digits by chance, not all the same and not in a row, since people try those first."""
    while True:
        pin = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        steps = {int(later) - int(earlier) for earlier, later in pairwise(pin)}
        if steps not in ({0}, {1}, {-1}):
            return pin


def kept(pin: str) -> str:
    """Return the text to keep of a PIN; takes 19 MiB."""
    argon = Argon2id(
        salt=os.urandom(_SALT_BYTES), length=_TAG_BYTES, iterations=_PASSES, lanes=1, memory_cost=_MEMORY_KIB
    )
    return argon.derive_phc_encoded(pin.encode())


def is_kept(text: str) -> bool:
    """Tell whether this is a text that `kept` returns: another could ask for more memory than a kiosk has."""
    return _KEPT.fullmatch(text) is not None


def matches(pin: str, text: str) -> bool:
    """Tell whether `text` was kept of this PIN; takes 19 MiB, and as long when it was not."""
    try:
        Argon2id.verify_phc_encoded(pin.encode(errors="replace"), text)
    except InvalidKey:
        return False
    return True
