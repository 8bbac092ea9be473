"""Rollouts, Runs and scale sets for the tests of the reports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.support.values import (
    START,
    at_most,
    current,
    instance,
    instances,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import Phase, Progress, RunState
from vmssplan.engine import events as ev
from vmssplan.rollout import UpgradeBatch, UpgradeWindow, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmssplan.engine import Event
    from vmssplan.model import Instance, ScaleSet
    from vmssplan.rollout import Rollout

RUN = "web-1"


def regional(members: int | Iterable[Instance]) -> ScaleSet:
    """Return a set without zones: update domains by fault domains."""
    many = instances(members) if isinstance(members, int) else members
    return scale_set(replace(one, zone=None) for one in many)


def zonal(count: int) -> ScaleSet:
    """Return a set over three zones, without update domains."""
    return scale_set(replace(one, update_domain=None) for one in instances(count))


def flexible(count: int) -> ScaleSet:
    """Return a set without any domain, with names for ids as a Flexible one has."""
    bare = {"update_domain": None, "fault_domain": None, "zone": None}
    return scale_set(instance(f"web_{number:08x}", **bare) for number in range(count))


def twelve() -> Rollout:
    """Return the everyday Rollout: of twelve, one is protected and two are current."""
    members = list(instances(12))
    members[3], members[8] = current("3"), current("8")
    members[7] = replace(members[7], protected_from_scale_set_actions=True)
    how = strategy("fixedBatch", "25%", pause_time_between_batches=seconds(120))
    return rollout(regional(members), strategy=how, availability=at_most("25%"))


def begun(plan: Rollout) -> list[Event]:
    """Return the Events up to the first upgrade: started, model written."""
    return [
        ev.RunStarted(START, RUN, digest(plan)),
        ev.StepStarted(START, 1),
        ev.ModelWriteIntended(START, 1, 1, '"1"'),
        ev.OperationAccepted(START, 1, "op-1"),
        ev.OperationEnded(START + seconds(20), 1, "Succeeded"),
        ev.StepCompleted(START + seconds(20), 1),
    ]


def with_phases(plan: Rollout, phases: Mapping[str, Phase], step: int = 2) -> RunState:
    """Return the state in which these instances are in these phases."""
    state = RunState.begin(plan)
    moved = {i: Progress(phase, state.progress[i].step) for i, phase in phases.items()}
    return replace(state, run=RUN, step=step, progress={**state.progress, **moved})


def spread(plan: Rollout) -> RunState:
    """Return a state in which every phase occurs, in turns over the instances in their order."""
    ids = [
        i
        for step in plan.steps
        if isinstance(step, UpgradeBatch | UpgradeWindow)
        for i in step.instance_ids
    ]
    phases = (Phase.READY, Phase.READY, Phase.AWAITING, Phase.OPERATING, Phase.FAILED)
    done = len(ids) * 2 // 3
    return with_phases(plan, {i: phases[n % len(phases)] for n, i in enumerate(ids[:done])})
