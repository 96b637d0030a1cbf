"""The station behind its pages: one view of everything, and the steps an officer or a citizen may take."""

import time
from collections.abc import Callable

from agent.equipment import Equipment
from agent.help import HelpDesk
from agent.journal import Journal
from agent.link import Link
from agent.self_tests import Refusal
from agent.settings import Identity
from agent.view import DiskView, FindingView, Need, SettingsView, ShiftView, StationView, WaitsFor
from common.changes import Changes
from common.clock import Clock
from common.events.calls import CloseReason


def waits_for(*, trusted: bool, lacks: Need | None, up: bool, hq_online: bool) -> tuple[WaitsFor, ...]:
    """Return what the station waits for, the cause before its effects."""
    found: list[WaitsFor] = []
    if not trusted:
        found.append("clock")
    if lacks is not None:
        found.append(lacks)
    if not up:
        found.append("broker")
    elif not hq_online:
        found.append("headquarters")
    return tuple(found)


class Desk:
    """What `agent.screens` asks for."""

    def __init__(
        self,
        *,
        identity: Identity,
        help_desk: HelpDesk,
        journal: Journal,
        link: Link,
        equipment: Equipment,
        changes: Changes,
        clock: Clock,
        lacks: Callable[[], Need | None],
        finding: Callable[[], tuple[FindingView, ...]],
        shift: Callable[[], ShiftView | None],
        disk: Callable[[], DiskView | None],
        unattended_s: Callable[[], int | None],
        settings: Callable[[], SettingsView],
    ) -> None:
        self._identity = identity
        self._help = help_desk
        self._journal = journal
        self._link = link
        self._equipment = equipment
        self._changes = changes
        self._clock = clock
        self._lacks = lacks
        self._finding = finding
        self._shift = shift
        self._disk = disk
        self._unattended_s = unattended_s
        self._settings = settings

    def view(self) -> StationView:
        """Return the station as it stands now."""
        now, outbox = self._clock.mono_ns(), self._link.sender.outbox
        waiting_since = self._link.waiting_since
        up, trusted = self._link.sessions.up, self._clock.trusted()
        hq_online = up and outbox.peer.online(time.monotonic())
        return StationView(
            version=self._changes.version,
            station=self._identity.id,
            name_zh=self._identity.name_zh,
            name_en=self._identity.name_en,
            calls=self._help.views(now),
            recently_closed=self._help.recently_closed(now),
            devices=self._equipment.views(),
            link="up" if up else "down",
            hq_online=hq_online,
            waiting=outbox.waiting,
            oldest_waiting_s=None if waiting_since is None else max(0, (now - waiting_since) // 1_000_000_000),
            wire_bytes=self._link.wire_bytes,
            wire_events=self._link.wire_events,
            journal_ok=self._journal.failure is None,
            journal_full=self._journal.quota.full,
            clock_trusted=trusted,
            waits_for=waits_for(trusted=trusted, lacks=self._lacks(), up=up, hq_online=hq_online),
            shift=self._shift(),
            disk=self._disk(),
            unattended_s=self._unattended_s(),
            finding=self._finding(),
            settings=self._settings(),
        )

    async def press(self, event_id: str) -> None:
        """Raise a help call from the citizen's screen, or press again on the open one."""
        await self._help.press_screen(event_id)

    async def acknowledge(self, call: str, event_id: str) -> bool:
        """Take the call at the duty desk."""
        return await self._help.acknowledge(call, event_id)

    async def attend(self, call: str, event_id: str) -> bool:
        """Say that an officer is on the way."""
        return await self._help.attend(call, event_id)

    async def close(self, call: str, event_id: str, reason: CloseReason) -> bool:
        """End the call."""
        return await self._help.close(call, event_id, reason)

    def self_test(self, device: str, event_id: str) -> Refusal | None:
        """Test a panel now; None when the test is under way, else why it is not."""
        return self._equipment.tests.begin(device, event_id)

    async def changed(self, since: int) -> int:
        """Wait until `view().version` is above `since`, and return it."""
        return await self._changes.after(since)
