"""The wall clock is never believed below the newest time seen, and headquarters alone may say that that was too new."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_rig import StillClock, open_journal

from agent.time_floor import KEEP_EVERY_MS, SLACK_MS, StationClock
from agent.timekeeper import newest_sure
from common.clock import Clock, rfc3339
from common.events.journal import StationStarted

NOW = 1_795_600_000_000
HOUR_MS = 3600 * 1000


class Moved(StationClock):
    """A station's clock of which the test moves the machine's part."""

    def __init__(self, file, monkeypatch, *, wall=NOW, synchronised=True):
        self.wall, self.mono_s, self.synchronised = wall, 1000.0, synchronised
        monkeypatch.setattr(Clock, "trusted", lambda clock: clock.synchronised)
        super().__init__(file)

    def wall_ms(self):
        return self.wall

    def mono_ns(self):
        return int(self.mono_s * 1_000_000_000)

    def pass_s(self, seconds):
        self.mono_s += seconds
        self.wall += int(seconds * 1000)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "time.floor"


def test_a_synchronised_clock_is_trusted_and_its_time_is_the_floor_of_the_next_start(file, monkeypatch):
    clock = Moved(file, monkeypatch)
    assert clock.trusted()
    assert clock.look()
    clock.keep()
    again = Moved(file, monkeypatch, wall=NOW - 1)
    assert (again.floor_ms, again.trusted()) == (NOW, False)
    again.wall = NOW
    assert again.trusted()


def test_a_clock_that_is_not_synchronised_raises_no_floor_and_is_not_trusted(file, monkeypatch):
    clock = Moved(file, monkeypatch, synchronised=False)
    assert not clock.look()
    assert (clock.floor_ms, clock.trusted()) == (0, False)


def test_boot_in_1970_is_not_believed_even_if_the_kernel_does(file, monkeypatch):
    file.write_text(f"{NOW}\n")
    clock = Moved(file, monkeypatch, wall=60_000)
    assert not clock.trusted()
    assert clock.believed_ms() == NOW
    clock.pass_s(3600)
    assert clock.believed_ms() == NOW + HOUR_MS


def test_headquarters_word_tells_the_time_while_the_clock_cannot(file, monkeypatch):
    clock = Moved(file, monkeypatch, wall=60_000, synchronised=False)
    clock.heard(rfc3339(NOW))
    clock.pass_s(60)
    assert clock.believed_ms() == NOW + 60_000
    assert (clock.floor_ms, clock.trusted()) == (NOW, False)


def test_one_leap_into_the_future_is_healed_by_headquarters_and_by_nobody_else(file, monkeypatch):
    clock = Moved(file, monkeypatch, wall=NOW + 20 * 365 * 24 * HOUR_MS)
    clock.look()
    clock.wall = NOW
    assert not clock.trusted()
    clock.seen(NOW)
    assert not clock.trusted()
    clock.heard(rfc3339(NOW))
    assert (clock.floor_ms, clock.trusted()) == (NOW, True)


@given(st.integers(0, SLACK_MS))
def test_a_word_that_was_under_way_for_a_while_lowers_nothing(late):
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = Moved(Path("/nowhere/time.floor"), monkeypatch)
        clock.seen(NOW)
        clock.heard(rfc3339(NOW - late))
        assert clock.floor_ms == NOW


def test_nobody_lowers_the_floor_below_the_certificates_first_day(file, monkeypatch):
    clock = Moved(file, monkeypatch)
    clock.never_below(NOW - HOUR_MS)
    clock.seen(NOW)
    clock.heard(rfc3339(0))
    assert clock.floor_ms == NOW - HOUR_MS


@pytest.mark.parametrize("text", ["", "now", "2026-13-01T00:00:00.000Z", "None", "9" * 30])
def test_what_is_no_time_is_ignored(file, monkeypatch, text):
    clock = Moved(file, monkeypatch)
    clock.seen(NOW)
    clock.heard(text)
    assert clock.floor_ms == NOW


@pytest.mark.parametrize("content", [b"", b"-5", b"\xff\xfe", b"12:00"])
def test_a_damaged_file_is_no_floor(file, monkeypatch, content):
    file.write_bytes(content)
    assert Moved(file, monkeypatch).floor_ms == 0


def test_the_file_is_written_once_an_hour_at_most(file, monkeypatch):
    clock, written = Moved(file, monkeypatch), 0
    for _ in range(24 * 60 * 12):
        if clock.look():
            clock.keep()
            written += 1
        clock.pass_s(5)
    assert 23 <= written <= 25
    assert int(file.read_text()) > clock.wall - 2 * KEEP_EVERY_MS


async def test_the_newest_sure_event_tells_the_time_of_the_last_life(tmp_path):
    clock = StillClock()
    journal = await open_journal(tmp_path, clock=clock)
    assert journal.query(newest_sure) is None
    await journal.append(StationStarted(agent="1"))
    sure = clock.wall
    clock.wall, clock.synchronised = sure + 10**9, False
    for _ in range(5):
        await journal.append(StationStarted(agent="1"))
    assert journal.query(newest_sure) == sure
    await journal.stop()
