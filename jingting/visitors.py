"""The visitors of the demo city: they come for a service, answer what it asks, bring a card, and note their number."""

import asyncio
import functools
import random
import re
import time

from drivers.simulators.cards import PEOPLE, load
from jingting.city import City
from jingting.web import page, submit

_PAUSE_S = 1.5
_LOOK_S = 0.1
_READ_S = 15.0
_TRIES = 3

_TILE = re.compile(r'<button name="to" value="(service/[A-Z0-9-]+)"')
_BEGIN = re.compile(r'name="event_id" value="([0-9a-f-]+)">\s*<button class="go" name="service" value="([A-Z0-9-]+)"')
_QUESTION = re.compile(r'name="question" value="([0-9]+)"')
_ANSWER = re.compile(r'name="answer" value="([0-9]+|skip)"')
_TICKET = re.compile(r'class="ticket">([A-Z0-9-]+)<')


async def come(city: City, station: str, chance: random.Random, until: float) -> None:
    """Let one visitor after the other come to a station until the monotonic time `until`; the last one finishes."""
    cards = sorted(load(PEOPLE))
    while True:
        wished = chance.expovariate(1 / _PAUSE_S)
        await asyncio.sleep(max(0, min(wished, until - time.monotonic())))
        if time.monotonic() >= until:
            return
        await asyncio.to_thread(_visit, city, station, chance, chance.choice(cards))


def _visit(city: City, station: str, chance: random.Random, card: str) -> None:
    url = city.station_url(station)
    services = _TILE.findall(page(url + "/"))
    if services:
        submit(url + "/go", to=chance.choice(services))
    visit = _BEGIN.search(page(url + "/"))
    if visit is None:
        return  # a help call, or a disk, has the screen
    act = functools.partial(_act, url, visit[1])
    submit(url + "/visit", event_id=visit[1], service=visit[2])
    while question := _QUESTION.search(shown := page(url + "/")):
        act("answer", question=question[1], answer=chance.choice(_ANSWER.findall(shown)))
    for _ in range(_TRIES):
        if 'action="/visit/agree"' not in page(url + "/"):
            break
        act("agree")
        city.put_card(station, card)
        _wait_for_card(url)
        city.lift_card(station)
    if 'action="/visit/confirm"' in page(url + "/"):
        act("confirm")
        ticket = _TICKET.search(page(url + "/"))
        if ticket is not None:
            with city.tickets(station).open("a", encoding="utf-8") as noted:
                noted.write(ticket[1] + "\n")
    act("end")


def _wait_for_card(url: str) -> None:
    """Wait as long as the page says that it waits for the card: until it offers something else to do."""
    deadline = time.monotonic() + _READ_S
    while time.monotonic() < deadline:
        shown = page(url + "/")
        if 'action="/visit/confirm"' in shown or 'action="/visit/agree"' in shown or "data-visit" not in shown:
            return
        time.sleep(_LOOK_S)


def _act(url: str, visit: str, action: str, **fields: str) -> None:
    submit(f"{url}/visit/{action}", event_id=visit, **fields)
