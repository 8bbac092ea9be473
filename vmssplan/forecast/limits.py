"""Where the time of a Run went: one cause for each span of it, and what barriers cost."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import events as ev
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from vmssplan.rollout import Rollout, Step

BARRIERS = "barriers between batches"
"""Of the time above: what the others of a batch wait for its slowest."""


def time_parts(rollout: Rollout, events: Sequence[ev.Event]) -> tuple[tuple[str, timedelta], ...]:
    """Return how long each kind of step took altogether, in the order they first came.

    Barriers are told beside them: they are a part of the upgrades and the waits for health.
    """
    spans: dict[str, timedelta] = defaultdict(timedelta)
    begun: datetime | None = None
    for event in events:
        match event:
            case ev.StepStarted(at=at):
                begun = at
            case ev.StepCompleted(at=at, step=number) if begun is not None:
                spans[_kind(rollout.steps[number - 1])] += at - begun
                begun = None
            case _:
                continue
    barriers = _barriers(rollout, events)
    if barriers:
        spans[BARRIERS] = barriers
    return tuple(spans.items())


def _kind(step: Step) -> str:
    match step:
        case SetModel():
            return "model writes"
        case UpgradeBatch() | UpgradeWindow():
            return "upgrades"
        case AwaitHealth():
            return "waits for health"
        case Pause():
            return "pauses"
        case Approval() | Check() | RunHook():
            return "gates and hooks"
        case PinAutoscale() | RestoreAutoscale():
            return "autoscale"
    assert_never(step)


def _barriers(rollout: Rollout, events: Iterable[ev.Event]) -> timedelta:
    """Add up, over the batches, how much later the slowest instance was ready than the median."""
    batch_of = {
        instance_id: step.batch
        for step in rollout.steps
        if isinstance(step, UpgradeBatch)
        for instance_id in step.instance_ids
    }
    ready: dict[int, list[datetime]] = defaultdict(list)
    for event in events:
        if isinstance(event, ev.InstanceReady) and event.instance_id in batch_of:
            ready[batch_of[event.instance_id]].append(event.at)
    cost = timedelta(0)
    for moments in ready.values():
        first = min(moments)
        seconds = [(moment - first).total_seconds() for moment in moments]
        cost += timedelta(seconds=max(seconds) - median(seconds))
    return cost
