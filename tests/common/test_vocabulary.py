from pathlib import Path

from common.events import EVENTS, ORDERS
from common.vocabulary import BEGIN, END, markdown

PAGE = Path(__file__).parents[2] / "docs" / "link.md"


def test_the_contracts_vocabulary_is_the_codes():
    """When this fails: put what `python -m common.vocabulary` prints between the page's two markers."""
    stands = PAGE.read_text(encoding="utf-8").partition(BEGIN + "\n")[2].partition(END)[0]
    assert stands == markdown()


def test_every_type_and_its_every_field_is_told():
    told = markdown()
    for table in (EVENTS, ORDERS):
        for name, payload in table.items():
            row = next(line for line in told.splitlines() if line.startswith(f"| `{name}` |"))
            assert all(f"`{field}`" in row for field in payload.__struct_fields__)
            assert row.count("|") == 5


def test_help_events_are_urgent_and_a_rescued_event_goes_as_what_it_carries():
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in markdown().splitlines() if "|" in line}
    assert rows["`help.raised`"] == rows["`help.answered`"] == "urgent"
    assert rows["`device.changed`"] == "log"
    assert rows["`rescued`"] == "as what it carries"
