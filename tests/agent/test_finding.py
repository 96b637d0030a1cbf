"""The city's files on a running station: right ones are taken, wrong ones cost nobody anything."""

import asyncio
import errno
import shutil

import pytest

from agent import finding as module
from tests.agent.finding_rig import TODAY, City


@pytest.fixture
def city(tmp_path):
    """A city whose files were looked at once."""
    city = City(tmp_path)
    city.finding.look()
    return city


def spoil(path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8-sig")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def entries(city: City) -> dict[str, int]:
    return {view.name: view.entries for view in city.finding.views()}


def said(caplog) -> list[str]:
    words = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return words


def test_right_files_are_there_at_once(city):
    assert entries(city) == {"places": 22, "grid": 38}
    assert [view.problem for view in city.finding.views()] == ["", ""]
    assert len(city.finding.places) == 22
    assert len(city.finding.grid) == 38


def test_a_file_that_is_replaced_by_a_right_one_is_taken_without_a_restart(city):
    spoil(city.places, "仁心药店", "新药店")
    assert not city.finding.look()  # it may be half written
    assert "仁心药店" in {place.name_zh for place in city.finding.places.by_kind["pharmacy"]}
    assert city.finding.look()
    assert "新药店" in {place.name_zh for place in city.finding.places.by_kind["pharmacy"]}


def test_the_one_before_a_wrong_file_is_served_and_the_mistake_is_told_once(city, caplog):
    before = city.finding.places
    spoil(city.places, "0311-00000108", "13800138000x")
    for _ in range(4):
        city.finding.look()
    assert city.finding.places is before
    [view, _] = city.finding.views()
    assert (view.problem, view.mistakes, view.first, view.entries) == ("wrong", 1, "places.csv:9: phone", 22)
    [words] = said(caplog)
    assert words == (
        "Finding places: 1 mistakes, the first at places.csv:9: phone; the 22 entries before stay."
        " All of them: jingting station check --config FILE"
    )
    assert "13800138000" not in words  # what stands in the file is nobody's business in a log
    spoil(city.places, "13800138000x", "0311-00000108")
    with caplog.at_level("INFO"):
        city.look()
        city.look()
    assert said(caplog) == ["Finding places: 22 entries."]
    assert city.problem("places") == ""


def test_half_a_file_is_waited_for(city):
    whole = city.places.read_bytes()
    lines = whole.splitlines(keepends=True)
    for part in range(3, len(lines)):  # every look finds some more of it
        city.places.write_bytes(b"".join(lines[:part]))
        assert not city.finding.look()
    city.places.write_bytes(whole)
    city.look()
    assert entries(city)["places"] == 22
    assert city.problem("places") == ""


def test_half_a_file_that_stays_for_a_while_costs_nothing_either(city):
    whole = city.places.read_bytes()
    city.places.write_bytes(whole[:700])
    city.look()
    assert city.problem("places") == "wrong"
    assert entries(city)["places"] == 22
    city.places.write_bytes(whole)
    city.look()
    assert city.problem("places") == ""


def test_a_file_that_is_written_while_it_is_read_is_read_again(city, monkeypatch):
    spoil(city.places, "仁心药店", "新药店")
    city.finding.look()
    plain = module.named_bytes

    def meanwhile(file):
        content = plain(file)
        spoil(city.places, "新药店", "更新的药店")
        return content

    monkeypatch.setattr(module, "named_bytes", meanwhile)
    assert not city.finding.look()
    monkeypatch.undo()
    city.look()
    assert "更新的药店" in {place.name_zh for place in city.finding.places.by_kind["pharmacy"]}


def test_a_file_that_is_gone_costs_nothing_and_is_told_once(city, caplog):
    away = city.places.rename(city.places.with_suffix(".away"))
    for _ in range(4):
        city.finding.look()
    assert said(caplog) == ["Finding places: places.csv: no such file or directory; the 22 entries before stay."]
    assert city.problem("places") == "unreadable"
    away.rename(city.places)
    city.look()
    assert city.problem("places") == ""


def test_a_folder_or_a_disk_that_cannot_be_read_is_told(city, monkeypatch):
    city.contacts.unlink()
    city.contacts.mkdir()
    city.look()
    assert city.finding.views()[1].first == "contacts.csv: no file"

    def broken(file):
        raise OSError(errno.EIO, "Input/output error", str(file))

    spoil(city.places, "仁心药店", "新药店")
    with monkeypatch.context() as patch:
        patch.setattr(module, "named_bytes", broken)
        city.look()
        assert city.finding.views()[0].first == "places.csv: input/output error"
    city.finding.look()  # and is tried again, though the file is as it was
    assert city.problem("places") == ""


def test_after_a_restart_with_a_wrong_file_the_last_right_one_is_served(city):
    city.places.write_bytes(b"rubbish")
    city.contacts.unlink()
    city.start()
    assert city.finding.places is None
    city.finding.look()
    assert entries(city) == {"places": 22, "grid": 38}
    assert [view.problem for view in city.finding.views()] == ["wrong", "unreadable"]


def test_a_station_that_never_had_a_right_file_shows_none(tmp_path, caplog):
    city = City(tmp_path)
    city.places.write_bytes(b"kind\n")
    city.finding.look()
    assert city.finding.places is None
    assert entries(city)["places"] == 0
    assert any("there are none before, so nothing is shown" in words for words in said(caplog))


def test_a_disk_that_takes_no_copy_costs_nothing_but_the_copy(tmp_path):
    city = City(tmp_path)
    shutil.rmtree(city.data)
    city.finding.look()
    assert entries(city) == {"places": 22, "grid": 38}


def test_addresses_and_contacts_are_taken_together(city):
    spoil(city.contacts, "YQ-01", "YQ-11")
    city.look()
    assert city.problem("grid") == "wrong"  # the addresses still say YQ-01
    assert "YQ-01" in city.finding.grid.grids
    spoil(city.addresses, "YQ-01", "YQ-11")
    city.look()
    assert city.problem("grid") == ""
    assert "YQ-11" in city.finding.grid.grids


def test_the_day_is_the_stations_own_and_unknown_without_a_clock(city):
    assert city.finding.today() == TODAY
    city.clock.sure = False
    assert city.finding.today() is None


async def test_the_pages_are_told_when_something_else_is_to_be_shown(city, monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.01)
    spoil(city.places, "仁心药店", "新药店")
    running = asyncio.create_task(city.finding.run())
    async with asyncio.timeout(20):
        await city.told.wait()
    running.cancel()
    assert "新药店" in {place.name_zh for place in city.finding.places.by_kind["pharmacy"]}
