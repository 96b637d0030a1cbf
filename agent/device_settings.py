"""What a station is told of its devices: the tables of `station.toml` that name one, and what holds between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from common.settings import Section

RELAY = "relay"
"""The `second_output` that is the relay of every panel instead of another panel."""

Bias: TypeAlias = Literal["pull_up", "pull_down", "disabled", "as_is"]
Baud: TypeAlias = Literal[115200, 57600, 38400, 19200, 9600, 4800, 2400, 1200]
Suffix: TypeAlias = Literal["cr", "lf", "crlf"]

_BAUDS: tuple[Baud, ...] = (115200, 57600, 38400, 19200, 9600, 4800, 2400, 1200)
_CARD_BAUDS: tuple[Baud, ...] = (115200, 57600, 38400, 19200, 9600)
_BIASES: tuple[Bias, ...] = ("pull_up", "pull_down", "disabled", "as_is")
_SUFFIXES: tuple[Suffix, ...] = ("cr", "lf", "crlf")
_SERIAL = 3  # the place of the serial number in usb:VID:PID:SERIAL
_NAME = "[a-z0-9][a-z0-9-]{0,31}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSettings:
    """One help panel: its serial port, as all ports here a path, `usb:VID:PID[:SERIAL]` or a URL; can it sound."""

    name: str
    port: str
    buzzer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioButtonSettings:
    """One help button on a GPIO line; see `drivers.gpio_button.LineSettings`."""

    name: str
    chip: str
    line: int | str
    active_low: bool
    bias: Bias
    debounce_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardReaderSettings:
    """The reader of resident cards; `baud` is the line speed it is set to."""

    name: str
    port: str
    baud: Baud


@dataclass(frozen=True, slots=True, kw_only=True)
class PassportReaderSettings:
    """The reader of passports and permits."""

    name: str
    port: str
    baud: Baud


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScannerSettings:
    """The scanner of QR codes and barcodes; `suffix` ends each code."""

    name: str
    port: str
    baud: Baud
    suffix: Suffix


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """Every device of a station."""

    panel: tuple[PanelSettings, ...]
    gpio_button: tuple[GpioButtonSettings, ...]
    card_reader: CardReaderSettings | None
    passport_reader: PassportReaderSettings | None
    code_scanner: CodeScannerSettings | None


def read_devices(root: Section) -> DeviceSettings:
    """Read every table that names a device; mistakes are noted."""
    panels, buttons = root.sections("panel"), root.sections("gpio_button", least=0)
    card_reader = root.optional_section("card_reader")
    passport_reader = root.optional_section("passport_reader")
    code_scanner = root.optional_section("code_scanner")
    read = DeviceSettings(
        panel=tuple(_panel(section) for section in panels),
        gpio_button=tuple(_gpio_button(section) for section in buttons),
        card_reader=None
        if card_reader is None
        else CardReaderSettings(
            name=_name(card_reader),
            port=_serial_port(card_reader),
            baud=card_reader.choice("baud", _CARD_BAUDS, default=115200),
        ),
        passport_reader=None
        if passport_reader is None
        else PassportReaderSettings(
            name=_name(passport_reader),
            port=_serial_port(passport_reader),
            baud=passport_reader.choice("baud", _BAUDS, default=9600),
        ),
        code_scanner=None
        if code_scanner is None
        else CodeScannerSettings(
            name=_name(code_scanner),
            port=_serial_port(code_scanner),
            baud=code_scanner.choice("baud", _BAUDS, default=9600),
            suffix=code_scanner.choice("suffix", _SUFFIXES, default="cr"),
        ),
    )
    if read.panel and not any(panel.buzzer for panel in read.panel):
        root.mistake(
            "panel",
            found="no panel with buzzer = true",
            expected="one panel with a buzzer or more",
            hint="a help call must never be silent",
        )
    singles = (
        (card_reader, read.card_reader),
        (passport_reader, read.passport_reader),
        (code_scanner, read.code_scanner),
    )
    names = [(section, device.name) for section, device in zip(panels, read.panel, strict=True)]
    names += [(section, device.name) for section, device in zip(buttons, read.gpio_button, strict=True)]
    names += [(section, device.name) for section, device in singles if section is not None and device is not None]
    ports = [(section, device.port) for section, device in zip(panels, read.panel, strict=True)]
    ports += [(section, device.port) for section, device in singles if section is not None and device is not None]
    _check_distinct("name", names)
    _check_distinct("port", ports)
    _check_lines(list(zip(buttons, read.gpio_button, strict=True)))
    return read


def _panel(section: Section) -> PanelSettings:
    return PanelSettings(name=_name(section), port=_serial_port(section), buzzer=section.flag("buzzer"))


def _gpio_button(section: Section) -> GpioButtonSettings:
    return GpioButtonSettings(
        name=_name(section),
        chip=section.text("chip", expected="the label of a GPIO chip, such as pinctrl-rp1"),
        line=section.whole_or_text("line", most=65535, expected="a line's offset or its name"),
        active_low=section.flag("active_low", default=True),
        bias=section.choice("bias", _BIASES, default="pull_up"),
        debounce_ms=section.whole("debounce_ms", default=25, least=20, most=30),
    )


def _name(section: Section) -> str:
    expected = f"1 to 32 of a-z, 0-9 and -; not {RELAY}"
    return section.text("name", pattern=f"(?!{RELAY}$){_NAME}", expected=expected)


def _serial_port(section: Section) -> str:
    port = section.text("port", expected="a device's path, usb:VID:PID, or a URL such as socket://host:port")
    if port.startswith("usb:"):
        from drivers import usb_port  # noqa: PLC0415 - who only reads settings loads no drivers

        try:
            usb_port.check(port)
        except ValueError:
            section.mistake(
                "port", found=f'"{port}"', expected="usb:VID:PID or usb:VID:PID:SERIAL, such as usb:2e8a:0005"
            )
        # Vendor and product are hexadecimal numbers; a serial number is text.
        return ":".join(part.lower() if place < _SERIAL else part for place, part in enumerate(port.split(":")))
    return port if "://" in port or not port else str(section.path("port"))


def _check_distinct(name: str, values: Sequence[tuple[Section, str]]) -> None:
    for index, (section, value) in enumerate(values):
        before = [other for other, taken in values[:index] if taken == value]
        if value and before:
            found = f'"{value}", as in {before[0].key(name)}'
            section.mistake(name, found=found, expected=f"a {name} of its own")


def _check_lines(buttons: Sequence[tuple[Section, GpioButtonSettings]]) -> None:
    for index, (section, button) in enumerate(buttons):
        for other, taken in buttons[:index]:
            if button.chip and (button.chip, button.line) == (taken.chip, taken.line):
                found = f"{button.line!r} of {button.chip}, as in {other.key('line')}"
                section.mistake("line", found=found, expected="a line of its own")
