"""What the core can ask for: a closed union, imperative, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vmssplan.engine import events as ev
from vmssplan.engine.state import Outcome, Pins
from vmssplan.model import CommandProbe, HttpProbe, ModelFields


class Look(StrEnum):
    """What must be looked at after a Wait."""

    OPERATIONS = "operations"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Record:
    """Write down what is known, and ask again."""

    events: tuple[ev.Event, ...]


@dataclass(frozen=True, slots=True)
class WriteModel:
    """Write these fields of the model, if it still has this etag."""

    step: int
    fields: ModelFields
    etag: str


@dataclass(frozen=True, slots=True)
class UpgradeInstances:
    """Start the manual upgrade of these instances."""

    step: int
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReimageInstances:
    """Start the reimage of these instances."""

    step: int
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing until then, and look again; `for_people`: somebody may say something sooner."""

    until: datetime
    look: Look
    for_people: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """There is nothing more to do."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure this gate once, about these instances."""

    step: int
    probe: HttpProbe | CommandProbe
    batch: int | None
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunProgram:
    """Run this hook for these instances."""

    step: int
    occasion: str
    command: CommandProbe
    batch: int
    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PinBounds:
    """Bind autoscale to the count there is; `pins` are those of an earlier try, None at first."""

    pins: Pins | None


@dataclass(frozen=True, slots=True)
class RestoreBounds:
    """Give autoscale its bounds back."""

    pins: Pins


Write = WriteModel | UpgradeInstances | ReimageInstances
Command = Record | Write | Measure | RunProgram | PinBounds | RestoreBounds | Wait | Finish
