"""The service catalogue: what people come for, what each service asks of them, and the words for it.

A data file in two levels, groups and services; `catalogue.toml` beside this file is the one used where a city has none
of its own. It is read whole, and every mistake in it is told at once.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeVar, get_args

from common.personal import MOST_CHARACTERS
from common.settings import Section, Settings

Identity: TypeAlias = Literal["none", "optional", "required"]
CardField: TypeAlias = Literal["name", "sex", "number", "address"]
"""What may be asked of a card; each becomes the personal field of the same name (`common.personal`)."""

PlaceKind: TypeAlias = Literal[
    "police-office",
    "government-hall",
    "community",
    "hospital",
    "pharmacy",
    "elder-care",
    "legal-aid",
    "bank",
    "post",
    "photo",
    "locksmith",
    "toilet",
    "bus",
    "parking",
    "school",
    "market",
    "other",
]
"""Kinds of places in the ten-minute circle, where a matter may be seen to as well, in the order of their tiles."""

DEFAULT: Final = Path(__file__).with_name("catalogue.toml")

OTHER: Final = "other"
"""The material that any service may name as missing: which one, the officer says aloud."""

USUAL_DAYS: Final = 7
"""In how many days a referral is to be done whose target says nothing of it."""

MOST_ON_HOME: Final = 6
"""Most services on the citizen's first page: one screen of large tiles."""

MOST_QUESTIONS: Final = 3
"""Most questions a service asks: more than that nobody answers on a screen in the street."""

FEWEST_ANSWERS, MOST_ANSWERS = 2, 5
"""How many answers a question has: what one page shows as large buttons."""

PLACE_KINDS: Final[tuple[PlaceKind, ...]] = get_args(PlaceKind)
_IDENTITIES: Final[tuple[Identity, ...]] = get_args(Identity)
_CARD_FIELDS: Final[tuple[CardField, ...]] = get_args(CardField)
_CODE: Final = (r"[a-z][a-z0-9-]{0,39}", "1 to 40 of a-z, 0-9 and -, beginning with a letter")
_GROUP: Final = (r"[A-Z]{2,3}", "2 or 3 capital letters")
_SERVICE: Final = (r"[A-Z]{2,3}-[0-9]{2}", "the code of its group, - and two digits")

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Something with a code and a name in Chinese and in English: a group, a material, a result, a reason."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a record may be referred to; with `consent`, only once the citizen has agreed.

    `days`: in how many it is to be done there, as the desk proposes it.
    """

    code: str
    zh: str
    en: str
    consent: bool
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to tap; the officer reads the Chinese one."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question of a service, with FEWEST_ANSWERS to MOST_ANSWERS answers; any may be passed over."""

    zh: str
    en: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service.

    `about_*`: what it is, in a plain sentence or two. `hours_*`: when, "" where nothing is to be said of it.
    `elsewhere`: kinds of places that see to it too. `questions`: what is asked before a number is given, in this order.
    `purpose_*`: why an identity is asked for, shown before the citizen's own tap; empty where none is. `bring`:
    materials, by code. `card`: what is asked of a card. `refer`: targets, by code. `confidential`: the officer on duty
    is shown no personal field, so not what the citizen said either. `reference_only`: no personal field is taken at
    all; the record keeps the reference of the system that has the case.
    """

    code: str
    zh: str
    en: str
    about_zh: str
    about_en: str
    hours_zh: str
    hours_en: str
    elsewhere: tuple[PlaceKind, ...]
    questions: tuple[Question, ...]
    identity: Identity
    purpose_zh: str
    purpose_en: str
    bring: tuple[str, ...]
    card: tuple[CardField, ...]
    refer: tuple[str, ...]
    rating: bool
    confidential: bool
    reference_only: bool

    @property
    def group(self) -> str:
        """Code of the group it belongs to."""
        return self.code.partition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A whole catalogue: each list by code, in the file's order. `home`: the services on the citizen's first page."""

    version: str
    home: tuple[str, ...]
    groups: dict[str, Named]
    services: dict[str, Service]
    materials: dict[str, Named]
    targets: dict[str, Target]
    results: dict[str, Named]
    reopenings: dict[str, Named]


def load(file: Path = DEFAULT) -> Catalogue:
    """Read a catalogue. Raises SettingsError with every mistake at once."""
    settings = Settings.read(file)
    root = settings.root
    version = root.text("version", pattern=r"[0-9A-Za-z.-]{1,32}", expected="1 to 32 letters, digits, . and -")
    materials = _by_code(root, "material", _CODE, _named)
    if OTHER not in materials:
        root.mistake("material", found=f"none with the code {OTHER}", expected=f"one: what {OTHER} is called")
    targets = _by_code(root, "target", _CODE, _target)
    groups = _by_code(root, "group", _GROUP, _named)
    services = _by_code(
        root, "service", _SERVICE, lambda section, code: _service(section, code, groups, materials, targets)
    )
    home = root.texts("home")
    _check_codes(root, "home", home, services, "services in this file")
    if not 1 <= len(home) <= MOST_ON_HOME:
        root.mistake("home", found=f"{len(home)} services", expected=f"1 to {MOST_ON_HOME}")
    loaded = Catalogue(
        version=version,
        home=home,
        groups=groups,
        services=services,
        materials=materials,
        targets=targets,
        results=_by_code(root, "result", _CODE, _named),
        reopenings=_by_code(root, "reopening", _CODE, _named),
    )
    settings.finish()
    return loaded


