"""When the certificates end that headquarters itself lives by: only `jingting hq init` renews these, when asked.

Those of stations are renewed by themselves; how long one has is in its health sample.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeAlias

from common.certificates import read_certificate
from hq.settings import HqSettings
from hq.view import Expiring

Whose: TypeAlias = Literal["authority", "broker", "headquarters", "pages"]

SHOWN_S: Final = 60 * 24 * 3600
"""A certificate that ends within so many seconds is shown: two months to fetch whoever has the authority's key."""
_DAY_S: Final = 24 * 3600


def certificate_files(settings: HqSettings) -> dict[Whose, Path]:
    """Return the files of the certificates that are headquarters'; the broker shows its own when we connect."""
    files: dict[Whose, Path] = {"authority": settings.broker.ca, "headquarters": settings.broker.certificate}
    if settings.web.certificate is not None:
        files["pages"] = settings.web.certificate
    return files


def seconds_left(files: Mapping[Whose, Path], *, broker_ends_s: int | None, now_s: int) -> dict[Whose, int]:
    """Return for how long each certificate is good, negative where it has ended; one that cannot be read is left out.

    `broker_ends_s`: when the broker's ends (Unix seconds), None before we were ever connected.
    """
    left: dict[Whose, int] = {}
    for whose, file in files.items():
        try:
            ends = read_certificate(file).not_valid_after_utc.timestamp()
        except (OSError, ValueError):  # whoever connects with it says what is wrong with it
            continue
        left[whose] = int(ends) - now_s
    if broker_ends_s is not None:
        left["broker"] = broker_ends_s - now_s
    return left


def expiring(left: Mapping[Whose, int]) -> tuple[Expiring, ...]:
    """Return those to be shown, the one that ends first on top."""
    soon = sorted((seconds, whose) for whose, seconds in left.items() if seconds < SHOWN_S)
    return tuple(Expiring(certificate=whose, days_left=max(0, seconds) // _DAY_S) for seconds, whose in soon)
