"""An Operation, and a Rollout of chosen instances, for machines: one shape for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmssplan.batching import NOT_SELECTED
from vmssplan.operating import Verb
from vmssplan.rollout import Disposition, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.operating import Operation, Request
    from vmssplan.rollout import Rollout

Document = dict[str, Any]


def operation_json(operation: Operation, command: Sequence[str] = ()) -> Document:
    """Return the preview; `command` is what to type for the same."""
    return {
        "verb": operation.verb.value,
        "target": operation.target.resource_id,
        "digest": operation.digest,
        "batches": [list(batch) for batch in operation.batches],
        "skipped": [
            {"instanceId": one.instance_id, "reason": one.reason} for one in operation.skipped
        ],
        "total": operation.total,
        "capacity": operation.capacity,
        "inService": operation.in_service,
        "floor": operation.floor,
        "lowest": operation.lowest,
        "notes": list(operation.notes),
        "changes": operation.has_changes,
        "refused": operation.refused,
        "hint": operation.hint,
        "command": list(command),
    }


def rollout_operation_json(
    rollout: Rollout, request: Request, command: Sequence[str] = ()
) -> Document:
    """Return the preview of a request that is a Rollout, in the same shape.

    Skipped are those that were selected, and are left alone all the same.
    """
    bounds = rollout.bounds
    return {
        "verb": request.verb.value,
        "target": rollout.target.resource_id,
        "digest": rollout.digest,
        "batches": [
            list(step.instance_ids)
            for step in rollout.steps
            if isinstance(step, UpgradeBatch | UpgradeWindow)
        ],
        "skipped": [
            {"instanceId": one.instance_id, "reason": one.reason}
            for one in rollout.instances
            if one.disposition is Disposition.SKIPPED
            and request.verb is not Verb.SET_MODEL
            and one.reason != NOT_SELECTED
        ],
        "total": bounds.total,
        "capacity": None,
        "inService": bounds.in_service,
        "floor": bounds.floor,
        "lowest": bounds.lowest_in_service,
        "notes": list(rollout.notes),
        "changes": rollout.has_changes,
        "refused": None,
        "hint": None,
        "command": list(command),
    }
