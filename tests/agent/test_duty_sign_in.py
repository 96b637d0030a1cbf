"""Signing in at the duty desk: on a real journal, by a clock that the test moves."""

import asyncio
import functools

import psutil
import pytest
from journal_rig import StillClock, all_events, open_journal

from agent import staff
from agent.database import JournalError
from agent.sign_in import IDLE_S, LONGEST_WAIT_S, SignIn, SignInRefused
from common import pins
from common.events.desk import StaffMember, StaffSet

WANG, LI, PIN = "012345", "012346", "480913"
kept = functools.cache(pins.kept)


async def in_this_process(pin, text):
    return pins.matches(pin, text)


class Desk:
    def __init__(self, folder):
        self.folder = folder
        self.clock = StillClock()
        self.moves = 0

    async def start(self, **options):
        self.journal = await open_journal(self.folder, clock=self.clock, schema=(staff.SCHEMA,))
        options.setdefault("is_pin", in_this_process)
        self.sign_in = SignIn(self.journal, self.clock, changed=self.moved, **options)
        self.running = asyncio.create_task(self.sign_in.run())
        return self

    async def stop(self):
        self.running.cancel()
        await asyncio.wait({self.running})
        await self.journal.stop()

    def moved(self):
        self.moves += 1

    async def order(self, *numbers, pin=PIN):
        listed = StaffSet(staff=tuple(StaffMember(number=number, pin=kept(pin)) for number in numbers))
        await self.journal.run(lambda pen: staff.apply(pen, "", listed))
        self.sign_in.orders_applied()

    def advance(self, seconds):
        self.clock.mono += int(seconds * 1e9)
        self.clock.wall += int(seconds * 1e3)
        self.sign_in._wake.set()

    async def told(self, *types):
        """Wait until the journal has these events and no others; return what they say."""
        async with asyncio.timeout(10):
            events = await all_events(self.journal)
            while [event["type"] for event in events] != list(types):
                await asyncio.sleep(0.005)
                events = await all_events(self.journal)
        return [event["data"] for event in events]


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    await desk.order(WANG, LI)
    yield desk
    await desk.stop()


async def refused(desk, number=WANG, pin="000000"):
    with pytest.raises(SignInRefused) as refusal:
        await desk.sign_in.sign_in(number, pin)
    return refusal.value


async def test_with_number_and_pin_somebody_is_signed_in_and_that_is_journaled(desk):
    token = await desk.sign_in.sign_in(WANG, PIN)
    assert (desk.sign_in.present, desk.sign_in.who(token)) == (WANG, WANG)
    assert await desk.told("staff.signed_in") == [{"staff": WANG}]
    desk.sign_in.sign_out(token)
    assert (desk.sign_in.present, desk.sign_in.who(token)) == (None, None)
    assert (await desk.told("staff.signed_in", "staff.signed_out"))[1] == {"staff": WANG, "reason": "asked"}
    assert desk.moves == 2


@pytest.mark.parametrize("token", [None, "", "x", "é"])
async def test_another_browser_is_nobody_and_signs_nobody_out(desk, token):
    await desk.sign_in.sign_in(WANG, PIN)
    assert desk.sign_in.who(token) is None
    desk.sign_in.sign_out(token)
    assert desk.sign_in.present == WANG


async def test_five_minutes_without_a_touch_and_they_are_signed_out(desk):
    token = await desk.sign_in.sign_in(WANG, PIN)
    desk.advance(IDLE_S - 1)
    assert desk.sign_in.who(token) == WANG  # a touch
    desk.advance(IDLE_S - 1)
    assert desk.sign_in.who(token) == WANG
    desk.advance(IDLE_S)
    assert desk.sign_in.who(token) is None
    assert (await desk.told("staff.signed_in", "staff.signed_out"))[1] == {"staff": WANG, "reason": "idle"}


async def test_the_next_one_takes_the_place_and_the_end_of_the_shift_ends_it(desk):
    first = await desk.sign_in.sign_in(WANG, PIN)
    second = await desk.sign_in.sign_in(LI, PIN)
    assert (desk.sign_in.who(first), desk.sign_in.who(second)) == (None, LI)
    desk.sign_in.shift_ended()
    assert desk.sign_in.present is None
    told = await desk.told("staff.signed_in", "staff.signed_in", "staff.signed_out", "staff.signed_out")
    assert told[2:] == [{"staff": WANG, "reason": "replaced"}, {"staff": LI, "reason": "shift"}]


async def test_whose_pin_is_withdrawn_or_drawn_anew_is_signed_out_and_the_others_stay(desk):
    token = await desk.sign_in.sign_in(WANG, PIN)
    await desk.order(WANG)
    assert desk.sign_in.who(token) == WANG
    await desk.order(WANG, pin="112233")
    assert desk.sign_in.present is None
    assert (await refused(desk, WANG, PIN)).why == "wrong"
    await desk.sign_in.sign_in(WANG, "112233")
    await desk.order(LI)
    assert desk.sign_in.present is None
    assert (await refused(desk, WANG, "112233")).why == "wrong"


