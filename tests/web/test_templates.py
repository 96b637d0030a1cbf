"""Templates compiled beforehand: found again, and never shown as they were before a change."""

from jinja2 import Environment

from common.web.templates import compile_all, environment


def drawn(folder, monkeypatch):
    """Draw `page.html` as a process does that starts now; return it and the names of what it compiled for that."""
    environment.cache_clear()
    compiled = []
    generate = Environment._generate

    def noted(self, source, name, filename, defer_init=False):
        compiled.append(name)
        return generate(self, source, name, filename, defer_init)

    monkeypatch.setattr(Environment, "_generate", noted)
    text = environment(folder).get_template("page.html").render()
    monkeypatch.undo()
    return text, compiled


def test_a_compiled_template_is_drawn_without_compiling_also_from_another_folder(tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (here / "page.html").write_text("as it was")
    assert drawn(here, monkeypatch) == ("as it was", ["page.html"])
    assert compile_all(here) > 1  # the shared ones with it
    assert drawn(here, monkeypatch) == ("as it was", [])
    here.rename(there)
    assert drawn(there, monkeypatch) == ("as it was", [])


def test_a_template_that_changed_is_drawn_as_it_is_now_and_nothing_is_written_for_it(tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("as it was")
    compile_all(tmp_path)
    kept = (tmp_path / "compiled/page.html.cache").read_bytes()
    (tmp_path / "page.html").write_text("as it is now")
    assert drawn(tmp_path, monkeypatch) == ("as it is now", ["page.html"])
    assert (tmp_path / "compiled/page.html.cache").read_bytes() == kept


def test_what_was_compiled_from_a_template_that_is_gone_goes_too(tmp_path):
    (tmp_path / "page.html").write_text("as it was")
    compile_all(tmp_path)
    (tmp_path / "page.html").unlink()
    compile_all(tmp_path)
    assert not (tmp_path / "compiled/page.html.cache").exists()
    assert (tmp_path / "compiled/base.html.cache").exists()


def test_a_damaged_compiled_template_is_compiled_anew(tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("as it was")
    compile_all(tmp_path)
    (tmp_path / "compiled/page.html.cache").write_bytes(b"\0" * 40)
    assert drawn(tmp_path, monkeypatch) == ("as it was", ["page.html"])
