"""Whether one device works, tried by itself; some need a hand, and say which."""

import asyncio
from collections.abc import Callable
from typing import Final

from drivers.panel import Outputs, Panel
from jingting.one_device import Address, DriverName, Told, running

READY_S: Final = 10.0
"""How long a device may take until it is ready (seconds): its line opened, its first word heard."""

PANEL_S: Final = 10.0
"""How long a panel may take to test itself and press (seconds)."""

LAST_WORD_S: Final = 0.3
"""How long the line stays open after the last acknowledgement (seconds): closing it takes what nobody has read yet."""

HAND_S: Final = 30.0
"""How long a hand is waited for (seconds)."""

_HANDS: Final[dict[DriverName, tuple[str, str]]] = {
    "card_reader": ("Lay a card on the reader", "identity"),
    "code_scanner": ("Scan any code", "code"),
    "gpio_button": ("Press the button", "press"),
    "passport_reader": ("Swipe a passport", "identity"),
}
"""What a person is asked for, and which event it is."""


async def tried(address: Address, ask: Callable[[str], None], *, ready_s: float = READY_S) -> Told:
    """Try a device; return `passed`, and `reason` when it did not.

    `ask` tells a person what to do. A panel needs nobody: it shows and sounds what a call does, tests itself and
    presses by itself. Raises ValueError for a port of no known kind.
    """
    result: Told = {"device": address.name, "driver": address.driver, "passed": False, "reason": ""}
    async with running(address) as (driver, told):
        try:
            async with asyncio.timeout(ready_s):
                while driver.state != "ready":
                    await told.get()
        except TimeoutError:
            return result | {"reason": driver.reason or "not_ready"}
        if isinstance(driver, Panel):
            return result | await _panel(driver, told)
        words, event = _HANDS[address.driver]
        ask(f"{words} within {HAND_S:g} s.")
        heard, reason = await _heard(told, {"event": event}, HAND_S)
        return result | {"passed": heard is not None, "reason": reason}


async def _panel(panel: Panel, told: "asyncio.Queue[Told]") -> Told:
    panel.show(Outputs("raised", 1))
    panel.self_test()
    try:
        press, reason = await _heard(told, {"event": "press", "test": True}, PANEL_S)
    finally:
        panel.show(Outputs())
    if press is not None:
        panel.acknowledge(press["epoch"], press["number"])
        await asyncio.sleep(LAST_WORD_S)
    reason = reason or panel.reason  # it pressed, and says that something else is wrong
    return {"passed": not reason, "reason": reason}


async def _heard(told: "asyncio.Queue[Told]", wanted: Told, within_s: float) -> tuple[Told | None, str]:
    """Return the event that is waited for and no reason, or None and why it did not come."""
    reason = "no_answer"
    try:
        async with asyncio.timeout(within_s):
            while True:
                one = await told.get()
                if one.items() >= wanted.items():
                    return one, ""
                if one["event"] in ("not_read", "state") and one["reason"]:
                    reason = one["reason"]
    except TimeoutError:
        return None, reason
