"""The card reader behind a USB serial adapter, which is a real ttyUSB here: unplugged and plugged in again."""

import pytest

from tests.machine.kiosk import Kiosk, until

pytestmark = pytest.mark.timeout(1800)


def unplug(kiosk: Kiosk) -> None:
    """Take the adapter out of its socket."""
    kiosk.machine.qmp.do("device_del", id="cards")
    kiosk.machine.qmp.await_event("DEVICE_DELETED")


def plug(kiosk: Kiosk) -> None:
    kiosk.machine.qmp.do(
        "device_add", driver="usb-serial", bus="usb.0", id="cards", chardev="cards-line", serial="cards"
    )


def test_an_adapter_unplugged_five_times_comes_back_each_time_and_the_reader_reads_a_card_after_it(kiosk):
    for _ in range(5):
        unplug(kiosk)
        until(lambda: kiosk.device("cards")[0] == "absent", "absent reader", seen=kiosk.status)
        assert kiosk.device("front") == ("ready", "")  # the panel's adapter is another one
        plug(kiosk)
        took = until(lambda: kiosk.device("cards") == ("ready", ""), "reader that is ready", seen=kiosk.status)
        kiosk.say(f"plugged in again: ready after {took:.1f} s (the host's seconds)")
    number = kiosk.visit("card-1")
    until(lambda: kiosk.office.rows().records.get(number) == 1, f"record {number} at headquarters", seen=kiosk.log)
