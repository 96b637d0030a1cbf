"""Trials of ordered settings: the table alone, then on a real journal with kills wherever they may come."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_rig import StillClock, all_events, open_journal

from agent import settings_orders
from agent.database import JournalError
from agent.orders import OrderRefused
from agent.settings import (
    HealthSettings,
    HelpSettings,
    JournalSettings,
    SelfTestSettings,
    StationSettings,
)
from agent.settings_orders import SettingsOrders
from agent.settings_trial import MOST_STARTS, Candidate, next_step, why_rolled_back
from common.events.journal import SettingsSet
from common.identifiers import uuid7
from common.ordered_settings import OrderedBroker, OrderedHealth, OrderedHelp, OrderedJournal, OrderedSettings
from common.settings import BrokerSettings

NS = 1_000_000_000
OWN = StationSettings(
    station=None,
    keys=None,
    enrolment=None,
    broker=BrokerSettings(host="home", port=8883, ca=Path("a"), certificate=Path("b"), key=Path("c")),
    panel=(),
    gpio_button=(),
    card_reader=None,
    passport_reader=None,
    code_scanner=None,
    help=HelpSettings(
        louder_after_s=15,
        escalate_after_s=30,
        breach_after_s=60,
        unattended_escalate_after_s=0,
        unattended_breach_after_s=30,
        second_output="",
    ),
    self_test=SelfTestSettings(at=None),
    finding=None,
    web=None,
    speech=None,
    health=HealthSettings(every_s=60),
    journal=JournalSettings(max_bytes=2**28, reserve_bytes=2**24, rewind_days=14, header_days=90),
    content=None,
)
ELSEWHERE = OrderedSettings(broker=OrderedBroker(host="elsewhere", port=1))
SLOWER = OrderedSettings(
    health=OrderedHealth(every_s=300),
    help=OrderedHelp(louder_after_s=20, escalate_after_s=40, breach_after_s=80),
    journal=OrderedJournal(rewind_days=20, header_days=30),
)


# -- the table -----------------------------------------------------------------------------------------------------

CANDIDATES = st.builds(
    Candidate,
    order=st.just("x"),
    settings=st.just(ELSEWHERE),
    within_s=st.integers(10, 3600),
    boot=st.sampled_from(["", "this"]),
    began_ns=st.integers(0, 10**13),
    starts=st.integers(0, 5),
)


@given(CANDIDATES, st.integers(0, 2 * 10**13), st.booleans(), st.booleans(), st.booleans())
def test_while_a_call_is_open_nothing_begins_and_no_link_stays_away_that_was_not_proven(
    candidate, now_ns, calm, heard, moves
):
    step = next_step(candidate, now_ns=now_ns, calm=calm, heard=heard, moves=moves)
    if not candidate.boot:
        assert step == ("wait" if not calm else "begin" if moves else "keep")
    elif heard or not moves:
        assert step == "keep"
    elif not calm:
        assert step == "put_off"
    else:
        late = now_ns - candidate.began_ns >= candidate.within_s * NS
        assert step == ("roll_back" if late or candidate.starts >= MOST_STARTS else "wait")


@given(CANDIDATES, st.lists(st.sampled_from(["this", "that"]), min_size=1, max_size=8), st.integers(0, 10**13))
def test_however_a_process_is_started_again_a_trial_ends(candidate, boots, now_ns):
    """Within its time in one boot, and after a few starts whatever the boots are."""
    resumed = candidate
    for boot in boots:
        before, resumed = resumed, resumed.resumed(boot, now_ns)
        assert resumed.began_ns == (before.began_ns if boot == before.boot or not before.boot else now_ns)
    if candidate.boot and candidate.starts + len(boots) >= MOST_STARTS:
        assert next_step(resumed, now_ns=now_ns, calm=True, heard=False, moves=True) == "roll_back"
        assert why_rolled_back(resumed, up=True) == "restarts"
    if not candidate.boot:
        assert resumed == candidate


# -- on a journal ----------------------------------------------------------------------------------------------------


class Station:
    """Its settings, a link that is where `applied` says, and a clock, over as many processes as the test starts."""

    def __init__(self, folder):
        self.folder, self.clock = folder, StillClock()
        self.calm, self.reachable, self.heard_from = True, {"home"}, {"home"}
        self.orders = 0

    async def start(self):
        self.journal = await open_journal(self.folder, schema=(settings_orders.SCHEMA,), clock=self.clock)
        self.settings = SettingsOrders(self.journal, self.clock, OWN, calm=lambda: self.calm)
        await self.settings.resume()
        self.applied = self.settings.now
        self.settings.apply, self.settings.link = self.apply, self.link
        return self

    def apply(self, now):
        self.applied = now

    def link(self):
        return self.applied.broker.host in self.reachable, self.applied.broker.host in self.heard_from

    async def restart(self, *, boot=None):
        await self.journal.stop()
        if boot is not None:
            self.clock.boot = boot
        return await self.start()

    async def order(self, ordered, within_s=60):
        self.orders += 1
        order = uuid7(wall_ms=self.orders)
        payload = SettingsSet(settings=ordered, within_s=within_s)
        await self.journal.run(lambda pen: self.settings.set(pen, order, payload))
        self.settings.orders_applied()
        return order

    async def settle(self):
        while await self.settings.look() == 0.0:
            pass

    def advance(self, seconds):
        self.clock.mono += seconds * NS

    async def told(self):
        return [(event["type"], *event["data"].values()) for event in await all_events(self.journal)]


@pytest.fixture
async def station(tmp_path):
    station = await Station(tmp_path).start()
    yield station
    await station.journal.stop()


def host(station):
    return station.applied.broker.host, station.settings.now.broker.host


async def test_what_does_not_move_the_link_is_in_force_at_once_and_stays_so_after_a_restart(station):
    order = await station.order(SLOWER)
    await station.settle()
    for _ in range(2):
        assert (station.applied.health.every_s, station.applied.help.breach_after_s) == (300, 80)
        assert (station.applied.journal.rewind_days, station.applied.journal.header_days) == (20, 30)
        assert station.settings.view().ordered
        await station.restart()
    assert await station.told() == [("settings.changed", order)]


async def test_another_broker_is_tried_and_kept_once_headquarters_is_heard_there(station):
    order = await station.order(replace_broker("elsewhere"))
    await station.settle()
    assert host(station) == ("elsewhere", "elsewhere")
    assert station.settings.view().trial == "tried"
    assert await station.told() == []
    station.reachable.add("elsewhere")
    station.heard_from.add("elsewhere")
    await station.settle()
    assert await station.told() == [("settings.changed", order)]
    await station.restart()
    assert host(station) == ("elsewhere", "elsewhere")


@pytest.mark.parametrize(("reachable", "because"), [(False, "no_link"), (True, "no_answer")])
async def test_a_broker_where_headquarters_is_not_heard_in_time_is_left_and_headquarters_told(
    station, reachable, because
):
    station.reachable |= {"elsewhere"} if reachable else set()
    order = await station.order(ELSEWHERE)
    await station.settle()
    station.advance(59)
    await station.settle()
    assert host(station)[0] == "elsewhere"
    station.advance(1)
    await station.settle()
    assert host(station) == ("home", "home")
    assert await station.told() == [("settings.rolled_back", order, because)]
    assert (station.settings.view().trial, station.settings.view().rolled_back) == ("none", because)
    await station.restart()
    assert host(station) == ("home", "home")
    assert station.settings.view().rolled_back == because


async def test_a_call_for_help_brings_the_link_home_at_once_and_the_trial_begins_anew_after_it(station):
    order = await station.order(ELSEWHERE)
    await station.settle()
    station.advance(30)
    station.calm = False
    await station.settings.look()
    assert host(station) == ("home", "home")  # before anything is written
    await station.settle()
    station.advance(3600)
    await station.settle()
    await station.restart()
    assert host(station) == ("home", "home")
    station.calm = True
    await station.settle()
    assert host(station) == ("elsewhere", "elsewhere")
    station.advance(60)
    await station.settle()
    assert await station.told() == [("settings.rolled_back", order, "no_link")]


@pytest.mark.parametrize("calm", [True, False])
async def test_the_way_back_waits_for_no_disk_and_is_written_when_that_is_well_again(station, monkeypatch, calm):
    order = await station.order(ELSEWHERE)
    await station.settle()

    async def fails(_work):
        raise JournalError("write", station.folder, "full", "free it")

    with monkeypatch.context() as patch:
        patch.setattr(station.journal, "run", fails)
        station.advance(61)
        station.calm = calm
        for _ in range(3):
            with contextlib.suppress(JournalError):
                await station.settings.look()
            assert host(station) == ("home", "home")
    # Killed before it was written, the next process comes to the same.
    await station.restart()
    await station.settle()
    assert host(station) == ("home", "home")
    station.calm = True
    await station.settle()
    if calm:
        assert await station.told() == [("settings.rolled_back", order, "no_link")]
    else:
        assert station.settings.view().trial == "tried"


async def test_a_start_whose_disk_fails_begins_with_what_was_kept(station, monkeypatch):
    await station.order(ELSEWHERE)
    await station.settle()
    await station.journal.stop()
    station.journal = await open_journal(station.folder, schema=(settings_orders.SCHEMA,), clock=station.clock)

    async def fails(_work):
        raise JournalError("write", station.folder, "full", "free it")

    station.settings = SettingsOrders(station.journal, station.clock, OWN, calm=lambda: station.calm)
    with monkeypatch.context() as patch:
        patch.setattr(station.journal, "run", fails)
        with pytest.raises(JournalError):
            await station.settings.resume()
    assert station.settings.now.broker.host == "home"
    assert station.settings.view().trial == "waits"


async def test_an_order_in_place_of_one_that_is_tried_says_so_of_that_one(station):
    first = await station.order(ELSEWHERE)
    await station.settle()
    second = await station.order(SLOWER)
    await station.settle()
    assert host(station) == ("home", "home")
    assert await station.told() == [("settings.rolled_back", first, "replaced"), ("settings.changed", second)]


async def test_an_empty_order_takes_everything_back(station):
    await station.order(SLOWER)
    await station.settle()
    await station.order(OrderedSettings())
    await station.settle()
    assert station.applied == OWN


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (OrderedSettings(health=OrderedHealth(every_s=1)), "health.every_s: found 1"),
        (
            OrderedSettings(help=OrderedHelp(louder_after_s=30, escalate_after_s=30, breach_after_s=60)),
            "help.escalate_after_s: found 30; expected more than louder_after_s",
        ),
        (OrderedSettings(help=OrderedHelp(louder_after_s=15, escalate_after_s=600, breach_after_s=3600)), "2 mistakes"),
        (OrderedSettings(broker=OrderedBroker(host="a b", port=1)), "broker.host"),
    ],
)
async def test_what_a_station_must_not_take_is_refused_with_the_reason_and_changes_nothing(station, wrong, words):
    with pytest.raises(OrderRefused) as refused:
        await station.order(wrong)
    assert words in refused.value.reason
    await station.settle()
    assert station.applied == OWN


def replace_broker(name):
    return replace_settings(broker=OrderedBroker(host=name, port=8883))


def replace_settings(**tables):
    return OrderedSettings(**tables)


STEPS = st.one_of(
    st.tuples(st.just("order"), st.sampled_from(["home", "good", "bad", "mute", None])),
    st.tuples(st.just("advance"), st.sampled_from([1, 20, 61])),
    st.tuples(st.just("call"), st.booleans()),
    st.tuples(st.just("look"), st.none()),
    st.tuples(st.just("kill"), st.sampled_from([None, "another boot"])),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, max_size=25))
def test_whatever_happens_only_proven_settings_stay_and_every_order_has_one_end(tmp_path_factory, steps):
    async def scenario():
        station = Station(tmp_path_factory.mktemp("station"))
        station.reachable, station.heard_from = {"home", "good", "mute"}, {"home", "good"}
        await station.start()
        given_orders = []
        for what, value in steps:
            match what:
                case "order":
                    tables = {} if value is None else {"broker": OrderedBroker(host=value, port=8883)}
                    given_orders.append(await station.order(OrderedSettings(**tables)))
                case "advance":
                    station.advance(value)
                case "call":
                    station.calm = not value
                case "look":
                    await station.settle()
                case "kill":
                    await station.restart(boot=value)
            if what in ("look", "kill") and not station.calm:
                # With a call open the link is where headquarters was heard last.
                assert host(station)[0] in {"home", "good"}
        station.calm = True
        for _ in range(8):
            await station.settle()
            station.advance(61)
        assert host(station)[0] in {"home", "good"}
        assert station.settings.view().trial == "none"
        ends = [told[1] for told in await station.told() if told[0].startswith("settings.")]
        assert ends == given_orders
        await station.journal.stop()

    asyncio.run(scenario())
