"""Headquarters' public keys as this station pins them: those it was enrolled with, and those that orders named since.

They are kept in a file of their own beside the journal, not in it: a journal that is damaged and begun anew must not
forget whom to believe. A key that a newer one has replaced is believed for 24 h more, counted from the newer one's
first message while the process runs, so that what was on its way still arrives.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from agent.pen import Pen
from common.events.records import KeyRotated
from sync import base64url
from sync.sealing import SealingPublicKey
from sync.signing import KEY_BYTES, VerifyKey

log = logging.getLogger(__name__)

GRACE_S: Final = 24 * 3600.0
_LOOK_EVERY_S: Final = 600.0


class _File(msgspec.Struct):
    """`order`: keys that orders named, oldest first; `retired`: ids; `sealing`: the newest one, "" for none yet."""

    order: list[str] = []
    retired: list[str] = []
    sealing: str = ""


class _Pinned(VerifyKey):
    """A key that tells when it was right."""

    def __init__(self, raw: bytes, on_use: Callable[[bytes], None]) -> None:
        super().__init__(raw)
        self._on_use = on_use

    def verifies(self, signature: bytes, header: bytes) -> bool:
        right = super().verifies(signature, header)
        if right:
            self._on_use(self.id)
        return right


class PinnedKeys:
    """A `sync.signing.Keyring`, and what carries out `key.rotated`. Keep `run()` alive.

    `order` and `sealing` are the raw keys of the settings; `on_sealing` is called, on any thread, when another sealing
    key is to be used.
    """

    def __init__(self, file: Path, *, order: Sequence[bytes], sealing: bytes, monotonic: Callable[[], float]) -> None:
        self.on_sealing: Callable[[SealingPublicKey], None] = lambda _key: None
        self._file = file
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept = _read(file)
        self._first = [base64url.encode(raw) for raw in order]
        self._sealing = sealing
        self._keys: dict[bytes, _Pinned] = {}
        self._newest = b""
        self._used_since: float | None = None
        self._arrange()

    @property
    def sealing(self) -> SealingPublicKey:
        """The key that shift keys are wrapped to."""
        return SealingPublicKey(base64url.decode(self._kept.sealing) if self._kept.sealing else self._sealing)

    def find(self, station: str, key_id: bytes) -> VerifyKey | None:  # noqa: ARG002 - one signer for all stations
        """Return the pinned key of that id."""
        return self._keys.get(key_id)

    def rotate(self, _pen: Pen, _order_id: str, rotated: KeyRotated) -> None:
        """Pin the key an order names; it is on the disk when this returns. Raises ValueError for what is no key."""
        with self._lock:
            kept = msgspec.convert(msgspec.to_builtins(self._kept), type=_File)
            if rotated.use == "order":
                key_id = base64url.encode(VerifyKey(base64url.decode(rotated.key, size=KEY_BYTES)).id)
                kept.retired = [old for old in kept.retired if old != key_id]
                known = [*self._first, *kept.order]
                if rotated.key in known and known[-1] != rotated.key:
                    kept.order = [key for key in kept.order if key != rotated.key]
                if known[-1] != rotated.key:
                    kept.order.append(rotated.key)
            else:
                SealingPublicKey(base64url.decode(rotated.key))
                kept.sealing = rotated.key
            self._keep(kept)
        if rotated.use == "sealing":
            self.on_sealing(self.sealing)

    async def run(self) -> None:
        """Let go of keys whose time is over, for ever."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.to_thread(self.retire)

    def retire(self) -> None:
        """Let go of every key that the newest one replaced, once that has been in use for 24 h."""
        with self._lock:
            if self._used_since is None or self._monotonic() - self._used_since < GRACE_S or len(self._keys) == 1:
                return
            old = [base64url.encode(key_id) for key_id in self._keys if key_id != self._newest]
            kept = msgspec.convert(msgspec.to_builtins(self._kept), type=_File)
            kept.retired += old
            self._keep(kept)
        log.info("Headquarters' earlier keys are not believed any more: %s", ", ".join(old))

    def _keep(self, kept: _File) -> None:
        fresh = self._file.with_name(self._file.name + ".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._kept = kept
        self._arrange()

    def _arrange(self) -> None:
        keys: dict[bytes, _Pinned] = {}
        for text in (*self._first, *self._kept.order):
            key = _Pinned(base64url.decode(text, size=KEY_BYTES), self._used)
            keys.pop(key.id, None)
            keys[key.id] = key
        newest = next(reversed(keys), b"")
        retired = set(self._kept.retired)
        self._keys = {
            key_id: key for key_id, key in keys.items() if key_id == newest or base64url.encode(key_id) not in retired
        }
        if newest != self._newest:
            self._newest, self._used_since = newest, None

    def _used(self, key_id: bytes) -> None:
        if key_id == self._newest and self._used_since is None:
            self._used_since = self._monotonic()


def _read(file: Path) -> _File:
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=_File)
        for key in kept.order:
            base64url.decode(key, size=KEY_BYTES)
    except FileNotFoundError:
        return _File()
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read (%s): only the keys of the settings are believed.", file, error)
        return _File()
    return kept
