"""`docs/reliability.md` names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_it_names_exists():
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs/reliability.md").read_text(encoding="utf-8")))
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert not named - there
