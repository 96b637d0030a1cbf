"""A station's settings: the example loads, and what would leave a station silent is refused."""

import shutil
from pathlib import Path

import pytest

from agent.settings import load
from common import certificates, keyfiles
from common.settings import SettingsError
from sync.sealing import new_sealing_key
from tests.certificates import certify

EXAMPLE = Path(__file__).parents[2] / "config" / "station.toml"


@pytest.fixture
def example(tmp_path):
    """Return a copy of the example with the key files it names."""
    (tmp_path / "keys").mkdir()
    keyfiles.create(tmp_path / "keys/station.key")
    keyfiles.create(tmp_path / "keys/headquarters").rename(tmp_path / "keys/headquarters.pub")
    keyfiles.write_pair(tmp_path / "keys/headquarters.sealing", *new_sealing_key())
    certify(tmp_path / "keys", "sjz-001")
    return Path(shutil.copy(EXAMPLE, tmp_path / "station.toml"))


def edit(path: Path, *changes: tuple[str, str]) -> list[str]:
    """Change the file's text, load it, and return the mistakes told."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path)
    return [f"{m.key}: {m.found}; {m.expected}" for m in caught.value.mistakes]


def test_the_commented_example_loads(example):
    settings = load(example)
    assert settings.station.id == "sjz-001"
    assert settings.station.data == example.parent / "data"
    assert settings.panel[0].port == "/dev/serial/by-id/usb-jingting-panel-front"
    assert (settings.help.louder_after_s, settings.help.second_output) == (15, "relay")
    assert settings.web.port == 8080


def test_a_station_that_cannot_sound_is_refused(example):
    [mistake] = edit(example, ("buzzer = true", "buzzer = false"))
    assert mistake == "panel: no panel with buzzer = true; one panel with a buzzer or more"


def test_the_ladder_must_climb(example):
    found = edit(
        example, ("escalate_after_s = 30", "escalate_after_s = 15"), ("breach_after_s = 60", "breach_after_s = 5")
    )
    assert found == [
        "help.breach_after_s: 5; more than escalate_after_s, which is 15",
        "help.escalate_after_s: 15; more than louder_after_s, which is 15",
    ]


def test_nobody_at_the_desk_makes_no_rung_later_and_the_ladder_climbs_all_the_same(example):
    found = edit(
        example,
        ("unattended_escalate_after_s = 0", "unattended_escalate_after_s = 31"),
        ("unattended_breach_after_s = 30", "unattended_breach_after_s = 61"),
    )
    assert [mistake.partition(": nobody")[0].partition(":")[0::2] for mistake in found] == [
        ("help.unattended_breach_after_s", " 61; 60 or less, which is breach_after_s"),
        ("help.unattended_escalate_after_s", " 31; 30 or less, which is escalate_after_s"),
    ]
    [mistake] = edit(example, ("unattended_escalate_after_s = 31", "unattended_escalate_after_s = 30"))
    assert mistake.startswith("help.unattended_breach_after_s: 61")


def test_without_times_for_a_desk_that_was_left_they_follow_the_usual_ones(example):
    text = example.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("unattended_")]
    example.write_text(
        "\n".join(kept)
        .replace("breach_after_s = 60", "breach_after_s = 20")
        .replace("escalate_after_s = 30", "escalate_after_s = 18"),
        encoding="utf-8",
    )
    ladder = load(example).help.ladder
    assert (ladder.unattended_escalate_after_s, ladder.unattended_breach_after_s) == (0, 20)
    assert ladder.unattended_louder_after_s == 0


def test_a_ladder_time_of_the_wrong_type_is_one_mistake(example):
    assert len(edit(example, ("breach_after_s = 60", 'breach_after_s = "60"'))) == 1


@pytest.mark.parametrize("station_id", ["hq", "hq-1", "A1", "a", "-a", "a" * 33, "a_b"])
def test_an_id_that_is_not_a_stations_is_refused(example, station_id):
    [mistake] = edit(example, ('"sjz-001"', f'"{station_id}"'))
    assert mistake.startswith("station.id:")


def test_the_second_output_must_be_there(example):
    [mistake] = edit(example, ('second_output = "relay"', 'second_output = "back"'))
    assert mistake == 'help.second_output: "back"; one of relay, front'


def test_two_panels_need_two_names_and_two_ports(example):
    text = example.read_text(encoding="utf-8")
    panel = text[text.index("[[panel]]") : text.index("# The reader of resident")]
    found = edit(example, (panel, panel + panel))
    assert [line.split(":")[0] for line in found] == ["panel[1].name", "panel[1].port"]


def test_a_card_reader_may_be_missing_and_has_a_name_and_a_port_of_its_own(example):
    text = example.read_text(encoding="utf-8")
    reader = text[text.index("[card_reader]") : text.index("# When nobody")]
    example.write_text(text.replace(reader, ""), encoding="utf-8")
    assert load(example).card_reader is None
    example.write_text(text, encoding="utf-8")
    found = edit(example, ('"cards"', '"front"'), ("usb-card-reader", "usb-jingting-panel-front"))
    assert [line.split(":")[0] for line in found] == ["card_reader.name", "card_reader.port"]


@pytest.mark.parametrize(("key", "old", "new"), [("code", "JW012", "jw-12"), ("zone", "Asia/Shanghai", "Asia/Nowhere")])
def test_a_number_needs_a_code_and_a_time_zone(example, key, old, new):
    [mistake] = edit(example, (f'{key} = "{old}"', f'{key} = "{new}"'))
    assert mistake.startswith(f"station.{key}:")


def test_key_files_are_looked_at(example):
    (example.parent / "keys/station.key").chmod(0o644)
    (example.parent / "keys/headquarters.pub").write_text("rubbish")
    (example.parent / "keys/tls.pem").unlink()
    (example.parent / "keys/ca.pem").write_text("rubbish")
    found = edit(example, ("every_s = 60", "every_s = 0"))
    assert [line.split(":")[0] for line in found] == [
        "broker.ca",
        "broker.certificate",
        "health.every_s",
        "keys.headquarters[0]",
        "keys.station",
    ]


def test_a_certificate_must_be_of_the_key_beside_it_and_the_key_its_owners_only(example):
    (example.parent / "keys/tls.key").unlink()
    certificates.create_key(example.parent / "keys/tls.key")
    [mistake] = edit(example)
    assert mistake.startswith("broker.certificate: ")
    (example.parent / "keys/tls.key").chmod(0o640)
    found = edit(example)
    assert any("broker.key" in line and "mode 0640" in line for line in found)


def test_a_relative_device_begins_at_the_folder_of_the_file(example):
    example.write_text(example.read_text(encoding="utf-8").replace("/dev/serial/by-id/usb", "panel"), encoding="utf-8")
    assert load(example).panel[0].port == str(example.parent / "panel-jingting-panel-front")


def test_a_panel_behind_a_network_keeps_its_url(example):
    text = example.read_text(encoding="utf-8").replace("/dev/serial/by-id/usb-jingting-panel-front", "socket://h:1")
    example.write_text(text, encoding="utf-8")
    assert load(example).panel[0].port == "socket://h:1"


BUTTON = """
[[gpio_button]]
name = "door"
chip = "pinctrl-rp1"
line = 17
"""
READERS = """
[passport_reader]
name = "passports"
port = "usb:0403:6001:A1"

