from hypothesis import given
from hypothesis import strategies as st

from agent.answers import SKIP, Answers
from common.catalogue import MOST_QUESTIONS, load
from common.personal import unfit

SERVICES = st.sampled_from(list(load().services.values()))
TAPS = st.lists(
    st.tuples(st.sampled_from(["0", "1", "2", "3"]), st.sampled_from(["0", "1", "2", "4", "9", SKIP, "back"]))
)


@given(SERVICES, TAPS)
def test_whatever_is_tapped_there_are_three_questions_at_most_and_what_was_answered_can_be_sealed(service, taps):
    answers = Answers(service.questions)
    for number, tap in taps:
        before = answers.answered
        moved = answers.back() if tap == "back" else answers.give(number, tap)
        assert moved or answers.answered == before
        assert answers.number <= len(service.questions) <= MOST_QUESTIONS
        assert (answers.question is None) == (answers.number == len(service.questions))
        assert all(answer in question.answers for question, answer in answers.answered)
        assert bool(answers.need) == bool(answers.answered)
        assert unfit({"need": answers.need}) == []
    answers.erase()
    assert (answers.number, answers.answered, answers.need) == (0, (), "")


@given(SERVICES, st.data())
def test_going_back_asks_the_question_before_again(service, data):
    answers = Answers(service.questions)
    for _ in service.questions:
        answers.give(str(answers.number), data.draw(st.sampled_from(["0", "1", SKIP])))
    for question in reversed(service.questions):
        assert answers.back()
        assert answers.question == question
    assert not answers.back()
