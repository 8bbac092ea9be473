"""What a scenario test is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar

from vmssplan.gates import Verdict

T = TypeVar("T", int, timedelta)


class Outcome(StrEnum):
    """How the rollout ends."""

    COMPLETE = "complete"
    HALTED = "halted"
    ROLLED_BACK = "rolledBack"
    REFUSED = "refused"


class People(StrEnum):
    """What people say at approvals."""

    GIVEN = "given"
    REFUSED = "refused"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Bounds(Generic[T]):
    """What a figure must not leave; None: no bound on that side."""

    at_least: T | None = None
    at_most: T | None = None

    def hold(self, figure: T) -> bool:
        """Tell whether the figure lies between."""
        is_enough = self.at_least is None or figure >= self.at_least
        return is_enough and (self.at_most is None or figure <= self.at_most)


@dataclass(frozen=True, slots=True)
class EventPattern:
    """An Event by its name, and fields of its document that must be equal."""

    event: str
    fields: Mapping[str, Any]

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Tell whether an Event's document is one of these."""
        if document.get("type") != self.event:
            return False
        return all(document.get(key) == value for key, value in self.fields.items())

    def __str__(self) -> str:
        """Render for people."""
        parts = ", ".join(f"{key}: {value}" for key, value in self.fields.items())
        return f"{self.event} ({parts})" if parts else self.event


@dataclass(frozen=True, slots=True)
class Expectation:
    """All that must hold; None: nothing is said about it."""

    outcome: Outcome | None = None
    exit_code: int | None = None
    reason: str | None = None
    upgraded: int | frozenset[str] | None = None
    touched: int | frozenset[str] | None = None
    in_service: Bounds[int] = Bounds()
    batches: int | None = None
    duration: Bounds[timedelta] = Bounds()
    events: tuple[EventPattern, ...] = ()
    never: tuple[EventPattern, ...] = ()
    gates: int | None = None


@dataclass(frozen=True, slots=True)
class RolloutTest:
    """One test: Plan, world, what goes wrong, what is expected. Paths are seen from `file`."""

    name: str
    file: Path
    line: int
    plan: Path
    scenario: Path
    expect: Expectation
    overrides: Mapping[str, Any]
    faults: tuple[Mapping[str, Any], ...] = ()
    latencies: Mapping[str, Any] | None = None
    seed: int | None = None
    answers: tuple[Verdict, ...] = (Verdict.SUCCESSFUL,)
    people: People = People.GIVEN
