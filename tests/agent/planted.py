"""Looking for planted texts in every byte below a folder."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path

SHORTEST = 8
"""Bytes of the shortest spelling that proves anything: four letters of base64 stand in any larger box by chance."""


def spellings(text: str) -> set[bytes]:
    """Return how a text would look on a disk: UTF-8, UTF-16, JSON's escapes, and base64 wherever it begins."""
    plain = [text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be"), json.dumps(text)[1:-1].encode()]
    coded: set[bytes] = set()
    for raw in plain:
        for shift in range(3):
            middle = base64.b64encode(bytes(shift) + raw)[(4 if shift else 0) : -4]
            coded |= {middle, middle.translate(bytes.maketrans(b"+/", b"-_"))}
    return {one for one in (*plain, *coded) if len(one) >= SHORTEST}


def found(folder: Path, texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return in which files which of the texts stand, in any spelling."""
    files = [(file.name, file.read_bytes()) for file in folder.rglob("*") if file.is_file()]
    assert any(content for _, content in files)
    looked_for = {text: spellings(text) for text in texts}
    return [
        (name, text)
        for name, content in files
        for text, spelt in looked_for.items()
        if any(one in content for one in spelt)
    ]
