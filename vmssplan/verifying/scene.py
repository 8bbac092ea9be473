"""What is explored: a Rollout with short times, the tables of its world, and the scheduler.

Times are shortened so that the states are few; every timer is still there, and in the same order:
a poll, then the proof of health, then settling, then the deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from vmssplan.engine import Command, RunState, decide, evolve
from vmssplan.model import ModelFields, UriImage
from vmssplan.rollout import (
    Check,
    Disposition,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    Rollout,
    digest,
)
from vmssplan.verifying.world import Ground, World

if TYPE_CHECKING:
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Step

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
PROOF = timedelta(seconds=10)
DEADLINE = timedelta(seconds=40)
PAUSE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Scheduler:
    """The two functions under test."""

    decide: Callable[..., Command]
    evolve: Callable[..., RunState]


ENGINE = Scheduler(decide, evolve)


@dataclass(frozen=True)
class Scene:
    """A Rollout to be carried out in a world; `wanted` and `foreign` are numbers of models."""

    rollout: Rollout
    digest: str
    ground: Ground
    world: World
    foreign: int
    scheduler: Scheduler
    planned: frozenset[str]
    known_models: tuple[ModelFields, ...]

    def wanted(self, rollout: Rollout) -> int:
        """Return the number of the model that is in force when this Rollout has written it."""
        return self.ground.model(rollout.model)


def time_of(seconds: int) -> datetime:
    """Return the moment that many seconds after the beginning."""
    return BEGINNING + timedelta(seconds=seconds)


def seconds_of(moment: datetime) -> int:
    """Return how many seconds after the beginning it is, rounded up."""
    return ceil((moment - BEGINNING).total_seconds())


def scene_of(rollout: Rollout, live: ScaleSet, scheduler: Scheduler = ENGINE) -> Scene:
    """Return what is explored for a Rollout that was computed for this set."""
    short = shortened(rollout)
    ground = Ground(live)
    world = ground.begin()
    back = [short.rollback.model] if short.rollback else []
    return Scene(
        short,
        digest(short),
        ground,
        world,
        ground.model(_foreign(short, live)),
        scheduler,
        frozenset(
            one.instance_id for one in short.instances if one.disposition is Disposition.UPGRADE
        ),
        (short.fingerprint.model, short.model, *back),
    )


def _foreign(rollout: Rollout, live: ScaleSet) -> ModelFields:
    """Return a model that nobody reviewed, in a field that the Plan owns."""
    if rollout.model.image is not None:
        return replace(live.model, image=UriImage("https://somebody.invalid/else.vhd"))
    return replace(live.model, vm_size="Standard_Somebody_Else")


def shortened(rollout: Rollout) -> Rollout:
    """Return the Rollout with short times, and without steps that need other services."""
    health = rollout.health
    back = rollout.rollback
    return replace(
        rollout,
        health=replace(
            health,
            min_healthy_time=min(health.min_healthy_time, PROOF),
            deadline=DEADLINE,
        ),
        steps=tuple(_short(step) for step in rollout.steps if _is_explored(step)),
        rollback=back
        and replace(back, steps=tuple(_short(step) for step in back.steps if _is_explored(step))),
    )


def _is_explored(step: Step) -> bool:
    return not isinstance(step, PinAutoscale | RestoreAutoscale)


def _short(step: Step) -> Step:
    if isinstance(step, Pause):
        return replace(step, duration=min(step.duration, PAUSE))
    if isinstance(step, Check):
        counting = step.counting
        return replace(
            step,
            counting=replace(
                counting,
                initial_delay=min(counting.initial_delay, PROOF),
                interval=min(counting.interval, PROOF),
                deadline=min(counting.deadline, DEADLINE),
                consecutive_successes=min(counting.consecutive_successes, 2),
                failure_limit=min(counting.failure_limit, 1),
                inconclusive_limit=min(counting.inconclusive_limit, 1),
                consecutive_error_limit=min(counting.consecutive_error_limit, 1),
            ),
        )
    return step
