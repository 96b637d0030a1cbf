"""The disk of a station's data, as the desk's status line says it: room, none, read only, or no answer at all."""

import asyncio
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disk import FEW_INODES, Disk, Found, look_at, seen
from agent.view import DiskView

GIB, MIB = 2**30, 2**20
WANTED = 256 * MIB


def a_disk(**changes):
    return Found(**{"free_bytes": 20 * GIB, "free_inodes": 900_000, "read_only": False} | changes)


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (a_disk(), "well"),
        (a_disk(free_inodes=None), "well"),
        (a_disk(free_bytes=WANTED - 1), "low"),
        (a_disk(free_inodes=FEW_INODES - 1), "low"),
        (a_disk(free_bytes=0), "full"),
        (a_disk(free_inodes=0), "full"),
        (a_disk(read_only=True, free_bytes=0), "read_only"),
    ],
)
def test_a_disk_is_well_while_the_journal_can_take_what_it_may_want(found, state):
    assert seen(found, wanted=WANTED).state == state


@given(st.integers(min_value=0, max_value=2**60), st.integers(min_value=0, max_value=10**9))
def test_what_is_shown_is_never_more_than_there_is_and_not_much_less(free, inodes):
    view = seen(a_disk(free_bytes=free, free_inodes=inodes), wanted=WANTED)
    assert free - max(MIB, free // 9) <= view.free_bytes <= free
    assert inodes * 9 // 10 - 1 <= view.free_inodes <= inodes


def test_this_machines_own_disk_can_be_looked_at(tmp_path):
    found = look_at(tmp_path)
    assert found.free_bytes > 0
    assert not found.read_only


async def test_pages_are_told_when_something_else_is_shown_and_only_then(tmp_path):
    told, free = [], [20 * GIB]
    disk = Disk(
        tmp_path,
        wanted=lambda: WANTED,
        changed=lambda: told.append(disk.view),
        ask=lambda _folder: a_disk(free_bytes=free[0]),
    )
    assert disk.view is None
    await disk.look()
    free[0] -= 4096
    await disk.look()
    free[0] = 20 * MIB
    await disk.look()
    assert [view.state for view in told] == ["well", "low"]
    assert told[-1].free_bytes == 20 * MIB


async def test_a_disk_that_hangs_is_asked_once_and_shown_as_silent_until_it_answers():
    answers, asked = threading.Event(), []

    def ask(folder):
        asked.append(folder)
        answers.wait(20)
        return a_disk()

    disk = Disk(Path("/"), wanted=lambda: WANTED, changed=lambda: None, ask=ask)
    for _ in range(3):
        await disk.look(patience_s=0.01)
        assert disk.view == DiskView(state="silent", free_bytes=None, free_inodes=None)
    assert (len(asked), disk.found) == (1, None)
    answers.set()
    async with asyncio.timeout(20):
        while disk.view.state != "well":
            await disk.look()
    assert disk.found == a_disk()


async def test_a_disk_that_hangs_keeps_no_thread_of_the_loops_and_no_station_from_ending():
    answers = threading.Event()
    disk = Disk(Path("/"), wanted=lambda: WANTED, changed=lambda: None, ask=lambda _: answers.wait(20) and a_disk())
    await disk.look(patience_s=0.01)
    [asking] = [thread for thread in threading.enumerate() if thread.name == "disk"]
    assert asking.daemon
    answers.set()
    await asyncio.to_thread(asking.join)
    await disk.look()
    assert disk.view.state == "well"


async def test_a_folder_that_is_gone_is_silent(tmp_path):
    disk = Disk(tmp_path / "gone", wanted=lambda: WANTED, changed=lambda: None)
    await disk.look()
    assert disk.view.state == "silent"
