"""What a notice may say."""

import pytest

from common.notice import LONGEST, problems


@pytest.mark.parametrize(
    ("zh", "en"),
    [
        ("今晚 20:00 全市统一清查，请全员到岗。", ""),
        ("", "Roll call at 20:00"),
        ("值班电话 0311-86621110，2026-11-25 起执行", "See 20261125-3"),
        ("x" * LONGEST, "x" * LONGEST),
    ],
)
def test_a_few_words_in_one_or_both_languages_are_a_notice(zh, en):
    assert problems(zh, en) == {}


@pytest.mark.parametrize(
    ("zh", "en", "found"),
    [
        ("", " ", {"zh": "missing"}),
        ("x" * (LONGEST + 1), "", {"zh": "too_long"}),
        ("两\n行", "", {"zh": "wrong"}),
        ("好", "a\u202eb", {"en": "wrong"}),
        ("好", "\x1b[31m", {"en": "wrong"}),
        ("联系 138 0013 8000", "", {"zh": "personal"}),
        ("联系+8613800138000。", "", {"zh": "personal"}),
        ("身份证11010519491231002X的人", "11010519491231002X", {"zh": "personal", "en": "personal"}),
    ],
)
def test_what_is_none_is_told_of_each_language_at_once(zh, en, found):
    assert problems(zh, en) == found
