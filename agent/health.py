"""What headquarters must know about this box: a small sample now and then, and at once when a call is unrecorded."""

import asyncio
from collections.abc import Callable
from typing import Any

from agent.disk import Found
from agent.equipment import Equipment
from agent.help import HelpDesk
from agent.journal import Journal
from agent.link import Link
from common import process
from common.clock import Clock, rfc3339


class Health:
    """Sends samples over the link; keep `run()` alive."""

    def __init__(
        self,
        *,
        journal: Journal,
        desk: HelpDesk,
        link: Link,
        equipment: Equipment,
        clock: Clock,
        agent: str,
        every_s: float,
        certificate_s: Callable[[], int | None],
        disk: Callable[[], Found | None],
    ) -> None:
        self._equipment = equipment
        self._journal = journal
        self._desk = desk
        self._link = link
        self._clock = clock
        self._agent = agent
        self._every_s = every_s
        self._certificate_s = certificate_s
        self._disk = disk
        self._soon = asyncio.Event()
        self._urgent = False

    def ringing_changed(self, *_: str) -> None:
        """Tell headquarters at once that a call rings which could not be recorded, or that none does any more."""
        self._urgent = True
        self._soon.set()

    async def run(self) -> None:
        """Send a sample every so often, for ever; an unrecorded call is repeated until a session has carried it."""
        while True:
            unrecorded = self._desk.unrecorded_since is not None
            urgent = self._urgent or unrecorded
            if self._link.sessions.up:
                self._link.sessions.health(self.sample(), urgent=urgent)
                self._urgent = False
            process.trim_memory()  # what pages and backlogs left behind; a kiosk runs for months
            self._soon.clear()
            pause = min(self._every_s, 5.0) if urgent else self._every_s
            try:
                async with asyncio.timeout(pause):
                    await self._soon.wait()
            except TimeoutError:
                pass

    def every(self, seconds: float) -> None:
        """Send a sample every so many seconds from now on."""
        if seconds != self._every_s:
            self._every_s = seconds
            self._soon.set()

    def link_changed(self) -> None:
        """Send what is urgent as soon as there is a session to carry it."""
        if self._urgent and self._link.sessions.up:
            self._soon.set()

    def sample(self) -> dict[str, Any]:
        """Return the sample as it goes on the wire: no personal data, nothing but figures and switches."""
        since = self._desk.unrecorded_since
        sample: dict[str, Any] = {
            "time": rfc3339(self._clock.wall_ms()),
            "agent": self._agent,
            "unsent": self._link.sender.outbox.waiting,
            "journal_ok": self._journal.failure is None,
            "journal_full": self._journal.quota.full,
            "journal_bytes": self._journal.quota.size,
            "journal_refused": self._journal.quota.refused,
            "clock_trusted": self._clock.trusted(),
            "takeover": self._link.sessions.takeover_suspected,
            "refused": self._link.sessions.refused.total(),
            "panel_frames_bad": self._equipment.frames_bad,
            "device_noise_bytes": self._equipment.noise_bytes,
            "devices": self._equipment.room.up(),
        }
        waiting_since = self._link.waiting_since
        if waiting_since is not None:
            sample["oldest_unsent_s"] = max(0, (self._clock.mono_ns() - waiting_since) // 1_000_000_000)
        certificate_s = self._certificate_s()
        if certificate_s is not None:
            sample["certificate_s"] = certificate_s
        disk = self._disk()
        if disk is not None:
            sample |= {"disk_free_bytes": disk.free_bytes, "disk_read_only": disk.read_only}
            sample |= {} if disk.free_inodes is None else {"disk_free_inodes": disk.free_inodes}
        if since is not None:
            sample["ringing"] = {"since": since, "recorded": False}
        return sample
