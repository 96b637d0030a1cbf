"""What everybody is told while a disk takes nothing, and once it does again."""

import asyncio

from faults_rig import STATION, all_there_once, calls, hq_row, page, panel_becomes, recorded, status, until

from jingting.city import City


async def alarmed_and_unrecorded(city: City) -> None:
    """A press was just made that the disk does not take: everybody is told so, and the panel keeps it."""
    waited = await until(lambda: [call["recorded"] for call in calls(city)] == [False], within=5)
    assert waited < 2, "the page must say so within two seconds"
    shown = await asyncio.to_thread(page, city.station_url(STATION) + "/")
    assert "not recorded" in shown
    assert "<b>110</b>" in shown
    assert "Your call is recorded" not in shown
    await until(lambda: hq_row(city).get("unrecorded_since"), within=5)
    await panel_becomes(city, lambda shows: shows["tone"] >= 1 and shows["latched"] >= 1)


async def well_again(city: City, presses: int) -> None:
    await recorded(city, presses)
    await all_there_once(city, presses)
    await until(lambda: hq_row(city)["unrecorded_since"] is None)
    assert [call["recorded"] for call in calls(city)] == [True]
    await panel_becomes(city, lambda shows: shows["latched"] == 0)
    assert status(city)["journal_ok"]
