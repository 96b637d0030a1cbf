"""A disk that keeps what is written in memory until it is told to keep it (fsync), and forgets the rest when the power
goes: a FUSE file system over a folder, as a process of its own.

`forgetful_disk.py FOLDER MOUNT`. Killed, it forgets everything that was not flushed. Lines on its stdin:

`cut SEED` ends it less simply: of each file's unflushed pages some are on the disk and some are not, as with a disk
that has begun to write in an order of its own. What happens to names (create, rename, unlink) is on the disk at once: a
real file system may forget that too, which this one does not show.

`sick read|write|fsync|readonly|full` lets these fail, `slow SECONDS` lets each flush take so long, `well` ends both. As
on Linux, pages whose flush failed are read as if nothing had happened and are not flushed again, unless they are
written again: whoever asks a second time is told that all is well.
"""

import errno
import os
import random
import stat
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

PAGE: Final = 4096


class Unflushed:
    """What was done to one file since it was last flushed; `kept_size`: so many of the disk's own bytes still count."""

    def __init__(self, size: int) -> None:
        self.size = self.kept_size = size
        self.pages: dict[int, bytearray] = {}
        self.given_up: set[int] = set()  # pages whose flush failed

    def read(self, disk: int, count: int, offset: int) -> bytes:
        """Return what the file holds at an offset, as its users see it."""
        end = min(offset + count, self.size)
        found = bytearray()
        while offset + len(found) < end:
            number, within = divmod(offset + len(found), PAGE)
            page = self.pages.get(number) or self._on_disk(disk, number)
            found += page[within : min(PAGE, within + end - offset - len(found))]
        return bytes(found)

    def write(self, disk: int, data: bytes, offset: int) -> None:
        """Take in data, in memory only."""
        done = 0
        while done < len(data):
            number, within = divmod(offset + done, PAGE)
            page = self.pages.get(number) or self._on_disk(disk, number)
            piece = data[done : done + PAGE - within]
            page[within : within + len(piece)] = piece
            self.pages[number] = page
            self.given_up.discard(number)
            done += len(piece)
        self.size = max(self.size, offset + len(data))

    def truncate(self, size: int) -> None:
        """Cut or stretch the file, in memory only."""
        last, within = divmod(size, PAGE)
        for number in [number for number in self.pages if number > last or (number == last and not within)]:
            del self.pages[number]
            self.given_up.discard(number)
        if last in self.pages:
            self.pages[last][within:] = bytes(PAGE - within)
        self.size, self.kept_size = size, min(self.kept_size, size)

    def flush(self, disk: int, *, which: frozenset[int] | None = None) -> None:
        """Put it all on the disk, or only some pages of it."""
        if which is None:
            os.ftruncate(disk, self.kept_size)
            os.ftruncate(disk, self.size)
        for number, page in self.pages.items():
            if number not in self.given_up and (which is None or number in which):
                os.pwrite(disk, page[: max(0, min(PAGE, self.size - number * PAGE))], number * PAGE)

    def settle(self) -> bool:
        """After a flush, failed or not: keep what will not come to the disk; False when that is nothing."""
        self.pages = {number: page for number, page in self.pages.items() if number in self.given_up}
        self.kept_size = self.size
        return bool(self.pages)

    def _on_disk(self, disk: int, number: int) -> bytearray:
        held = os.pread(disk, max(0, min(PAGE, self.kept_size - number * PAGE)), number * PAGE)
        return bytearray(held.ljust(PAGE, b"\0"))


