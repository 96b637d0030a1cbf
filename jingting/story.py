"""What happens at a station, in plain words: the difference between two looks at it."""

from collections.abc import Iterator
from typing import Any

_PHONE = "Call 110 if it is urgent."


def tell(before: dict[str, Any] | None, now: dict[str, Any] | None) -> list[str]:
    """Return what has changed at a station between two answers of its status.json; None when it gave none."""
    if now is None:
        return ["the station does not answer"] if before is not None else []
    if before is None:
        return ["the station answers"]
    known = {call["id"]: call for call in before["calls"]}
    told = [line for call in now["calls"] for line in _tell_call(known.get(call["id"]), call)]
    closed = now["recently_closed"]
    if closed is not None and closed["id"] in known:
        told += _tell_call(known[closed["id"]], closed)
    told += _tell_station(before, now)
    return told


def _tell_call(before: dict[str, Any] | None, now: dict[str, Any]) -> Iterator[str]:
    if before is None:
        where = "the help button" if now["origin"] == "panel" else "help on the screen"
        yield f"somebody presses {where}: the desk alarm sounds"
        before = dict.fromkeys(now, None) | {"state": "raised", "presses": 1}
    if now["presses"] > before["presses"]:
        yield f"pressed again ({now['presses']} presses)"
    if now["recorded"] is False and before["recorded"] is not False:
        yield f"the press could NOT be recorded, the alarm goes on. {_PHONE}"
    if now["recorded"] and not before["recorded"]:
        yield "recorded on the station's disk"
    if now["at_hq"] and not before["at_hq"]:
        yield "headquarters has it"
    if now["escalated"] and not before["escalated"]:
        yield "nobody has answered: headquarters' desk rings"
    if now["breached"] and not before["breached"]:
        yield f"still nobody. {_PHONE}"
    if now["hq_answered"] and not before["hq_answered"]:
        yield "headquarters is answering"
    if now["state"] != before["state"]:
        yield {
            "raised": "the alarm sounds again",
            "acknowledged": "the desk has taken the call, the alarm is quiet",
            "attending": "an officer is coming",
            "closed": f"the call is closed: {(now['closed_reason'] or '').replace('_', ' ')}",
        }[now["state"]]


def _tell_station(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if now["link"] != before["link"]:
        yield "the link is up again" if now["link"] == "up" else "the link is down: events wait on the disk"
    if now["hq_online"] != before["hq_online"]:
        yield "headquarters is online" if now["hq_online"] else "headquarters does not answer"
    if now["journal_ok"] != before["journal_ok"]:
        yield "the journal writes again" if now["journal_ok"] else "the journal cannot be written"
    states = {device["name"]: device["state"] for device in before["devices"]}
    for device in now["devices"]:
        if device["state"] != states.get(device["name"]):
            yield f"{device['kind']} {device['name']} is {device['state']}"
