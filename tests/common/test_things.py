"""What a station lends and what is found, as data; and the tables of both."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import found, loan, things
from common.settings import SettingsError


def test_what_comes_with_this_is_whole():
    lists = things.load()
    assert lists.lent["umbrella"].hours == 72
    assert lists.lent["phone-call"].hours == 0
    assert lists.lent["wheelchair"].contact
    assert lists.found["document"].zh == "证件"
    assert lists.found_days == 20


def test_every_mistake_of_a_citys_file_is_told_at_once(tmp_path):
    own = shutil.copy(things.DEFAULT, tmp_path / "things.toml")
    text = own.read_text(encoding="utf-8")
    for old, new in (
        ('code = "charger"', 'code = "umbrella"'),
        ("found_days = 20", "found_days = 0"),
        ("hours = 8", 'hours = "8"'),
        ('zh = "证件"', 'zh = ""'),
        ('code = "keys"', 'code = "Keys!"\ncolour = 1'),
    ):
        assert old in text
        text = text.replace(old, new)
    own.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        things.load(own)
    assert {mistake.key.partition("[")[0] for mistake in caught.value.mistakes} == {"thing", "found", "found_days"}
    assert len(caught.value.mistakes) == 6


def test_a_list_is_never_longer_than_a_page(tmp_path):
    own = tmp_path / "things.toml"
    many = "".join(f'[[thing]]\ncode = "t{place}"\nzh = "物"\nen = "Thing"\n' for place in range(things.MOST + 1))
    own.write_text(f'version = "1"\n{many}[[found]]\ncode = "f"\nzh = "物"\nen = "Thing"\n', encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        things.load(own)
    assert [mistake.key for mistake in caught.value.mistakes] == ["thing"]


@pytest.mark.parametrize("table", [loan, found])
@given(data=st.data())
def test_nothing_leads_out_of_the_table_and_every_life_ends(table, data):
    state, steps = next(iter(table.NEXT)), [step for of in table.NEXT.values() for step in of]
    taken = 0
    for step in data.draw(st.lists(st.sampled_from(steps), max_size=10)):
        target = table.after(state, step)
        assert (target is None) == (step not in table.NEXT[state])
        if target is not None:
            state, taken = target, taken + 1
    assert state in table.NEXT
    assert taken <= 2
