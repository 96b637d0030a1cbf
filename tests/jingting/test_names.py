"""`docs/names.md` is the one list of public names: complete, and in step with the code."""

import dataclasses
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec
import pytest

from agent import record_export as kept_export
from agent.settings import StationSettings
from agent.view import StationView
from common import events
from common.settings import EX_CONFIG
from hq import record_export
from hq.city_figures import CityFigures
from hq.metrics import Metrics
from hq.settings import HqSettings
from hq.view import Health, Overview
from jingting import status
from jingting.cli import main
from jingting.count import Tally
from sync import topics

PAGE = Path(__file__).parents[2] / "docs" / "names.md"


def listed(heading: str) -> list[str]:
    """Return the names in the first column of the table under a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def commands(command: click.Command, name: str = "jingting") -> Iterator[str]:
    yield name
    context = click.Context(command)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield f"{name} {parameter.opts[0]}"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from commands(found, f"{name} {child}")


def fields_of(cls: object) -> tuple[str, ...]:
    """Return the fields of a dataclass or a struct; of anything else there are none."""
    if isinstance(cls, type) and issubclass(cls, msgspec.Struct):
        return cls.__struct_fields__
    return tuple(field.name for field in dataclasses.fields(cls)) if dataclasses.is_dataclass(cls) else ()


def leaves(cls: type, prefix: str = "") -> Iterator[str]:
    hints = typing.get_type_hints(cls)
    seen: set[object] = set()
    for field in fields_of(cls):
        name, of = prefix + field, typing.get_args(hints[field])
        if fields_of(hints[field]) and hints[field] not in seen:
            seen.add(hints[field])
            yield from leaves(hints[field], f"{name}.")
        elif of and fields_of(of[0]) and types.NoneType not in of:
            yield from leaves(of[0], f"{name}[].")
        else:
            yield name


def flat(values: dict[str, object], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_commands_and_options():
    assert set(listed("Commands and options")) == set(commands(main))


def test_columns_of_exported_records():
    assert listed("Columns of exported records") == list(record_export.COLUMNS)
    ours = set(record_export.COLUMNS) - {"station", "rating"}
    assert set(listed("Columns of exported records")) - {"station", "rating"} == ours == set(kept_export.COLUMNS)


def test_exit_codes():
    assert set(listed("Exit codes")) == {
        "0",
        str(status.WRONG),
        str(click.UsageError.exit_code),
        str(status.NOT_RUNNING),
        str(EX_CONFIG),
    }


@pytest.mark.parametrize(
    ("heading", "cls"),
    [
        ("Settings of a station", StationSettings),
        ("Settings of headquarters", HqSettings),
        ("JSON of a station's status", StationView),
        ("JSON of headquarters' health", Health),
        ("JSON of headquarters' overview", Overview),
        ("JSON of headquarters' figures", CityFigures),
    ],
)
def test_settings_and_views(heading, cls):
    assert listed(heading) == list(leaves(cls))


def test_the_demos_json():
    assert listed("JSON of the demo") == list(flat(Tally().as_dict()))


@pytest.mark.parametrize(("heading", "table"), [("Events", events.EVENTS), ("Orders", events.ORDERS)])
def test_event_types(heading, table):
    assert set(listed(heading)) == set(table)


def test_topics():
    station = "<station>"
    assert set(listed("Topics")) == {
        *(topics.lane(station, way, lane) for way in ("up", "down") for lane in ("urgent", "log")),
        *(topics.ack(station, way) for way in ("up", "down")),
        topics.state(station),
        topics.health(station),
        topics.hq_state("<worker>"),
    }


def test_metrics():
    families = Metrics().registry.collect()
    assert set(listed("Metrics")) == {
        family.name + ("_total" if family.type == "counter" else "") for family in families
    }
