"""How the panel's firmware behaves, on a clock and a board of our own."""

import itertools
import random

import pytest
from firmware_rig import CASE, CUT, NORMAL, OFF, PRESSED, RAISED, SHORT, Bench, PlayedBoard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from drivers.firmware import frames
from drivers.firmware.latch import CAPACITY
from drivers.firmware.panel import BUZZER, LAMP, RELAY


@pytest.fixture
def bench():
    return Bench()


def test_a_press_of_fifty_ms_after_a_bounce_is_one_press(bench):
    for _ in range(4):
        bench.set(0, PRESSED)
        bench.run(2)
        bench.set(0, NORMAL)
        bench.run(2)
    bench.press(0, 50)
    assert bench.presses() == [1]


def test_a_press_is_on_the_line_within_thirty_ms(bench):
    bench.set(3, PRESSED)
    bench.run(24)
    assert bench.presses() == []
    bench.run(6)
    assert bench.take(frames.Press) == [frames.Press(bench.panel._latch.epoch, 1, 3, 0, False)]


def test_a_press_that_came_out_of_a_queue_late_is_a_press_all_the_same(bench):
    pressed_at = bench.board.ticks
    bench.run(300)
    bench.panel.level(2, PRESSED, pressed_at + 100)
    bench.panel.level(2, NORMAL, pressed_at + 150)
    bench.run(10)
    assert bench.presses() == [1]


def test_a_button_held_for_over_thirty_seconds_is_a_fault_until_it_is_released(bench):
    bench.set(1, PRESSED)
    bench.run(30_000)
    assert bench.status.faults == 0
    bench.run(100)
    assert bench.status.faults == frames.STUCK
    assert set(bench.presses()) == {1}
    bench.set(1, NORMAL)
    bench.run(60)
    assert bench.status.faults == 0
    assert set(bench.presses()) <= {1}


@pytest.mark.parametrize(("level", "bit"), [(SHORT, frames.SHORT), (CUT, frames.CUT)])
def test_a_loop_that_is_shorted_or_cut_is_a_fault_told_at_once_and_no_press(bench, level, bit):
    bench.say(OFF)
    bench.run(150)
    bench.take()
    bench.set(2, level)
    bench.run(350)
    told = bench.take(frames.Status)
    assert [status.faults for status in told] == [bit]
    assert (told[0].lamp, bench.presses()) == ("fault", [])
    bench.set(2, NORMAL)
    bench.run(350)
    assert bench.status.faults == 0


def test_a_loop_that_is_mended_counts_presses_again(bench):
    bench.set(2, CUT)
    bench.run(500)
    bench.set(2, NORMAL)
    bench.run(500)
    bench.press(2)
    assert bench.presses() == [1]


def test_an_open_case_is_a_fault(bench):
    bench.set(CASE, 65535)
    bench.run(150)
    assert bench.status.faults == frames.TAMPER
    bench.set(CASE, 0)
    bench.run(150)
    assert bench.status.faults == 0


def test_a_restart_by_the_watchdog_is_told_for_a_minute():
    board = PlayedBoard()
    board.watchdog_reset = True
    bench = Bench(board)
    bench.run(59_000)
    assert bench.status.faults == frames.WATCHDOG
    bench.run(2_000)
    assert bench.status.faults == 0


def test_a_panel_without_a_host_shows_it_and_sounds_only_for_a_latched_press(bench):
    assert bench.status[:2] == ("host_gone", 0)
    bench.press()
    assert bench.status[:2] == ("host_gone", 1)
    bench.say(frames.PressAck(bench.panel._latch.epoch, 1))
    assert bench.status[:2] == ("host_gone", 0)


def test_a_host_that_dies_silences_nothing_and_its_return_ends_the_panels_own_doing(bench):
    bench.say(RAISED)
    bench.run(2999)
    assert bench.status[:3] == ("raised", 2, True)
    bench.run(10)
    assert bench.status[:3] == ("host_gone", 2, True)
    assert bench.board.outputs[RELAY]
    bench.say(OFF)
    bench.run(1)
    assert bench.status[:3] == ("off", 0, False)
    assert not bench.board.outputs[RELAY]


def test_while_the_host_is_there_a_latched_press_sounds_as_the_host_wishes(bench):
    bench.say(frames.Outputs("acknowledged", 0, False))
    bench.press()
    assert bench.status[:2] == ("acknowledged", 0)


@pytest.mark.parametrize(
    ("wished", "lamp", "buzzer"),
    [
        (OFF, 0, 0),
        (RAISED, 1000, 1600),
        (frames.Outputs("raised", 1, False), 1000, 600),
        (frames.Outputs("acknowledged", 0, False), 2000, 0),
        (frames.Outputs("fault", 0, False), 100, 0),
        (None, 200, 0),
    ],
)
def test_each_state_lights_and_sounds_in_a_way_of_its_own(bench, wished, lamp, buzzer):
    """How many of 2000 ms lamp and buzzer are on."""
    if wished is not None:
        bench.say(wished)
    bench.run(0)
    on_ms = {LAMP: 0, BUZZER: 0}
    for _ in range(2000):
        for output in on_ms:
            on_ms[output] += bench.board.outputs[output]
        bench.run(1)
    assert on_ms == {LAMP: lamp, BUZZER: buzzer}


