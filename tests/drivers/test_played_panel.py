"""How a help panel behaves, on a clock of our own."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from drivers.firmware import frames
from drivers.simulators.panel import BUTTONS, LATCH, HelpPanel, Latched

MS = 1_000_000
RAISED = frames.Outputs("raised", 2, True)


def panel(**given):
    return HelpPanel(**({"epoch": 7, "last_number": 0, "latched": (), "now_ns": 0} | given))


def presses(messages):
    return [message for message in messages if isinstance(message, frames.Press)]


def test_a_panel_without_a_host_shows_it_and_sounds_only_for_a_latched_press():
    played = panel()
    assert played.status()[:2] == ("host_gone", 0)
    played.press(0, 0)
    assert played.status()[:2] == ("host_gone", 1)
    played.acknowledged(frames.PressAck(7, 1))
    assert played.status()[:2] == ("host_gone", 0)


def test_a_host_that_dies_silences_nothing_and_its_return_ends_the_panels_own_doing():
    played = panel()
    played.wish(RAISED, 0)
    played.due(2999 * MS)
    assert played.status()[:3] == ("raised", 2, True)
    played.due(3000 * MS)
    assert played.status()[:3] == ("host_gone", 2, True)
    played.wish(frames.Outputs("off", 0, False), 4000 * MS)
    assert played.status()[:3] == ("off", 0, False)


def test_while_the_host_is_there_a_latched_press_sounds_as_the_host_wishes():
    played = panel()
    played.wish(frames.Outputs("acknowledged", 0, False), 0)
    played.press(0, 0)
    assert played.status()[:2] == ("acknowledged", 0)


def test_hello_comes_at_the_start_before_every_tenth_status_and_when_the_host_comes_back():
    played = panel()

    def hellos(start_s, seconds):
        moments = [played.due((start_s + second) * 1000 * MS) for second in range(seconds)]
        assert all(isinstance(messages[-1], frames.Status) for messages in moments)
        return [second for second, messages in enumerate(moments) if isinstance(messages[0], frames.Hello)]

    assert hellos(0, 21) == [0, 10, 20]
    played.wish(RAISED, 20_500 * MS)
    assert hellos(20.5, 2) == [0]


def test_repetitions_take_turns_so_that_none_hides_another():
    played = panel()
    for _ in range(20):
        played.press(0, 0)
    seen = [[press.number for press in presses(played.due(at * 250 * MS))] for at in range(1, 4)]
    assert seen == [list(range(1, 9)), list(range(9, 17)), [17, 18, 19, 20, 1, 2, 3, 4]]


def test_a_full_latch_numbers_nothing_more_and_says_so_until_there_is_room():
    played = panel()
    for number in range(1, LATCH + 1):
        assert played.press(0, 0).number == number
    assert played.press(0, 0) is None
    assert played.status().faults == frames.FULL
    played.acknowledged(frames.PressAck(7, 3))
    assert played.status().faults == 0
    assert played.press(0, 0).number == LATCH + 1


def test_an_acknowledgement_for_another_epoch_or_number_releases_nothing():
    played = panel(last_number=4, latched=[Latched(7, 4, 0, 0)])
    assert played.acknowledged(frames.PressAck(8, 4)) is None
    assert played.acknowledged(frames.PressAck(7, 5)) is None
    assert played.status().latched == 1


def test_age_is_how_long_the_press_waited_and_never_wraps():
    played = panel()
    press = played.press(1, 1000 * MS)
    assert played.message(press, 3500 * MS).age_ms == 2500
    assert played.message(press, 10**18 * 20).age_ms == 0xFFFFFFFF
    assert played.message(press, 0).age_ms == 0


class Story(RuleBasedStateMachine):
    """Whatever happens, what is latched is exactly what was pressed and not acknowledged, and it is repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.panel = panel()
        self.waiting = set()
        self.made = 0

    @rule(button=st.integers(0, BUTTONS - 1))
    def press(self, button):
        pressed = self.panel.press(button, self.now_ns)
        if pressed is not None:
            self.made += 1
            assert (pressed.epoch, pressed.number, pressed.button) == (7, self.made, button)
            self.waiting.add(pressed.number)

    @rule(number=st.integers(0, 30))
    def acknowledge(self, number):
        released = self.panel.acknowledged(frames.PressAck(7, number))
        assert (released is not None) == (number in self.waiting)
        self.waiting.discard(number)

    @rule(outputs=st.sampled_from([RAISED, frames.Outputs("off", 0, False)]))
    def wish(self, outputs):
        self.panel.wish(outputs, self.now_ns)

    @rule(pass_ms=st.integers(0, 4000))
    def wait(self, pass_ms):
        self.now_ns += pass_ms * MS
        sent = self.panel.due(self.now_ns)
        assert {press.number for press in presses(sent)} <= self.waiting
        assert self.panel.next_due_ns > self.now_ns

    @precondition(lambda self: self.waiting)
    @rule()
    def every_latched_press_is_repeated_within_a_few_turns(self):
        seen = set()
        for _ in range(len(self.waiting) // 8 + 2):
            self.now_ns += 250 * MS
            seen |= {press.number for press in presses(self.panel.due(self.now_ns))}
        assert seen == self.waiting

    @invariant()
    def status_tells_how_many_wait(self):
        assert self.panel.status().latched == len(self.waiting)


TestStory = Story.TestCase
