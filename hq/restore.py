"""Going back to a copy: everything in one transaction, so that headquarters never runs on half of it.

What a copy does not know is what stations are asked for: a new epoch makes each of them begin a new session, whose
first ack sets its cursor back, and new orders journals stand above the ones it knows (`docs/link.md`, "Birth…", "Ack",
"Orders").
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from common.clock import Clock, rfc3339
from hq import audit, copies, epoch, revocation, tables
from hq.audit import Act
from hq.copies import Contents
from hq.orders import Orders
from hq.store import Store

_audit, _stations = tables.audit, tables.stations


class WorkersBeatError(Exception):
    """Workers are there; the message names them."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done. `orders_journals`: how many stations begin a new one.

    `audit_kept`: lines the audit had beyond the copy's, which stay; None if the copy's audit is another one's.
    """

    contents: Contents
    epoch: str
    orders_journals: int
    audit_kept: int | None


def restore(store: Store, folder: Path, clock: Clock, *, who: str, force: bool) -> Restored:
    """Put the copy in `folder` in place of everything, and begin a new epoch and new orders journals.

    Raises WorkersBeatError unless `force`; NoCopyError, SchemaTooNewError. Then nothing has changed.
    """
    orders = Orders(store, clock)
    with copies.working_copy(folder) as copy, store.database.write() as connection:
        beating = epoch.beating(connection, clock.wall_ms())
        if beating and not force:
            raise WorkersBeatError(
                "headquarters is running: "
                + ", ".join(f"worker {worker}, {ago_ms // 1000} s ago" for worker, ago_ms in beating)
                + "; stop it first, or say --force if you have"
            )
        access = dict(connection.execute(select(_stations.c.station, _stations.c.revoked_ms)).all())
        lines = connection.execute(select(_audit).order_by(_audit.c.number)).mappings().all()
        copies.load_rows(copy, store.database, connection)
        found = copies.contents(connection)
        connection.execute(delete(tables.workers))
        connection.execute(delete(tables.invitations))  # one of the copy's may have been used since
        revocation.keep(connection, access)
        connection.execute(delete(tables.staff_sessions))  # whoever was signed in then may not be allowed to now
        kept = _keep_audit(connection, [dict(line) for line in lines])
        seen = "never" if found.seen_ms is None else rfc3339(found.seen_ms)
        reason = f"a copy whose last message came {seen}"
        act = Act(who=who, what="restore", station="", event="", reason=reason)
        audit.record(connection, act, at_ms=clock.wall_ms())
        return Restored(found, epoch.renew(connection), orders.open_generations(connection), kept)


def _keep_audit(connection: Connection, lines: list[dict[str, Any]]) -> int | None:
    """Put back the audit if it goes on where the copy's ends: going back must not make anybody's acts unseen.

    So it does if it has forgotten the copy's last line; what it has forgotten stays so.
    """
    first = audit.begins_after(lines[0]["line"], lines[0]["chain"])
    last = connection.execute(select(_audit).order_by(_audit.c.number.desc()).limit(1)).one()
    end = (last.number, last.chain) if last.number else audit.begins_after(last.line, last.chain)
    known = {first, *((line["number"], line["chain"]) for line in lines[1:])}
    if end[0] >= first[0] and end not in known:
        return None
    connection.execute(delete(_audit))
    connection.execute(insert(_audit), lines)
    return sum(1 for line in lines if line["number"] > end[0])
