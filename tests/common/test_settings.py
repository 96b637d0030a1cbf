"""Settings: every mistake of a file is told at once, and none is guessed away."""

import os
from pathlib import Path

import pytest

from common.settings import Settings, SettingsError


def mistakes_of(read, path: Path) -> list[str]:
    settings = Settings.read(path)
    read(settings.root)
    with pytest.raises(SettingsError) as caught:
        settings.finish()
    return [f"{m.key}|{m.found}|{m.expected}|{m.hint}" for m in caught.value.mistakes]


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "some.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_what_is_right_is_returned_in_its_type(toml):
    settings = Settings.read(
        toml('[a]\nname="x"\nport=0\nslow=2\nloud=false\nhosts=["h"]\nfile="f/g"\n[[b]]\nn="1"\n[[b]]\nn="2"\n')
    )
    a = settings.root.section("a")
    assert a.text("name") == "x"
    assert a.port("port") == 0
    assert a.seconds("slow") == 2.0
    assert a.flag("loud") is False
    assert a.texts("hosts") == ("h",)
    assert a.path("file") == settings.file.parent / "f/g"
    assert [b.text("n") for b in settings.root.sections("b")] == ["1", "2"]
    settings.finish()


def test_every_mistake_is_told_at_once_with_its_place(toml):
    def read(root):
        a = root.section("a")
        a.text("name", pattern="[a-z]+", expected="letters")
        a.port("port", least=1)
        a.seconds("slow", least=1)
        a.flag("loud")
        a.texts("hosts")
        for b in root.sections("b"):
            b.text("n")

    path = toml('[a]\nname="X"\nport=65536\nslow=0.5\nloud=1\nhosts=[1]\n[[b]]\nn="1"\n[[b]]\nn=2\n')
    assert mistakes_of(read, path) == [
        "a.hosts|a list of 1|a list of texts|",
        "a.loud|1|true or false|",
        'a.name|"X"|letters|',
        "a.port|65536|a port, 1 to 65535|",
        "a.slow|0.5|seconds, 1 to 86400|",
        "b[1].n|2|text|",
    ]


def test_a_missing_key_is_told_as_nothing_found(toml):
    def read(root):
        root.section("a").text("name")
        root.sections("b")

    assert mistakes_of(read, toml("")) == ["a.name|nothing|text|", "b|nothing|one [[b]] table or more|"]


def test_an_unknown_key_is_told_with_the_one_it_was_meant_to_be(toml):
    def read(root):
        root.section("broker").port("port", default=1)

    found = mistakes_of(read, toml("[broker]\nprot=1\n[brokre]\n"))
    assert found == [
        "broker.prot|an unknown key, 1|one of port|did you mean port?",
        "brokre|an unknown key, a table|one of broker|did you mean broker?",
    ]


def test_a_value_where_a_table_belongs_is_one_mistake(toml):
    assert mistakes_of(lambda root: root.section("a").text("name"), toml("a=1")) == ["a|1|a table: [a]|"]


def test_a_truth_value_is_no_number(toml):
    def read(root):
        root.section("a").port("port")
        root.section("a2").seconds("s")

    found = mistakes_of(read, toml("[a]\nport=true\n[a2]\ns=true\n"))
    assert [line.split("|")[1] for line in found] == ["true", "true"]


def test_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: found no such file or directory; expected a readable file"):
        Settings.read(tmp_path / "none.toml")


def test_broken_toml_is_told_with_its_line(toml):
    with pytest.raises(SettingsError, match="line 2"):
        Settings.read(toml("[a]\nname = \n"))


def test_bytes_that_are_not_utf_8_are_told_with_their_offset(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes(b'a = "\xe9"\n')
    with pytest.raises(SettingsError, match="offset 5"):
        Settings.read(path)


def test_a_file_named_by_a_key_is_looked_at(toml):
    def check(path: Path) -> None:
        if os.path.lexists(path):
            raise ValueError("rubbish; a treasure")
        path.read_bytes()

    def read(root):
        a = root.section("a")
        a.path("there", check=check)
        a.paths("several", check=check)

    found = mistakes_of(read, toml('[a]\nthere="some.toml"\nseveral=["gone"]\n'))
    assert found[0].startswith("a.several[0]|")
    assert "no such file" in found[0]
    assert found[1].endswith("some.toml: rubbish|a treasure|")


def test_a_password_in_a_url_is_not_shown(toml):
    found = mistakes_of(lambda root: root.text("url", pattern="x"), toml('url="postgres://me:secret@db/x"'))
    assert "secret" not in found[0]
