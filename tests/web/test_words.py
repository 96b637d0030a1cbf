import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from web_desks import CityDesk, StationDesk, a_call, a_row, a_station, at_headquarters, at_station

from common.web.languages import LANGUAGES, LOCALES, catalogue

ROOT = Path(__file__).parents[2]
ROOMS = ("common/web", "agent/screens", "hq/screens")
TEMPLATES = [("**.html", "jinja2")]


def _sentences():
    """Every message of every template, as `pybabel extract -F common/web/locales/babel.cfg` finds them."""
    found = set()
    for room in ROOMS:
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


async def test_no_sentence_is_written_past_the_catalogue():
    """What a page in Chinese says in Latin letters is a name, a key, or the way to the other language."""
    states = [a_call(state=state, recorded=state != "raised") for state in ("raised", "acknowledged", "attending")]
    rows = [
        a_station("sjz", presence=presence, missing=1, open_calls=1, unrecorded_since="")
        for presence in ("online", "silent", "offline", "never")
    ]
    desks = [(at_station, StationDesk(*calls)) for calls in ((), *((call,) for call in states))]
    desks += [(at_headquarters, CityDesk(a_row(), stations=rows, broker_connected=up)) for up in (True, False)]
    for at, desk in desks:
        async with at(desk) as browser:
            for path in ("/", "/duty", "/no-such-page"):
                text = re.sub(r"<kbd>.*?</kbd>|<[^>]*>", "", (await browser.get(path)).text)
                assert set(re.findall("[A-Za-z]+", text)) <= {"English", "desk", "sjz", "wang"}


@pytest.mark.parametrize(
    ("role", "path"), [(None, "/sign-in"), (None, "/live"), ("auditor", "/audit"), ("administrator", "/accounts")]
)
async def test_no_sentence_of_headquarters_other_pages_is_either(role, path):
    async with at_headquarters(CityDesk(), role=role) as browser:
        text = re.sub(r"<[^>]*>", "", (await browser.get(path)).text)
    assert set(re.findall("[A-Za-z]+", text)) <= {"English", "wang"}


def test_a_catalogue_that_was_not_compiled_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr("common.web.languages.LOCALES", tmp_path)
    with pytest.raises(FileNotFoundError, match="pybabel compile"):
        catalogue("en")
