"""Who the broker shall not let in any more: a list it keeps for headquarters, and sessions it ends.

Mosquitto's dynamic-security plugin knows nobody but the revoked (the access list rules all others), each with a role
that denies everything. To disable a client throws it out; a certificate would let it in again, but it could say and
hear nothing, and is thrown out again at the next look. Its certificate is also on the revocation list, a file that the
broker has to be given (docs/operations.md).
"""

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from hq import revocation
from hq.patience import Patience
from hq.store import Store
from hq.wire import ATTEMPTS, Wire
from sync.broker import Broker
from sync.mqtt_words import Incoming

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
"""How often the database is asked whether somebody was revoked, here or by a command."""
AGAIN_EVERY_S: Final = 20.0
"""How often the broker is told all of it again, and throws out whoever of them has come back."""

ROLE: Final = "jingting-revoked"
_COMMANDS: Final = "$CONTROL/dynamic-security/v1"
_ANSWERS: Final = "$CONTROL/dynamic-security/v1/response"
_DENIED: Final = ("publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern")
_SILENT_AFTER: Final = 3

Command = dict[str, Any]


class _Client(msgspec.Struct):
    username: str
    roles: list[dict[str, Any]] = []


class _Clients(msgspec.Struct):
    clients: list[_Client]


class _Answer(msgspec.Struct):
    command: str
    data: Any = None


class _Answers(msgspec.Struct):
    responses: list[_Answer]


QUESTIONS: Final[tuple[Command, ...]] = (
    {
        "command": "createRole",
        "rolename": ROLE,
        "acls": [{"acltype": of, "topic": "#", "allow": False} for of in _DENIED],
    },
    {"command": "listClients", "count": -1, "offset": 0, "verbose": True},
)
"""What is said first: the role, which may be there already, and a question who has it."""


def listed(payload: bytes) -> set[str] | None:
    """Return whom the broker's list holds revoked; None when a payload says nothing of that. Raises ValueError."""
    for answer in msgspec.json.decode(payload, type=_Answers).responses:
        if answer.command == "listClients" and answer.data is not None:
            clients = msgspec.convert(answer.data, _Clients).clients
            return {one.username for one in clients if any(role.get("rolename") == ROLE for role in one.roles)}
    return None


def changes(revoked: Collection[str], on_the_list: Collection[str]) -> list[Command]:
    """Return what makes the broker's list right, and throws out everybody who is on it."""
    missing, readmitted = sorted(set(revoked) - set(on_the_list)), sorted(set(on_the_list) - set(revoked))
    return [
        *({"command": "createClient", "username": name, "roles": [{"rolename": ROLE}]} for name in missing),
        *({"command": "disableClient", "username": name} for name in sorted(revoked)),
        *({"command": "deleteClient", "username": name} for name in readmitted),
    ]


class Gate:
    """Tells the broker who is revoked. Keep `run()` alive, on a loop that may wait for the database.

    `on_revoked(station)` is called on that loop for each, also for those that were revoked before we began.
    """

    def __init__(
        self, broker: Broker, *, worker: str, store: Store, patience: Patience, on_revoked: Callable[[str], None]
    ) -> None:
        self._store = store
        self._on_revoked = on_revoked
        self._look = patience.over(self._look_once)
        self._revoked: Mapping[str, int] = {}
        self._due = 0.0
        self._unanswered = 0
        self._wire = Wire(
            "gate",
            broker,
            client_id=f"hq-{worker}-gate",
            filters=(_ANSWERS,),
            take=patience.over(self._take, attempts=ATTEMPTS),
            on_room=lambda: None,
            on_change=self._ask_soon,
            will=None,
        )

    async def run(self) -> None:
        """Serve for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._wire.run())
            tasks.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look_once(self) -> None:
        with self._store.database.read() as connection:
            now = revocation.revoked(connection)
        for station in now.keys() - self._revoked.keys():
            log.warning("%s is revoked: nothing of it is taken any more.", station)
            self._on_revoked(station)
        if now != self._revoked:
            self._revoked, self._due = now, 0.0
        if asyncio.get_running_loop().time() >= self._due and self._wire.connection is not None:
            self._due = asyncio.get_running_loop().time() + AGAIN_EVERY_S
            self._say(QUESTIONS)
            self._unanswered += 1
            if self._unanswered == _SILENT_AFTER:
                log.warning("The broker does not answer for its list of the revoked; is its plugin loaded?")

    def _ask_soon(self) -> None:
        self._due = 0.0

    async def _take(self, messages: Sequence[Incoming]) -> int:
        try:
            found = listed(messages[0].payload)
        except ValueError:
            self._store.metrics.refused("malformed")
            return 1
        if found is not None:
            self._unanswered = 0
            todo = changes(self._revoked, found)
            if todo:
                self._say(todo)
        return 1

    def _say(self, commands: Collection[Command]) -> None:
        payload = json.dumps({"commands": list(commands)}, separators=(",", ":")).encode()
        self._wire.publish(_COMMANDS, payload, slot="ack")
