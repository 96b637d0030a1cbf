from hypothesis import given
from hypothesis import strategies as st

from common import pins


def test_a_pin_is_kept_with_a_salt_of_its_own_in_19_mib():
    first, second = pins.kept("480913"), pins.kept("480913")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert pins.matches("480913", first)
    assert not pins.matches("480914", first)
    assert not pins.matches("480913", pins.NOBODYS)
    assert pins.is_kept(first)
    assert pins.is_kept(pins.NOBODYS)


def test_pins_that_people_try_first_are_not_drawn(monkeypatch):
    numbers = iter([0, 555555, 123456, 987654, 123457])
    monkeypatch.setattr("common.pins.secrets.randbelow", lambda _: next(numbers))
    assert pins.draw() == "123457"


def test_a_pin_has_six_digits_also_when_it_begins_with_noughts(monkeypatch):
    monkeypatch.setattr("common.pins.secrets.randbelow", lambda _: 42)
    assert pins.draw() == "000042"


@given(
    st.text()
    | st.from_regex(r"\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+", fullmatch=True)
)
def test_only_what_costs_what_a_kiosk_can_pay_counts_as_kept(text):
    assert pins.is_kept(text) == (text.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and len(text) == len(pins.NOBODYS))
