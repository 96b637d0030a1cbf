"""TOML settings, read leaf by leaf, so that every mistake of a file is told at once.

`Settings.read` opens a file; a house asks it for each leaf it knows, with what is allowed there. A leaf that is
missing or wrong is noted and a stand-in returned, so that reading goes on; `Settings.finish` then raises all that
was noted, unknown keys included. Nobody uses what was read before `finish` has returned.
"""

import math
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from common import tls_files

EX_CONFIG = 78
"""Exit code for a configuration error (sysexits.h, 4.3BSD)."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: the dotted `key` (empty for the file as a whole), what was found, what was expected."""

    file: Path
    key: str
    found: str
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else str(self.file)
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}: found {self.found}; expected {self.expected}{hint}"


class SettingsError(Exception):
    """A settings file cannot be used; `mistakes` names everything to mend."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


class Section:
    """One table of a settings file; every method reads one key and notes what is wrong with it."""

    def __init__(self, settings: "Settings", where: str, content: dict[str, Any], *, present: bool = True) -> None:
        self._settings = settings
        self._where = where
        self._content = content
        self._present = present
        self._known: set[str] = set()
        settings.sections.append(self)

    def key(self, name: str) -> str:
        """Return the dotted name of a key of this section, as mistakes show it."""
        return f"{self._where}.{name}" if self._where else name

    def mistake(self, name: str, *, found: str, expected: str, hint: str = "") -> None:
        """Note a mistake at a key; also for what only a look at several keys, or at another file, can tell."""
        self._settings.mistakes.append(Mistake(self._settings.file, self.key(name), found, expected, hint))

    def text(self, name: str, *, default: str | None = None, pattern: str = r".+", expected: str = "text") -> str:
        """Return text that matches `pattern` as a whole; `expected` says the pattern in words."""

        def accept(value: Any) -> str | None:
            return value if isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) else None

        return self._leaf(name, accept, default, "", expected)

    def optional_text(self, name: str, *, pattern: str, expected: str) -> str | None:
        """Return text as `text` does, or None when the file has none."""
        if name in self._content:
            return self.text(name, pattern=pattern, expected=expected)
        self._known.add(name)
        return None

    def day(self, name: str, *, default: str | None = None) -> str:
        """Return a day as `YYYY-MM-DD`, which TOML writes without quotation marks; "" once a mistake was noted."""

        def accept(value: Any) -> str | None:
            return value.isoformat() if type(value) is date else None

        return self._leaf(name, accept, default, "", "a day, such as 2026-01-01 (no quotation marks)")

    def texts(self, name: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts, none of them empty."""
        return self._leaf(name, _as_texts, default, (), "a list of texts")

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Return true or false."""

        def accept(value: Any) -> bool | None:
            return value if isinstance(value, bool) else None

        return self._leaf(name, accept, default, stand_in=False, expected="true or false")

    def port(self, name: str, *, default: int | None = None, least: int = 0) -> int:
        """Return a TCP port; 0, where it is allowed, lets the system choose a free one."""

        def accept(value: Any) -> int | None:
            if isinstance(value, bool) or not isinstance(value, int):
                return None
            return value if least <= value <= 65535 else None  # noqa: PLR2004 - 16 bits (RFC 9293, section 3.1)

        return self._leaf(name, accept, default, least, f"a port, {least} to 65535")

    def sound(self, *names: str) -> bool:
        """Tell whether the file has these keys, and no mistake was noted at any of them."""
        wrong = {mistake.key for mistake in self._settings.mistakes}
        return all(name in self._content and self.key(name) not in wrong for name in names)

    def whole(self, name: str, *, default: int | None = None, least: int, most: int) -> int:
        """Return a whole number, `least` to `most`; the default, or `least`, once a mistake was noted."""

        def accept(value: Any) -> int | None:
            if isinstance(value, bool) or not isinstance(value, int):
                return None
            return value if least <= value <= most else None

        stand_in = least if default is None else default
        return self._leaf(name, accept, default, stand_in, f"a whole number, {least} to {most}")

    def whole_or_text(self, name: str, *, most: int, expected: str) -> int | str:
        """Return a whole number, 0 to `most`, or text; "" once a mistake was noted."""

        def accept(value: Any) -> int | str | None:
            if isinstance(value, str):
                return value or None
            return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None

        nothing: int | str = ""
        return self._leaf(name, accept, None, nothing, expected)

    def choice(self, name: str, options: tuple[_Value, ...], *, default: _Value) -> _Value:
        """Return one of `options`, texts or numbers; the default once a mistake was noted."""

        def accept(value: Any) -> _Value | None:
            return next((option for option in options if type(value) is type(option) and value == option), None)

        return self._leaf(name, accept, default, default, "one of " + ", ".join(map(str, options)))

    def seconds(self, name: str, *, default: float | None = None, least: float = 0.1) -> float:
        """Return a duration in seconds, `least` or more, at most a day; not a number once a mistake was noted."""
        day = 86_400

        def accept(value: Any) -> float | None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return None
            return float(value) if least <= value <= day else None

        return self._leaf(name, accept, default, math.nan, f"seconds, {least:g} to {day}")

    def path(self, name: str, *, default: str | None = None, check: Callable[[Path], object] | None = None) -> Path:
        """Return a path; a relative one begins at the folder of the settings file.

        `check` looks at the file itself: its OSError or ValueError becomes a mistake at this key. A ValueError
        reads `what was found; what was expected`.
        """
        text = self.text(name, default=default, pattern=r"[^\0]+", expected="a path")
        return self._checked(name, text, check)

    def optional_path(self, name: str, *, check: Callable[[Path], object] | None = None) -> Path | None:
        """Return a path as `path` does, or None when the file does not name one."""
        if name in self._content:
            return self.path(name, check=check)
        self._known.add(name)
        return None

    def paths(self, name: str, *, check: Callable[[Path], object]) -> tuple[Path, ...]:
        """Return at least one path, each as `path` does."""

        def accept(value: Any) -> tuple[str, ...] | None:
            return _as_texts(value) or None

        texts: tuple[str, ...] = self._leaf(name, accept, None, (), "a list of one path or more")
        return tuple(self._checked(f"{name}[{index}]", text, check) for index, text in enumerate(texts))

    def section(self, name: str) -> "Section":
        """Return the table of that name; one that is missing is read as empty, so its required keys are told."""
        self._known.add(name)
        content = self._content.get(name, {})
        if not isinstance(content, dict):
            self.mistake(name, found=_show(content), expected=f"a table: [{self.key(name)}]")
            return Section(self._settings, self.key(name), {}, present=False)
        return Section(self._settings, self.key(name), content, present=self._present)

    def optional_section(self, name: str) -> "Section | None":
        """Return the table of that name, or None when the file has none."""
        if name in self._content:
            return self.section(name)
        self._known.add(name)
        return None

    def sections(self, name: str, *, least: int = 1) -> tuple["Section", ...]:
        """Return the array of tables of that name, at least one; with `least` 0 it may be missing."""
        self._known.add(name)
        if not least and name not in self._content:
            return ()
        content = self._content.get(name)
        if not isinstance(content, list) or not content or not all(isinstance(item, dict) for item in content):
            found = "nothing" if content is None else _show(content)
            self.mistake(name, found=found, expected=f"one [[{self.key(name)}]] table or more")
            return ()
        return tuple(Section(self._settings, f"{self.key(name)}[{index}]", item) for index, item in enumerate(content))

    def note_unknown(self) -> None:
        """Note every key that was never asked for, with the one it was probably meant to be."""
        for name, value in self._content.items():
            if name not in self._known:
                import difflib  # noqa: PLC0415 - wrong settings alone need it, and a kiosk keeps what it imports

                close = difflib.get_close_matches(name, self._known, n=1)
                self.mistake(
                    name,
                    found=f"an unknown key, {_show(value)}",
                    expected="one of " + ", ".join(sorted(self._known)),
                    hint=f"did you mean {close[0]}?" if close else "",
                )

    def _checked(self, name: str, text: str, check: Callable[[Path], object] | None) -> Path:
        path = self._settings.file.parent / text
        if not text or check is None:  # a key that is missing or wrong is noted already
            return path
        try:
            check(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.mistake(name, found=f"{path}: {reason}", expected="a readable file")
        except ValueError as error:
            found, _, expected = str(error).partition("; ")
            self.mistake(name, found=f"{path}: {found}", expected=expected)
        return path

    def _leaf(
        self,
        name: str,
        accept: Callable[[Any], _Value | None],
        default: _Value | None,
        stand_in: _Value,
        expected: str,
    ) -> _Value:
        self._known.add(name)
        if name not in self._content:
            if default is not None:
                return default
            if self._present:
                self.mistake(name, found="nothing", expected=expected)
            return stand_in
        value = accept(self._content[name])
        if value is None:
            self.mistake(name, found=_show(self._content[name]), expected=expected)
            return stand_in
        return value


class Settings:
    """One settings file while it is read."""

    def __init__(self, file: Path, content: dict[str, Any]) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self.sections: list[Section] = []
        self.root = Section(self, "", content)

    @classmethod
    def read(cls, file: Path) -> "Settings":
        """Open a TOML file (toml.io, version 1.0). Raises SettingsError when it cannot be read or is not TOML."""
        file = file.absolute()
        try:
            return cls.parse(file.read_text(encoding="utf-8"), file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError([Mistake(file, "", reason.lower(), "a readable file")]) from error
        except UnicodeDecodeError as error:
            found = f"a byte that is not UTF-8 at offset {error.start}"
            raise SettingsError([Mistake(file, "", found, "a TOML file in UTF-8")]) from error

    @classmethod
    def parse(cls, text: str, file: Path) -> "Settings":
        """Read what a TOML file says; `file` is what mistakes name. Raises SettingsError when it is not TOML."""
        try:
            return cls(file, tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise SettingsError([Mistake(file, "", str(error), "a TOML file")]) from error

    def finish(self) -> None:
        """Raise SettingsError with every mistake noted, unknown keys included; return when there is none."""
        for section in self.sections:
            section.note_unknown()
        if self.mistakes:
            raise SettingsError(sorted(self.mistakes, key=lambda mistake: mistake.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Where pages are served. `allowed_hosts`: the Host headers answered; the address served at always is one."""

    host: str
    port: int
    allowed_hosts: tuple[str, ...]


