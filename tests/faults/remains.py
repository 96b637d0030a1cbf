"""What may be left of a folder when the power goes: of the names and the bytes that were not flushed, any.

After each operation of a trace (`disk_trace`) it says what the disk may hold then. POSIX promises of a name only that
it is there once its folder was flushed; what a journaling file system does is a choice among what is tried here:

- nothing that was not flushed is there, neither names nor bytes;
- all of it is there;
- the names without the bytes, the bytes without the names;
- by chance, the names up to some moment (a file system keeps their order), and of the bytes some sectors of 512, each
  as it was at a moment of its own.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from disk_trace import Op

SECTOR: Final = 512

Remains: TypeAlias = Mapping[str, bytes]
"""What is in the folder: each file's bytes by its name."""


@dataclass(slots=True)
class _File:
    """Bytes on the disk for sure, and what was done since: `(offset, data)`, or `(size, None)` for a truncation."""

    kept: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    began: list[int] = field(default_factory=list)  # which operation of the trace each was

    def flush(self, began: int) -> None:
        count = sum(at < began for at in self.began)
        self.kept = _applied(self.kept, self.since[:count])
        del self.since[:count], self.began[:count]

    def all(self) -> bytes:
        return _applied(self.kept, self.since)

    def some(self, chance: random.Random) -> bytes:
        """Return what a disk that began to write in an order of its own may hold."""
        size_at = chance.randint(0, len(self.since))
        shrunk = [index for index, (_, data) in enumerate(self.since, 1) if data is None]
        first = max((index for index in shrunk if index <= size_at), default=0)
        end = min((index - 1 for index in shrunk if index > size_at), default=len(self.since))
        found = bytearray(_applied(self.kept, self.since[:first]))
        size = len(_applied(self.kept, self.since[:size_at]))
        likely = chance.choice((0.1, 0.5, 0.9))
        until: dict[int, int] = {}
        for index, (offset, data) in enumerate(self.since[first:end], first):
            for start in range(offset - offset % SECTOR, offset + len(data or b""), SECTOR):
                if start not in until:
                    until[start] = end if chance.random() < likely else chance.randint(first, end)
                if index < until[start]:
                    assert data is not None
                    piece_from, piece_to = max(start, offset), min(start + SECTOR, offset + len(data))
                    _put(found, piece_from, data[piece_from - offset : piece_to - offset])
        return bytes(found[:size].ljust(size, b"\0"))


def _applied(kept: bytes, since: Sequence[tuple[int, bytes | None]]) -> bytes:
    found = bytearray(kept)
    for offset, data in since:
        if data is None:
            del found[offset:]
            found.extend(bytes(offset - len(found)))
        else:
            _put(found, offset, data)
    return bytes(found)


def _put(found: bytearray, offset: int, data: bytes) -> None:
    found.extend(bytes(max(0, offset - len(found))))
    found[offset : offset + len(data)] = data


class Disk:
    """The folder `before` the trace, and what becomes of it; `done` operations were done to it."""

    def __init__(self, before: Path) -> None:
        self.done = 0
        self._files = {number: _File(file.read_bytes()) for number, file in enumerate(sorted(before.iterdir()))}
        self._names = {file.name: number for number, file in enumerate(sorted(before.iterdir()))}
        self._kept_names = dict(self._names)
        self._since: list[tuple[int, dict[str, int]]] = []  # the names after each change of them

    def do(self, op: Op) -> None:
        """Do the next operation of the trace."""
        names = dict(self._names)
        match op.kind:
            case "create":
                names[op.name] = len(self._files)
                self._files[len(self._files)] = _File()
            case "rename":
                names[op.other] = names.pop(op.name)
            case "unlink":
                names.pop(op.name)
            case "write" | "truncate":
                file = self._files[names[op.name]]
                file.since.append((op.offset, op.data if op.kind == "write" else None))
                file.began.append(self.done)
            case "flush":
                self._files[names[op.name]].flush(op.began)
            case "flush names":
                flushed = [kept for at, kept in self._since if at < op.began]
                self._kept_names = flushed[-1] if flushed else self._kept_names
                self._since = self._since[len(flushed) :]
            case "told":
                pass
        if names != self._names or op.kind == "rename":
            self._names = names
            self._since.append((self.done, names))
        self.done += 1

    def all(self) -> Remains:
        """Return what is there if all of it is: as after a kill of the process alone."""
        return {name: self._files[number].all() for name, number in self._names.items()}

    def may_be(self, chance: random.Random, torn: int) -> Iterator[Remains]:
        """Yield what may be there, `torn` times by chance."""
        yield {name: self._files[number].kept for name, number in self._kept_names.items()}
        yield self.all()
        if self._since:
            yield {name: self._files[number].kept for name, number in self._names.items()}
            yield {name: self._files[number].all() for name, number in self._kept_names.items()}
        for _ in range(torn):
            names = chance.choice([self._kept_names, *(names for _, names in self._since)])
            yield {name: self._files[number].some(chance) for name, number in names.items()}
