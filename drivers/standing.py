"""How a device stands: its state and the reason for it, told when either changes, logged when it breaks and mends."""

import logging
from collections.abc import Callable, Mapping

from drivers import device
from drivers.usb_port import AMBIGUOUS_TO_DO


class Standing:
    """The state of one device and why it is so.

    `what` names the device in the log, as `card reader desk at /dev/ttyUSB0`; `to_do` says for each reason what can be
    done about it. `on_state(state, reason)` is called when either changed; it must not wait. One warning is logged when
    the device breaks and one line when it is back, however often it is tried in between.
    """

    def __init__(
        self,
        what: str,
        *,
        to_do: Mapping[str, str],
        on_state: Callable[[device.State, str], None],
        log: logging.Logger,
    ) -> None:
        self.state: device.State = "absent"
        self.reason = ""
        self._what = what
        self._to_do = {"ambiguous": AMBIGUOUS_TO_DO, **to_do}
        self._on_state = on_state
        self._log = log
        self._told: tuple[device.State, str] | None = None
        self._broken = False

    def become(self, happening: device.Happening, reason: str) -> None:
        """Let something happen to the device. Raises ValueError for what cannot happen to it as it stands."""
        self.state = device.after(self.state, happening)
        self.reason = reason
        if (self.state, reason) == self._told:
            return
        self._told = (self.state, reason)
        if self.state == "ready" and self._broken:
            self._log.info("%s is back", self._what)
        elif self.state in ("absent", "faulty") and not self._broken:
            self._log.warning("%s is %s (%s): %s", self._what, self.state, reason, self._to_do[reason])
        self._broken = self.state in ("absent", "faulty") or (self._broken and self.state == "starting")
        self._on_state(self.state, reason)
