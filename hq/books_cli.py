"""What the command of the desks' books does: it prints what is open."""

import json
import sys
from contextlib import closing
from dataclasses import asdict

from common.clock import Clock
from hq import books
from hq.cli import NO_STORE, fail, first_line
from hq.settings import HqSettings
from hq.store import Store


def print_books(settings: HqSettings, *, as_json: bool) -> int:
    """Print who is on patrol, what is lent, and what is kept, at all stations, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            found = books.read(store.database, Clock().wall_ms())
    except NO_STORE as error:
        return fail(first_line(error))
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), ensure_ascii=False) + "\n")
        return 0
    for one in found.shown:
        late = "overdue" if one.overdue else ""
        line = f"{one.station:<12} {one.kind:<7} {one.what:<16} {one.which:<12} {one.where:<20} {one.since} {late}"
        sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.write(f"{found.open} entries are open, {found.overdue} of them overdue.\n")
    return 0
