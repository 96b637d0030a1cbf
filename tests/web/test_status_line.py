"""The duty desk's status line: the disk in words and a shape, whatever it is."""

import re

import pytest
from web_desks import StationDesk, at_station

from agent.view import DiskView
from jingting import status


def cell(page, label):
    """Return what stands under a label of the status line: its words, and which shape is beside them."""
    found = re.search(rf"<dt>{label}</dt><dd>(.*?)</dd>", page, re.DOTALL)
    shape = re.search(r"icon-([a-z]+)", found[1])[1]
    return " ".join(re.sub(r"<[^>]*>", "", found[1]).split()), shape


@pytest.mark.parametrize(
    ("disk", "zh", "en", "shape"),
    [
        (("well", 20 * 2**30, 900_000), "剩余 20.0 GiB", "20.0 GiB free", "check"),
        (("low", 90 * 2**20, 800), "空间不足：90 MiB 可建 800 个文件", "little room: 90 MiB 800 files", "half"),
        (("low", 90 * 2**20, None), "空间不足：90 MiB", "little room: 90 MiB", "half"),
        (("full", 0, 0), "已满", "FULL", "warning"),
        (("read_only", 2**30, 9), "只读，无法写入", "CAN ONLY BE READ", "warning"),
        (("silent", None, None), "无响应", "does not answer", "cross"),
    ],
)
async def test_the_disk_is_said_in_words_with_a_shape_of_its_own(disk, zh, en, shape):
    state, free, inodes = disk
    view = DiskView(state=state, free_bytes=free, free_inodes=inodes)
    async with at_station(StationDesk(disk=view)) as browser:
        assert cell((await browser.get("/duty?lang=zh-CN")).text, "磁盘") == (zh, shape)
        assert cell((await browser.get("/duty?lang=en")).text, "Disk") == (en, shape)
        assert (await browser.get("/status.json")).json()["disk"] == {
            "state": state,
            "free_bytes": free,
            "free_inodes": inodes,
        }


async def test_a_full_journal_says_what_is_recorded_still():
    async with at_station(StationDesk(journal_full=True)) as browser:
        assert "仅记录求助" in cell((await browser.get("/duty")).text, "日志")[0]


@pytest.mark.parametrize(
    ("state", "says"), [("low", "little room"), ("full", "make room"), ("read_only", "mount it"), ("silent", "dmesg")]
)
async def test_station_status_tells_a_technician_what_to_do_about_the_disk(state, says):
    async with at_station(StationDesk(disk=DiskView(state=state, free_bytes=2**20, free_inodes=None))) as browser:
        view = (await browser.get("/status.json")).json()
    wrong = status.wrong(view)
    assert len(wrong) == 1
    assert says in wrong[0]
    assert f"  disk      {state.replace('_', ' ')}, 1 MiB free\n" in status.in_words(view, wrong)


async def test_a_disk_with_room_is_nothing_wrong():
    async with at_station(StationDesk(disk=DiskView(state="well", free_bytes=2**40, free_inodes=9))) as browser:
        assert status.wrong((await browser.get("/status.json")).json()) == []
