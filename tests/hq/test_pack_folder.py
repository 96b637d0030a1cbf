"""A folder becomes a pack, or every mistake is told at once."""

import io
import struct
from pathlib import Path

import pytest

from common.pack import check_files, open_pack
from common.settings import SettingsError
from hq.leaves import render
from hq.pack_folder import build
from hq.pictures import look_at
from sync import base64url
from tests.packs import KEY

EXAMPLE = Path(__file__).parents[2] / "config/content/anti-fraud"
MADE = "2026-11-25T00:00:00.000Z"


def rendered(text: str) -> tuple[str, list[str]]:
    mistakes: list[str] = []
    html = render(
        text,
        lambda name: f"/content/{'ab' * 32}" if name == "a.png" else None,
        lambda _line, what: mistakes.append(what),
    )
    return html, mistakes


def test_the_example_is_a_pack_that_a_station_takes():
    head, pack = build(EXAMPLE, KEY, made=MADE)
    file = io.BytesIO(pack)
    opened = open_pack(file)
    assert opened.head == head
    assert KEY.public.verifies(base64url.decode(opened.signature), opened.line)
    check_files(file, opened)
    assert (head.id, len(head.pages), len(head.files)) == ("anti-fraud", 3, 7)


def test_the_same_folder_is_the_same_pack():
    assert build(EXAMPLE, KEY, made=MADE) == build(EXAMPLE, KEY, made=MADE)


def test_a_page_becomes_the_few_tags():
    html, mistakes = rendered("# 标题\n\n一行\n二行 & <b>\n\n- **a**\n- *b*\n\n![图](a.png)\n")
    assert mistakes == ["HTML; a page has no such thing"]
    html, mistakes = rendered("# 标题\n\n一行\n二行 & 5 < 6\n\n- **a**\n- *b*\n\n![图](a.png)\n")
    assert mistakes == []
    assert html == (
        "<h2>标题</h2><p>一行二行 &amp; 5 &lt; 6</p><ul><li><strong>a</strong></li><li><em>b</em></li></ul>"
        f'<p><img src="/content/{"ab" * 32}" alt="图"></p>'
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("x\n\n<script>alert(1)</script>", "HTML"),
        ("[x](http://example.org)", "a link"),
        ("x\n\n    code", "code"),
        ("`x`", "code"),
        ("### x", "third level"),
        ("x\n\n![b](b.png)", "b.png"),
        ("x\n\n![](a.png)", "without words"),
        ("x ![a](a.png) ![a](a.png)", "2 pictures"),
        ("![a](a.png)", "no words"),
        ("字" * 200, "lines on the smallest screen"),
    ],
)
def test_whatever_is_more_is_a_mistake(text, mistake):
    assert any(mistake in found for found in rendered(text)[1])


def test_every_mistake_is_told_at_once(tmp_path):
    (tmp_path / "pack.toml").write_text(
        'id = "A"\nbegins = "2026-02-30"\nends = "2026"\nhours = "8-9"\nseconds = 1\npages = ["a", "b"]\nfoo = 1\n'
        '[title]\nzh = "x"\n'
    )
    (tmp_path / "a.zh.md").write_text("[x](y)\n\n![p](p.png)\n\n![q](q.svg)\n")
    (tmp_path / "a.en.md").write_bytes(b"\xff")
    (tmp_path / "p.png").write_bytes(b"GIF89a")
    (tmp_path / "spare.txt").write_text("x")
    with pytest.raises(SettingsError) as failed:
        build(tmp_path, KEY, made=MADE)
    told = str(failed.value)
    for part in (
        "id: found",
        "begins: found",
        "ends: found",
        "hours: found",
        "seconds: found",
        "title.en: found nothing",
        "foo: found an unknown key",
        "a.zh.md: line 1: found a link",
        "q.svg",
        "p.png: found no such picture",
        "a.en.md: found a byte that is not UTF-8",
        "b.zh.md: found no such file",
        "b.en.md: found no such file",
        "spare.txt: found a file that no page uses",
    ):
        assert part in told, part


def test_a_picture_is_what_its_bytes_say():
    png = (EXAMPLE / "phone.png").read_bytes()
    assert look_at(png) == ("image/png", 480, 480)
    assert look_at(png[:-1]) is None
    jpeg = (
        b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x0b\x08" + struct.pack(">HH", 300, 400) + b"\x01\x01\x11\x00\xff\xd9"
    )
    assert look_at(jpeg) == ("image/jpeg", 400, 300)
    webp = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00" + b"\x00" * 4 + b"\x8f\x01\x00\x2b\x01\x00"
    assert look_at(webp) == ("image/webp", 400, 300)
    moving = webp[:20] + b"\x02" + webp[21:]
    for wrong in (moving, b"<svg/>", b"GIF89a", b"", b"\xff\xd8\xff", png[:20]):
        assert look_at(wrong) is None