def test_a_press_without_a_host_sounds_otherwise_than_one_that_rings(bench):
    bench.press()
    bench.run(2000)
    on = [ticks for ticks, output, on in bench.board.driven_at if output == BUZZER and on]
    assert [later - before for before, later in itertools.pairwise(on)][:3] == [200, 200, 1600]


def test_hello_comes_at_the_start_before_every_tenth_status_and_when_the_host_comes_back(bench):
    bench.run(20_500)
    kinds = [type(message) for message in bench.take()]
    assert kinds.count(frames.Status) == 21
    assert [at for at, kind in enumerate(kinds) if kind is frames.Hello] == [0, 11, 22]
    bench.say(RAISED)
    bench.run(10)
    assert [type(message) for message in bench.take()] == [frames.Hello, frames.Status]


def test_repetitions_take_turns_so_that_none_hides_another(bench):
    for _ in range(20):
        bench.panel._latch.press(0, False, 0)
    bench.run(249)
    bench.take()
    turns = []
    for _ in range(3):
        bench.run(250)
        turns.append(bench.presses())
    assert turns == [list(range(1, 9)), list(range(9, 17)), [17, 18, 19, 20, 1, 2, 3, 4]]


def test_a_full_latch_numbers_nothing_more_and_says_so_until_there_is_room(bench):
    for _ in range(CAPACITY + 1):
        bench.press()
    assert set(bench.presses()) == set(range(1, CAPACITY + 1))
    assert bench.status[3:] == (CAPACITY, frames.FULL)
    bench.say(frames.PressAck(bench.panel._latch.epoch, 3))
    assert bench.status[3:] == (CAPACITY - 1, 0)
    bench.press()
    assert CAPACITY + 1 in bench.presses()


def test_an_acknowledgement_for_another_epoch_or_number_releases_nothing(bench):
    bench.press()
    epoch = bench.panel._latch.epoch
    bench.say(frames.PressAck(epoch ^ 1, 1))
    bench.say(frames.PressAck(epoch, 2))
    assert bench.status.latched == 1


def test_age_is_how_long_the_press_waited_even_when_the_ticks_begin_anew():
    bench = Bench(PlayedBoard(ticks=(1 << 30) - 20))
    bench.press(0, 60)
    bench.run(1000)
    ages = [press.age_ms for press in bench.take(frames.Press)]
    assert ages == [0, 250, 500, 750, 1000]


def test_a_press_is_kept_before_it_is_told_and_an_acknowledgement_a_little_later(bench):
    bench.board.send = lambda data: bench.board.sent.append(
        (frames.decode(frames.Decoder().feed(data)[0]), bench.board.saves)
    )
    bench.press()
    assert next(saves for message, saves in bench.board.sent if isinstance(message, frames.Press)) == 1
    bench.say(frames.PressAck(bench.panel._latch.epoch, 1))
    bench.run(900)
    assert bench.board.saves == 1
    bench.run(200)
    assert bench.board.saves == 2
    bench.start()
    assert bench.status.latched == 0


def test_a_panel_that_was_off_goes_on_with_its_epoch_its_numbers_and_what_waited(bench):
    bench.press(0)
    bench.press(1)
    epoch = bench.panel._latch.epoch
    bench.start()
    bench.run(10)
    assert [(press.epoch, press.number, press.button) for press in bench.take(frames.Press)][-2:] == [
        (epoch, 1, 0),
        (epoch, 2, 1),
    ]
    bench.press(2)
    assert 3 in bench.presses()


def test_a_finger_that_is_on_the_button_through_a_restart_is_one_call(bench):
    bench.set(0, PRESSED)
    bench.run(30)
    bench.start(finger_on=0)
    bench.run(100)
    assert set(bench.presses()) == {1}
    bench.set(0, NORMAL)
    bench.run(60)
    bench.press(0)
    assert set(bench.presses()) == {1, 2}


def test_a_finger_on_a_button_at_power_up_that_nobody_knows_of_is_a_call(bench):
    bench.press(1)
    bench.start(finger_on=0)
    bench.run(30)
    assert set(bench.presses()) == {1, 2}


