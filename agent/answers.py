"""What a citizen taps on a service's questions, and the sentence an officer reads of it. Pure, in memory only."""

from typing import Final

from common.catalogue import Answer, Question, in_words

SKIP: Final = "skip"
"""The tap that says nothing: a question need not be answered."""


class Answers:
    """The questions of one visit, one after the other, and what was tapped. No repr tells it."""

    def __init__(self, questions: tuple[Question, ...]) -> None:
        self._questions = questions
        self._given: list[Answer | None] = []

    @property
    def number(self) -> int:
        """How many questions are behind us: the number, from 0, of the one that is asked now."""
        return len(self._given)

    @property
    def question(self) -> Question | None:
        """The question that is asked now; None when there is no further one."""
        return self._questions[self.number] if self.number < len(self._questions) else None

    @property
    def answered(self) -> tuple[tuple[Question, Answer], ...]:
        """Every question that was not passed over, with its answer."""
        pairs = zip(self._questions, self._given, strict=False)
        return tuple((question, answer) for question, answer in pairs if answer is not None)

    @property
    def need(self) -> str:
        """The sentence for the officer, in Chinese; "" when nothing was said."""
        return in_words(self.answered)

    def give(self, number: str, answer: str) -> bool:
        """Take a tap on the question of that number: the number of an answer, or SKIP.

        False for another question than the one asked now (a tap that came twice), and for what is no answer.
        """
        question = self.question
        if question is None or number != str(self.number):
            return False
        if answer == SKIP:
            self._given.append(None)
            return True
        for each, of in enumerate(question.answers):
            if answer == str(each):
                self._given.append(of)
                return True
        return False

    def back(self) -> bool:
        """Ask the question before again; False where there is none."""
        if not self._given:
            return False
        self._given.pop()
        return True

    def erase(self) -> None:
        """Leave nothing of it."""
        self._given.clear()
