"""What the tests of content at a station share: the orders that bring a pack, and a kiosk on real files."""

import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

from journal_rig import StillClock, all_events, open_journal
from orders_rig import Headquarters

from agent import content_rows, orders
from agent.content import Content
from agent.content_files import ContentFiles
from agent.orders import OrdersStore
from common.events.content import ContentChunk, ContentOffered, ContentWithdrawn
from common.pack import join_hashes
from sync import base64url
from sync.signing import Pinned
from tests.packs import KEY, name, pieces

NOON = 1_790_000_000_042  # 2026-09-21 at Shijiazhuang


def offer(pack: bytes) -> ContentOffered:
    return ContentOffered(pack=name(pack), size=len(pack), chunks=base64url.encode(join_hashes(pieces(pack))))


def chunk(data: bytes, *, sha256: str | None = None) -> ContentChunk:
    return ContentChunk(sha256=sha256 or hashlib.sha256(data).hexdigest(), data=base64url.encode(data))


class KnownClock(StillClock):
    """A still clock that knows the time, or does not."""

    known = True

    def known_ms(self) -> int | None:
        return self.wall if self.known else None


class Kiosk:
    """The content of one station, on real files; `free` is what its disk has left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = KnownClock()
        self.free = 10**9
        self.hq = Headquarters()
        self.puts: list[tuple[str, int]] = []
        self._sent = 0
        self._orders = 0

    async def start(self, **options) -> "Kiosk":
        self.journal = await open_journal(
            self.folder, clock=self.clock, schema=(orders.SCHEMA, content_rows.SCHEMA), **options
        )
        self.files = ContentFiles(self.folder / "content", free=lambda _folder: self.free)
        put = self.files.put

        def counted(pack: str, number: int, data: bytes) -> None:
            put(pack, number, data)
            self.puts.append((pack, number))

        self.files.put = counted
        self.content = Content(
            self.journal,
            self.clock,
            Pinned([KEY.public]),
            station="sjz-001",
            zone=ZoneInfo("Asia/Shanghai"),
            files=self.files,
            usb=self.folder / "usb",
        )
        self.store = OrdersStore(self.journal, self.content.orders.appliers)
        return self

    async def stop(self) -> None:
        await self.journal.stop()

    def order(self, *payloads: ContentOffered | ContentChunk | ContentWithdrawn) -> None:
        for payload in payloads:
            self._orders += 1
            self.hq.add(payload, self._orders)

    async def receive(self, *payloads: ContentOffered | ContentChunk | ContentWithdrawn) -> None:
        """Receive orders, one batch each, and do what they make due."""
        self.order(*payloads)
        while self._sent < len(self.hq.lines):
            self._sent += 1
            await self.store.take(self.hq.batch(self._sent, self._sent), now_wall_ms=NOON, trusted=True)
        await self.work()

    async def work(self) -> None:
        await self.content._work()

    async def take_in(self, pack: bytes) -> None:
        await self.receive(offer(pack))
        await self.receive(*map(chunk, pieces(pack)))

    async def told(self, *types: str) -> list[dict]:
        """The data of the events of these types, in order."""
        return [
            {"type": event["type"]} | event["data"]
            for event in await all_events(self.journal)
            if event["type"] in types
        ]

    def lines(self) -> int:
        return self.journal.query(lambda db: db.execute("SELECT count(*) FROM orders").fetchone()[0])

    def shown(self) -> list[str]:
        return sorted(self.content.shelf.whole)
