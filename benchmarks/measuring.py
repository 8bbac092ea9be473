"""How a figure is taken and printed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure and its goal: at most, or for a share at least, that much. None: no goal."""

    name: str
    value: float
    goal: float | None = None
    unit: str = "s"
    is_share: bool = False

    @property
    def is_met(self) -> bool:
        """Tell whether the goal is met."""
        if self.goal is None:
            return True
        return self.value >= self.goal if self.is_share else self.value <= self.goal

    def __str__(self) -> str:
        """Render as a row of the table."""
        bound = "" if self.goal is None else f"{'>=' if self.is_share else '<='} {self.goal:g}"
        mark = "" if self.is_met else "   MISSED"
        return f"  {self.name:50}{self.value:12.3f} {self.unit:6}{bound:>10}{mark}"


def cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the best of several, in CPU seconds of this process."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def wall_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the best of several, in seconds of the wall clock."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best
