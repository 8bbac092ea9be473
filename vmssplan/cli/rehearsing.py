"""Rehearses a Rollout with many seeds: in this process where that is quick, else in several."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

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
WORTH_A_PROCESS_SECONDS = 0.5
TOLD_AFTER_SECONDS = 2.0
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


def forecast(stage: Stage, effort: Effort, console: Console) -> Forecast:
    """Rehearse with seeds from 1 on; progress is told when it takes long."""
    from vmssplan.forecast import forecast_of

    return forecast_of(rehearse_all(stage, effort, console), stage.rollout.bounds.total)


def rehearse_all(stage: Stage, effort: Effort, console: Console) -> list[Trial]:
    """Rehearse with seeds from 1 on, over all processors where that is worth it."""
    rehearser = _Rehearser(stage)
    trials: list[Trial] = []
    each = float("inf")
    # The first one also fills caches, so that only the second tells how long one takes.
    for seed in range(1, min(2, effort.seeds) + 1):
        begun = time.perf_counter()
        trials.append(rehearser.rehearse(seed))
        each = min(each, time.perf_counter() - begun)
    jobs = os.cpu_count() or 1
    seeds = range(len(trials) + 1, effort.affordable(each, jobs) + 1)
    expected = each * len(seeds)
    if jobs == 1 or expected < WORTH_A_PROCESS_SECONDS:
        return [*trials, *(rehearser.rehearse(seed) for seed in seeds)]
    if expected / jobs > max(TOLD_AFTER_SECONDS, effort.seconds or 0):
        console.say(
            f"Rehearsing {stage.rollout.plan} {len(seeds)} times,"
            f" about {expected / jobs:.0f} s (--no-forecast leaves it out) ..."
        )
    return [*trials, *_in_processes(stage, seeds, jobs)]


def _in_processes(stage: Stage, seeds: Sequence[int], jobs: int) -> list[Trial]:
    size = max(1, len(seeds) // (jobs * 4))
    parts = [seeds[start : start + size] for start in range(0, len(seeds), size)]
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(jobs, context, _adopt, (stage,)) as pool:
        return [trial for part in pool.map(_rehearse_part, parts) for trial in part]


class _Rehearser:
    """Rehearses one stage, in one process."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._twins: Twins | None = None

    def rehearse(self, seed: int) -> Trial:
        """Rehearse with that seed."""
        from vmssplan.backends.twin import Twins
        from vmssplan.forecast import trial
        from vmssplan.forecast.trial import NewIsBad

        stage = self._stage
        if self._twins is None:
            self._twins = Twins(stage.scenario)
        probes = NewIsBad(stage.rollout) if stage.is_bad else None
        return asyncio.run(trial(stage.rollout, self._twins.twin(seed), seed, probes))


_adopted: list[_Rehearser] = []


def _adopt(stage: Stage) -> None:
    # What is there already stays, and what comes goes by itself: to look through it all for
    # circles again and again costs more than the few there are.
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_BETWEEN_COLLECTIONS)
    _adopted[:] = [_Rehearser(stage)]


def _rehearse_part(seeds: Sequence[int]) -> list[Trial]:
    return [_adopted[0].rehearse(seed) for seed in seeds]
