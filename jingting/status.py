"""How a running station is, asked from outside over its own web address."""

import json
from typing import Any, Final

from jingting.web import base_url, fetch

WRONG = 1
"""Exit code: the station runs, and something is wrong."""

SELF_TEST_OVERDUE_S = 36 * 3600
"""A passed self-test older than this (seconds) is wrong: a whole night has been missed."""

NOT_RUNNING = 3
"""Exit code: nobody answers (LSB 5.0, section 22.2: program is not running)."""


_NEEDS: Final = {
    "certificate": "the certificate has to be renewed, and headquarters does not answer: look at the network",
    "enrolment": "headquarters does not know this station any more; there: jingting hq invite --station ID",
}


_DISK: Final = {
    "low": "little room is left on the disk: look what fills it (df, du), or lower journal.max_bytes",
    "full": "the disk is full: only what is held for calls for help can be recorded; make room",
    "read_only": "the disk can only be read: look at it with dmesg, and mount it for writing again",
    "silent": "the disk does not answer: look at it with dmesg",
}


def address(host: str, port: int) -> str:
    """Return the URL of a station's status."""
    return base_url(host, port) + "/status.json"


def ask(host: str, port: int) -> dict[str, Any] | None:
    """Return the station's own view of itself, or None when nobody, or something else, answers within 3 s."""
    answer = fetch(address(host, port))
    return answer if answer is not None and "station" in answer else None


def wrong(view: dict[str, Any]) -> list[str]:
    """Return what a technician should look at, in plain words; empty when all is well.

    A clock that is not synchronised is shown but not counted: the station works without it, by design.
    """
    found = [
        f"{device['kind']} {device['name']} is {device['state']}"
        + (f": {device['reason']}" if device["reason"] else "")
        for device in view["devices"]
        if device["state"] != "ready"
    ]
    found += [wrong for device in view["devices"] if (wrong := _self_test_wrong(device))]
    if not view["journal_ok"]:
        found.append("the journal cannot be written: look at the disk")
    if view.get("journal_full"):
        found.append("the journal is full: only calls for help are recorded until headquarters has received the rest")
    disk = view.get("disk")
    if disk is not None and disk["state"] in _DISK:
        found.append(_DISK[disk["state"]])
    if view["link"] != "up":
        found.append("no connection to the broker")
    elif not view["hq_online"]:
        found.append("headquarters does not answer")
    found += [_NEEDS[need] for need in view.get("waits_for", ()) if need in _NEEDS]
    found += [f"help call {call['id']} is not recorded" for call in view["calls"] if call["recorded"] is False]
    found += [f"nobody answers help call {call['id']}" for call in view["calls"] if call["breached"]]
    found += [
        f"finding {table['name']}: "
        + (f"{table['mistakes']} mistakes, the first at " if table["mistakes"] else "")
        + f"{table['first']}; {table['entries'] or 'no'} entries of before are shown"
        for table in view.get("finding", ())
        if table["problem"]
    ]
    return found


def _self_test_wrong(device: dict[str, Any]) -> str:
    test = device.get("self_test")
    if test is None:
        return ""
    if test["state"] == "failed":
        return f"{device['kind']} {device['name']} failed its self-test: {test['reason']}"
    if (test["passed_s"] or 0) > SELF_TEST_OVERDUE_S:
        return f"{device['kind']} {device['name']} passed its last self-test {test['passed_s'] // 3600} h ago"
    return ""


def _tested(device: dict[str, Any]) -> str:
    test = device.get("self_test")
    if test is None:
        return ""
    ago = "" if test["passed_s"] is None else f", last passed {test['passed_s'] // 60} min ago"
    return f", self-test {test['state']}{ago}"


def in_words(view: dict[str, Any], found: list[str]) -> str:
    """Return the view as a few lines for a person."""
    waiting = f"{view['waiting']} waiting for headquarters"
    if view["oldest_waiting_s"] is not None:
        waiting += f", the oldest for {view['oldest_waiting_s']} s"
    lines = [
        f"{view['station']} {view['name_zh']} ({view['name_en']})",
        f"  link      {view['link']}, headquarters {'online' if view['hq_online'] else 'away'}",
        f"  events    {waiting}",
        f"  calls     {len(view['calls'])} open",
        *([f"  desk      left {view['unattended_s'] // 60} min ago"] if view.get("unattended_s") is not None else []),
        *([f"  disk      {_disk(view['disk'])}"] if view.get("disk") else []),
        *([f"  shift     {_shift(view['shift'])}"] if view.get("shift") else []),
        f"  clock     {'synchronised' if view['clock_trusted'] else 'not synchronised'}",
        *(f"  {device['kind']:<9} {device['name']} {device['state']}{_tested(device)}" for device in view["devices"]),
        *(f"  finding   {table['name']}, {table['entries']} entries" for table in view.get("finding", ())),
        *([f"  waits for {', '.join(view['waits_for'])}"] if view.get("waits_for") else []),
        *(f"  wrong     {item}" for item in found),
    ]
    return "\n".join(lines)


def _disk(disk: dict[str, Any]) -> str:
    words = str(disk["state"]).replace("_", " ")
    room = "" if disk["free_bytes"] is None else f", {disk['free_bytes'] // 2**20} MiB free"
    return words + room + ("" if disk["free_inodes"] is None else f", {disk['free_inodes']} inodes")


def _shift(shift: dict[str, Any]) -> str:
    if not shift["known"]:
        return "not known while the clock is not synchronised"
    return f"{shift['team']}, {shift['name_zh']} ({shift['name_en']}), until {shift['until']}"


def as_json(view: dict[str, Any]) -> str:
    """Return the view as one JSON object, as the station wrote it."""
    return json.dumps(view, ensure_ascii=False)
