"""What the station's pages have in common: where they are drawn from, event ids of forms, patience with the disk."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from microdot import Request
from microdot.microdot import HTTPException

from agent.database import JournalError
from agent.quota import JournalFullError
from common.identifiers import is_identifier
from common.web.pages import form_of

TEMPLATES: Final = Path(__file__).parent / "templates"
"""The folder of the station's own templates."""

PATIENCE_S: Final = 0.3
"""How long a submitted form waits for the disk: then the page comes all the same and says what is true."""


SAVE_S: Final = 3.0
"""How long a form of the desk waits for the disk before its page says that nothing is known yet."""

T = TypeVar("T")


class NotSavedError(Exception):
    """What a form asked for is not on the disk: that is full or fails, or has not answered in SAVE_S."""

    def __init__(self, why: Literal["slow", "full", "disk"]) -> None:
        super().__init__(why)
        self.why = why


class Patience:
    """Starts what forms ask for, and waits for its end only so long: a dead disk must not hold up a page."""

    def __init__(self) -> None:
        self._unfinished: set[asyncio.Task[Any]] = set()

    async def started(self, action: Coroutine[Any, Any, Any], *, within_s: float) -> bool:
        """Start an action; True when it has ended within so many seconds. It goes on all the same.

        Raises what the action does within that time.
        """
        task = asyncio.ensure_future(action)
        self._unfinished.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=within_s)
        if done:
            task.result()
        return bool(done)

    async def saved(self, action: Coroutine[Any, Any, T]) -> T:
        """Start an action of the desk, and return what came of it; raises NotSavedError, and what else it does."""
        outcome: list[T] = []

        async def carry_out() -> None:
            outcome.append(await action)

        try:
            ended = await self.started(carry_out(), within_s=SAVE_S)
        except JournalFullError:
            raise NotSavedError("full") from None
        except JournalError:
            raise NotSavedError("disk") from None
        if not ended:
            raise NotSavedError("slow")
        return outcome[0]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled():
            task.exception()  # the journal has logged it, and the page shows how things stand


def event_id_of(request: Request) -> str:
    """Return the event id a form carries; raises HTTPException 400 when it is none."""
    return identifier_of(request, "event_id")


def identifier_of(request: Request, field: str) -> str:
    """Return the id that a field of a form carries; raises HTTPException 400 when it is none."""
    event_id = form_of(request).get(field, "")
    if not is_identifier(event_id):
        raise HTTPException(400, f"{field} must be a UUID")
    return event_id


def known(identifier: str) -> str:
    """Return an id of an address; raises HTTPException 404 when it is none."""
    if not is_identifier(identifier):
        raise HTTPException(404)
    return identifier
