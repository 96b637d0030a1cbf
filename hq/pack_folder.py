"""A folder of Markdown and pictures becomes a content pack: validated whole, every mistake told at once."""

import hashlib
import re
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from common.pack import (
    HTML,
    MAX_FRAGMENT,
    MAX_HEADER,
    MAX_PACK,
    MAX_PAGES,
    MAX_PICTURE,
    SECONDS,
    File,
    Head,
    Hours,
    Page,
    check_fragment,
)
from common.settings import Mistake, Section, Settings
from hq.leaves import render
from hq.pictures import look_at
from sync import base64url
from sync.signing import SigningKey

TOML: Final = "pack.toml"
MOST_PIXELS: Final = 1920
"""Of a picture's width, and of its height: no kiosk shows more."""

_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OF_DAY: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_PICTURE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.(?:png|jpe?g|webp)")


class _Files:
    """The files of a pack in the order in which they are named; the same content is there once."""

    def __init__(self) -> None:
        self.entries: list[File] = []
        self.contents: list[bytes] = []

    def add(self, content: bytes, kind: str) -> tuple[int, str]:
        """Return where a file stands in the list, and its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        for index, entry in enumerate(self.entries):
            if entry.sha256 == digest:
                return index, digest
        self.entries.append(msgspec.convert({"sha256": digest, "type": kind, "size": len(content)}, File))
        self.contents.append(content)
        return len(self.entries) - 1, digest


def build(folder: Path, key: SigningKey, *, made: str) -> tuple[Head, bytes]:
    """Return what a folder's pack says of itself, and the pack, signed. Raises SettingsError with every mistake."""
    settings = Settings.read(folder / TOML)
    root, files = settings.root, _Files()
    title = root.section("title")
    titles = {tongue: title.text(tongue, pattern=r".{1,64}", expected="1 to 64 characters") for tongue in ("zh", "en")}
    begins, ends = _day(root, "begins"), _day(root, "ends")
    if begins and ends and ends < begins:
        root.mistake("ends", found=f'"{ends}"', expected=f"a day not before begins, which is {begins}")
    values = {
        "v": 1,
        "kind": "pack",
        "signer": base64url.encode(key.public.id),
        "id": root.text("id", pattern=r"[a-z0-9][a-z0-9-]{0,63}", expected="1 to 64 of a-z, 0-9 and -"),
        "version": root.whole("version", default=1, least=1, most=2**31 - 1),
        "made": made,
        "title": titles,
        "begins": begins,
        "ends": ends,
        "hours": _hours(root),
        "seconds": root.whole("seconds", default=15, least=SECONDS[0], most=SECONDS[1]),
        "pages": _pages(settings, folder, files),
        "files": files.entries,
    }
    body = b"".join(files.contents)
    if len(body) > MAX_PACK - MAX_HEADER:
        found = f"{len(body) / 2**20:.1f} MiB"
        root.mistake("pages", found=found, expected=f"less than {MAX_PACK / 2**20:.0f} MiB: make pictures smaller")
    settings.finish()
    head = msgspec.convert(msgspec.to_builtins(values), Head)
    line = msgspec.json.encode(head)
    return head, b"\n".join((line, base64url.encode(key.sign(line)).encode(), body))


def _day(root: Section, name: str) -> str:
    text = root.text(name, pattern=_DAY, expected='a day, such as "2026-12-31"')
    try:
        if text:
            date.fromisoformat(text)
    except ValueError:
        root.mistake(name, found=f'"{text}"', expected="a day that there is")
    return text


def _hours(root: Section) -> Hours | None:
    text = root.text("hours", default="", pattern=f"{_OF_DAY}-{_OF_DAY}", expected='hours of the day, "08:00-20:00"')
    if not text:
        return None
    begin, _, until = text.partition("-")
    if begin == until:
        root.mistake("hours", found=f'"{text}"', expected="two different times; leave it out for the whole day")
    return Hours(begin=begin, until=until)