def test_a_flash_that_fails_silences_nothing_and_no_number_is_given_twice(bench):
    bench.press()
    epoch = bench.panel._latch.epoch
    bench.board.flash_fails = True
    bench.press()
    bench.press()
    told = {(press.epoch, press.number) for press in bench.take(frames.Press)}
    (other,) = {told_epoch for told_epoch, _ in told} - {epoch}
    assert told == {(epoch, 1), (other, 1), (other, 2)}
    assert bench.status.faults == frames.STORE
    bench.run(11_000)
    assert frames.Hello("panel 2.0", other, 4) in bench.take(frames.Hello)
    bench.start()  # the flash kept only the first
    bench.board.flash_fails = False
    bench.press()
    assert (epoch, 2) in {(press.epoch, press.number) for press in bench.take(frames.Press)}
    assert bench.status.faults == 0


def test_what_the_flash_kept_and_is_damaged_begins_a_new_epoch_and_is_told(bench):
    bench.press()
    epoch = bench.panel._latch.epoch
    bench.board.flash = bench.board.flash[:-1] + b"?"
    bench.start()
    assert bench.panel._latch.epoch != epoch
    assert bench.status.faults == frames.STORE


@given(seed=st.integers(0, 1 << 32), lost_percent=st.integers(0, 60), down_s=st.integers(0, 30))
@settings(max_examples=settings().max_examples // 20)
def test_a_minute_of_presses_every_second_on_four_buttons_arrives_once_each_over_any_line(seed, lost_percent, down_s):
    """The host is away for a while in the middle, and of its frames and of the panel's so many are damaged."""
    rng, bench = random.Random(seed), Bench()
    arrived, contacts = {}, [0] * 4
    spoilt = frames.frame(b"?" * 20)[:-4]

    def host(second):
        for message in bench.take(frames.Press):
            if abs(second - 30) > down_s / 2 and rng.randrange(100) >= lost_percent:
                arrived[message.epoch, message.number] = message.button
                if rng.randrange(100) >= lost_percent:
                    bench.say(frames.PressAck(message.epoch, message.number))
                else:
                    bench.panel.hear(spoilt)

    for second in range(60):
        for button in range(4):
            if bench.status.latched < CAPACITY:
                bench.press(button, rng.randrange(30, 120))
                contacts[button] += 1
        host(second)
        bench.run(1000 - 4 * 180 + rng.randrange(200))
        host(second)
    for _ in range(1000):
        if not bench.status.latched:
            break
        bench.run(250)
        host(60)
    assert [list(arrived.values()).count(button) for button in range(4)] == contacts


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_any_bytes_on_the_line_press_nothing_and_stop_nothing(pieces):
    bench = Bench()
    for piece in pieces:
        bench.panel.hear(piece)
        bench.run(10)
    assert bench.presses() == []
    bench.press()
    assert bench.presses() == [1]


class Story(RuleBasedStateMachine):
    """Whatever happens, what is latched is exactly what was pressed and not acknowledged, and it is repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.waiting = set()
        self.made = 0
        self.test_waits = 0

    def seen(self):
        return {press.number for press in self.bench.take(frames.Press)}

    @rule(button=st.integers(0, 3), hold_ms=st.integers(25, 200))
    def press(self, button, hold_ms):
        self.bench.press(button, hold_ms)
        self.made += 1
        assert self.made in self.seen()
        self.waiting.add(self.made)

    @rule(button=st.integers(0, 3), flick_ms=st.integers(0, 24))
    def flick(self, button, flick_ms):
        self.bench.press(button, flick_ms)
        assert self.made + 1 not in self.seen()

    @rule(number=st.integers(0, 5))
    def test_itself(self, number):
        again = self.bench.panel._tested is not None and self.bench.panel._tested.number == number
        self.bench.say(frames.SelfTest(number))
        assert frames.SELF_TEST & self.bench.status.faults == 0
        if not again and self.test_waits not in self.waiting:
            self.made += 1
            self.waiting.add(self.made)
            self.test_waits = self.made

    @rule(number=st.integers(0, 30))
    def acknowledge(self, number):
        self.bench.say(frames.PressAck(self.bench.panel._latch.epoch, number))
        self.waiting.discard(number)

    @rule(outputs=st.sampled_from([RAISED, OFF]))
    def wish(self, outputs):
        self.bench.say(outputs)

    @rule(pass_ms=st.integers(0, 4000))
    def wait(self, pass_ms):
        self.bench.take()
        self.bench.run(pass_ms)
        assert self.seen() <= self.waiting

    @rule()
    def lose_power(self):
        self.bench.run(1001)  # an acknowledgement is kept a second later; before that it would only be asked for again
        self.bench.start()

    @precondition(lambda self: self.waiting)
    @rule()
    def every_latched_press_is_repeated_within_a_few_turns(self):
        self.bench.run(249)
        self.bench.take()
        self.bench.run(250 * (len(self.waiting) // 8 + 2))
        assert self.seen() == self.waiting

    @invariant()
    def status_tells_how_many_wait(self):
        assert self.bench.status.latched == len(self.waiting)


TestStory = Story.TestCase
TestStory.settings = settings(stateful_step_count=20)
TestStory.pytestmark = [pytest.mark.timeout(1800)]  # ten thousand stories, at night
