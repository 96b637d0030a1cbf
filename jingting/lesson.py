"""The demo's legal education: the example pack of the source, made and sent by the commands everybody uses."""

import asyncio
import tomllib
from pathlib import Path
from typing import Final

from jingting.child import jingting
from jingting.city import City

FOLDER: Final = Path(__file__).parents[1] / "config/content/anti-fraud"
"""There only in the source: an installed Jingting has no examples, and its demo shows none."""


async def send(city: City) -> bool:
    """Send the example pack to every station of the city; False where there is none, or it was refused."""
    if not FOLDER.is_dir():
        return False
    head = tomllib.loads((FOLDER / "pack.toml").read_text(encoding="utf-8"))
    config = ("--config", city.folder / "hq/hq.toml")
    pack = city.folder / f"{head['id']}-{head['version']}.pack"
    for command in (("pack", FOLDER, "--to", city.folder), ("send", pack, "--all")):
        process = await asyncio.create_subprocess_exec(
            *jingting("hq", "content", *command, *config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            failed = await process.wait()
        except asyncio.CancelledError:  # a city that ends leaves nobody behind who writes in its folder
            process.kill()
            await process.wait()
            raise
        if failed:
            return False
    return True
