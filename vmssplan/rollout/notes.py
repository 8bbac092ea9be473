"""The decisions that the Plan left to us, each with its integer, and what Azure may do itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan import batching
from vmssplan.actors import platform_notes
from vmssplan.model import (
    Autoscale,
    HealthSource,
    ModelFields,
    Plan,
    ScaleSet,
    StrategyType,
    image_version,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import AutoscaleSetting
    from vmssplan.rollout.values import Bounds


def decisions(
    plan: Plan,
    live: ScaleSet,
    wanted: ModelFields,
    raw: Sequence[batching.Batch],
    bounds: Bounds,
    settings: Sequence[AutoscaleSetting],
) -> Sequence[str]:
    """Name every decision that the Plan left to us, with its integer, and what Azure may do."""
    notes = []
    total, limit = bounds.total, bounds.max_unavailable
    if wanted.image is not None and plan.model.image != wanted.image:
        notes.append(f"latest is {image_version(wanted.image)} today, and pinned there")
    notes.extend(
        f"batch size {size} of {total} is {size.of(total)} (rounded down, at least 1)"
        for size in plan.strategy.batch_sizes
        if size.percent
    )
    given = plan.availability.max_unavailable or plan.availability.min_in_service
    if given is None:
        notes.append(f"availability is left out: at most the largest batch, {limit} of {total}")
    elif given.percent:
        key = "maxUnavailable" if plan.availability.max_unavailable else "minInService"
        notes.append(f"{key} {given} of {total} is {given.of(total)}")
    if plan.strategy.type is StrategyType.SLIDING_WINDOW:
        size = batching.window_size(plan.strategy, total)
        if size > limit:
            notes.append(f"window {size} is larger than maxUnavailable: {limit} at a time")
    else:
        notes.extend(
            f"{batch.label or 'a batch'} has {len(batch.instances)} instances,"
            f" maxUnavailable is {limit}: split"
            for batch in raw
            if len(batch.instances) > limit
        )
    if plan.health.source is HealthSource.AUTO:
        notes.append(f"health source auto is {live.health_source} here")
    if plan.autoscale is Autoscale.IGNORE:
        notes.append("autoscale settings are not looked at")
    elif not settings:
        notes.append("no autoscale setting scales this set now")
    notes.extend(platform_notes(live))
    return notes
