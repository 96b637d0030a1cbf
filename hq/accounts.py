"""The accounts of those who use headquarters' pages, and their sessions, in headquarters' database.

All methods are synchronous and may be called from any thread. What changes an account is noted in the audit with it, in
one transaction. Of a session only a hash is kept: a stolen database signs nobody in.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from sqlalchemy import Connection, Row, delete, false, insert, select, update

from hq import audit, tables
from hq.audit import Act
from hq.database import Database
from hq.passwords import NOBODYS, check_password, kept, matches
from hq.roles import Role, Session

ROLES: Final[tuple[Role, ...]] = get_args(Role)

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)
_SEEN_EVERY_MS: Final = 60_000
_MOST_SESSIONS: Final = 20  # of one account: the oldest ends when another begins

_staff, _sessions = tables.staff, tables.staff_sessions
_OPEN = select(_sessions, _staff.c.role).join(_staff).where(_staff.c.disabled == false())


class NoSuchAccountError(Exception):
    """There is no account of that name."""


class AccountExistsError(Exception):
    """There is an account of that name already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account; `sessions` counts those that are open, `seen_ms` is the last thing done in them (None: nothing)."""

    name: str
    role: Role
    disabled: bool
    sessions: int
    seen_ms: int | None


class Accounts:
    """Accounts and sessions; `wall_ms` is the wall clock."""

    def __init__(self, database: Database, wall_ms: Callable[[], int]) -> None:
        self._database = database
        self._wall_ms = wall_ms

    # -- accounts --------------------------------------------------------------------------------------------------

    def add(self, name: str, role: Role, password: str, *, by: str) -> None:
        """Make an account. Raises AccountExistsError, ValueError for a name or password that cannot be taken."""
        if _NAME.fullmatch(name) is None or name == "headquarters":
            raise ValueError("an account's name has 1 to 32 of a-z, 0-9, '.', '_' and -, and is not headquarters")
        check_password(password)
        values = {"name": name, "role": role, "password": kept(password), "disabled": False}
        with self._database.write() as connection:
            if _find(connection, name) is not None:
                raise AccountExistsError(f"there is an account {name} already")
            connection.execute(insert(_staff).values(**values, changed_ms=self._wall_ms()))
            self._note(connection, by, name, f"added as {role}")

    def set_role(self, name: str, role: Role, *, by: str) -> None:
        """Give an account another role; its sessions have it at once. Raises NoSuchAccountError."""
        with self._database.write() as connection:
            self._change(connection, name, role=role)
            self._note(connection, by, name, f"made {role}")

    def set_password(self, name: str, password: str, *, by: str) -> None:
        """Give an account another password and end its sessions. Raises NoSuchAccountError, ValueError."""
        check_password(password)
        text = kept(password)
        with self._database.write() as connection:
            self._change(connection, name, password=text)
            connection.execute(delete(_sessions).where(_sessions.c.name == name))
            self._note(connection, by, name, "given another password")

    def disable(self, name: str, *, by: str) -> None:
        """Let nobody in by this account any more, and end its sessions, a wall's too. Raises NoSuchAccountError."""
        with self._database.write() as connection:
            self._change(connection, name, disabled=True)
            connection.execute(delete(_sessions).where(_sessions.c.name == name))
            self._note(connection, by, name, "disabled")

    def enable(self, name: str, *, by: str) -> None:
        """Let this account in again. Raises NoSuchAccountError."""
        with self._database.write() as connection:
            self._change(connection, name, disabled=False)
            self._note(connection, by, name, "enabled")

    def all(self) -> list[Account]:
        """Return every account, by name."""
        now = self._wall_ms()
        with self._database.read() as connection:
            found: dict[str, list[Session]] = {}
            for row in connection.execute(_OPEN):
                found.setdefault(row.name, []).append(_session(row))
            return [
                Account(
                    name=row.name,
                    role=row.role,
                    disabled=row.disabled,
                    sessions=sum(session.lives(now) for session in found.get(row.name, ())),
                    seen_ms=max((session.seen_ms for session in found.get(row.name, ())), default=None),
                )
                for row in connection.execute(select(_staff).order_by(_staff.c.name))
            ]

    # -- sessions --------------------------------------------------------------------------------------------------

    def verify(self, name: str, password: str) -> bool:
        """Tell whether this is the password of an account that may sign in; takes as long whatever is wrong."""
        with self._database.read() as connection:
            row = _find(connection, name)
        if row is None or row.disabled:
            matches(password, NOBODYS)
            return False
        return matches(password, row.password)

    def begin(self, name: str, *, wall: bool) -> str:
        """Begin a session for somebody whose password was right, and return what their browser is to hold."""
        held, now = secrets.token_urlsafe(32), self._wall_ms()
        with self._database.write() as connection:
            row = _find(connection, name)
            if row is None or row.disabled:
                raise NoSuchAccountError(f"there is no account {name} that may sign in")
            values = {"session": _hash(held), "name": name, "wall": wall, "began_ms": now, "seen_ms": now}
            connection.execute(insert(_sessions).values(**values))
            self._clear(connection, name, now)
        return held

    def session(self, held: str) -> Session | None:
        """Return the living session of a browser that holds this."""
        with self._database.read() as connection:
            row = connection.execute(_OPEN.where(_sessions.c.session == _hash(held))).one_or_none()
        session = None if row is None else _session(row)
        return session if session is not None and session.lives(self._wall_ms()) else None

    def used(self, held: str, session: Session) -> None:
        """Note that somebody did something with a session; what had been idle too long stays so."""
        now = self._wall_ms()
        if session.permits("answer", now) and now - session.seen_ms > _SEEN_EVERY_MS:
            with self._database.write() as connection:
                connection.execute(update(_sessions).where(_sessions.c.session == _hash(held)).values(seen_ms=now))

    def end(self, held: str) -> None:
        """End a session."""
        with self._database.write() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.session == _hash(held)))

    def _change(self, connection: Connection, name: str, **values: object) -> None:
        changed = update(_staff).where(_staff.c.name == name).values(**values, changed_ms=self._wall_ms())
        if connection.execute(changed).rowcount == 0:
            raise NoSuchAccountError(f"there is no account {name}")

    def _note(self, connection: Connection, by: str, name: str, what: str) -> None:
        act = Act(who=by, what="account", station="", event=name, reason=what)
        audit.record(connection, act, at_ms=self._wall_ms())

    def _clear(self, connection: Connection, name: str, now: int) -> None:
        """End an account's sessions that have ended by themselves, and the oldest of too many."""
        rows = connection.execute(_OPEN.where(_sessions.c.name == name).order_by(_sessions.c.began_ms.desc())).all()
        over = [
            row.session for place, row in enumerate(rows) if place >= _MOST_SESSIONS or not _session(row).lives(now)
        ]
        if over:
            connection.execute(delete(_sessions).where(_sessions.c.session.in_(over)))


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(_staff).where(_staff.c.name == name)).one_or_none()


def _session(row: Row[Any]) -> Session:
    return Session(
        name=row.name,
        role=cast("Role", row.role),
        wall=row.wall,
        began_ms=row.began_ms,
        seen_ms=row.seen_ms,
    )


def _hash(held: str) -> bytes:
    return hashlib.sha256(held.encode(errors="replace")).digest()
