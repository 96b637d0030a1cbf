"""The templates of all pages: compiled once, when they are installed, and drawn in the language of whoever looks.

`python -m common.web.templates FOLDER …` compiles those of each folder into its `compiled/`. Where a page is drawn,
compiling would take time of a kiosk's first page and leave two MiB in its memory; a template that was changed since is
compiled there all the same.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

from common.web.languages import DEFAULT, LANGUAGES

_SHARED = Path(__file__).with_name("templates")
_A_DAY_S = 24 * 3600

_spoken: ContextVar[GNUTranslations] = ContextVar("_spoken")


class _Compiled(FileSystemBytecodeCache):
    """What was compiled from a folder's templates and from the shared ones, found by name and source."""

    def __init__(self, templates: Path, *, writing: bool = False) -> None:
        super().__init__(str(templates / "compiled"), "%s.cache")
        self._writing = writing

    def get_cache_key(self, name: str, filename: str | None = None) -> str:  # noqa: ARG002 - jinja2's signature
        # Without the path: an installed kiosk has them elsewhere than where they were compiled.
        return name

    def dump_bytecode(self, bucket: Bucket) -> None:
        if self._writing:
            super().dump_bytecode(bucket)


@cache
def environment(templates: Path) -> Environment:
    """Return what draws the templates of a folder and the shared ones: one for all languages and listeners.

    So each template is kept in a kiosk's memory once.
    """
    return _environment(templates, _Compiled(templates))


@contextmanager
def spoken_in(catalogue: GNUTranslations) -> Iterator[None]:
    """Draw in this language inside the block."""
    spoken = _spoken.set(catalogue)
    try:
        yield
    finally:
        _spoken.reset(spoken)


def compile_all(templates: Path) -> int:
    """Compile what is new or changed of a folder's templates and of the shared ones, drop the rest; return how many."""
    compiled = templates / "compiled"
    compiled.mkdir(exist_ok=True)
    drawing = _environment(templates, _Compiled(templates, writing=True))
    names = drawing.list_templates(extensions=["html"])
    for name in names:
        drawing.get_template(name)
    for left_over in {file.name for file in compiled.iterdir()} - {f"{name}.cache" for name in names}:
        (compiled / left_over).unlink()
    return len(names)


def elapsed(seconds: int) -> str:
    """Return a duration as people read it on a stopwatch: `0:07`, `12:34`, `3:05:09`."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _environment(templates: Path, compiled: _Compiled) -> Environment:
    drawing = Environment(
        loader=FileSystemLoader([templates, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=compiled,
    )
    # The extension adds this method at run time.
    i18n: Any = drawing
    i18n.install_gettext_callables(_gettext, _ngettext, newstyle=True)
    drawing.filters["elapsed"] = elapsed
    drawing.globals |= {
        "languages": LANGUAGES,
        "default_language": DEFAULT,
        "A_DAY_S": _A_DAY_S,
    }
    return drawing


def _gettext(message: str) -> str:
    return _spoken.get().gettext(message)


def _ngettext(singular: str, plural: str, number: int) -> str:
    return _spoken.get().ngettext(singular, plural, number)


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        compile_all(Path(folder))
