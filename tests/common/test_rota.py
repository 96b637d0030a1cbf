"""Exactly one team is on duty at every instant, whatever the clocks do; and a file that says otherwise is refused."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.rota import Rota, RotaException, Shift, Team, faults, turn_at
from common.rota_file import load
from common.settings import SettingsError

EXAMPLE = Path(__file__).parents[2] / "config" / "rota.toml"
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
MINUTE_MS, DAY_MS = 60_000, 86_400_000
ANCHOR = date(2026, 1, 1)


def ms(text: str, zone: str = "Asia/Shanghai") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def who(text: str, rota: Rota | None = None, zone: str = "Asia/Shanghai") -> str:
    turn = turn_at(rota or load(EXAMPLE), ms(text, zone), ZoneInfo(zone))
    return turn.team + turn.shift.sign


def example(*exceptions: RotaException) -> Rota:
    return msgspec.structs.replace(load(EXAMPLE), exceptions=exceptions)


@st.composite
def rotas(draw) -> Rota:
    """Rotas of blocks, so that each team is in another block on each day; starts anywhere, exceptions of both kinds."""
    signs = "早中夜晚黄"[: draw(st.integers(1, 5))]
    length = draw(st.integers(1, 4))
    blocks = draw(st.permutations(signs + "休" * draw(st.integers(0, 3))))
    names = "甲乙丙丁戊己庚辛"[: len(blocks)]
    minutes = sorted(draw(st.sets(st.integers(0, 1439), min_size=len(signs), max_size=len(signs))))
    turned = draw(st.integers(0, len(minutes) - 1))
    starts = [f"{minute // 60:02}:{minute % 60:02}" for minute in minutes[turned:] + minutes[:turned]]
    rota = Rota(
        pattern="".join(sign * length for sign in blocks),
        rest="休",
        anchor=ANCHOR.isoformat(),
        shifts=tuple(Shift(sign=sign, zh=sign, en=sign, starts=at) for sign, at in zip(signs, starts, strict=True)),
        teams=tuple(Team(name=name, offset=place * length) for place, name in enumerate(names)),
    )
    days = st.builds(lambda n: ANCHOR + timedelta(days=n), st.integers(-3, 403))
    exceptions: list[RotaException] = []
    for day, more, kind in draw(st.lists(st.tuples(days, st.integers(0, 5), st.sampled_from("gws")), max_size=6)):
        pair = draw(st.lists(st.sampled_from(names), min_size=2, max_size=2))
        said = {
            "g": {"team": pair[0], "shift": draw(st.sampled_from(signs))},
            "w": {"team": pair[0]},
            "s": {"swap": tuple(pair)},
        }[kind]
        last = (day + timedelta(days=more)).isoformat()
        tried = msgspec.structs.replace(
            rota, exceptions=(*exceptions, RotaException(first=day.isoformat(), last=last, **said))
        )
        if not faults(tried):
            exceptions = list(tried.exceptions)
    return msgspec.structs.replace(rota, exceptions=tuple(exceptions))


def teams_by_themselves(rota: Rota, now_ms: int, zone: ZoneInfo) -> list[str]:
    """What each team finds for itself, without looking at the others: whether one of its shifts runs now."""
    bounds = []
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    for days in range(-3, 4):
        day, midnights = today + timedelta(days=days), 0
        for place, shift in enumerate(rota.shifts):
            midnights += place > 0 and shift.starts <= rota.shifts[place - 1].starts
            clock = datetime.fromisoformat(f"{day + timedelta(days=midnights)}T{shift.starts}").replace(tzinfo=zone)
            bounds.append((clock.astimezone(UTC).timestamp() * 1000, day, shift.sign))
    found = []
    for team in rota.teams:
        for place, (start, day, sign) in enumerate(bounds):
            later = [other for other, *_ in bounds[place + 1 :]]
            if not later or not start <= now_ms < min(later):
                continue
            if _works(rota, team, day, sign):
                found.append(team.name)
    return found


def _works(rota: Rota, team: Team, day: date, sign: str) -> bool:
    def usually(who: Team) -> bool:
        return rota.pattern[((day - ANCHOR).days + who.offset) % len(rota.pattern)] == sign

    for exception in rota.exceptions:
        if not exception.first <= day.isoformat() <= exception.last:
            continue
        if exception.team is not None and exception.shift in (None, sign):
            return exception.team == team.name
        pair = [other for other in rota.teams if other.name in exception.swap]
        if any(usually(other) for other in pair):
            return team in pair and not usually(team)
    return usually(team)


@settings(max_examples=40)
@given(rota=rotas(), zone=st.sampled_from(ZONES), at=st.data())
def test_for_400_days_one_turn_follows_the_other_and_exactly_one_team_is_on_duty_at_each_minute(rota, zone, at):
    zone = ZoneInfo(zone)
    now = begin = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
    turns = []
    while now < begin + 400 * DAY_MS:
        turn = turn_at(rota, now, zone)
        assert turn.begins_ms <= now < turn.ends_ms
        assert not turns or turn.begins_ms == turns[-1].ends_ms
        turns.append(turn)
        now = turn.ends_ms
    for turn in turns[:: max(1, len(turns) // 25)]:
        assert turn_at(rota, turn.ends_ms - 1, zone) == turn
        assert teams_by_themselves(rota, turn.begins_ms, zone) == [turn.team]
    # A clock that is set jumps from one of these minutes to another: what it says then is all that counts.
    for minute in at.draw(st.lists(st.integers(0, 400 * 1440 - 1), min_size=5, max_size=25)):
        moment = begin + minute * MINUTE_MS
        turn = turn_at(rota, moment, zone)
        assert teams_by_themselves(rota, moment, zone) == [turn.team]
        assert any(turn == other for other in turns)


def test_the_example_is_four_teams_in_three_shifts():
    assert [who(f"2026-01-01T{hour}:00") for hour in ("08", "16", "23")] == ["甲早", "乙中", "乙中"]
    assert who("2026-01-02T00:00") == "丙夜"
    assert who("2026-01-02T07:59") == "丙夜"
    assert who("2026-01-02T08:00") == "甲早"
    assert who("2026-01-03T08:00") == "丁早"


def test_a_night_shift_before_midnight_runs_into_the_next_day():
    rota = load(EXAMPLE)
    starts = ("06:00", "14:00", "22:00")
    shifts = tuple(msgspec.structs.replace(shift, starts=at) for shift, at in zip(rota.shifts, starts, strict=True))
    rota = msgspec.structs.replace(rota, shifts=shifts)
    assert not faults(rota)
    assert who("2026-01-01T22:00", rota) == who("2026-01-02T05:59", rota) == "丙夜"
    assert who("2026-01-02T06:00", rota) == "甲早"


@pytest.mark.parametrize(
    ("day", "shift", "hours"),
    [("2026-03-29", "夜", 7), ("2026-10-25", "夜", 9), ("2026-03-28", "夜", 8), ("2026-10-25", "早", 8)],
)
def test_the_night_of_a_day_of_23_or_25_hours_is_as_long_as_it_is(day, shift, hours):
    starts = {"夜": "01:00", "早": "09:00"}
    turn = turn_at(load(EXAMPLE), ms(f"{day}T{starts[shift]}", "Europe/Berlin"), ZoneInfo("Europe/Berlin"))
    assert (turn.shift.sign, turn.ends_ms - turn.begins_ms) == (shift, hours * 3_600_000)


def test_a_shift_is_given_to_another_team_and_two_teams_change_places():
    rota = example(
        RotaException(first="2026-01-01", last="2026-01-01", shift="夜", team="丁"),
        RotaException(first="2026-01-02", last="2026-01-02", swap=("甲", "乙")),
    )
    assert not faults(rota)
    assert who("2026-01-02T01:00", rota) == "丁夜"
    assert [who(f"2026-01-02T{hour}:00", rota) for hour in ("08", "16")] == ["乙早", "甲中"]
    assert who("2026-01-03T01:00", rota) == "丙夜"


def test_exceptions_that_name_two_teams_for_one_shift_say_when():
    rota = example(
        RotaException(first="2026-01-01", last="2026-01-03", shift="夜", team="丁"),
        RotaException(first="2026-01-03", last="2026-01-04", shift="夜", team="甲"),
    )
    assert [str(fault) for fault in faults(rota)] == [
        "exception[1]: found 2 teams (丁, 甲) at 2026-01-04 00:00 (夜); expected exactly one team"
    ]


def mistakes(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    text = EXAMPLE.read_text(encoding="utf-8")
    for before, now in changes:
        assert before in text
        text = text.replace(before, now, 1)
    file = tmp_path / "rota.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [str(mistake).removeprefix(f"{file}: ") for mistake in caught.value.mistakes]


def test_a_pattern_that_leaves_an_instant_to_nobody_or_to_two_says_which(tmp_path):
    told = mistakes(tmp_path, ('"早早中中夜夜休休"', '"早早中中夜休休休"'))
    assert told[0] == "pattern: found no team at 2026-01-03 00:00 (夜); expected exactly one team"
    assert len(told) == 4
    told = mistakes(tmp_path, ('name = "丁"\noffset = 6', 'name = "丁"\noffset = 4'))
    assert "pattern: found 2 teams (丙, 丁) at 2026-01-02 00:00 (夜); expected exactly one team" in told
    assert len(told) == 12
    told = mistakes(tmp_path, ('name = "丁"\noffset = 6', 'name = "丁"\noffset = 4'), ("offset = 2", "offset = 0"))
    assert told[-1] == "pattern: found 12 more such instants; expected exactly one team"


def test_every_mistake_of_a_file_is_told_at_once(tmp_path):
    told = mistakes(
        tmp_path,
        ('starts = "16:00"', 'starts = "25:00"'),
        ("anchor = 2026-01-01", 'anchor = "2026-01-01"'),
        ('name = "乙"', 'nmae = "乙"'),
    )
    assert [line.split(":")[0] for line in told] == ["anchor", "shift[1].starts", "team[1].name", "team[1].nmae"]
    assert "did you mean name?" in told[-1]


def test_what_no_single_key_can_tell_is_told_together(tmp_path):
    told = mistakes(
        tmp_path,
        ('starts = "16:00"', 'starts = "07:00"'),
        ('name = "丁"', 'name = "甲"'),
        ("offset = 4", "offset = 9"),
        ('rest = "休"', 'rest = "夜"'),
        (
            "# first = 2026-02-17",
            '[[exception]]\nfirst = 2026-02-17\nlast = 2026-02-01\nteam = "戊"\nswap = ["甲", "甲"]',
        ),
    )
    of_exception = ["exception[0]", "exception[0].last", "exception[0].swap", "exception[0].team"]
    keys = [line.split(":")[0] for line in told]
    assert keys == [*of_exception, "pattern", "pattern", "rest", "shift", "team[2].offset", "team[3].name"]


def test_a_rota_goes_on_the_wire_and_is_the_same_there():
    rota = example(RotaException(first="2026-01-01", last="2026-01-01", shift="夜", team="丁"))
    assert msgspec.json.decode(msgspec.json.encode(rota), type=Rota) == rota


def test_the_largest_rota_goes_into_one_line_of_the_link():
    exceptions = [
        RotaException(first="2026-01-01", last="2026-01-01", shift="夜", team="𠀀" * 8, swap=()) for _ in range(150)
    ]
    assert len(msgspec.json.encode(example(*exceptions))) < 24 * 1024