class ForgetfulDisk:
    """The operations of FUSE (libfuse, `fuse_operations`) that files of SQLite and a few small ones need."""

    use_ns = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unflushed: dict[int, Unflushed] = {}  # by inode: names come and go
        self._lock = threading.Lock()
        self.sick = ""
        self.flush_s = 0.0

    def cut(self, seed: str) -> None:
        """Lose the power: end at once, with some of what was not flushed on the disk."""
        chance = random.Random(seed)
        with self._lock:
            files = {entry.inode(): entry.path for entry in os.scandir(self._folder) if entry.is_file()}
            for inode, unflushed in self._unflushed.items():
                if inode in files:
                    share = chance.choice((0.1, 0.5, 0.9))
                    which = frozenset(number for number in unflushed.pages if chance.random() < share)
                    with open(files[inode], "r+b") as file:  # noqa: PTH123 - a path of its own
                        unflushed.flush(file.fileno(), which=which)
            os._exit(0)

    # -- files --------------------------------------------------------------------------------------------------------

    def create(self, path: str, mode: int, _fi: object = None) -> int:
        self._may_change()
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

    def open(self, path: str, _flags: int) -> int:
        return os.open(self._at(path), os.O_RDWR)

    def read(self, _path: str, size: int, offset: int, fh: int) -> bytes:
        if self.sick == "read":
            raise OSError(errno.EIO, "")
        with self._lock:
            unflushed = self._unflushed.get(os.fstat(fh).st_ino)
            return os.pread(fh, size, offset) if unflushed is None else unflushed.read(fh, size, offset)

    def write(self, _path: str, data: bytes, offset: int, fh: int) -> int:
        self._may_change()
        with self._lock:
            self._of(fh).write(fh, data, offset)
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        self._may_change()
        disk = os.open(self._at(path), os.O_RDWR) if fh is None else fh
        with self._lock:
            self._of(disk).truncate(length)
        if fh is None:
            os.close(disk)

    def fsync(self, _path: str, _datasync: int, fh: int) -> None:
        time.sleep(self.flush_s)
        with self._lock:
            unflushed = self._unflushed.get(os.fstat(fh).st_ino)
            if unflushed is None:
                return
            if self.sick == "fsync":
                unflushed.given_up |= unflushed.pages.keys()
            unflushed.flush(fh)
            if not unflushed.settle():
                del self._unflushed[os.fstat(fh).st_ino]
            if self.sick == "fsync":
                raise OSError(errno.EIO, "")

    def release(self, _path: str, fh: int) -> None:
        os.close(fh)

    def _may_change(self) -> None:
        failure = {"write": errno.EIO, "readonly": errno.EROFS, "full": errno.ENOSPC}.get(self.sick)
        if failure is not None:
            raise OSError(failure, "")

    def _at(self, path: str) -> Path:
        return self._folder / path.removeprefix("/")

    def _of(self, disk: int) -> Unflushed:
        status = os.fstat(disk)
        return self._unflushed.setdefault(status.st_ino, Unflushed(status.st_size))

    # -- names --------------------------------------------------------------------------------------------------------

    def getattr(self, path: str, _fh: int | None = None) -> dict[str, Any]:
        status = os.lstat(self._at(path))
        told = {
            name: getattr(status, name) for name in ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino")
        }
        told |= {f"st_{time}": getattr(status, f"st_{time}_ns") for time in ("atime", "mtime", "ctime")}
        if stat.S_ISREG(status.st_mode) and (unflushed := self._unflushed.get(status.st_ino)) is not None:
            told["st_size"] = unflushed.size
        return told

    def readdir(self, path: str, _fh: int) -> list[str]:
        return [".", "..", *(one.name for one in self._at(path).iterdir())]

    def unlink(self, path: str) -> None:
        if self.sick != "full":
            self._may_change()
        with self._lock:
            self._forget(path)
            self._at(path).unlink()

    def rename(self, old: str, new: str) -> None:
        self._may_change()
        with self._lock:
            if os.path.lexists(self._at(new)):
                self._forget(new)
            self._at(old).rename(self._at(new))

    def _forget(self, path: str) -> None:
        status = os.lstat(self._at(path))
        if status.st_nlink == 1:
            self._unflushed.pop(status.st_ino, None)  # the inode's number is given to the next file

    def mkdir(self, path: str, mode: int) -> None:
        self._at(path).mkdir(mode)

    def rmdir(self, path: str) -> None:
        self._at(path).rmdir()

    def chmod(self, path: str, mode: int) -> None:
        self._at(path).chmod(mode)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._at(path), ns=times)

    def statfs(self, path: str) -> dict[str, int]:
        space = os.statvfs(self._at(path))
        names = (
            "f_bavail",
            "f_bfree",
            "f_blocks",
            "f_bsize",
            "f_favail",
            "f_ffree",
            "f_files",
            "f_frsize",
            "f_namemax",
        )
        return {name: getattr(space, name) for name in names}


def main(folder: str, mount: str) -> None:
    """Serve `folder` at `mount` until it is killed, or cut."""
    import mfusepy  # noqa: PLC0415 - it loads libfuse

    class Served(ForgetfulDisk, mfusepy.Operations):  # type: ignore[misc]
        """What mfusepy takes."""

    disk = Served(Path(folder))

    def listen() -> None:
        for line in sys.stdin:
            word, _, more = line.strip().partition(" ")
            if word == "cut":
                disk.cut(more)
            disk.sick = more if word == "sick" else ""
            disk.flush_s = float(more) if word == "slow" else 0.0
            print("heard", flush=True)

    threading.Thread(target=listen, daemon=True).start()
    mfusepy.FUSE(disk, mount, foreground=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
