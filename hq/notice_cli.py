"""What the commands of notices do: sent to stations, and who has read them."""

import json
import sys
from contextlib import closing
from dataclasses import asdict

from common.events.errands import NoticeSent
from hq import notices
from hq.cli import NO_STORE, fail, first_line, print_ordered
from hq.ordering import order_id
from hq.settings import HqSettings
from hq.store import Store


def print_notice(settings: HqSettings, order: NoticeSent, stations: tuple[str, ...] | None) -> int:
    """Send a notice as `print_ordered` does."""
    return print_ordered(settings, order, stations, lambda station: order_id(order.notice, station))


def print_notices(settings: HqSettings, *, as_json: bool) -> int:
    """Print the newest notices, and who has read them, and return the exit code."""
    try:
        with closing(Store.open(settings.store.url)) as store:
            found = notices.newest(store.database)
    except NO_STORE as error:
        return fail(first_line(error))
    if as_json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], ensure_ascii=False) + "\n")
        return 0
    for one in found:
        must = "must be read; " if one.must_read else ""
        sys.stdout.write(f"{one.sent} {one.zh or one.en}\n  {must}until {one.expires}\n")
        for at in one.stations:
            by = ", ".join(f"{reader.staff or 'not signed in'} {reader.time}" for reader in at.readers)
            sys.stdout.write(f"  {at.station:<12} {at.stand:<10} {by}".rstrip() + "\n")
    return 0
