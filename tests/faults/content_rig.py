"""What the content's fault tests share: packs made by the command everybody uses, and what a station holds of them."""

import asyncio
import hashlib
import random
import struct
import subprocess
import zlib
from pathlib import Path

from faults_rig import STATION, query

from jingting.child import jingting
from jingting.city import City

MADE = "shown 2026"


async def hq(city: City, *arguments: object) -> str:
    """Run a command at headquarters, and return what it says."""
    command = jingting("hq", *map(str, arguments), "--config", city.folder / "hq/hq.toml")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def picture(size: int, rng: random.Random) -> bytes:
    """A PNG of about `size` bytes that cannot be made smaller."""
    side = max(8, int((size / 3) ** 0.5))
    rows = b"".join(b"\0" + rng.randbytes(3 * side) for _ in range(side))

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    ihdr = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", ihdr) + part(b"IDAT", zlib.compress(rows, 0)) + part(b"IEND", b"")


def write_folder(
    folder: Path, *, pictures: int, size: int, seed: int, version: int = 1, ends: str = "2099-12-31"
) -> Path:
    """A folder for `content pack`: a page a picture, each picture of `size` bytes."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    names = [f"page-{number}" for number in range(pictures)]
    for name in names:
        (folder / f"{name}.png").write_bytes(picture(size, rng))
        (folder / f"{name}.zh.md").write_text(f"# 第{name}页\n\n![图]({name}.png)\n", encoding="utf-8")
        (folder / f"{name}.en.md").write_text(f"# Page {name}\n\n![picture]({name}.png)\n", encoding="utf-8")
    toml = [
        'id = "test-pack"',
        f"version = {version}",
        'begins = "2026-01-01"',
        f'ends = "{ends}"',
        f"pages = {names}".replace("'", '"'),
        "[title]",
        'zh = "试"',
        'en = "Trial"',
    ]
    (folder / "pack.toml").write_text("\n".join(toml), encoding="utf-8")
    return folder


async def packed(city: City, folder: Path, version: int = 1) -> tuple[Path, str]:
    """Make a pack of a folder; return its file and its name."""
    await hq(city, "content", "pack", folder, "--to", folder.parent)
    file = folder.parent / f"test-pack-{version}.pack"
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def delivery(city: City, pack: str, station: str = STATION) -> dict[str, object]:
    """How headquarters has a pack at a station."""
    rows = query(
        city.hq_database,
        "SELECT state, reason, missing, way FROM content_deliveries WHERE station = ? AND pack = ?",
        station,
        pack,
    )
    return dict(zip(("state", "reason", "missing", "way"), rows[0], strict=True)) if rows else {}


def held(city: City, station: str = STATION) -> dict[str, str]:
    """The packs a station remembers, with their states."""
    return dict(query(city.station_folder(station) / "data/station.db", "SELECT pack, state FROM content_packs"))


def file_of(city: City, pack: str, station: str = STATION) -> Path:
    return city.station_folder(station) / "data/content" / pack
