"""Records as the duty desk's templates show them: pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from common import workflow
from common.catalogue import Catalogue, Named, Service, Target
from common.personal import PersonalField
from common.record import Record

DIGITS: Final = "1234567890"
"""The keys of the open records on the desk's first page."""

KEYS: Final = f"{DIGITS}qwertyuiop"
"""The keys of what stands in a list, in the order of the keyboard; `a` is kept for help calls."""

TYPED: Final[tuple[PersonalField, ...]] = ("name", "number", "phone", "represents", "need")
"""The personal fields an officer may type, and read again in full; an address comes from cards alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One record in a list; `age_s` since it was opened, `name` masked or "", `key` the keyboard's.

    `due`: its day has come; `overdue`: it is a referral whose day is past.
    """

    record: Record
    service: Service | None
    age_s: int
    name: str
    due: bool
    overdue: bool
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneRow:
    """One record that is closed; `age_s` since then. Who it was about is on file, and not shown."""

    record: Record
    service: Service | None
    age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step an officer may take, its key, and what may be chosen for it.

    `days`: of each target, by its code, the day that is proposed; none while nobody knows the day.
    """

    step: workflow.Step
    key: str
    materials: tuple[Named, ...] = ()
    targets: tuple[Target, ...] = ()
    days: Mapping[str, str] = field(default_factory=dict)
    results: tuple[Named, ...] = ()
    reasons: tuple[Named, ...] = ()


def step_views(
    catalogue: Catalogue, record: Record, *, proposed: Callable[[Target], str | None] = lambda _target: None
) -> list[StepView]:
    """Return the buttons of a record as it stands, in the order of `common.workflow`; `proposed`: days of targets."""
    service = catalogue.services.get(record.service)
    bring = (*service.bring, "other") if service else tuple(catalogue.materials)
    refer = service.refer if service else tuple(catalogue.targets)
    # A service that refers nowhere has no such button, though the table has the step.
    steps = [step for step in workflow.steps(record.state) if "target" not in step.requires or refer]
    targets = tuple(catalogue.targets[code] for code in refer)
    days = {target.code: day for target in targets if (day := proposed(target)) is not None}
    return [
        StepView(
            step=step,
            key=key,
            materials=tuple(catalogue.materials[code] for code in dict.fromkeys(bring)),
            targets=targets,
            days=days,
            results=tuple(catalogue.results.values()),
            reasons=tuple(catalogue.reopenings.values()),
        )
        for step, key in zip(steps, KEYS, strict=False)
    ]
