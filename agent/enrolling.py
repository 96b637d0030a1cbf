"""How a kiosk becomes a station (`docs/enrolment.md`): keys are made here, all else comes from headquarters.

Every step may be cut off and the whole done again: the keys that were made are found again, and headquarters answers
the same code to the same keys once more. Only the last step, the link `keys`, makes it a station.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.headquarters import Headquarters, check_pin, fetch_authority
from agent.key_folder import KeyFolders, pin_names, write
from sync.enrolment import Answer, MalformedError, ask, read_answer
from sync.invitation import Invitation

SETTINGS: Final = "station.toml"

PANEL_PORT: Final = "/dev/serial/by-id/usb-jingting-panel-front"
"""Where a panel with our firmware is found, unless somebody says otherwise."""

_CODE_LENGTH: Final = 8


class NotEnrolledError(Exception):
    """The kiosk is no station yet; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What only somebody at the kiosk knows: the serial ports of its panel and its card reader; None if it has none."""

    panel: str | None
    card_reader: str | None


def enrol(invitation: Invitation, home: Path, devices: Devices, *, check_dates: Callable[[], bool]) -> Path:
    """Make a station of this kiosk in the folder `home`, and return its settings file; blocks.

    Settings that are there already stay as they are. Raises NotEnrolledError, AwayError or DeniedError of
    `agent.headquarters`, or OSError.
    """
    folders = KeyFolders(home)
    if folders.current is not None:
        raise NotEnrolledError(
            f"{home} holds an enrolled station already. To make this kiosk another one, first: "
            f"jingting station wipe --config {home / SETTINGS}"
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folders.next
    folder.make_keys()
    authority = invitation.authority
    if authority is None:
        authority = fetch_authority(invitation.at, invitation.code)
    else:
        check_pin(authority, invitation.code)
    station, key = invitation.station, folder.signing_key
    request = ask("enrol", station, invitation.code.secret, key=key, csr=folder.request(station))
    body = Headquarters(invitation.at, authority, check_dates=check_dates).ask("/1/enrol", request)
    try:
        answer = read_answer(body, station=station)
        check_pin(answer.authority, invitation.code)
        folder.complete(answer)
    except (MalformedError, ValueError) as error:
        raise NotEnrolledError(f"headquarters answered something else than agreed: {error}") from None
    settings = home / SETTINGS
    if not settings.exists():
        write(settings, _settings(invitation.at, answer, devices).encode(), mode=0o600)
    (home / "data").mkdir(mode=0o700, exist_ok=True)
    folders.swap()
    return settings


def _settings(at: str, answer: Answer, devices: Devices) -> str:
    """Return the text of `station.toml`; `config/station.toml` explains every key."""
    first = answer.settings
    code = first.get("code") or answer.station.upper().replace("-", "")[:_CODE_LENGTH]
    pins = [f"keys/{name}" for name in pin_names(len(answer.order_keys))]
    lines = [
        "# Written by jingting station enroll; every key is explained in the source's config/station.toml.",
        "[station]",
        f"id = {_toml(answer.station)}",
        f"code = {_toml(code)}",
        *([f"zone = {_toml(first['zone'])}"] if "zone" in first else []),
        f"name_zh = {_toml(first.get('name_zh', answer.station))}",
        f"name_en = {_toml(first.get('name_en', answer.station))}",
        'data = "data"',
        "",
        "[keys]",
        'station = "keys/station.key"',
        f"headquarters = [{', '.join(_toml(pin) for pin in pins)}]",
        'sealing = "keys/headquarters.sealing.pub"',
        "",
        "[enrolment]",
        f"at = {_toml(at)}",
        f"generation = {answer.generation}",
        "",
        "[broker]",
        f"host = {_toml(answer.broker_host)}",
        f"port = {answer.broker_port}",
        'ca = "keys/ca.pem"',
        'certificate = "keys/tls.pem"',
        'key = "keys/tls.key"',
        "",
        *_panel(devices.panel),
        "",
        *_card_reader(devices.card_reader),
        "",
        "[web]",
        "port = 8080",
        "duty_port = 8082",
    ]
    return "\n".join(lines) + "\n"


def _panel(port: str | None) -> list[str]:
    lines = ["[[panel]]", 'name = "front"', f"port = {_toml(port or PANEL_PORT)}", "buzzer = true"]
    return lines if port else ["# The port of the help panel, if it is another one: ls /dev/serial/by-id", *lines]


def _card_reader(port: str | None) -> list[str]:
    lines = ["[card_reader]", 'name = "cards"', f"port = {_toml(port or '/dev/serial/by-id/…')}"]
    return lines if port else [f"# {line}" for line in lines]


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace(
        "\x7f", "\\u007f"
    )  # a JSON string is a TOML basic string (toml.io, 1.0)
