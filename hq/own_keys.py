"""Headquarters' own keys as they lie on the disk: one that is in use, and earlier ones that are still needed.

    order.key           the newest; a new one is made beside it as order-next.key until every station was told
    order-<id>.key      an earlier one, under its key id in hexadecimal

An order key signs for a station until that has applied the order that names the next one; a sealing key opens what was
sealed to it for ever. So nothing is removed here, and no key is ever written over.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from common import keyfiles
from sync.sealing import SealingKey, new_sealing_key
from sync.signing import SigningKey

_NEXT: Final = "next"


class _Half(Protocol):
    @property
    def id(self) -> bytes: ...

    @property
    def raw(self) -> bytes: ...


class OwnKey(Protocol):
    """A private key that knows its public half."""

    @property
    def public(self) -> _Half:
        """The half that others have: its id, and its raw bytes."""


K = TypeVar("K", bound=OwnKey)


class OwnKeys(Generic[K]):
    """The keys of one sort. Make one with `order_keys` or `sealing_keys`. May be asked from any thread."""

    def __init__(self, path: Path, *, read: Callable[[Path], K], make: Callable[[Path], object]) -> None:
        self._path = path
        self._read = read
        self._make = make
        self._known: dict[Path, tuple[tuple[int, int], K]] = {}

    def current(self) -> K:
        """Return the newest key. Raises OSError, or ValueError (`found; expected`)."""
        return self._load(self._path)

    def find(self, key_id: bytes) -> K | None:
        """Return the key of that id, whether it is the newest, an earlier or the next one. Raises as `current`."""
        for path in (self._path, self._beside(key_id.hex()), self._beside(_NEXT)):
            if path.exists() and (key := self._load(path)).public.id == key_id:
                return key
        return None

    def prepare(self) -> K:
        """Return the next key, made if there is none: it is there to be told, and not used yet."""
        path = self._beside(_NEXT)
        if not path.exists() or not _public(path).exists():
            for half in (path, _public(path)):
                half.unlink(missing_ok=True)  # half of a pair that was never told to anybody
            self._make(path)
        return self._load(path)

    def switch(self) -> None:
        """Let the next key be the newest; the one before stays, under its id."""
        upcoming, earlier = self._beside(_NEXT), self._beside(self.current().public.id.hex())
        for suffix in (_public, _private):
            if not suffix(earlier).exists():
                os.link(suffix(self._path), suffix(earlier))
        for suffix in (_public, _private):  # the private half last: as long as it is there, this can be done again
            suffix(upcoming).replace(suffix(self._path))

    def _beside(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.stem}-{name}{self._path.suffix}")

    def _load(self, path: Path) -> K:
        stat = path.stat()
        stamp = stat.st_mtime_ns, stat.st_ino
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = stamp, self._read(path)
        return known[1]


def order_keys(path: Path) -> OwnKeys[SigningKey]:
    """Return the keys that sign orders and acks, of which `path` is the newest."""
    return OwnKeys(path, read=lambda file: SigningKey(keyfiles.read_private(file)), make=keyfiles.create)


def sealing_keys(path: Path) -> OwnKeys[SealingKey]:
    """Return the keys that open what stations sealed, of which `path` is the newest."""
    return OwnKeys(
        path,
        read=lambda file: SealingKey(keyfiles.read_sealing_private(file)),
        make=lambda file: keyfiles.write_pair(file, *new_sealing_key()),
    )


def _public(path: Path) -> Path:
    return path.with_name(path.name + ".pub")


def _private(path: Path) -> Path:
    return path
