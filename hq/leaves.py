"""One page of a content pack: a little Markdown becomes the few tags that a station takes (`common.pack`).

The Markdown is CommonMark 0.31, read by markdown-it-py; whatever is more than headings, paragraphs, lists, emphasis,
quotations, lines and one picture is a mistake, and so is more text than the smallest screen holds.
"""

import math
import unicodedata
from collections.abc import Callable, Iterator
from html import escape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

MOST_LINES: Final = 9
"""So many lines of 27 px stand beside the help button of a screen of 1024 by 600."""
_WIDE, _NARROW = 42, 28
"""How many half-width characters one of them has, without and with a picture beside it."""

_BLOCKS: Final = {
    "paragraph": "p",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "blockquote": "blockquote",
}
_INLINE: Final = {"em_open": "<em>", "em_close": "</em>", "strong_open": "<strong>", "strong_close": "</strong>"}
_HEADINGS: Final = {"h1": "h2", "h2": "h3"}
_CALLED: Final = {
    "fence": "a block of code",
    "code_block": "a block of code (a line that begins with four spaces)",
    "code_inline": "code",
    "link_open": "a link: nobody can follow it",
    "html_block": "HTML",
    "html_inline": "HTML",
}


def render(text: str, picture: Callable[[str], str | None], mistake: Callable[[int, str], None]) -> str:
    """Return a page as HTML. `picture` gives a picture's address by its file name, None when that is no good one.

    `mistake(line, what is wrong)` is called for each mistake; the result is of use only if it never was.
    """
    tokens = MarkdownIt("commonmark").parse(text)
    pictures = [child.attrGet("src") for token in tokens for child in token.children or () if child.type == "image"]
    if len(pictures) > 1:
        mistake(1, f"{len(pictures)} pictures; at most one a page")
    html = "".join(_blocks(tokens, picture, mistake))
    lines = _lines(tokens, _NARROW if pictures else _WIDE)
    if lines > MOST_LINES:
        mistake(1, f"about {lines} lines on the smallest screen; at most {MOST_LINES}: shorten it or make it two pages")
    if not any(_text(token).strip() for token in tokens):
        mistake(1, "no words; a page that cannot show its picture must say something all the same")
    return html


def _blocks(
    tokens: list[Token], picture: Callable[[str], str | None], mistake: Callable[[int, str], None]
) -> Iterator[str]:
    line = 1
    for token in tokens:
        line = token.map[0] + 1 if token.map else line
        kind, _, end = token.type.rpartition("_")
        if token.type == "inline":
            yield from _words(token, line, picture, mistake)
        elif token.type == "hr":
            yield "<hr>"
        elif kind == "heading":
            tag = _HEADINGS.get(token.tag)
            if tag is None and end == "open":
                mistake(line, "a heading of the third level or below; # and ## are enough for a page")
            yield f"<{'/' if end == 'close' else ''}{tag}>"
        elif kind in _BLOCKS:
            if not token.hidden:  # paragraphs of a tight list
                yield f"<{'/' if end == 'close' else ''}{_BLOCKS[kind]}>"
        else:
            mistake(line, _CALLED.get(token.type, token.type) + "; a page has no such thing")


def _words(
    token: Token, line: int, picture: Callable[[str], str | None], mistake: Callable[[int, str], None]
) -> Iterator[str]:
    before = ""
    for child in token.children or ():
        if child.type == "text":
            yield escape(child.content, quote=False)
        elif child.type == "softbreak":
            yield "" if before and _is_wide(before[-1]) else "\n"
        elif child.type == "hardbreak":
            yield "<br>"
        elif child.type in _INLINE:
            yield _INLINE[child.type]
        elif child.type == "image":
            yield from _picture(child, line, picture, mistake)
        elif child.type != "link_close":
            mistake(line, _CALLED.get(child.type, child.type) + "; a page has no such thing")
        before = child.content or before


def _picture(
    child: Token, line: int, picture: Callable[[str], str | None], mistake: Callable[[int, str], None]
) -> Iterator[str]:
    name = str(child.attrGet("src") or "")
    address = picture(name)
    if address is None:
        mistake(line, f"the picture {name}, which is not there or not usable")
    if not child.content.strip():
        mistake(line, f"the picture {name} without words: ![what it shows]({name})")
    alt = escape(child.content, quote=True)
    yield f'<img src="{address}" alt="{alt}">'


def _lines(tokens: list[Token], width: int) -> int:
    """Estimate how many lines a page takes on the smallest screen; headings are larger, blocks stand apart."""
    lines, size = 0.0, 1.0
    for token in tokens:
        if token.type == "heading_open":
            size = 1.3
        elif token.type == "hr":
            lines += 0.5
        elif token.type == "inline" and _text(token).strip():
            for row in _text(token).split("\n"):
                halves = sum(2 if _is_wide(character) else 1 for character in row) * size
                lines += max(1, math.ceil(halves / width)) * size
            lines += 0.3
            size = 1.0
    return math.ceil(lines)


def _text(token: Token) -> str:
    breaks = {"hardbreak": "\n", "softbreak": " "}
    children = token.children or ()
    return "".join(child.content if child.type == "text" else breaks.get(child.type, "") for child in children)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