def _pages(settings: Settings, folder: Path, files: _Files) -> list[Page]:
    names = settings.root.texts("pages")
    if not 1 <= len(names) <= MAX_PAGES:
        settings.root.mistake("pages", found=f"a list of {len(names)}", expected=f"1 to {MAX_PAGES} names of pages")
    pictures = _Pictures(settings, folder, files)
    pages, expected = [], {TOML}
    for number, name in enumerate(names):
        if _NAME.fullmatch(name) is None:
            where, found = f"pages[{number}]", f'"{name}"'
            settings.root.mistake(where, found=found, expected="letters, digits, - and _: NAME.zh.md and NAME.en.md")
            continue
        of = {}
        for tongue in ("zh", "en"):
            file = folder / f"{name}.{tongue}.md"
            expected.add(file.name)
            # One that cannot be used has been told; what stands for it here nobody will see.
            of[tongue] = files.add(_page(settings, file, pictures) or b" ", HTML)[0]
        pages.append(Page(zh=of["zh"], en=of["en"]))
    spare = [
        file.name
        for file in sorted(folder.iterdir())
        if file.name not in expected | pictures.used and not file.name.startswith(".")
    ]
    for name in spare:
        settings.mistakes.append(
            Mistake(folder / name, "", "a file that no page uses", "pages named in pack.toml, and their pictures")
        )
    return pages


def _page(settings: Settings, file: Path, pictures: "_Pictures") -> bytes:
    def mistake(line: int, what: str) -> None:
        settings.mistakes.append(Mistake(file, f"line {line}", what, "a page as docs/content.md has it"))

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        settings.mistakes.append(Mistake(file, "", (error.strerror or str(error)).lower(), "the page in this language"))
        return b""
    except UnicodeDecodeError as error:
        settings.mistakes.append(Mistake(file, "", f"a byte that is not UTF-8 at offset {error.start}", "UTF-8"))
        return b""
    before = len(settings.mistakes)
    html = render(text, pictures.address, mistake).encode()
    if len(html) > MAX_FRAGMENT:
        mistake(1, f"{len(html)} bytes")
    if len(settings.mistakes) == before:
        check_fragment(html, pictures.hashes)  # what a station would refuse must not leave here
    return html


class _Pictures:
    """The pictures of a folder, each looked at once, when a page shows it; `used`: their names, good or not."""

    def __init__(self, settings: Settings, folder: Path, files: _Files) -> None:
        self.used: set[str] = set()
        self.hashes: set[str] = set()
        self._settings = settings
        self._folder = folder
        self._files = files
        self._known: dict[str, str | None] = {}

    def address(self, name: str) -> str | None:
        """Return where a station serves a picture, or None, having told why, when it is not to be used."""
        if name not in self._known:
            self._known[name] = self._look(name)
        return self._known[name]

    def _look(self, name: str) -> str | None:
        file = self._folder / name
        if _PICTURE.fullmatch(name) is None:
            self._mistake(file, "this name", "a PNG, JPEG or WebP beside pack.toml, its name of A-Z a-z 0-9 . _ -")
            return None
        self.used.add(name)
        try:
            content = file.read_bytes()
        except OSError as error:
            self._mistake(file, (error.strerror or str(error)).lower(), "a picture")
            return None
        picture = look_at(content)
        if picture is None:
            self._mistake(file, "no such picture", "a whole PNG, JPEG or WebP that does not move")
            return None
        if max(picture.width, picture.height) > MOST_PIXELS:
            found = f"{picture.width} by {picture.height} pixels"
            self._mistake(file, found, f"at most {MOST_PIXELS} by {MOST_PIXELS}")
        if len(content) > MAX_PICTURE:
            self._mistake(file, f"{len(content) / 1024:.0f} KiB", f"at most {MAX_PICTURE // 1024} KiB")
        digest = self._files.add(content, picture.type)[1]
        self.hashes.add(digest)
        return f"/content/{digest}"

    def _mistake(self, file: Path, found: str, expected: str) -> None:
        self._settings.mistakes.append(Mistake(file, "", found, expected))
