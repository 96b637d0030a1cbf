from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from common.web.languages import LANGUAGES, LOCALES, catalogue

ROOT = Path(__file__).parents[2]
TEMPLATES = [("**.html", "jinja2")]


def _sentences():
    """Every message of every template, as `pybabel extract -F common/web/locales/babel.cfg` finds them."""
    found = set()
    for room in ("common/web", "agent/screens", "hq/screens"):
        messages = extract_from_dir(
            ROOT / room / "templates", TEMPLATES, {"**.html": {"trimmed": "true", "silent": "false"}}
        )
        found |= {message for _, _, message, _, _ in messages}
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_there_in_every_language_and_none_is_left_over(language):
    path = LOCALES / language.replace("-", "_") / "LC_MESSAGES" / "jingting.po"
    with path.open("rb") as source:
        messages = [m for m in read_po(source, locale=language.replace("-", "_")) if m.id]
    assert {m.id for m in messages} == _sentences()
    assert [m.id for m in messages if not m.string or m.fuzzy] == []
    assert [(m.id, error) for m in messages for error in m.check()] == []


def test_no_sentence_is_written_past_the_catalogue():
    for template in ROOT.glob("*/**/templates/*.html"):
        if ".venv" not in template.parts:
            assert template.read_text().isascii() or "·" in template.read_text(), template


def test_a_catalogue_that_was_not_compiled_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr("common.web.languages.LOCALES", tmp_path)
    with pytest.raises(FileNotFoundError, match="pybabel compile"):
        catalogue("en")
