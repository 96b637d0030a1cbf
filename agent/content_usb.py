"""A folder where a USB medium appears now and then, with packs on it: what is there is found, and nothing changed."""

import hashlib
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from common.pack import CHUNK, MAX_PACK

log = logging.getLogger(__name__)

SUFFIX: Final = ".pack"
_MOST: Final = 32
"""Most files that are looked at: a medium may be full of other things."""


class UsbFolder:
    """The folder `path`. A file is read once for as long as its name, size and time stay the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[Path, tuple[tuple[int, int], str, bytes]] = {}

    def found(self) -> list[tuple[str, Path, int, bytes]]:
        """Return name, file, size and hashes of the chunks of each `*.pack`; none while no medium is there."""
        try:
            files = sorted(self._path.glob(f"*{SUFFIX}"))[:_MOST]
            looked = {file: read for file in files if (read := self._read(file)) is not None}
        except OSError:  # it was pulled out meanwhile
            return []
        self._seen = looked
        return [(name, file, mark[0], chunks) for file, (mark, name, chunks) in looked.items()]

    def _read(self, file: Path) -> tuple[tuple[int, int], str, bytes] | None:
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= MAX_PACK:
            return None
        mark = status.st_size, status.st_mtime_ns
        known = self._seen.get(file)
        if known is not None and known[0] == mark:
            return known
        whole, chunks = hashlib.sha256(), []
        for chunk in _pieces(file):
            whole.update(chunk)
            chunks.append(hashlib.sha256(chunk).digest())
        return mark, whole.hexdigest(), b"".join(chunks)


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as medium:
        while chunk := medium.read(CHUNK):
            yield chunk
