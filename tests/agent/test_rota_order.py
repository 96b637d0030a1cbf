"""The rota as headquarters orders it: applied once, kept across a restart, refused whole when it is faulty."""

from pathlib import Path

import msgspec
from journal_rig import StillClock, all_events, open_journal
from orders_rig import Headquarters, order_id

from agent import orders, rota_row
from agent.orders import OrdersStore
from common import rota_file
from common.events.desk import RotaSet

ROTA = rota_file.load(Path(__file__).parents[2] / "config" / "rota.toml")
SCHEMAS = (orders.SCHEMA, rota_row.SCHEMA)


async def take(journal, hq: Headquarters):
    store = OrdersStore(journal, {"rota.set": rota_row.set_rota})
    return await store.take(hq.batch(1), now_wall_ms=StillClock().wall_ms(), trusted=True)


async def test_it_is_applied_once_and_kept_and_the_next_one_takes_its_place(tmp_path):
    hq, journal = Headquarters(), await open_journal(tmp_path, schema=SCHEMAS)
    assert journal.query(rota_row.load) is None
    hq.add(RotaSet(rota=ROTA), 1)
    assert [(await take(journal, hq)).verdict for _ in range(2)] == ["stored", "held"]
    await journal.stop()
    journal = await open_journal(tmp_path, schema=SCHEMAS)
    assert journal.query(rota_row.load) == (order_id(1), ROTA)
    later = msgspec.structs.replace(ROTA, anchor="2026-02-01")
    hq.add(RotaSet(rota=later), 2)
    await take(journal, hq)
    assert journal.query(rota_row.load) == (order_id(2), later)
    assert [event["type"] for event in await all_events(journal)] == ["order.applied"] * 2
    await journal.stop()


async def test_one_that_leaves_an_instant_to_nobody_is_refused_with_the_instant_and_the_old_one_stays(tmp_path):
    hq, journal = Headquarters(), await open_journal(tmp_path, schema=SCHEMAS)
    hq.add(RotaSet(rota=ROTA), 1)
    hq.add(RotaSet(rota=msgspec.structs.replace(ROTA, teams=ROTA.teams[:3])), 2)
    await take(journal, hq)
    assert journal.query(rota_row.load) == (order_id(1), ROTA)
    [_, failed] = await all_events(journal)
    assert failed["type"] == "order.failed"
    assert "no team at 2026-01-03 08:00 (早)" in failed["data"]["reason"]
    await journal.stop()
