"""What the duty desk's pages ask the database: with ten thousand records none of them reads a whole table."""

import re

from test_record_pages import open_record, step

PAGES = (
    "/duty",
    "/duty/live",
    "/duty/calls",
    "/duty/figures",
    "/duty/handover",
    "/duty/new",
    "/duty/new?service=QZ-01",
    "/duty/shift",
    "/duty/patrols",
    "/duty/find?number=JW012-20261122-0001",
    "/status.json",
)
GROW = {"events", "records", "record_events", "record_boxes", "record_days", "figures", "help_events", "presses"}
"""Tables that have a row for each record, event, press or day."""


async def test_no_page_of_the_desk_reads_through_a_table_that_grows(station):
    record, _ = await open_record(station, service="ZX-01")
    await step(station, record, "accept")
    reader, asked = station.journal._reader, set()
    reader.set_trace_callback(asked.add)
    for page in (*PAGES, f"/duty/records/{record}"):
        assert (await station.get(page)).status_code < 500, page
    reader.set_trace_callback(None)
    asked = {one for one in asked if one.startswith("SELECT")}
    assert any("FROM records" in one for one in asked)
    assert any("FROM figures" in one for one in asked)
    through = {}
    for one in asked:
        for *_, plan in reader.execute(f"EXPLAIN QUERY PLAN {one}"):
            table = re.match(r"SCAN (\w+)$", plan)
            if table is not None and table[1] in GROW:
                through[one] = plan
    assert through == {}
