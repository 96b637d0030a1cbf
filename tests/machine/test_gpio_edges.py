"""A help button on a GPIO line, its edges made by the kernel's gpio-sim: pressed, bouncing, disturbed, flooding."""

import pytest

from tests.machine.kiosk import Kiosk, until

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def made(kiosk):
    """How many presses of the button headquarters got since the test began."""
    before = kiosk.office.presses("door").keys()
    return lambda: len(kiosk.office.presses("door").keys() - before)


def came(kiosk: Kiosk, made, wanted: int) -> None:
    """Wait until so many presses are at headquarters, each once, and one more that shows: no others came."""
    until(lambda: made() >= wanted, f"{wanted} presses at headquarters", seen=lambda: f"{made()} {kiosk.log()}")
    kiosk.finger("down", 120, "up", 120)
    until(lambda: made() >= wanted + 1, "the last press at headquarters", seen=made)
    assert made() == wanted + 1
    assert all(len(ids) == 1 for ids in kiosk.office.presses("door").values())


def test_a_press_of_the_button_reaches_headquarters(kiosk, made):
    kiosk.finger("down", 100, "up", 200)
    came(kiosk, made, 1)


def test_a_press_that_bounces_when_it_closes_and_when_it_opens_is_one_press(kiosk, made):
    closing = ("down", 1, "up", 2, "down", 3, "up", 1, "down", 120)
    opening = ("up", 2, "down", 1, "up", 3, "down", 2, "up", 200)
    kiosk.finger(*closing, *opening)
    came(kiosk, made, 1)


def test_disturbances_of_three_milliseconds_call_nobody(kiosk, made):
    kiosk.finger("down", 3, "up", 80, times=20)
    came(kiosk, made, 0)


def test_presses_whose_edges_were_lost_while_the_station_did_not_look_are_all_counted(kiosk, made):
    """The kernel keeps 64 edges: of 40 presses it throws the oldest 16 away, and its numbers tell."""
    process = kiosk.property("MainPID")
    finger = "python3 -IS /run/finger.py 40 down 40 up 40"
    kiosk.machine.run(f"kill -STOP {process}; {finger}; kill -CONT {process}", within_s=120)
    came(kiosk, made, 40)
    assert kiosk.property("MainPID") == process  # it was not the watchdog who ended it


def test_a_button_pressed_while_the_processor_is_busy_with_all_else_loses_no_press(kiosk, made):
    kiosk.machine.run("for _ in 1 2 3; do (timeout 60 busybox sh -c 'while :; do :; done' &) ; done")
    kiosk.finger("down", 80, "up", 120, times=10)
    came(kiosk, made, 10)
