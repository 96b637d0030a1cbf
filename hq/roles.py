"""Who may do what on headquarters' pages, and for how long after signing in. Pure."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal["monitor", "supervisor", "auditor", "administrator"]
Permission: TypeAlias = Literal["watch", "answer", "order", "follow-up", "audit", "accounts", "stations"]

PERMITTED: Final[dict[Role, frozenset[Permission]]] = {
    "monitor": frozenset({"watch", "answer", "order"}),
    "supervisor": frozenset({"watch", "answer", "order", "follow-up"}),
    "auditor": frozenset({"watch", "audit"}),
    "administrator": frozenset({"watch", "answer", "accounts", "stations"}),
}
"""Everybody sees calls for help; whoever watches over the stations gives them orders; who was not satisfied with which
record is for supervisors alone. What a station is (its rota, its settings, who signs in at its desk) is for
administrators. Who reads the audit changes nothing else, and nobody reads it who makes accounts."""

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS

SHIFT_MS: Final = 12 * _HOUR_MS
"""A session answers calls for a shift and its handover; after that it only shows."""

IDLE_MS: Final = 4 * _HOUR_MS
"""… and so long after the last thing somebody did with it. Calls are rare at night, and one click must answer one."""

WATCH_MS: Final = 24 * _HOUR_MS
"""A session that is no wall's ends; its page says so in large letters."""

PAPERS_MS: Final = 30 * _MINUTE_MS
"""Audit, accounts and stations are open so long after a password was typed, whatever is done meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, as what, since when (ms since 1970), and when somebody last did something there.

    These are times of headquarters' wall clock: a session outlasts a restart, no monotonic clock does.
    """

    name: str
    role: Role
    wall: bool
    began_ms: int
    seen_ms: int

    def lives(self, now_ms: int) -> bool:
        """Tell whether this session still shows anything. A wall's ends only when somebody ends it."""
        return self.wall or now_ms - self.began_ms < WATCH_MS

    def permits(self, permission: Permission, now_ms: int) -> bool:
        """Tell whether this may be done now."""
        if not self.lives(now_ms) or permission not in PERMITTED[self.role]:
            return False
        if permission == "watch":
            return True
        since = now_ms - self.began_ms
        if permission in ("answer", "order", "follow-up"):
            return not self.wall and since < SHIFT_MS and now_ms - self.seen_ms < IDLE_MS
        return not self.wall and since < PAPERS_MS
