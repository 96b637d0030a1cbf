"""A citizen's visit at the screen: questions, purpose, card, confirm, ticket. In memory only, and one at a time.

Pure: what happens comes in as calls and times, and nothing here waits. `agent.visits` holds the visit of now.
"""

import math
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from agent.answers import Answers
from common.catalogue import Answer, Question, Service
from common.privacy import mask_name, mask_number, mask_phone, mask_typed_phone
from drivers.identity import Advice, Identity

IDLE_S: Final = 60
"""Without a touch for so long (seconds), the screen warns."""

WARNING_S: Final = 30
"""How long it warns (seconds) before the visit is erased."""

_NS: Final = 1_000_000_000
_MOST_DIGITS: Final = 15  # E.164, section 6.1

_FEWEST_DIGITS: Final = 7  # of a city's own numbers, without an area code

Page: TypeAlias = Literal["question", "purpose", "card", "confirm", "phone", "ticket"]
"""question: one of the service's, to tap an answer; purpose: why an identity is asked for; card: put it on the reader;
confirm: masked; phone: the number pad, if the citizen wants to be called; ticket: the number."""

Trouble: TypeAlias = Advice | Literal["phone", "not_recorded", "full"]
"""What went wrong last: with the document (`drivers.identity.Advice`), a telephone number that is too short, the disk,
or a journal that is full."""


class Erasable:
    """Personal texts as bytes that can be overwritten.

    That is as far as Python goes: the texts they were made from, and those read from here, are freed and not
    overwritten. No repr tells them.
    """

    def __init__(self) -> None:
        self._texts: dict[str, bytearray] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._texts

    def put(self, name: str, text: str) -> None:
        """Keep a text, over the one of that name before."""
        self.drop(name)
        self._texts[name] = bytearray(text.encode("utf-8", "replace"))

    def drop(self, name: str) -> None:
        """Overwrite and forget one text."""
        data = self._texts.pop(name, None)
        if data is not None:
            data[:] = bytes(len(data))

    def erase(self) -> None:
        """Overwrite and forget all of them."""
        for name in list(self._texts):
            self.drop(name)

    def get(self, name: str) -> str:
        """Return a text, "" for none."""
        return self._texts.get(name, bytearray()).decode()

    def texts(self) -> dict[str, str]:
        """Return all of them."""
        return {name: self.get(name) for name in self._texts}


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitView:
    """A visit as its own screen shows it: masked, and never more than that.

    `question`: the one asked now, `question_number` its number, from 0; `answered`: those before, and what was tapped.
    `erased_in_s`: whole seconds until it is erased, once it warns.
    """

    id: str
    service: Service
    page: Page
    question: Question | None
    question_number: int
    answered: tuple[tuple[Question, Answer], ...]
    reading: bool
    trouble: Trouble | None
    name: str
    number: str
    phone: str
    ticket: str
    ticket_unsure: bool
    erased_in_s: int | None


