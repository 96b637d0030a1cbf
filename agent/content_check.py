"""A content pack's file against its name and headquarters' key; and what of it lies here already in other packs."""

import hashlib
from collections.abc import Sequence

from agent.content_files import ContentFiles
from agent.content_rows import PackRow
from common.pack import CHUNK, Opened, PackError, check_files, chunk_sizes, name_of, open_pack
from sync import base64url
from sync.signing import Keyring

_SIGNATURE = 64
_KEY_ID = 16


def open_named(files: ContentFiles, pack: str) -> Opened:
    """Open a pack's file, which must be what it is named after. Raises PackError, OSError."""
    with files.reading(pack) as file:
        if name_of(file) != pack:
            raise PackError("it is damaged")
        file.seek(0)
        return open_pack(file)


def open_checked(files: ContentFiles, pack: str, keys: Keyring, station: str) -> Opened:
    """Open a pack's file as `open_named`, and check the signature before anything that is in it."""
    opened = open_named(files, pack)
    _verify(opened, keys, station)
    with files.reading(pack) as file:
        check_files(file, opened)
    return opened


def borrow(files: ContentFiles, row: PackRow, others: Sequence[PackRow]) -> list[int]:
    """Copy into a pack's file the chunks that other packs have, each checked; return which. Raises OSError."""
    places = {
        other.hash_of(chunk): (other.pack, chunk)
        for other in others
        for chunk in set(range(len(chunk_sizes(other.size)))) - set(other.lacks)
    }
    found = []
    for chunk in row.lacks:
        place = places.get(row.hash_of(chunk))
        if place is None:
            continue
        data = files.piece(place[0], (place[1] * CHUNK, CHUNK))
        if hashlib.sha256(data).digest() == row.hash_of(chunk):
            files.put(row.pack, chunk, data)
            found.append(chunk)
    return found


def _verify(opened: Opened, keys: Keyring, station: str) -> None:
    try:
        key = keys.find(station, base64url.decode(opened.head.signer, size=_KEY_ID))
        signature = base64url.decode(opened.signature, size=_SIGNATURE)
    except ValueError:
        raise PackError("its signature cannot be read") from None
    if key is None:
        raise PackError("it is signed by a key that is not headquarters'")
    if not key.verifies(signature, opened.line):
        raise PackError("its signature is wrong")
