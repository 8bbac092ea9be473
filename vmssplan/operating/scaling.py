"""Another number of instances: what that may cost, when nobody knows which ones Azure takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.operating.computing import health_of, health_source, limit_of, narrower_hint
from vmssplan.operating.values import Operation, Request, Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import AutoscaleSetting, HealthSource, Instance, Plan, ScaleSet


def compute_scaling(live: ScaleSet, request: Request, plan: Plan | None) -> Operation:
    """Return the Operation that changes the capacity.

    Which instances go when it shrinks is Azure's choice, so each of them counts as in service.
    """
    if request.capacity is None:
        raise ValueError("a capacity goes with scale")
    source = health_source(live, plan)
    total = len(live.instances)
    limit, note = limit_of(live, request, plan, source)
    floor = total - limit
    going, removable = max(0, total - request.capacity), _removable(live)
    refused = scaling_refusal(live, request.capacity, floor, source)
    hint = narrower_hint(plan, going).replace("select fewer", "scale in smaller steps")
    if going > len(removable):
        hint = "take the protection off: vmssplan instances protect --no-scale-in"
    notes = (note, f"Azure chooses which {going} of {len(removable)} go") if going else ()
    return Operation(
        verb=Verb.SCALE,
        target=live.id,
        members=(),
        batches=(),
        skipped=(),
        total=total,
        in_service=live.in_service_count(source),
        floor=floor,
        lowest=_lowest_scaled(live, request.capacity, source),
        health=health_of(plan, source),
        capacity=request.capacity,
        notes=notes,
        refused=refused,
        hint=hint if refused else None,
    )


def autoscale_notes(operation: Operation, settings: Sequence[AutoscaleSetting]) -> tuple[str, ...]:
    """Say what autoscale settings that are on will make of the new capacity."""
    capacity = operation.total if operation.capacity is None else operation.capacity
    notes = []
    for setting in (one for one in settings if one.enabled):
        undoing = [p for p in setting.profiles if not p.minimum <= capacity <= p.maximum]
        bounds = ", ".join(str(profile) for profile in undoing)
        notes.append(
            f"autoscale {setting.name} will undo it ({bounds})"
            if undoing
            else f"autoscale {setting.name} may change it again"
        )
    return tuple(notes)


def scaling_refusal(live: ScaleSet, capacity: int, floor: int, source: HealthSource) -> str | None:
    """Say why the set must not have so many instances; None when it may."""
    total, serving = len(live.instances), live.in_service_count(source)
    going, removable = total - capacity, _removable(live)
    if going > len(removable):
        return (
            f"{going} instances would have to go, and {total - len(removable)} of {total} are"
            " protected from scale in"
        )
    may_serve = any(one.may_be_in_service(source) for one in removable)
    lowest = _lowest_scaled(live, capacity, source)
    if going <= 0 or not may_serve or lowest >= floor:
        return None
    return (
        f"scaling from {total} to {capacity} may leave {lowest} of {total} in service"
        f" ({serving} are now), and the floor is {floor}"
    )


def _lowest_scaled(live: ScaleSet, capacity: int, source: HealthSource) -> int:
    may_go = sum(one.may_be_in_service(source) for one in _removable(live))
    going = max(0, len(live.instances) - capacity)
    return live.in_service_count(source) - min(going, may_go)


def _removable(live: ScaleSet) -> Sequence[Instance]:
    return [
        one
        for one in live.instances
        if not (one.protected_from_scale_in or one.protected_from_scale_set_actions)
    ]
