"""Documents of invented people, for the simulated swipe reader: a TOML file, a table for each, named after it."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from drivers.simulators.one_way_player import Misuse

DOCUMENTS = Path(__file__).with_name("documents.toml")
"""Documents that come with the simulator."""


class DocumentsError(Exception):
    """A file of documents cannot be used; the words say where and what to do."""


def load(path: Path) -> dict[str, list[str]]:
    """Return the lines of each document's zone by the document's name. Raises DocumentsError, OSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DocumentsError(f"{path}: no TOML: {error}") from None
    documents: dict[str, list[str]] = {}
    for name, table in tables.items():
        lines = table.get("lines") if isinstance(table, dict) else None
        if not isinstance(lines, list) or not lines or not all(isinstance(line, str) for line in lines):
            raise DocumentsError(f"{path}, document {name}: must be a table with `lines`, a list of texts")
        documents[name] = lines
    return documents


def swiped(documents: Mapping[str, list[str]], *, ending: str, framed: bool) -> Callable[[list[str]], bytes]:
    """Return what a reader says when documents, by their names, are swiped one at once after the other.

    Every line has `ending` behind it; `framed`: STX before the first and ETX behind the last of each document.
    """
    before, behind = ("\x02", "\x03") if framed else ("", "")

    def said(names: list[str]) -> bytes:
        for name in names or [""]:
            if name not in documents:
                raise Misuse(f"there is no {name!r}; there are: {', '.join(documents)}")
        zones = ["".join(line + ending for line in documents[name]) for name in names]
        return "".join(f"{before}{zone}{behind}" for zone in zones).encode()

    return said
