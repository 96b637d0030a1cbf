"""A scanner for QR codes and barcodes on a serial line: it says the text of a code when one is held to it.

What it says is taken apart by `codes`; a code that broke off is never gone on with by the next.
"""

import logging
from collections.abc import Callable

from drivers import codes, device
from drivers.one_way_line import OneWayLine

_TO_DO = {
    "not_found": "check that the code scanner is plugged in and that `port` names it",
    "busy": "another program holds the port: stop it",
    "no_permission": "let this user open the port (group dialout)",
    "cannot_open": "check cable, adapter and `port`",
    "hung_up": "check the code scanner's cable",
    "garbled": "it speaks without a pause: check speed, cable, shield and ground; 8N1",
}

_log = logging.getLogger(__name__)


class CodeScanner:
    """One scanner; lives through unplugging, noise and restarts of either side.

    `on_code(text)` gets each code: a stranger's text. `on_state(state, reason)` is told when either changed, `reason`
    as in `PassportReader`; ready says that the port is open. Both are called on the loop and must not wait. `baud` as
    the scanner is set (8N1), `suffix` and `longest` as in `codes.Decoder`. `quiet_s`: what stops for so long in the
    middle has broken off. `codes` and `refused` count both. Raises ValueError when `port_url` is of no kind that
    pyserial knows.
    """

    def __init__(
        self,
        name: str,
        port_url: str,
        *,
        monotonic: Callable[[], float],
        on_state: Callable[[device.State, str], None],
        on_code: Callable[[str], None],
        baud: int = 9600,
        suffix: codes.Suffix = "cr",
        longest: int = codes.LONGEST,
        quiet_s: float = 0.3,
    ) -> None:
        self.name = name
        self.codes = 0
        self.refused = 0
        self._on_code = on_code
        self._decoder = codes.Decoder(suffix, longest)
        self._line = OneWayLine(
            f"code scanner {name} at {port_url}",
            port_url,
            baud=baud,
            quiet_s=quiet_s,
            monotonic=monotonic,
            on_state=on_state,
            on_burst=self._hear,
            to_do=_TO_DO,
            log=_log,
        )

    @property
    def state(self) -> device.State:
        """How it stands."""
        return self._line.state

    @property
    def reason(self) -> str:
        """Why it stands so; empty when ready."""
        return self._line.reason

    async def run(self) -> None:
        """Serve the scanner until cancelled; may be run again after that."""
        await self._line.run()

    def _hear(self, data: bytes, begins: bool) -> None:  # noqa: FBT001 - a callback's only two arguments
        if begins and self._decoder.break_off() is not None:
            self.refused += 1
        for code in self._decoder.feed(data):
            if isinstance(code, str):
                self.codes += 1
                self._on_code(code)
            else:
                self.refused += 1
