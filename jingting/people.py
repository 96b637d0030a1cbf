"""The people of the demo city: somebody presses, headquarters' monitor answers, an officer comes."""

import asyncio
import random
import time

from common.identifiers import uuid7
from jingting.city import City
from jingting.web import fetch, submit

_PAUSE_S = 3.0
_LOOK_S = 0.1
_WAIT_S = 10.0


async def live(city: City, station: str, chance: random.Random, until: float) -> None:
    """Let people live at one station until the monotonic time `until`.

    They press the panel's button, and answer through the same pages as everybody.
    """
    while await _pause(chance, until):
        city.press(station)
        while chance.random() < 0.3:  # noqa: PLR2004 - now and then somebody presses again
            if not await _pause(chance, until, share=0.3):
                return
            city.press(station)
        call = await _open_call(city, station, until)
        if call is None:
            continue
        for step, field in (("answer", {}), ("acknowledge", {}), ("attend", {}), ("close", {"reason": "helped"})):
            if not await _pause(chance, until, share=0.3):
                return
            await asyncio.to_thread(_act, city, station, call, step, field)


async def _pause(chance: random.Random, until: float, *, share: float = 1.0) -> bool:
    """Wait as long as people do; False when the time is over."""
    wished = chance.expovariate(1 / (_PAUSE_S * share))
    left = until - time.monotonic()
    await asyncio.sleep(max(0, min(wished, left)))
    return wished < left


async def _open_call(city: City, station: str, until: float) -> str | None:
    """Return the id of the open call once headquarters has it, or None when it does not come to that in time."""
    deadline = min(until, time.monotonic() + _WAIT_S)
    while time.monotonic() < deadline:
        view = await asyncio.to_thread(fetch, city.duty_url(station) + "/status.json")
        for call in view["calls"] if view else ():
            if call["at_hq"]:
                return str(call["id"])
        await asyncio.sleep(_LOOK_S)
    return None


def _act(city: City, station: str, call: str, step: str, fields: dict[str, str]) -> None:
    event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
    if step == "answer":
        city.answer(station, call, event_id)
    else:
        submit(f"{city.duty_url(station)}/duty/calls/{call}/{step}", event_id=event_id, **fields)
