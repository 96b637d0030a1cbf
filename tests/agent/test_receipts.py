"""Receipts (签收) of referrals, as headquarters' order brings them: on a real journal."""

from dataclasses import replace

import pytest
from orders_rig import Headquarters
from record_rig import Station

from agent import orders, record_rows
from agent.orders import OrdersStore
from agent.record_form import Filled
from common.events.records import ReferralSigned


class Desk(Station):
    schema = (record_rows.SCHEMA, orders.SCHEMA)

    def __init__(self, folder):
        super().__init__(folder)
        self.hq = Headquarters()
        self.given = 0

    async def receipt(self, record: str, by: str = "police-office", **fields) -> dict:
        """Give the order, and return what the station says of it."""
        self.given += 1
        self.hq.add(ReferralSigned(record=record, by=by, **fields), self.given)
        await self.take()
        return self.events("order.")[-1]

    async def take(self):
        store = OrdersStore(self.journal, {"referral.signed": self.records.sign})
        return await store.take(self.hq.batch(1), now_wall_ms=self.clock.wall_ms(), trusted=True)

    async def referred(self, service="QZ-01", target="police-office", **fields):
        record = await self.open(service, state="registered")
        filled = Filled(target=target, due="2026-12-01", **fields)
        for step, with_ in (("accept", Filled()), ("refer", filled)):
            assert await self.records.step(record.id, step, self.new_id(), with_)
        return self.records.get(record.id)


@pytest.fixture
async def desk(tmp_path):
    desk = await Desk(tmp_path).start()
    yield desk
    await desk.journal.stop()


async def test_a_receipt_moves_the_record_on_by_an_event_of_the_station_and_keeps_target_and_day(desk):
    record = await desk.referred()
    told = await desk.receipt(record.number, reference="PCS-9")
    assert told["type"] == "order.applied"
    signed = desk.records.get(record.id)
    assert (signed.state, signed.target, signed.due, signed.reference) == (
        "received",
        "police-office",
        "2026-12-01",
        "PCS-9",
    )
    (stepped,) = [event["data"] for event in desk.events() if event["data"].get("step") == "sign"]
    assert (stepped["record"], stepped["state"], "staff" in stepped) == (record.id, "received", False)


async def test_an_order_that_comes_again_signs_once(desk):
    record = await desk.referred()
    await desk.receipt(record.number)
    await desk.take()
    assert desk.types().count("record.stepped") == 3


async def test_consent_stays_noted_when_assistance_signs(desk):
    record = await desk.referred("BF-01", "assistance-county", consent=True)
    await desk.receipt(record.number, "assistance-county")
    assert desk.records.get(record.id).consent


async def test_what_the_desk_has_noted_already_stays_as_it_is(desk):
    record = await desk.referred()
    assert await desk.records.step(record.id, "sign", desk.new_id(), Filled(reference="PCS-1"))
    assert (await desk.receipt(record.number, reference="PCS-2"))["type"] == "order.applied"
    assert desk.records.get(record.id).reference == "PCS-1"


async def test_a_receipt_that_fits_no_referral_is_refused_with_the_reason_and_the_next_one_goes_through(desk):
    record, open_one = await desk.referred(), await desk.open(state="registered")
    told = await desk.receipt("JW012-20261122-0099")
    assert (told["type"], told["data"]["reason"]) == ("order.failed", "no record JW012-20261122-0099 is here")
    told = await desk.receipt(open_one.number)
    assert told["data"]["reason"] == f"{open_one.number} is registered, it is not referred"
    told = await desk.receipt(record.number, "traffic-office")
    assert told["data"]["reason"] == f"{record.number} is referred to police-office, not to traffic-office"
    told = await desk.receipt(record.number, reference="no code")
    assert (told["type"], told["data"]["reason"]) == ("order.failed", f"{record.number}: reference: wrong")
    assert desk.state(record.id) == "referred"
    assert (await desk.receipt(record.number))["type"] == "order.applied"
    assert desk.state(record.id) == "received"


async def test_a_receipt_of_a_referral_that_was_taken_back_does_not_sign_for_the_next_receiver(desk):
    record = await desk.referred()
    assert await desk.records.step(record.id, "take_back", desk.new_id())
    other = Filled(target="complaints-office", due="2026-12-09")
    catalogue = desk.records.catalogue
    service = replace(catalogue.services["QZ-01"], refer=("police-office", "complaints-office"))
    desk.records.catalogue = replace(catalogue, services=catalogue.services | {"QZ-01": service})
    assert await desk.records.step(record.id, "refer", desk.new_id(), other)
    assert (await desk.receipt(record.number))["type"] == "order.failed"
    assert desk.state(record.id) == "referred"
