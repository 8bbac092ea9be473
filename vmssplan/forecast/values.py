"""Many trials -> one Forecast: medians, 95th percentiles, and what limits the duration. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, TypeVar

from vmssplan.ports import BudgetUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.forecast.trial import Trial


T = TypeVar("T", int, float, timedelta)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the duration that has one cause, such as pauses; `share` is of the whole."""

    name: str
    duration: timedelta
    share: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the trials say together.

    `outcomes` counts them by exit code, where 10 is left out because people are taken to say yes;
    `parts` are those of the trial in the middle, the longest first; `budget` is the request budget
    that any trial came closest to the end of.
    """

    seeds: int
    outcomes: Mapping[int, int]
    makespan_p50: timedelta
    makespan_p95: timedelta
    lowest_in_service: int
    total: int
    calls_p50: int
    calls_p95: int
    throttled_p95: int
    touched_p50: int
    touched_p95: int
    parts: tuple[Part, ...]
    budget: BudgetUse | None = None

    @property
    def completed(self) -> int:
        """How many trials came to their end."""
        return self.outcomes.get(0, 0)


def quantile(samples: Sequence[T], share: float) -> T:
    """Return the smallest sample that at least that share of all does not exceed (nearest rank).

    Raises ValueError for no samples at all.
    """
    if not samples:
        raise ValueError("there are no samples")
    rank = max(1, ceil(share * len(samples)))
    return sorted(samples)[rank - 1]


def forecast_of(trials: Sequence[Trial], total: int) -> Forecast:
    """Sum up; raises ValueError for no trials."""
    makespans = [one.makespan for one in trials]
    median = quantile(makespans, 0.5)
    middle = next(one for one in trials if one.makespan == median)
    calls = [one.calls for one in trials]
    touched = [one.touched for one in trials]
    return Forecast(
        seeds=len(trials),
        outcomes=dict(sorted(Counter(one.exit_code for one in trials).items())),
        makespan_p50=median,
        makespan_p95=quantile(makespans, 0.95),
        lowest_in_service=min(one.lowest_in_service for one in trials),
        total=total,
        calls_p50=quantile(calls, 0.5),
        calls_p95=quantile(calls, 0.95),
        throttled_p95=quantile([one.throttled for one in trials], 0.95),
        touched_p50=quantile(touched, 0.5),
        touched_p95=quantile(touched, 0.95),
        parts=_parts(middle),
        budget=max(
            (one.budget for one in trials if one.budget), key=lambda use: use.share, default=None
        ),
    )


def _parts(trial: Trial) -> tuple[Part, ...]:
    whole = trial.makespan or timedelta(seconds=1)
    parts = [Part(name, span, span / whole) for name, span in trial.parts if span > timedelta(0)]
    return tuple(sorted(parts, key=lambda one: one.duration, reverse=True))
