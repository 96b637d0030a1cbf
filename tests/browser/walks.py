"""Every page, and the taps that lead to it: whoever adds a page adds its walk here, and all checks look at it.

A step is a selector to tap, or a coroutine that takes the screen: what somebody else does meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from browser_rig import DEADLINE_S, LOOKS, Screen

from common.identifiers import uuid7
from jingting.city import MONITOR
from jingting.web import page, submit

Step: TypeAlias = str | Callable[[Screen], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """`name` of the page, the steps from the first page, and a selector that only this page `shows`."""

    name: str
    shows: str
    steps: tuple[Step, ...] = ()
    looks: tuple[str, ...] = LOOKS

    def __str__(self) -> str:
        return self.name


# -- what others do meanwhile ------------------------------------------------------------------------------------------


def put(card: str) -> Step:
    """Lay a card of `drivers/simulators/people.toml` on the reader."""

    async def act(screen: Screen) -> None:
        screen.city.put_card(screen.station, card)

    return act


async def lift(screen: Screen) -> None:
    screen.city.lift_card(screen.station)


async def _call(screen: Screen) -> str:
    """The open call, as soon as there is one: a tap returns before it has reached the station."""
    deadline = time.monotonic() + DEADLINE_S
    while not (calls := [call for call in (await screen.status())["calls"] if call["state"] != "closed"]):
        assert time.monotonic() < deadline, "nobody called"
        await asyncio.sleep(0.01)
    return str(calls[0]["id"])


def officer(step: str, **fields: str) -> Step:
    """Let the officer at the duty desk take a step of the open call."""

    async def act(screen: Screen) -> None:
        url = f"{screen.duty}/duty/calls/{await _call(screen)}/{step}"
        assert await asyncio.to_thread(submit, url, event_id=uuid7(wall_ms=time.time_ns() // 1_000_000), **fields)

    return act


async def headquarters_answers(screen: Screen) -> None:
    call = await _call(screen)
    event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
    assert await asyncio.to_thread(screen.city.answer, screen.station, call, event_id)


async def served(screen: Screen) -> None:
    """Let the officer see to somebody at the desk, from the first to the last step."""

    async def send(path: str, **fields: str) -> str:
        event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
        assert await asyncio.to_thread(submit, f"{screen.duty}/duty/records{path}", event_id=event_id, **fields)
        return event_id

    record = await send("", service="ZX-01", **{"as": "registered"})
    for step, fields in (("accept", {}), ("handle", {}), ("finish", {"result": "advised"})):
        await send(f"/{record}/steps/{step}", **fields)


def desk(path: str) -> Step:
    """Open a page of the duty desk."""

    async def act(screen: Screen) -> None:
        await screen.page.goto(screen.duty + path)

    return act


async def display(screen: Screen) -> None:
    await screen.page.goto(screen.home + "/queue")


async def pressed(screen: Screen) -> None:
    """Let somebody press help on the citizen's screen."""
    assert await asyncio.to_thread(submit, screen.home + "/help", event_id=uuid7(wall_ms=time.time_ns() // 1_000_000))


async def recorded(screen: Screen) -> None:
    """Open the page of a record that the officer has just opened."""
    event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
    form = {"service": "HZ-01", "as": "registered", "name": "样本·䶮㛃", "number": "11010519491231002X"}
    assert await asyncio.to_thread(submit, screen.duty + "/duty/records", event_id=event_id, **form)
    await screen.page.goto(f"{screen.duty}/duty/records/{event_id}")


async def left(screen: Screen) -> None:
    """Let everybody leave the duty desk."""
    event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
    assert await asyncio.to_thread(submit, screen.duty + "/duty/unattended", event_id=event_id)


async def booked(screen: Screen) -> None:
    """Key something into each book of the desk, where it does not stand yet."""
    books = (
        ("patrols", {"where": "G-07", "purpose": "round", "as": "out"}),
        ("loans", {"thing": "umbrella", "number": f"U-{time.time_ns()}"}),
        ("found", {"category": "keys", "shelf": "A-3", "where": "G-07", "note": "三把，红色挂绳"}),
    )
    for book, form in books:
        event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
        assert await asyncio.to_thread(submit, f"{screen.duty}/duty/{book}", event_id=event_id, **form)


async def told(screen: Screen) -> None:
    """Let headquarters send the desks a notice and this one a dispatch, and wait until both are there."""
    await headquarters("/orders")(screen)
    await screen.page.fill("form[action='/orders/notice'] input[name=zh]", "今晚 20:00 全市统一清查。")
    await screen.page.check("input[name=to]")
    await screen.page.check("input[name=must_read]")
    await screen.page.click("#send-notice")
    await screen.shows("details")
    await desk("/duty")(screen)
    await screen.shows(".notices")


async def busy(screen: Screen) -> None:
    """Let there be work at the desk: more records than one page shows, some of them over."""
    if (await asyncio.to_thread(page, f"{screen.duty}/duty?lang=zh-CN")).count('id="record-') > 9:
        return
    for place in range(14):
        record = uuid7(wall_ms=time.time_ns() // 1_000_000)
        service = ("QZ-01", "HZ-01", "ZX-01", "TJ-01", "JG-02", "QZ-02", "BF-01")[place % 7]
        form = {"service": service, "as": "registered", "name": "样本·䶮㛃", "number": "11010519491231002X"}
        assert await asyncio.to_thread(submit, screen.duty + "/duty/records", event_id=record, **form)
        steps: tuple[tuple[str, dict[str, str]], ...] = ()
        if place in (2, 9):
            steps = (("accept", {}), ("handle", {}), ("finish", {"result": "advised"}))
        elif place == 0:
            steps = (("accept", {}), ("suspend", {"until": "2099-01-01"}))
        elif place == 3:
            steps = (("accept", {}), ("refer", {"target": "mediation-people-township", "due": "2099-01-01"}))
        for step, fields in steps:
            event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
            path = f"{screen.duty}/duty/records/{record}/steps/{step}"
            assert await asyncio.to_thread(submit, path, event_id=event_id, **fields)


async def handing_over(screen: Screen) -> None:
    """Begin a handover."""
    event_id = uuid7(wall_ms=time.time_ns() // 1_000_000)
    assert await asyncio.to_thread(submit, screen.duty + "/duty/handover/begin", event_id=event_id)


def headquarters(path: str) -> Step:
    """Open a page of headquarters, as its monitor."""

    async def act(screen: Screen) -> None:
        await asyncio.to_thread(screen.city.account)
        await screen.page.goto(screen.city.hq_url + "/sign-in")
        await screen.page.fill("input[name=name]", MONITOR)
        await screen.page.fill("input[name=password]", screen.city.monitor_password)
        await screen.page.click("button[type=submit], main button")
        await screen.shows(".city, #live")
        await screen.page.goto(screen.city.hq_url + path)

    return act


HELP = ".help button"
END = "#end"
NEWS = '[data-news="{}"]'
ID_CARD = ("#service-HZ-01", "#take", "#answer-0-0", "#answer-1-1")
ADVICE = ("#service-ZX-01", "#take")
READ = (*ID_CARD, "#agree", put("card-4"))
PHARMACIES = ("#find-places", "#kind-pharmacy")
LAST_STREET = ("#find-grid", "#letters-5", '[id^="address-"]')

QUIET = (
    Walk(name="home", shows="#service-HZ-01"),
    Walk(name="all services", shows="#group-CRJ", steps=("#all-services",)),
    Walk(
        name="more services, in large words",
        looks=("large",),
        shows="#group-QT",
        steps=("#large", "#all-services", "#more"),
    ),
    Walk(name="services of a group", shows="#service-QZ-03", steps=("#all-services", "#group-QZ")),
    Walk(name="service", shows="#take", steps=("#service-HZ-01",)),
    Walk(name="service with most to bring", shows="#take", steps=("#service-CRJ-01",)),
    Walk(name="service with most to say", shows="#take", steps=("#all-services", "#group-JG", "#service-JG-02")),
    Walk(
        name="what to bring, in large words",
        looks=("large",),
        shows=".bring",
        steps=("#large", "#service-HZ-02", "#bring"),
    ),
    Walk(name="when and where", shows=".places", steps=("#service-HZ-01", "#when")),
    Walk(name="report to the police", shows=".call-110", steps=("#all-services", "#group-BJ")),
    Walk(name="question", shows="#answer-0-3", steps=("#service-HZ-01", "#take")),
    Walk(name="question with most answers", shows="#answer-0-4", steps=("#service-QZ-01", "#take")),
    Walk(name="answers", shows=".own", steps=("#service-QZ-01", "#take", "#answer-0-3")),
    Walk(name="no questions", shows="#confirm", steps=ADVICE),
    Walk(name="purpose", shows="#agree", steps=ID_CARD),
    Walk(name="card", shows=".tap", steps=(*ID_CARD, "#agree")),
    Walk(name="confirm", shows=".own", steps=(*READ,)),
    Walk(name="confirm, a rare name", shows="text=𠮷*", steps=(*ID_CARD, "#agree", put("card-5"))),
    Walk(name="number pad", shows=".pad", steps=(*ADVICE, "#phone", "#key-1", "#key-3", "#key-8")),
    Walk(name="number too short", shows=".trouble", steps=(*ADVICE, "#phone", "#key-1", "#keep-phone")),
    Walk(name="ticket", shows=".ticket", steps=(*READ, "#confirm")),
    Walk(name="look up", shows="#find-grid", steps=("#large", "#find")),
    Walk(name="kinds of places", shows="#kind-pharmacy", steps=("#find-places",)),
    Walk(name="more kinds of places", shows="#kind-market", steps=("#find-places", "#more")),
    Walk(name="places of a kind", shows='[id^="place-"]', steps=(*PHARMACIES,)),
    Walk(name="place", shows=".one", steps=("#find-places", "#kind-police-office", '[id^="place-"]')),
    Walk(name="letters", shows="#letters-5", steps=("#find-grid",)),
    Walk(name="streets and landmarks", shows='[id^="address-"]', steps=("#find-grid", "#letters-5")),
    Walk(name="roles of a grid", shows=".roles", steps=(*LAST_STREET,)),
    Walk(name="work contact", shows=".number", steps=(*LAST_STREET, "#role-2")),
    Walk(name="rating", shows="#rate-very_satisfied", steps=(served,)),
)
"""Pages at a station where nobody calls for help."""

CALLING = (
    Walk(name="help sounding", shows=NEWS.format("sounding"), steps=(HELP,)),
    Walk(name="help seen", shows=NEWS.format("seen"), steps=(HELP, officer("acknowledge"))),
    Walk(name="officer coming", shows=NEWS.format("coming"), steps=(HELP, officer("acknowledge"), officer("attend"))),
    Walk(name="headquarters answering", shows=NEWS.format("hq_answering"), steps=(HELP, headquarters_answers)),
    Walk(name="help, nobody at the desk", shows=NEWS.format("unattended"), steps=(left, HELP)),
    Walk(name="help during a visit", shows=".strip", steps=("#service-HZ-01", HELP)),
    Walk(
        name="help closed",
        shows=".closed",
        steps=(HELP, officer("acknowledge"), officer("close", reason="helped")),
    ),
)
"""Pages of a help call, at a station of their own: a closed call is shown for a minute."""

DESK = (
    Walk(name="queue display", shows="body", steps=(display,)),
    Walk(name="duty desk", shows="#live", steps=(desk("/duty"),)),
    Walk(name="duty desk, work", shows=".records li", steps=(busy, desk("/duty"))),
    Walk(name="duty desk, help", shows=".call.raised", steps=(pressed, desk("/duty"))),
    Walk(name="duty desk, new record", shows="main", steps=(desk("/duty/new"),)),
    Walk(name="duty desk, new record of a service", shows="main form", steps=(desk("/duty/new?service=HZ-01"),)),
    Walk(name="duty desk, record", shows="main", steps=(recorded,)),
    Walk(name="duty desk, shift", shows="main", steps=(desk("/duty/shift"),)),
    Walk(name="duty desk, handover", shows="main", steps=(busy, desk("/duty/handover"))),
    Walk(name="duty desk, handover, an item", shows="summary", steps=(handing_over, desk("/duty/handover/next"))),
    Walk(name="duty desk, figures", shows=".figures", steps=(pressed, desk("/duty/figures"))),
    Walk(name="duty desk, alarms", shows=".book", steps=(desk("/duty/alarms"),)),
    Walk(name="duty desk, patrol log", shows=".book li", steps=(booked, desk("/duty/patrols"))),
    Walk(name="duty desk, loans", shows=".book li", steps=(booked, desk("/duty/loans"))),
    Walk(name="duty desk, lost and found", shows=".book li", steps=(booked, desk("/duty/found"))),
    Walk(name="duty desk, notices", shows=".notices", steps=(told,)),
    Walk(name="duty desk, everybody left", shows=".unattended", steps=(left, desk("/duty"))),
    Walk(name="duty desk, sign in", shows="main", steps=(desk("/duty/sign-in"),)),
    Walk(name="headquarters", shows="#live", steps=(headquarters("/"),)),
    Walk(name="headquarters, orders", shows="#send-notice", steps=(headquarters("/orders"),)),
    Walk(name="headquarters, notices", shows="main", steps=(headquarters("/notices"),)),
    Walk(name="headquarters, books", shows="main", steps=(booked, headquarters("/books"))),
    Walk(name="headquarters, help", shows=".call", steps=(pressed, headquarters("/"))),
    Walk(name="headquarters, figures", shows=".figures", steps=(pressed, headquarters("/figures"))),
)
"""Pages of the people at work, at a station where people call for help."""
