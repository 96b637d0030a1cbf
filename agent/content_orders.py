"""Orders about content packs, carried out in the journal's transaction: each is short, what takes long comes later."""

import hashlib
from collections.abc import Mapping
from typing import Final

from agent import content_rows
from agent.content_files import ContentFiles
from agent.content_rows import PackRow
from agent.orders import Applier, OrderRefused
from agent.pen import Pen
from common.events.content import ContentChunk, ContentOffered, ContentRemoved, ContentWithdrawn
from common.pack import CHUNK, MAX_PACK, bits_of, chunk_sizes, split_hashes
from sync import base64url

_FULL: Final = "no room: the journal is full"


class ContentOrders:
    """What carries the orders out; `appliers` is given to `agent.orders.OrdersStore`."""

    def __init__(self, files: ContentFiles) -> None:
        self._files = files

    @property
    def appliers(self) -> Mapping[str, Applier]:
        """By type of order."""
        return {
            "content.offered": self.offered,
            "content.chunk": self.chunk,
            "content.withdrawn": self.withdrawn,
        }

    def offered(self, pen: Pen, _order_id: str, payload: ContentOffered) -> None:
        """Note a pack; `agent.content` makes room for it and tells what it lacks."""
        if pen.quota.full:
            raise OrderRefused(_FULL)
        if payload.size > MAX_PACK:
            raise OrderRefused(f"a pack has at most {MAX_PACK} bytes")
        chunks = base64url.decode(payload.chunks)
        count = len(split_hashes(chunks, payload.size))
        why = content_rows.why_refused(pen.connection, payload.pack)
        if why is not None:
            raise OrderRefused(why)
        held = content_rows.find(pen.connection, payload.pack)
        if held is None:
            held = PackRow(payload.pack, "offered", "order", payload.size, chunks, bits_of(range(count), count))
        elif (held.size, held.chunks) != (payload.size, chunks):
            raise OrderRefused("the same pack in other chunks")
        content_rows.keep(pen, PackRow(held.pack, "offered", held.way, held.size, held.chunks, held.missing))

    def chunk(self, pen: Pen, _order_id: str, payload: ContentChunk) -> None:
        """Put a chunk where it is missing; one that nobody lacks changes nothing."""
        if pen.quota.full:
            raise OrderRefused(_FULL)
        data = base64url.decode(payload.data)
        digest = hashlib.sha256(data).digest()
        if digest.hex() != payload.sha256 or len(data) > CHUNK:
            raise OrderRefused("its hash is another")
        for row in content_rows.packs(pen.connection):
            wanted = [number for number in row.where(digest) if number in set(row.lacks)]
            if row.state != "coming" or not wanted:
                continue  # what is only offered will say what it lacks
            sizes = chunk_sizes(row.size)
            if any(sizes[number] != len(data) for number in wanted):
                raise OrderRefused("it is of another size")
            try:
                for number in wanted:
                    self._files.put(row.pack, number, data)
            except OSError as error:
                raise OrderRefused(f"the disk refuses it: {(error.strerror or 'error').lower()}") from error
            content_rows.lack_no_more(pen, row, wanted)

    def withdrawn(self, pen: Pen, _order_id: str, payload: ContentWithdrawn) -> None:
        """Show a pack no more, and never take it again."""
        content_rows.refuse_for_good(pen, payload.pack, "withdrawn")
        if content_rows.remove(pen, payload.pack) and not pen.quota.full:
            pen.append(ContentRemoved(pack=payload.pack, reason="withdrawn"))
