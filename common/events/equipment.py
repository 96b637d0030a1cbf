"""Devices, their tests, and the alarms of a station's equipment."""

from typing import Literal, TypeAlias

from common.events.terms import Count, Identifier, Name, Payload, StaffNumber, Text

DeviceKind: TypeAlias = Literal["panel", "gpio_button", "card_reader", "passport_reader", "code_scanner"]
EquipmentAlarm: TypeAlias = Literal[
    "device_down",
    "self_test_failed",
    "self_test_old",
    "disk",
    "disk_low",
    "journal_full",
    "clock",
    "headquarters",
    "certificate",
    "undervoltage",
]


class DeviceTested(Payload, frozen=True, kw_only=True):
    """A self-test is over: passed when headquarters' answer to its help.tested came back in time.

    `reason`, when it did not: the panel sent no press; it could not be recorded; no answer came. `took_ms`: from
    asking the panel to the end, on the monotonic clock.
    """

    device: Name
    passed: bool
    reason: Literal["", "no_press", "not_recorded", "no_answer"] = ""
    took_ms: Count


class DeviceChanged(Payload, frozen=True, kw_only=True):
    """A device of the station is in another state than before."""

    device: Name
    kind: DeviceKind
    state: Literal["absent", "starting", "ready", "faulty"]
    reason: Text = ""


class AlarmShelved(Payload, frozen=True, kw_only=True):
    """Somebody has put an alarm of the station's equipment on the shelf until the shift ends. `shelf`: this event's id.

    `device`: its name, of an alarm of a device; `reason` is in plain, so without anybody's name or number. A call for
    help is none of these.
    """

    shelf: Identifier
    kind: EquipmentAlarm
    device: Text = ""
    reason: Text
    staff: StaffNumber | None = None


class AlarmReturned(Payload, frozen=True, kw_only=True):
    """An alarm is back from the shelf: another shift began, its time was over without a rota, somebody took it back."""

    shelf: Identifier
    because: Literal["shift", "limit", "asked"]
