"""What follows ordered settings while the station runs: nothing is started again for them, only the link moves."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from agent.equipment import Equipment
from agent.health import Health
from agent.help import HelpDesk
from agent.housekeeping import Housekeeping
from agent.link import Link
from agent.settings import StationSettings
from agent.settings_orders import SettingsOrders
from common.changes import Changes
from common.settings import BrokerSettings
from sync.broker import Broker


@dataclass(frozen=True, slots=True)
class Followers:
    """Whoever can be told other settings while it runs."""

    help_desk: HelpDesk
    equipment: Equipment
    health: Health
    housekeeping: Housekeeping
    link: Link
    changes: Changes


def broker(settings: BrokerSettings, *, check_dates: Callable[[], bool]) -> Broker:
    """Return the broker of these settings; `check_dates`: whether the clock is to be trusted."""
    return Broker(
        host=settings.host,
        port=settings.port,
        ca=settings.ca,
        certificate=settings.certificate,
        key=settings.key,
        check_dates=check_dates,
    )


def follow(
    ordered: SettingsOrders, followers: Followers, *, check_dates: Callable[[], bool]
) -> Callable[[], Coroutine[object, object, None]]:
    """Let everybody follow what is in force, beginning with it; return what has to be kept running for that."""
    sessions = followers.link.sessions

    def in_force(now: StationSettings) -> None:
        followers.help_desk.climb_by(now.help.ladder)
        followers.equipment.test_at = now.self_test.at
        followers.health.every(now.health.every_s)
        followers.housekeeping.keep_for(rewind_days=now.journal.rewind_days, header_days=now.journal.header_days)
        sessions.move(broker(now.broker, check_dates=check_dates))

    ordered.apply = in_force
    ordered.link = lambda: (sessions.up, sessions.heard)
    ordered.changed = followers.changes.moved
    in_force(ordered.now)
    return ordered.run
