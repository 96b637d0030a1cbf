"""What is under way in one session: sent, and not yet acknowledged. Times are monotonic seconds."""

from dataclasses import dataclass, field

from sync.window import Window

NEVER = float("inf")


@dataclass(slots=True)
class Flight:
    """A batch of the log lane that has not been acknowledged: its lines, its bytes on the wire, when it was sent."""

    first: int
    last: int
    size: int
    sent: float


@dataclass(slots=True)
class Try:
    """An urgent event under way: when it first went, when it goes again, how often it went."""

    first_sent: float
    due: float
    attempts: int = 1


@dataclass(slots=True)
class Session:
    """What one session has sent and heard; it begins anew with each birth."""

    name: str
    began: float
    answered: bool = False
    rev: int | None = None
    window: Window = field(default_factory=Window)
    flights: list[Flight] = field(default_factory=list)
    tries: dict[int, Try] = field(default_factory=dict)
    resend_at: float = NEVER
    attempts: int = 0
    probe_at: float = 0.0
    unanswered_since: float = NEVER