def _by_code(
    root: Section, name: str, spelling: tuple[str, str], read: Callable[[Section, str], _Item]
) -> dict[str, _Item]:
    pattern, expected = spelling
    items: dict[str, _Item] = {}
    for section in root.sections(name):
        code = section.text("code", pattern=pattern, expected=expected)
        if code and code in items:
            section.mistake("code", found=f'"{code}" a second time', expected="a code of its own")
        items[code] = read(section, code)
    return items


def _named(section: Section, code: str) -> Named:
    return Named(code=code, zh=section.text("zh"), en=section.text("en"))


def _target(section: Section, code: str) -> Target:
    return Target(
        code=code,
        zh=section.text("zh"),
        en=section.text("en"),
        consent=section.flag("consent", default=False),
        days=section.whole("days", default=USUAL_DAYS, least=1, most=365),
    )


def _service(
    section: Section, code: str, groups: Collection[str], materials: Collection[str], targets: Collection[str]
) -> Service:
    if code and code.partition("-")[0] not in groups:
        section.mistake("code", found=f'"{code}"', expected="a service of one of the groups")
    told = section.text("identity", pattern="|".join(_IDENTITIES), expected="none, optional or required")
    identity: Identity = next((each for each in _IDENTITIES if each == told), "required")
    asks = identity != "none"
    card = section.texts("card", default=())
    if unknown := [name for name in card if name not in _CARD_FIELDS]:
        section.mistake("card", found=", ".join(unknown), expected="of " + ", ".join(_CARD_FIELDS))
    elif told and asks != bool(card):
        section.mistake(
            "card",
            found=f"{len(card)} fields with identity = {identity}",
            expected="one field or more where an identity is asked for, none where it is not",
        )
    bring = section.texts("bring", default=())
    _check_codes(section, "bring", bring, materials, "materials in this file")
    refer = section.texts("refer", default=())
    _check_codes(section, "refer", refer, targets, "targets in this file")
    confidential = section.flag("confidential", default=False)
    reference_only = section.flag("reference_only", default=False)
    rating = section.flag("rating")
    if rating and (confidential or reference_only):
        # Who complains of a desk must not be asked, in front of it, how they like it; and the other system asks itself.
        section.mistake("rating", found="true", expected="false where confidential or reference_only is true")
    if reference_only and told and asks:
        section.mistake("reference_only", found="true", expected="false where an identity is asked for")
    hours_zh, hours_en = section.text("hours_zh", default=""), section.text("hours_en", default="")
    if bool(hours_zh) != bool(hours_en):
        missing = "hours_en" if hours_zh else "hours_zh"
        section.mistake(missing, found="nothing", expected="the hours in this language too, or in neither")
    elsewhere = section.texts("elsewhere", default=())
    _check_codes(section, "elsewhere", elsewhere, PLACE_KINDS, "places: " + ", ".join(PLACE_KINDS))
    questions = _questions(section)
    if questions and reference_only:
        expected = "none where only a reference is kept: there is nowhere to keep an answer"
        section.mistake("question", found=f"{len(questions)} questions", expected=expected)
    return Service(
        code=code,
        zh=section.text("zh"),
        en=section.text("en"),
        about_zh=section.text("about_zh"),
        about_en=section.text("about_en"),
        hours_zh=hours_zh,
        hours_en=hours_en,
        elsewhere=tuple(kind for kind in PLACE_KINDS if kind in elsewhere),
        questions=questions,
        identity=identity,
        # Asked for where it is needed; where it is not, one that stands there is an unknown key.
        purpose_zh=section.text("purpose_zh") if asks else "",
        purpose_en=section.text("purpose_en") if asks else "",
        bring=bring,
        card=tuple(name for name in _CARD_FIELDS if name in card),
        refer=refer,
        rating=rating,
        confidential=confidential,
        reference_only=reference_only,
    )


def _questions(service: Section) -> tuple[Question, ...]:
    questions = tuple(_question(section) for section in service.sections("question", least=0))
    if len(questions) > MOST_QUESTIONS:
        service.mistake("question", found=f"{len(questions)} questions", expected=f"at most {MOST_QUESTIONS}")
    longest = len(in_words([(each, max(each.answers, key=_length, default=None)) for each in questions]))
    if longest > MOST_CHARACTERS:
        expected = f"at most {MOST_CHARACTERS} in Chinese, all questions with their longest answers together"
        service.mistake("question", found=f"{longest} characters", expected=expected)
    return questions


def _question(section: Section) -> Question:
    answers = tuple(Answer(zh=each.text("zh"), en=each.text("en")) for each in section.sections("answer"))
    if answers and not FEWEST_ANSWERS <= len(answers) <= MOST_ANSWERS:
        expected = f"{FEWEST_ANSWERS} to {MOST_ANSWERS}"
        section.mistake("answer", found=f"{len(answers)} answers", expected=expected)
    return Question(zh=section.text("zh"), en=section.text("en"), answers=answers)


def in_words(answered: Iterable[tuple[Question, Answer | None]]) -> str:
    """Return what an officer reads of it, in Chinese: questions that were passed over are left out."""
    return "；".join(f"{question.zh}{answer.zh}" for question, answer in answered if answer is not None)


def _length(answer: Answer) -> int:
    return len(answer.zh)


def _check_codes(section: Section, key: str, codes: tuple[str, ...], known: Collection[str], what: str) -> None:
    unknown = [code for code in codes if code not in known]
    if unknown:
        section.mistake(key, found=", ".join(unknown), expected=f"codes of {what}")
    if len(set(codes)) < len(codes):
        section.mistake(key, found="a code twice", expected="each once")
