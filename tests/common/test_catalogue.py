import itertools
from pathlib import Path
from typing import get_args

import pytest

from common.catalogue import DEFAULT, OTHER, USUAL_DAYS, CardField, in_words, load
from common.personal import PERSONAL, unfit
from common.settings import SettingsError


def asked(answers):
    """Return a question of a service's with so many answers, as it stands in the file."""
    of = ", ".join(f'{{ zh = "答{each}", en = "answer {each}" }}' for each in range(answers))
    return f'[[service.question]]\nzh = "问"\nen = "Question"\nanswer = [{of}]\n'


QUESTION, SIX_ANSWERS, ONE_ANSWER = asked(2), asked(6), asked(1)


def mistakes(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    """Return what is said of the default catalogue after some changes to it."""
    text = DEFAULT.read_text(encoding="utf-8")
    for before, now in changes:
        assert before in text
        text = text.replace(before, now, 1)
    file = tmp_path / "catalogue.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    return [str(mistake).removeprefix(f"{file}: ") for mistake in caught.value.mistakes]


def test_the_catalogue_that_comes_with_it_has_the_eleven_groups_each_with_a_service():
    catalogue = load()
    assert list(catalogue.groups) == ["CRJ", "HZ", "JG", "BJ", "QZ", "ZX", "TJ", "BF", "FZ", "TS", "QT"]
    assert {service.group for service in catalogue.services.values()} == set(catalogue.groups)
    assert len(catalogue.home) == 6


def test_help_advice_and_education_need_no_identity():
    services = load().services
    assert {services[code].identity for code in ("QZ-01", "ZX-01", "FZ-01")} == {"none"}


def test_a_report_to_the_police_keeps_a_reference_and_nobody():
    report = load().services["BJ-01"]
    assert (report.reference_only, report.identity, report.card) == (True, "none", ())


def test_the_officer_on_duty_does_not_see_a_complaint():
    assert [service.group for service in load().services.values() if service.confidential] == ["TS"]


def test_assistance_asks_for_the_citizens_consent():
    catalogue = load()
    assert all(catalogue.targets[target].consent for target in catalogue.services["BF-01"].refer)


def test_who_asks_for_an_identity_says_why_in_both_languages():
    for service in load().services.values():
        asks = service.identity != "none"
        assert bool(service.purpose_zh) == bool(service.purpose_en) == bool(service.card) == asks


def test_what_is_asked_of_a_card_has_a_personal_field_of_its_name():
    assert set(get_args(CardField)) <= set(PERSONAL)
    assert OTHER in load().materials


def test_every_mistake_is_told_at_once(tmp_path):
    told = mistakes(
        tmp_path,
        ('home = ["HZ-01", "HZ-02"', 'home = ["HZ-01", "HZ-99"'),
        ('zh = "出入境"\n', ""),
        ('code = "HZ-02"', 'code = "HZ-01"'),
        ('code = "ZX-01"', 'code = "XX-01"'),
        ('bring = ["id-card", "photo", "application-form", "old-document"]', 'bring = ["id-card", "passport"]'),
        ('refer = ["traffic-office"]', 'refer = ["moon"]'),
        ('identity = "optional"', 'identity = "maybe"'),
        ("rating = false", 'rating = "no"'),
        ('version = "2026.3"', 'version = "2026 2"'),
    )
    assert {line.partition(":")[0] for line in told} == {
        "group[0].zh",
        "home",
        "service[0].bring",
        "service[3].code",
        "service[5].refer",
        "service[6].identity",
        "service[8].rating",
        "service[12].code",
        "version",
    }


@pytest.mark.parametrize(
    ("before", "now", "key"),
    [
        ('card = ["name", "number"]', 'card = ["name", "nation"]', "service[0].card"),
        ('card = ["name", "number"]', "card = []", "service[0].card"),
        ('identity = "none"\nrefer', 'identity = "none"\ncard = ["name"]\nrefer', "service[1].card"),
        ("purpose_zh = ", "purpose = ", "service[0].purpose"),
        ('identity = "required"', 'identity = "none"', "service[0].card"),
        ("reference_only = true", 'reference_only = true\ncard = ["name"]', "service[8].card"),
        ('code = "other"', 'code = "something"', "material"),
        ('"ZX-01"]', '"ZX-01", "QT-01"]', "home"),
        ('"QZ-01", "ZX-01"]', '"QZ-01", "QZ-01"]', "home"),
        ("confidential = true\nrating = false", "confidential = true\nrating = true", "service[17].rating"),
        ("about_zh = ", "about = ", "service[0].about"),
        ("hours_en = ", "# hours_en = ", "service[0].hours_en"),
        ('elsewhere = ["government-hall", "photo"]', 'elsewhere = ["cinema"]', "service[0].elsewhere"),
        ('{ zh = "护照", en = "A passport" }', '{ zh = "护照" }', "service[0].question[0].answer[0].en"),
        ('answer = [\n  { zh = "护照"', 'answers = [\n  { zh = "护照"', "service[0].question[0].answer"),
        ('zh = "护照", en', f'zh = "{"护照" * 100}", en', "service[0].question"),
        ("reference_only = true", f"reference_only = true\n{QUESTION}", "service[8].question"),
        ('elsewhere = ["bus"]', f'elsewhere = ["bus"]\n{QUESTION * 4}', "service[7].question"),
        ('elsewhere = ["bus"]', f'elsewhere = ["bus"]\n{SIX_ANSWERS}', "service[7].question[0].answer"),
        ('elsewhere = ["bus"]', f'elsewhere = ["bus"]\n{ONE_ANSWER}', "service[7].question[0].answer"),
        ('code = "advised"', 'code = "handled"', "result[1].code"),
        ('code = "advised"', 'code = "Advised!"', "result[1].code"),
        ("consent = true", "consents = true", "target[16].consents"),
    ],
)
def test_a_mistake_is_told_where_it_stands(tmp_path, before, now, key):
    assert key in [line.partition(":")[0] for line in mistakes(tmp_path, (before, now))]


def test_every_service_says_in_both_languages_what_it_is():
    for service in load().services.values():
        assert 10 < len(service.about_zh) < 60
        assert 20 < len(service.about_en) < 180


def test_what_an_officer_reads_of_any_answers_fits_into_the_field_it_is_sealed_in():
    services = load().services.values()
    asking = [service for service in services if service.questions]
    assert {service.code for service in asking} >= {"HZ-01", "CRJ-01", "JG-01", "QZ-01", "TS-01"}
    for service in asking:
        for answers in itertools.product(*(question.answers for question in service.questions)):
            assert unfit({"need": in_words(zip(service.questions, answers, strict=True))}) == []


def test_an_identity_card_is_on_the_first_page():
    catalogue = load()
    assert any("身份证" in catalogue.services[code].zh for code in catalogue.home)


def test_a_catalogue_that_is_empty_says_what_it_needs(tmp_path):
    file = tmp_path / "catalogue.toml"
    file.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    keys = {mistake.key for mistake in caught.value.mistakes}
    assert {"version", "home", "group", "service", "material", "target", "result", "reopening"} <= keys


def test_a_dispute_may_be_referred_to_mediation_of_three_kinds_at_four_levels_and_each_target_has_its_days():
    catalogue = load()
    kinds, levels = ("people", "administrative", "judicial"), ("village", "township", "county", "city")
    expected = tuple(f"mediation-{kind}-{level}" for kind in kinds for level in levels)
    assert catalogue.services["TJ-01"].refer == expected
    assert {catalogue.targets[code].days for code in expected} == {30}
    assert catalogue.targets["assistance-county"].days == 15
    assert catalogue.targets["police-office"].days == USUAL_DAYS


def test_days_that_are_none_are_told(tmp_path):
    told = mistakes(tmp_path, ("consent = true\ndays = 15", "consent = true\ndays = 0"))
    assert any("days" in each and "1 to 365" in each for each in told)
