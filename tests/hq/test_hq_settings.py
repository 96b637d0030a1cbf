"""Headquarters' settings: the example loads, and the keys it names are looked at."""

import re
import shutil
from pathlib import Path

import pytest

from common import keyfiles
from common.settings import SettingsError
from hq.settings import load
from tests.certificates import certify

EXAMPLE = Path(__file__).parents[2] / "config" / "hq.toml"


@pytest.fixture
def example(tmp_path):
    """Return a copy of the example with the key files it names."""
    (tmp_path / "keys/stations").mkdir(parents=True)
    keyfiles.create(tmp_path / "keys/order.key")
    keyfiles.create(tmp_path / "keys/one").rename(tmp_path / "keys/stations/sjz-001.pub")
    certify(tmp_path / "keys", "hq", stem="hq")
    return Path(shutil.copy(EXAMPLE, tmp_path / "hq.toml"))


def test_the_commented_example_loads(example):
    settings = load(example)
    assert settings.hq.worker == "one"
    assert settings.store.url == f"sqlite:///{example.parent}/data/hq.db"
    assert settings.broker.port == 8884
    assert settings.keys.authority == example.parent / "authority"


def test_every_mistake_of_headquarters_is_told_at_once(example):
    (example.parent / "keys/stations/sjz-001.pub").write_text("rubbish")
    (example.parent / "keys/order.key").chmod(0o644)
    text = example.read_text(encoding="utf-8").replace('"one"', '"ONE"').replace("sqlite:", "mysql:")
    example.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(example)
    assert [m.key for m in caught.value.mistakes] == ["hq.worker", "keys.order", "keys.stations", "store.url"]
    assert "sjz-001.pub" in str(caught.value)


def test_what_is_not_said_of_retention_is_as_the_example_says_it(example):
    text = example.read_text(encoding="utf-8")
    said = load(example).retention
    assert (said.header_days, said.audit_days) == (90, 365)
    example.write_text(re.sub(r"\n\[retention\].*?(?=\n\[keys\])", "", text, flags=re.DOTALL), encoding="utf-8")
    assert load(example).retention == said


@pytest.mark.parametrize(
    ("header_days", "audit_days", "wrong"),
    [(0, 365, "header_days"), (90, 89, "audit_days"), (90, 4000, "audit_days"), ('"90"', 365, "header_days")],
)
def test_days_that_cannot_be_are_told(example, header_days, audit_days, wrong):
    text = example.read_text(encoding="utf-8")
    text = text.replace("header_days = 90", f"header_days = {header_days}")
    text = text.replace("audit_days = 365", f"audit_days = {audit_days}")
    example.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(example)
    assert [m.key for m in caught.value.mistakes] == [f"retention.{wrong}"]


def test_a_postgresql_address_stays_as_it_is(example):
    text = example.read_text(encoding="utf-8").replace("sqlite:///data/hq.db", "postgresql+psycopg://hq@db/jingting")
    example.write_text(text, encoding="utf-8")
    assert load(example).store.url == "postgresql+psycopg://hq@db/jingting"


def mistakes(example, text):
    """Return the keys of the mistakes there are once the example's `[web]` says this."""
    before = 'host = "127.0.0.1"\n# 0 lets'
    assert before in example.read_text(encoding="utf-8")
    example.write_text(example.read_text(encoding="utf-8").replace(before, f"{text}\n# 0 lets"), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(example)
    return [m.key for m in caught.value.mistakes]


def test_pages_that_others_can_reach_need_tls_or_a_proxy(example):
    assert mistakes(example, 'host = "0.0.0.0"') == ["web.certificate"]


def test_a_certificate_that_is_none_and_a_key_that_others_may_read_are_told(example):
    for name in ("web.crt", "web.key"):
        (example.parent / "keys" / name).write_text("rubbish")
    (example.parent / "keys/web.key").chmod(0o644)
    found = mistakes(example, 'host = "0.0.0.0"\ncertificate = "keys/web.crt"\nkey = "keys/web.key"')
    assert found == ["web.certificate", "web.key"]


def test_a_key_without_its_certificate_is_told(example):
    (example.parent / "keys/web.key").touch(mode=0o600)
    assert mistakes(example, 'key = "keys/web.key"') == ["web.certificate"]


def test_a_proxy_is_an_address(example):
    assert mistakes(example, 'host = "0.0.0.0"\nbehind_proxy = "front.example"')[0] == "web.behind_proxy"