def read_web(web: Section) -> WebSettings:
    """Read what station and headquarters write alike of their `[web]`."""
    return WebSettings(
        host=web.text("host", default="127.0.0.1", pattern=r"[0-9A-Za-z.:-]+", expected="an address or host name"),
        port=web.port("port"),
        allowed_hosts=web.texts("allowed_hosts", default=()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """The MQTT broker, the city's root certificate, and as whom we come: our own certificate and its private key."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path


def read_broker(root: Section, *, port: int) -> BrokerSettings:
    """Read `[broker]`, which station and headquarters write alike but for the default `port`."""
    broker = root.section("broker")
    key = broker.path("key", check=tls_files.check_key)

    def check_certificate(path: Path) -> None:
        if key.exists():  # else that is the mistake
            tls_files.check_pair(path, key)

    return BrokerSettings(
        host=broker.text("host"),
        port=broker.port("port", default=port, least=1),
        ca=broker.path("ca", check=tls_files.check_root),
        certificate=broker.path("certificate", check=check_certificate),
        key=key,
    )


def _as_texts(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        return None
    return tuple(value)


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        value = re.sub(r"://[^@/]*@", "://…@", value)  # a password in a URL is nobody's business
        return f'"{value}"' if len(value) <= 60 else f'"{value[:57]}…"'  # noqa: PLR2004 - one line on a terminal
    if isinstance(value, list):
        return "an empty list" if not value else f"a list of {len(value)}"
    return str(value)