async def test_five_wrong_pins_cost_nothing_and_each_further_one_waits_twice_as_long(desk):
    waits = [(await refused(desk)).wait_s for _ in range(5)]
    assert waits == [0, 0, 0, 0, 1]
    again = await refused(desk, WANG, PIN)  # also the right one is not looked at
    assert (again.why, again.wait_s) == ("wait", 1)
    assert await desk.told("staff.refused") == [{"staff": WANG, "times": 5}]
    longest = 1
    for _ in range(12):
        desk.advance(longest + 1)
        longest = (await refused(desk)).wait_s
    assert longest == LONGEST_WAIT_S
    desk.advance(longest + 1)
    await desk.sign_in.sign_in(WANG, PIN)
    await desk.told("staff.refused", "staff.signed_in")
    assert (await refused(desk)).wait_s == 0


async def test_guesses_at_one_number_do_not_keep_another_out(desk):
    for _ in range(5):
        await refused(desk)
    assert await desk.sign_in.sign_in(LI, PIN)


async def test_numbers_that_nobody_has_are_counted_together_and_never_written_down(desk):
    for number in ("11010119900307651X", "a", "b", "c", "d"):
        assert (await refused(desk, number, PIN)).why == "wrong"
    assert (await refused(desk, "e", PIN)).why == "wait"
    assert await desk.told("staff.refused") == [{"times": 5}]
    assert b"11010119900307651X" not in (desk.folder / "station.db-wal").read_bytes()


async def test_a_restart_is_no_way_to_guess_faster(desk):
    for _ in range(7):
        desk.advance(10)
        await refused(desk)
    await desk.stop()
    await desk.start()
    assert (await refused(desk, WANG, PIN)).why == "wait"
    desk.advance(4)
    await desk.sign_in.sign_in(WANG, PIN)


async def test_one_pin_is_looked_at_at_a_time(tmp_path):
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(pin, text):
        looking.set()
        await go_on.wait()
        return await in_this_process(pin, text)

    desk = await Desk(tmp_path).start(is_pin=slow)
    await desk.order(WANG, LI)
    first = asyncio.create_task(desk.sign_in.sign_in(WANG, PIN))
    await looking.wait()
    assert (await refused(desk, LI, PIN)).why == "busy"
    go_on.set()
    assert desk.sign_in.who(await first) == WANG
    await desk.stop()


@pytest.mark.parametrize("ordered", [{"numbers": (LI,)}, {"numbers": (WANG,), "pin": "112233"}])
async def test_a_pin_that_becomes_void_while_it_is_looked_at_signs_nobody_in(tmp_path, ordered):
    async def slow(pin, text):
        await desk.order(*ordered["numbers"], pin=ordered.get("pin", PIN))
        return await in_this_process(pin, text)

    desk = await Desk(tmp_path).start(is_pin=slow)
    await desk.order(WANG)
    assert (await refused(desk, WANG, PIN)).why == "wrong"
    assert desk.sign_in.present is None
    await desk.stop()


async def test_who_cannot_be_journaled_is_not_signed_in(desk, monkeypatch):
    async def broken(*_args, **_options):
        raise JournalError("append to", desk.folder, "no disk", "look at it")

    with monkeypatch.context() as patched:
        patched.setattr(desk.journal, "append", broken)
        with pytest.raises(JournalError):
            await desk.sign_in.sign_in(WANG, PIN)
    assert desk.sign_in.present is None


async def test_a_pin_is_looked_at_in_a_process_of_its_own_that_ends_with_it(desk):
    assert await staff.is_pin(PIN, kept(PIN))
    assert not await staff.is_pin("480914", kept(PIN))
    assert not await staff.is_pin("\n" + PIN, kept(PIN))
    assert [one for one in psutil.Process().children() if "agent.pin_check" in one.cmdline()] == []


async def test_neither_pin_nor_what_is_kept_of_it_stands_in_arguments_or_environment(monkeypatch):
    seen = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments, **options):
        seen.append((arguments, options["env"]))
        return await start(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    monkeypatch.setenv("JINGTING_SECRET", "s3cret")
    assert await staff.is_pin(PIN, kept(PIN))
    ((arguments, environment),) = seen
    assert not any(PIN in text or kept(PIN) in text for text in (*map(str, arguments), *environment.values()))
    assert "JINGTING_SECRET" not in environment


async def test_a_check_that_cannot_be_made_is_said_and_counts_for_nobody(desk, monkeypatch):
    monkeypatch.setattr(staff.sys, "executable", "/no/such/python")
    desk.sign_in._is_pin = staff.is_pin
    for _ in range(6):
        assert (await refused(desk, WANG, PIN)).why == "failed"
    monkeypatch.undo()
    assert await desk.sign_in.sign_in(WANG, PIN)


@pytest.mark.parametrize(
    "listed",
    [
        [StaffMember(number=WANG, pin="480913")],
        [StaffMember(number=WANG, pin=kept(PIN).replace("m=19456", "m=99999999"))],
        [StaffMember(number=WANG, pin=kept(PIN)), StaffMember(number=WANG, pin=kept(PIN))],
    ],
)
async def test_a_list_that_is_none_changes_nothing(desk, listed):
    with pytest.raises(ValueError, match=r"PIN|twice"):
        await desk.journal.run(lambda pen: staff.apply(pen, "", StaffSet(staff=tuple(listed))))
    assert await desk.sign_in.sign_in(WANG, PIN)
