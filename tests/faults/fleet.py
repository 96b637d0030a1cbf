"""Many stations against one headquarters, which loses its broker, itself, and what it had since a copy of it."""

import asyncio
import subprocess
from pathlib import Path

import sqlalchemy as sa
from row import Row

from jingting.child import jingting
from tests.headquarters import SQLITE, Headquarters
from tests.light_stations import Fleet, fleet


async def trials(stations: Fleet) -> None:
    """Take the broker away, then headquarters, then what headquarters had since a copy of it."""
    hq = stations.hq
    process, copy = hq.processes["hq"], str(hq.folder / "yesterday")

    async def broker() -> None:
        process = hq.processes["broker"]
        process.kill()
        await process.ended()
        process.start()

    async def headquarters_again() -> None:
        process.kill()
        await process.ended()
        await _command(hq, "backup", copy)
        process.start()

    async def yesterday() -> None:
        await process.stop()
        await _command(hq, "restore", copy, "--force")
        process.start()

    await stations.suffer("the broker was killed", broker)
    await stations.suffer("headquarters was killed", headquarters_again)
    await stations.suffer("headquarters was put back from a copy", yesterday)


async def _command(hq: Headquarters, *arguments: str) -> None:
    """Run a command of headquarters' as somebody there does (docs/operations.md, "Copy headquarters")."""
    command = (*jingting("hq", *arguments), "--config", str(hq.folder / "hq/hq.toml"))
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def held(url: str) -> list[bytes]:
    """Every line that a headquarters' database holds."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        lines = [bytes(line) for (line,) in connection.execute(sa.text("SELECT line FROM events"))]
    engine.dispose()
    return lines


async def gathered(folder: Path, count: int, seed: int, *, url: str = SQLITE) -> tuple[Row, dict[str, list[float]]]:
    """Let a fleet go through its trials; return what headquarters has of it, and when each station was back."""
    async with fleet(folder, count, seed, url=url) as stations:
        await trials(stations)
        lines = await asyncio.to_thread(held, stations.hq.url)
    said = {line for station in stations.stations for line, _ in station.journal.lines}
    row = Row(
        fault=f"fleet of {count}" + ("" if url == SQLITE else " on PostgreSQL"),
        tries=len(stations.came_back_s),
        confirmed=stations.said,
        lost=len(said - set(lines)),
        duplicated=len(lines) - len(set(lines)),
        recover_s=tuple(times[-1] for times in stations.came_back_s.values()),
    )
    return row, stations.came_back_s
