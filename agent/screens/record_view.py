"""Records as the duty desk's templates show them: pure."""

from dataclasses import dataclass
from typing import Final

from common import workflow
from common.catalogue import Catalogue, Named, Service, Target
from common.personal import PersonalField
from common.record import Record

KEYS: Final = "1234567890qwertyuiop"
"""The keys of what stands in a list, in the order of the keyboard; `a` is kept for help calls."""

TYPED: Final[tuple[PersonalField, ...]] = ("name", "number", "phone", "represents", "need")
"""The personal fields an officer may type, and read again in full; an address comes from cards alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One record in a list; `age_s` since it was opened, `name` masked or "", `key` the keyboard's or ""."""

    record: Record
    service: Service | None
    age_s: int
    name: str
    due: bool
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
    """One step an officer may take, its key, and what may be chosen for it."""

    step: workflow.Step
    key: str
    materials: tuple[Named, ...] = ()
    targets: tuple[Target, ...] = ()
    results: tuple[Named, ...] = ()
    reasons: tuple[Named, ...] = ()


def step_views(catalogue: Catalogue, record: Record) -> list[StepView]:
    """Return the buttons of a record as it stands, in the order of `common.workflow`."""
    service = catalogue.services.get(record.service)
    bring = (*service.bring, "other") if service else tuple(catalogue.materials)
    refer = service.refer if service else tuple(catalogue.targets)
    # A service that refers nowhere has no such button, though the table has the step.
    steps = [step for step in workflow.steps(record.state) if "target" not in step.requires or refer]
    return [
        StepView(
            step=step,
            key=key,
            materials=tuple(catalogue.materials[code] for code in dict.fromkeys(bring)),
            targets=tuple(catalogue.targets[code] for code in refer),
            results=tuple(catalogue.results.values()),
            reasons=tuple(catalogue.reopenings.values()),
        )
        for step, key in zip(steps, KEYS, strict=False)
    ]
