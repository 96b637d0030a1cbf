"""The journal's reserve on the real disk: room that is taken while there is some, and given up when there is none.

Other programs fill disks too. What is held here is released at the first commit that finds no room, so that calls for
help can still be recorded.
"""

import os
from pathlib import Path


def free(folder: Path) -> int:
    """Return how many bytes of a folder's disk may still be written without privileges. Raises OSError."""
    # As shutil.disk_usage; shutil brings compressors that a kiosk needs for nothing.
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


class Ballast:
    """Room held on the disk beside the database `path`, in a file `station.db-reserve`. Any thread may use it."""

    def __init__(self, path: Path) -> None:
        self._file = path.with_name(path.name + "-reserve")

    def hold(self, size: int) -> bool:
        """Hold `size` bytes; False when the disk has not that and a quarter more, and nothing was changed.

        Blocks are reserved and not written where the file system can (posix_fallocate(3)). Raises OSError.
        """
        held = self._file.stat().st_size if self._file.exists() else 0
        more = size - held
        if more > 0 and free(self._file.parent) < more + size // 4:
            return False
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if more > 0:
                os.posix_fallocate(descriptor, held, more)
            elif more < 0:
                os.ftruncate(descriptor, size)
        finally:
            os.close(descriptor)
        return True

    def release(self) -> bool:
        """Give it all up; False when nothing was held."""
        try:
            held = self._file.stat().st_size > 0
            self._file.unlink()
        except OSError:
            return False
        return held
