"""Every test that `docs/threats.md` names is there; every threat has one, or says that it is accepted."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threats.md").read_text(encoding="utf-8")


def test_every_threat_has_a_test_that_exists_or_is_accepted():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| threat")]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row)
        assert named or "accepted" in row, row
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8") if test else (ROOT / file).is_file(), row
