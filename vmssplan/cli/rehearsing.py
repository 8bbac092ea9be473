"""Rehearses a Rollout with many seeds: in this process where that is quick, else in several."""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vmssplan.cli.event_loop import result_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmss_simulator.scenario import Scenario
    from vmssplan.backends.twin import Twins
    from vmssplan.cli.console import Console
    from vmssplan.forecast import Forecast, Trial
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

SEEDS = 100
BUDGET_SECONDS = 4.0
"""How long rehearsing may take where nobody said how often it shall be done."""
BAD_IMAGE_SEEDS, BAD_IMAGE_SECONDS = 20, 1.0
LEAST_SEEDS = 5
TOLD_AFTER_SECONDS = 2.0
QUICK_SECONDS = 0.1
PARTS_A_PROCESS = 16
NEW_OBJECTS_BETWEEN_COLLECTIONS = 200_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How often to rehearse; less often where it would take longer than `seconds`, if given."""

    seeds: int
    seconds: float | None = None

    def affordable(self, each_seconds: float, jobs: int) -> int:
        """Return how often that is, where one rehearsal takes so long in each of so many jobs."""
        if self.seconds is None:
            return self.seeds
        fitting = int(self.seconds * jobs / max(each_seconds, 1e-6))
        return min(self.seeds, max(LEAST_SEEDS, fitting))


@dataclass(frozen=True, slots=True)
class Processes:
    """How many may rehearse side by side, and from how much work on it is worth starting them."""

    count: int = os.cpu_count() or 1
    worth_seconds: float = 0.5


BAD_IMAGE_EFFORT = Effort(BAD_IMAGE_SEEDS, BAD_IMAGE_SECONDS)


@dataclass(frozen=True, slots=True)
class Stage:
    """A Rollout and what its twins are made of; `is_bad`: what is rolled out is never well."""

    rollout: Rollout
    document: Mapping[str, Any]
    scenario: Scenario
    is_bad: bool = False


def stage_of(
    rollout: Rollout,
    live: ScaleSet,
    versions: Sequence[str],
    now: datetime,
    latencies: Mapping[str, Any] | None = None,
) -> Stage:
    """Return what to rehearse: the live set in a world whose latencies are these."""
    from vmssplan.backends.twin import twin_scenario
    from vmssplan.report.snapshot import snapshot_document

    document = snapshot_document(live, versions, now, rollout.model.image)
    if latencies:
        document["latencies"] = dict(latencies)
    return Stage(rollout, document, twin_scenario(document))


def with_bad_image(stage: Stage) -> Stage:
    """Return the same with an image that never becomes healthy."""
    from vmssplan.backends.twin import twin_scenario
    from vmssplan.backends.twin import with_bad_image as spoilt
    from vmssplan.model import HealthSource, image_version

    image = stage.rollout.model.image
    version = image_version(image) if image is not None else None
    told = stage.rollout.health.source is not HealthSource.INSTANCE_VIEW
    document = spoilt(stage.document, version, has_application_health=told)
    return replace(stage, document=document, scenario=twin_scenario(document), is_bad=True)


def forecasts(
    asked: Sequence[tuple[Stage, Effort]], console: Console, processes: Processes | None = None
) -> list[Forecast]:
    """Rehearse each with seeds from 1 on, all of them side by side where that is worth it.

    Progress is told when it takes long.
    """
    from vmssplan.forecast import forecast_of

    processes = processes or Processes()
    begun = [_Begun.of(stage, effort, processes.count) for stage, effort in asked]
    went = _rehearse(begun, processes, console)
    return [
        forecast_of(trials, stage.rollout.bounds.total)
        for (stage, _), trials in zip(asked, went, strict=True)
    ]


@dataclass(slots=True)
class _Begun:
    """A stage that was rehearsed so often that it is known how long one more takes."""

    rehearser: _Rehearser
    trials: list[Trial]
    each_seconds: float
    seeds: range
    """Those still to be rehearsed."""

    @classmethod
    def of(cls, stage: Stage, effort: Effort, jobs: int) -> _Begun:
        """Rehearse it once; a second time where that is quick, or decides how often it is done.

        The first one also fills caches, so that only the second tells how long one takes.
        """
        rehearser = _Rehearser(stage)
        begun = cls(rehearser, [], float("inf"), range(1, effort.seeds + 1))
        begun.go_on()
        is_quick = begun.each_seconds < QUICK_SECONDS
        is_cut = effort.affordable(begun.each_seconds, jobs) < effort.seeds
        if begun.seeds and (is_quick or is_cut):
            begun.go_on()
        fitting = effort.affordable(begun.each_seconds, jobs)
        begun.seeds = begun.seeds[: fitting - len(begun.trials)]
        return begun

    def go_on(self) -> None:
        """Rehearse once more, here."""
        began = time.perf_counter()
        self.trials.append(self.rehearser.rehearse(self.seeds[0]))
        self.each_seconds = min(self.each_seconds, time.perf_counter() - began)
        self.seeds = self.seeds[1:]

    @property
    def seconds(self) -> float:
        """How long the rest takes in one process."""
        return self.each_seconds * len(self.seeds)

    def parts(self, seconds: float) -> list[range]:
        """Return the seeds in parts that take about so long each."""
        size = max(1, round(seconds / self.each_seconds))
        return [self.seeds[start : start + size] for start in range(0, len(self.seeds), size)]


def _rehearse(
    stages: Sequence[_Begun], processes: Processes, console: Console
) -> list[list[Trial]]:
    """Finish what has begun, in this process where that is quick, else over all processors."""
    expected, jobs = sum(one.seconds for one in stages), processes.count
    if jobs == 1 or expected < processes.worth_seconds:
        for one in stages:
            while one.seeds:
                one.go_on()
        return [one.trials for one in stages]
    if expected / jobs > TOLD_AFTER_SECONDS:
        plan, times = stages[0].rehearser.stage.rollout.plan, sum(len(one.seeds) for one in stages)
        console.say(
            f"Rehearsing {plan} {times} times,"
            f" about {expected / jobs:.0f} s (--no-forecast leaves it out) ..."
        )
    rest = _in_processes(stages, jobs, expected / (jobs * PARTS_A_PROCESS))
    return [[*one.trials, *more] for one, more in zip(stages, rest, strict=True)]


def _in_processes(stages: Sequence[_Begun], jobs: int, part_seconds: float) -> list[list[Trial]]:
    """Deal the seeds out in parts that take about so long each."""
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    adopted = [one.rehearser for one in stages]
    with ProcessPoolExecutor(jobs, context, _adopt, (adopted,)) as pool:
        dealt = [
            [pool.submit(_rehearse_part, number, part) for part in one.parts(part_seconds)]
            for number, one in enumerate(stages)
        ]
        return [[trial for part in parts for trial in part.result()] for parts in dealt]


class _Rehearser:
    """Rehearses one stage, in one process."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._twins: Twins | None = None

    def __reduce__(self) -> tuple[type[_Rehearser], tuple[Stage]]:
        """Send another process the stage alone; what is the same in all twins it works out."""
        return type(self), (self.stage,)

    def rehearse(self, seed: int) -> Trial:
        """Rehearse with that seed."""
        from vmssplan.backends.twin import Twins
        from vmssplan.forecast import trial
        from vmssplan.forecast.trial import NewIsBad

        stage = self.stage
        if self._twins is None:
            self._twins = Twins(stage.scenario)
        probes = NewIsBad(stage.rollout) if stage.is_bad else None
        return result_of(trial(stage.rollout, self._twins.twin(seed), seed, probes))


_adopted: list[_Rehearser] = []


def _adopt(rehearsers: Sequence[_Rehearser]) -> None:
    # What is there already stays, and what comes goes by itself: to look through it all for
    # circles again and again costs more than the few there are.
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_BETWEEN_COLLECTIONS)
    _adopted[:] = rehearsers


def _rehearse_part(number: int, seeds: Sequence[int]) -> list[Trial]:
    return [_adopted[number].rehearse(seed) for seed in seeds]
