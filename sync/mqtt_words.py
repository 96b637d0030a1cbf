"""What is said of a connection: what comes over it, what the broker says for us, how it ended, why there is none."""

from dataclasses import dataclass
from typing import Final

TAKEN_OVER: Final = 0x8E
"""MQTT 5.0, section 3.14.2.1: "Session taken over"."""
_UNSUPPORTED_VERSION: Final = 0x84


class BrokerUnreachableError(Exception):
    """No connection could be made; the message says why."""


class BrokerRefusedError(Exception):
    """The broker answered, and refused; `code` is the MQTT 5 reason code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code

    @property
    def needs_older_protocol(self) -> bool:
        """Whether the broker asks for MQTT 3.1.1."""
        return self.code == _UNSUPPORTED_VERSION


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us, retained, when we vanish."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that came; `retained` is the broker's flag, so it is old news. `mid` is 0 for one of QoS 0."""

    topic: str
    payload: bytes
    retained: bool
    mid: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection ended: `by_broker` when we did not ask for it; `code` is an MQTT 5 reason code or 0."""

    by_broker: bool
    code: int
    reason: str
