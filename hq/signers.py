"""Which of headquarters' order keys signs for a station: the one it has surely pinned (`docs/link.md`, "Keys").

A station's row names the key until that station has applied the order that tells of the next one; no name means the
newest, which every station is given when it is enrolled.
"""

from collections.abc import Sequence
from typing import Any

from hq.own_keys import OwnKeys
from hq.store import Store
from sync.signed import Writer
from sync.signing import SigningKey


class Signers:
    """Writers by key id; for one thread, since a writer compresses."""

    def __init__(self, keys: OwnKeys[SigningKey]) -> None:
        self._keys = keys
        self._writers: dict[bytes, Writer] = {}

    def writer(self, key_id: bytes | None) -> Writer:
        """Return what signs with the key of that id, or with the newest. Raises OSError, ValueError."""
        if key_id is not None and key_id in self._writers:
            return self._writers[key_id]
        key = None if key_id is None else self._keys.find(key_id)
        if key is None:  # also where its file is gone: a station that does not know the newest one says so
            key = self._keys.current()
        return self._writers.get(key.public.id) or self._writers.setdefault(key.public.id, Writer(key))


class StationSigner:
    """What signs the orders of one station, whichever key that is when they go out (a `sync.sender.Signer`)."""

    def __init__(self, signers: Signers, store: Store, station: str) -> None:
        self._signers = signers
        self._store = store
        self._station = station

    @property
    def key_id(self) -> bytes:
        """Id of the key that signs now."""
        return self._writer().key_id

    def write(self, header: dict[str, Any], lines: Sequence[bytes] = ()) -> bytes:
        """Return the wire bytes of a message."""
        return self._writer().write(header, lines)

    def _writer(self) -> Writer:
        return self._signers.writer(self._store.order_key(self._station))
