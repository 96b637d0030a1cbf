"""Who may send when a connection with little room has room again."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from hq.turns import Turns

LANES = ("urgent", "log")


class Connection:
    """A connection with so much room a lane, and stations that have batches to send."""

    def __init__(self, room):
        self.room = dict(zip(LANES, room, strict=True))
        self.sent, self.looks = [], 0
        self.batches, self.woken = {}, deque()
        self.turns = Turns(self.publish, self.woken.append)

    def publish(self, topic, payload, *, lane):
        self.looks += 1
        if not self.room[lane]:
            return False
        self.room[lane] -= 1
        self.sent.append((topic, lane))
        return True

    def orders(self, station, lane):
        self.batches.setdefault(station, []).append(lane)
        self.try_again(station)

    def try_again(self, station):
        """What a sender does when it is woken: the urgent lane first, until there is no room."""
        for lane in LANES:
            while lane in self.batches.get(station, ()):
                if not self.turns.publish(station, station, b"", lane=lane):
                    break
                self.batches[station].remove(lane)

    def settle(self):
        while self.woken:
            self.try_again(self.woken.popleft())

    def puback(self, lane):
        self.room[lane] += 1
        self.turns.room()
        self.settle()


def test_whoever_found_no_room_is_woken_in_turn_and_only_as_many_as_there_is_room_for():
    connection = Connection((1, 1))
    for number in range(1000):
        connection.orders(f"jt-{number}", "log")
    assert connection.sent == [("jt-0", "log")]
    connection.looks = 0
    for _ in range(999):
        connection.puback("log")
    assert [station for station, _ in connection.sent] == [f"jt-{number}" for number in range(1000)]
    assert connection.looks < 3 * 999


def test_an_urgent_batch_does_not_wait_behind_the_others():
    connection = Connection((0, 0))
    for number in range(10):
        connection.orders(f"jt-{number}", "log")
    connection.orders("jt-help", "urgent")
    connection.puback("urgent")
    assert connection.sent == [("jt-help", "urgent")]


def test_one_that_has_nothing_to_send_any_more_holds_up_nobody_for_long():
    connection = Connection((0, 0))
    for number in range(3):
        connection.orders(f"jt-{number}", "log")
    connection.batches["jt-0"].clear()
    connection.puback("log")
    assert connection.sent == []
    connection.puback("log")
    assert connection.sent == [("jt-1", "log"), ("jt-2", "log")]
    connection.orders("jt-3", "log")
    connection.turns.everybody()
    connection.settle()
    assert connection.batches["jt-3"] == ["log"]


@given(
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
    st.lists(st.tuples(st.sampled_from(["orders", "puback"]), st.integers(0, 5), st.sampled_from(LANES))),
)
def test_nobody_is_forgotten(room, steps):
    connection = Connection(room)
    ordered = 0
    for what, number, lane in steps:
        if what == "orders":
            connection.orders(f"jt-{number}", lane)
            connection.settle()
            ordered += 1
        else:
            connection.puback(lane)
    for _ in range(ordered):
        for lane in LANES:
            connection.puback(lane)
    assert len(connection.sent) == ordered
