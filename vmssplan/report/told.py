"""What can be told of an Event: a sentence, how much it matters, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much an Event matters to somebody who reads along."""

    DETAIL = "detail"
    INFO = "info"
    WARNING = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Happening:
    """An Event in words. `step` is None where it belongs to none, `batch` and `instance` too."""

    text: str
    weight: Weight = Weight.INFO
    step: int | None = None
    batch: int | None = None
    instance: str | None = None