[code_scanner]
name = "codes"
port = "usb:1a86:7523"
"""


def add(example, text) -> None:
    example.write_text(example.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_every_kind_of_device_has_its_table_with_what_is_usual(example):
    add(example, BUTTON + READERS)
    settings = load(example)
    [button] = settings.gpio_button
    assert (button.chip, button.line, button.active_low) == ("pinctrl-rp1", 17, True)
    assert (button.bias, button.debounce_ms) == ("pull_up", 25)
    assert (settings.passport_reader.port, settings.passport_reader.baud) == ("usb:0403:6001:A1", 9600)
    assert (settings.code_scanner.port, settings.code_scanner.suffix) == ("usb:1a86:7523", "cr")
    assert settings.self_test.at.isoformat() == "04:10:00"


def test_a_line_may_be_named_and_no_two_buttons_share_one(example):
    add(example, BUTTON.replace("17", '"GPIO17"') + BUTTON.replace("door", "gate").replace("17", '"GPIO17"'))
    assert edit(example) == [
        "gpio_button[1].line: 'GPIO17' of pinctrl-rp1, as in gpio_button[0].line; a line of its own"
    ]


def test_names_and_ports_are_one_devices_alone_and_all_mistakes_are_told_at_once(example):
    readers = READERS.replace("passports", "front").replace("usb:1a86:7523", "USB:1A86").replace("codes", "door")
    button = BUTTON.replace("17", "-1") + 'debounce_ms = 5\nbias = "up"\n'
    add(example, button + readers + 'baud = 300\nsuffix = "tab"\n')
    found = edit(example, ('at = "04:10"', 'at = "24:10"'), ("USB:1A86", "usb:1a86"), ("baud = 115200", "baud = 14400"))
    assert [line.split(":")[0] for line in found] == [
        "card_reader.baud",
        "code_scanner.baud",
        "code_scanner.name",
        "code_scanner.port",
        "code_scanner.suffix",
        "gpio_button[0].bias",
        "gpio_button[0].debounce_ms",
        "gpio_button[0].line",
        "passport_reader.name",
        "self_test.at",
    ]


def test_two_devices_of_one_usb_name_are_told_apart_by_nobody(example):
    add(example, READERS.replace("usb:0403", "usb:04A3").replace("usb:1a86:7523", "usb:04a3:6001:A1"))
    assert edit(example) == ['code_scanner.port: "usb:04a3:6001:A1", as in passport_reader.port; a port of its own']
