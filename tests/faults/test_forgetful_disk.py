"""The disk that forgets does: what the fault tests prove rests on it."""

import os

import pytest
from power import Disk, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

PAGE = 4096


def write(path, data, *, at=0, flush=True):
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(at)
        file.write(data)
        file.flush()
        if flush:
            os.fsync(file.fileno())


async def test_what_was_not_flushed_is_gone_and_what_was_is_there(tmp_path):
    async with Disk(tmp_path / "disk") as disk:
        file = tmp_path / "disk/file"
        write(file, b"a" * PAGE)
        write(file, b"b" * 10, at=PAGE - 5, flush=False)
        assert file.read_bytes() == b"a" * (PAGE - 5) + b"b" * 10
        disk.forget()
        await disk.spin_up()
        assert file.read_bytes() == b"a" * PAGE


async def test_a_file_that_was_cut_and_not_flushed_is_whole_again(tmp_path):
    async with Disk(tmp_path / "disk") as disk:
        file = tmp_path / "disk/file"
        write(file, b"a" * 3 * PAGE)
        os.truncate(file, 10)
        write(file, b"c", at=2 * PAGE, flush=False)
        assert file.read_bytes() == b"a" * 10 + bytes(2 * PAGE - 10) + b"c"
        disk.forget()
        await disk.spin_up()
        assert file.read_bytes() == b"a" * 3 * PAGE


async def test_a_disk_torn_in_the_middle_has_some_pages_and_not_others(tmp_path):
    pages = 200
    async with Disk(tmp_path / "disk") as disk:
        file = tmp_path / "disk/file"
        write(file, b"a" * pages * PAGE)
        write(file, b"b" * pages * PAGE, flush=False)
        disk.tear(1)
        await disk.spin_up()
        kept = file.read_bytes()
        assert {kept[at : at + PAGE] for at in range(0, pages * PAGE, PAGE)} == {b"a" * PAGE, b"b" * PAGE}


async def test_pages_whose_flush_failed_are_read_and_are_not_on_the_disk_however_often_somebody_asks(tmp_path):
    async with Disk(tmp_path / "disk") as disk:
        file = tmp_path / "disk/file"
        write(file, b"a" * 2 * PAGE)
        await disk.becomes("sick fsync")
        with pytest.raises(OSError, match=r"Input/output error"):
            write(file, b"b" * 2 * PAGE)
        await disk.becomes("well")
        write(file, b"c", at=2 * PAGE)
        write(file, b"d" * PAGE, at=PAGE)
        assert file.read_bytes() == b"b" * PAGE + b"d" * PAGE + b"c"
        disk.forget()
        await disk.spin_up()
        assert file.read_bytes() == b"a" * PAGE + b"d" * PAGE + b"c"


@pytest.mark.parametrize("sickness", ["read", "write", "readonly", "full"])
async def test_what_it_is_told_to_fail_at_fails_until_it_is_well(sickness, tmp_path):
    async with Disk(tmp_path / "disk") as disk:
        file = tmp_path / "disk/file"
        write(file, b"a")
        os.posix_fadvise(fd := os.open(file, os.O_RDONLY), 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
        await disk.becomes(f"sick {sickness}")
        with pytest.raises(OSError, match=r"Input/output error|Read-only|No space"):
            file.read_bytes() if sickness == "read" else write(file, b"b")
        await disk.becomes("well")
        write(file, b"b")
        assert file.read_bytes() == b"b"
