from hypothesis import given
from hypothesis import strategies as st

from agent.scans import SHOWN_S, Scans

NUMBER = "JW012-20261122-0007"


class Desk:
    def __init__(self):
        self.now_ns = 5
        self.told = 0
        self.scans = Scans(lambda: self.now_ns, self.tell)

    def tell(self):
        self.told += 1


def test_a_tickets_number_is_shown_for_a_minute_and_the_newest_one_only():
    desk = Desk()
    assert desk.scans.number is None
    desk.scans.code("JW012-20261122-0006")
    desk.scans.code(NUMBER)
    desk.now_ns += SHOWN_S * 1_000_000_000 - 1
    assert (desk.scans.number, desk.told) == (NUMBER, 2)
    desk.now_ns += 1
    assert desk.scans.number is None


@given(text=st.text(max_size=40) | st.from_regex(r"\A[A-Z0-9 -]{5,30}\n?\Z"))
def test_a_strangers_text_is_shown_only_if_it_is_a_number_as_records_have(text):
    desk = Desk()
    desk.scans.code(NUMBER)
    desk.scans.code(text)
    assert desk.scans.number in (NUMBER, text)
    assert set(desk.scans.number) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
