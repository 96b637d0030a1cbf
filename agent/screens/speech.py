"""What the citizen's screen says aloud: which clip belongs to what is shown, and where it is served from.

`prompts.toml` has the words, `scripts/speech` makes the clips, and a recording of the same name in the settings' folder
takes a clip's place. A clip is read from the disk whenever it is asked for; only the names stay in memory.
"""

import logging
from pathlib import Path
from typing import Final

from microdot import Microdot, Request, Response
from microdot.microdot import HTTPException

from agent.screens.shown import Shown
from agent.screens.told import Told
from agent.visit import VisitView

log = logging.getLogger(__name__)

MADE: Final = Path(__file__).with_name("speech")
"""Where `scripts/speech` puts the clips."""

_TYPE: Final = "audio/ogg; codecs=opus"  # RFC 7845, section 9
_SUFFIX: Final = ".opus"


def prompt(told: Told, shown: Shown, visit: VisitView | None, *, leaving: bool) -> str:
    """Return the name of what is to be said: of a call for help first, then of the page."""
    if told.news != "nothing":
        return "call_110" if told.call_110 and told.news != "shown" else f"call_{told.news}"
    if leaving:
        return "leaving"
    return shown.template.removesuffix(".html") if visit is None else f"visit_{visit.page}"


class Speech:
    """The clips there are; `recordings` is a folder of the city's own, or None."""

    def __init__(self, recordings: Path | None = None) -> None:
        made, recorded = _clips(MADE), {} if recordings is None else _clips(recordings)
        self._clips = made | {name: path for name, path in recorded.items() if name in made}
        if unknown := sorted(recorded.keys() - made.keys()):
            log.warning("No page says %s: such recordings in %s are not used.", ", ".join(unknown), recordings)

    def serve(self, app: Microdot) -> None:
        """Take in the route."""
        app.get("/speech/<name>")(self._clip)

    def __bool__(self) -> bool:
        """Tell whether there is anything to say."""
        return bool(self._clips)

    def address(self, name: str, language: str) -> str:
        """Return where a prompt is served; "" where there is no clip of it."""
        file = f"{name}.{language}{_SUFFIX}"
        return f"/speech/{file}" if file in self._clips else ""

    def _clip(self, _request: Request, name: str) -> Response:
        """Answer with a clip; no coroutine, so that it waits for the disk in a thread."""
        path = self._clips.get(name)
        try:
            body = None if path is None else path.read_bytes()
        except OSError:
            body = None  # a folder that was there at the start: the page is whole without it
        if body is None:
            raise HTTPException(404)
        return Response(body, headers={"Content-Type": _TYPE})


def _clips(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.glob(f"*{_SUFFIX}")}
