"""What the citizen is told of a call: what has really happened so far, and no more."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from agent.view import CallView, StationView

News: TypeAlias = Literal["nothing", "sounding", "shown", "seen", "unattended", "hq_answering", "coming", "closed"]

_PROGRESS = ("raised", "acknowledged", "attending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The one thing to say, and the steps below it.

    `can_sound`: a panel is there to sound; without one the news is `shown` instead of `sounding`: the duty page alone
    shows the call. `recorded` is None while nothing can be said of it. `call_110`: somebody else should be called, in
    large letters. `nobody`: everybody has left the desk, and said so; `unattended` is the news of it once headquarters
    is called. `out_of_reach`: that one cannot be heard.
    """

    news: News
    can_sound: bool
    recorded: bool | None = None
    at_hq: bool = False
    hq_answering: bool = False
    unanswered: bool = False
    call_110: bool = False
    nobody: bool = False
    out_of_reach: bool = False


def open_calls(view: StationView) -> list[CallView]:
    """Return the open calls as the duty desk reads them: unacknowledged first, the oldest of them on top."""
    calls = [call for call in view.calls if call.state in _PROGRESS]
    return sorted(calls, key=lambda call: (_PROGRESS.index(call.state), -call.age_s))


def told(view: StationView) -> Told:
    """Return what to say now, of several open calls about the one least far: nobody is promised too much."""
    can_sound = any(device.kind == "panel" and device.state == "ready" for device in view.devices)
    calls = open_calls(view)
    if not calls:
        return Told(news="closed" if view.recently_closed else "nothing", can_sound=can_sound)
    call = min(calls, key=lambda call: (_PROGRESS.index(call.state), call.hq_answered))
    nobody = view.unattended_s is not None and call.state == "raised"
    news = _news(call, can_sound=can_sound, nobody=nobody)
    out_of_reach = news == "unattended" and not (view.hq_online or call.at_hq)
    unanswered = call.breached and call.state == "raised" and not call.hq_answered
    return Told(
        news=news,
        can_sound=can_sound,
        recorded=call.recorded,
        at_hq=call.at_hq,
        hq_answering=call.hq_answered,
        unanswered=unanswered,
        call_110=unanswered or call.recorded is False or news == "shown" or out_of_reach,
        nobody=nobody,
        out_of_reach=out_of_reach,
    )


def _news(call: CallView, *, can_sound: bool, nobody: bool) -> News:
    if call.state == "attending":
        return "coming"
    if call.state == "acknowledged":
        return "seen"
    if call.hq_answered:
        return "hq_answering"
    if nobody and call.escalated:
        return "unattended"
    return "sounding" if can_sound else "shown"
