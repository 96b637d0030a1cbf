"""Settings of stations as headquarters knows them: what was ordered, what became of it, and what is in force."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import Connection, bindparam, select, update

from common.clock import rfc3339
from common.events.journal import SettingsChanged, SettingsRolledBack, SettingsSet
from hq import tables
from hq.database import Database

Stand: TypeAlias = Literal["on_its_way", "tried", "in_force", "rolled_back", "refused"]
"""How a station stands with an order; tried: it has it, and has not said yet what became of it."""

_orders = tables.orders
_GIVEN = select(_orders).where(_orders.c.type == "settings.set").order_by(_orders.c.station, _orders.c.position)
_TOLD = (
    update(_orders)
    .where(_orders.c.station == bindparam("of"), _orders.c.id == bindparam("id_"), _orders.c.type == "settings.set")
    .values(outcome=bindparam("to_outcome"), reason=bindparam("to_reason"), told=bindparam("to_told"))
)
_STANDS: Final[dict[str, Stand]] = {"changed": "in_force", "rolled_back": "rolled_back"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A station's last order of settings: when it was given (RFC 3339), and how it stands; `reason`: why not.

    `in_force`: the tables and keys of the last one that holds, `broker.port` and its value; empty: its own file alone.
    """

    station: str
    given: str
    stand: Stand
    reason: str
    in_force: dict[str, str]


def note(connection: Connection, station: str, payload: SettingsChanged | SettingsRolledBack) -> None:
    """Keep what a station said of an order of settings; the caller holds the station's lock.

    What was rolled back has failed: it stands no more, and what stood before it does again (`hq.snapshot`).
    """
    values = {"of": station, "id_": payload.order, "to_outcome": "applied", "to_reason": "", "to_told": "changed"}
    if isinstance(payload, SettingsRolledBack):
        values |= {"to_outcome": "failed", "to_reason": payload.reason, "to_told": "rolled_back"}
    connection.execute(_TOLD, values)


def read(database: Database) -> list[Settings]:
    """Return how each station stands that was ever ordered settings, by station."""
    found: dict[str, Settings] = {}
    with database.read() as connection:
        for row in connection.execute(_GIVEN):
            before = found.get(row.station)
            holds = _flat(row.data) if row.told == "changed" else before.in_force if before is not None else {}
            found[row.station] = Settings(
                station=row.station, given=rfc3339(row.given_ms), stand=_stand(row), reason=row.reason, in_force=holds
            )
    return list(found.values())


def _stand(row: Any) -> Stand:
    if row.told:
        return _STANDS[row.told]
    return {"open": "on_its_way", "applied": "tried"}.get(row.outcome, "refused")  # type: ignore[return-value]


def _flat(data: str) -> dict[str, str]:
    given = msgspec.to_builtins(msgspec.json.decode(data, type=SettingsSet).settings)
    return {f"{table}.{key}": str(value) for table, keys in given.items() for key, value in keys.items()}
