"""Ordered settings on the duty desk's status line: small, and never in the way of a call."""

import pytest
from web_desks import StationDesk, a_call, at_station

from agent.view import SettingsView

STANDS = [
    (SettingsView(ordered=False, trial="none", rolled_back=""), None, None),
    (SettingsView(ordered=True, trial="none", rolled_back=""), "指挥中心下发", "of headquarters"),
    (SettingsView(ordered=True, trial="tried", rolled_back=""), "正在试用", "are being tried"),
    (
        SettingsView(ordered=False, trial="waits", rolled_back="no_link"),
        "待求助结束后启用",
        "wait until no call is open",
    ),
    (SettingsView(ordered=False, trial="none", rolled_back="no_link"), "未生效", "did not hold"),
]


@pytest.mark.parametrize(("settings", "chinese", "english"), STANDS)
async def test_the_status_line_says_how_the_settings_of_headquarters_stand(settings, chinese, english):
    async with at_station(StationDesk(a_call(), settings=settings)) as browser:
        for language, words, name in (("zh-CN", chinese, "<dt>设置</dt>"), ("en", english, "<dt>Settings</dt>")):
            page = (await browser.get(f"/duty?lang={language}")).text
            assert (name in page) is (words is not None)
            if words is not None:
                assert words in page[page.index("status-line") :]