@dataclass(slots=True, eq=False)
class Visit:
    """One visit; `id` is that of the event it may become. Times are CLOCK_BOOTTIME, in nanoseconds."""

    id: str
    service: Service
    touched_ns: int
    page: Page = "confirm"
    reading: bool = False
    confirming: bool = False
    trouble: Trouble | None = None
    ticket: str = ""
    ticket_unsure: bool = False
    personal: Erasable = field(default_factory=Erasable, repr=False)
    answers: Answers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Show first what the service asks."""
        self.answers = Answers(self.service.questions)
        self._ask()

    # -- what the citizen does --------------------------------------------------------------------------------------

    def touch(self, now: int) -> None:
        """Somebody is there."""
        self.touched_ns = now

    def back(self) -> bool:
        """Return to the page before; False where there is none: the visit is over then."""
        if self.confirming:
            return True
        if self.page == "phone":
            self.page = "confirm"
        elif self.page == "card" or (self.page == "confirm" and self.service.identity != "none"):
            self.page, self.reading = "purpose", False
            for name in ("name", "sex", "number", "address", "document"):
                self.personal.drop(name)
        elif self.page != "ticket" and self.answers.back():
            self._ask()
        else:
            return False
        self.trouble = None
        return True

    def answer(self, number: str, answer: str) -> bool:
        """Take a tap on a question, as `agent.answers` does, and go on; False when nothing changes."""
        if self.page != "question" or not self.answers.give(number, answer):
            return False
        self._ask()
        return True

    def agree(self) -> bool:
        """Start reading, after the citizen's own tap with the purpose shown; False when that is not the page."""
        if self.page not in ("purpose", "card") or self.reading:
            return False
        self.page, self.reading, self.trouble = "card", True, None
        return True

    def go_without(self) -> bool:
        """Go on without an identity, or without a telephone number; False where that is not the page.

        Likewise where an identity is required.
        """
        if self.page == "phone":
            self.personal.drop("phone")
        elif self.page not in ("purpose", "card") or self.reading or self.service.identity == "required":
            return False
        self.page, self.trouble = "confirm", None
        return True

    def ask_phone(self) -> bool:
        """Show the number pad: the citizen wants to be called; False when that is not the page for it."""
        if self.page != "confirm" or self.confirming:
            return False
        self.page, self.trouble = "phone", None
        return True

    def key(self, key: str) -> bool:
        """Take one key of the number pad, a digit or `back`; False for anything else, and when nothing changes."""
        digits = self.personal.get("phone")
        if self.page != "phone":
            return False
        if key == "back" and digits:
            digits = digits[:-1]
        elif len(key) == 1 and key in "0123456789" and len(digits) < _MOST_DIGITS:
            digits += key
        else:
            return False
        self.personal.put("phone", digits)
        self.trouble = None
        return True

    def keep_phone(self) -> bool:
        """Take the telephone number as it was typed; False for one that is too short, and says so."""
        if self.page != "phone":
            return False
        if len(self.personal.get("phone")) < _FEWEST_DIGITS:
            self.trouble = "phone"
            return False
        self.page, self.trouble = "confirm", None
        return True

    def _ask(self) -> None:
        """Show the next question, or what comes after the last one."""
        if need := self.answers.need:
            self.personal.put("need", need)
        else:
            self.personal.drop("need")
        if self.answers.question is not None:
            self.page = "question"
        else:
            self.page = "confirm" if self.service.identity == "none" else "purpose"

    # -- what comes of it -------------------------------------------------------------------------------------------

    def read(self, identity: Identity) -> None:
        """Take what a card said, and of it only what the service asks for."""
        self.reading = False
        fields = identity.fields
        if self.service.identity == "required" and not fields.get("number"):
            self.trouble = "unreadable"
            return
        for name in self.service.card:
            if text := fields.get(name):
                self.personal.put(name, text)
        if "number" in self.personal:
            self.personal.put("document", identity.kind)
        self.page, self.trouble = "confirm", None

    def not_read(self, trouble: Trouble) -> None:
        """No card was read: it may be tried again."""
        self.reading, self.trouble = False, trouble

    def recorded(self, number: str, *, unsure: bool) -> None:
        """Show the ticket; whom it is of is forgotten at once."""
        self.personal.erase()
        self.answers.erase()
        self.confirming, self.trouble = False, None
        self.page, self.ticket, self.ticket_unsure = "ticket", number, unsure

    def not_recorded(self, trouble: Trouble) -> None:
        """Nothing was saved: the same confirm may be tried again."""
        self.confirming, self.trouble = False, trouble

    def erase(self) -> None:
        """Leave nothing of it."""
        self.personal.erase()
        self.answers.erase()
        self.ticket = ""

    # -- what is seen -----------------------------------------------------------------------------------------------

    def left_s(self, now: int) -> float:
        """Return in how many seconds it is erased, if nobody touches the screen."""
        return IDLE_S + WARNING_S - (now - self.touched_ns) / _NS

    def view(self, now: int) -> VisitView:
        """Return what the screen shows at `now`."""
        left_s = self.left_s(now)
        return VisitView(
            id=self.id,
            service=self.service,
            page=self.page,
            question=self.answers.question if self.page == "question" else None,
            question_number=self.answers.number,
            answered=self.answers.answered,
            reading=self.reading,
            trouble=self.trouble,
            name=mask_name(self.personal.get("name")),
            number=mask_number(self.personal.get("number")),
            phone=(mask_typed_phone if self.page == "phone" else mask_phone)(self.personal.get("phone")),
            ticket=self.ticket,
            ticket_unsure=self.ticket_unsure,
            erased_in_s=max(0, math.ceil(left_s)) if left_s <= WARNING_S else None,
        )
