"""`jingting station check`: the city's files looked at before they are copied to a kiosk, every mistake told."""

import json
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from agent import grid, places
from agent.city_files import Mistake
from agent.finding import named_bytes


@dataclass(slots=True)
class Checked:
    """What was found: entries by table (`places`, `grid`), those of a table with mistakes too."""

    entries: dict[str, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def in_words(self) -> str:
        """Return it as lines for a person, a mistake each."""
        if self.mistakes:
            return "\n".join(map(str, self.mistakes))
        return "\n".join(f"{table}: {count} entries, no mistake" for table, count in self.entries.items())

    def as_dict(self) -> dict[str, Any]:
        """Return it for a program."""
        return {"entries": self.entries, "mistakes": [asdict(mistake) for mistake in self.mistakes]}

    def as_json(self) -> str:
        """Return it as one JSON object."""
        return json.dumps(self.as_dict(), ensure_ascii=False)


def check(circle: Path | None, addresses: Path | None, contacts: Path | None) -> Checked:
    """Read the files as a station does, and return what it finds; one that cannot be read is a mistake too."""
    checked, today = Checked(), date.today()  # noqa: DTZ011 - the day of who asks
    if circle is not None and (content := _content(checked, circle)):
        table, mistakes = places.read(content[0], today=today)
        checked.entries["places"] = len(table)
        checked.mistakes += mistakes
    if addresses is not None and contacts is not None and (content := _content(checked, addresses, contacts)):
        found, mistakes = grid.read(*content, today=today)
        checked.entries["grid"] = len(found)
        checked.mistakes += mistakes
    return checked


def _content(checked: Checked, *files: Path) -> list[tuple[str, bytes]]:
    content = []
    for file in files:
        try:
            content.append((str(file), named_bytes(file)[1]))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            checked.mistakes.append(Mistake(str(file), 0, "", reason, "a file that can be read"))
    return content if len(content) == len(files) else []
