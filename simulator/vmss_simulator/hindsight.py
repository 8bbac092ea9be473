"""The world as a read sees it that a fault has answer from the past, or without views."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from vmss_simulator.values import InstanceView, OperationStatus

if TYPE_CHECKING:
    from datetime import datetime

    from vmss_simulator.state import State
    from vmss_simulator.values import Allowance, Operation, ScaleSet


def seen(state: State, allowance: Allowance) -> State:
    """Return a state to read from, which shares everything else with this one."""
    moment = state.now - allowance.stale_by
    scale_sets, operations = state.scale_sets_at(moment), state.operations
    if allowance.stale_by:
        operations = {i: _as_of(each, moment) for i, each in operations.items()}
    if allowance.hidden_views:
        scale_sets = {
            key: _without_views(each, allowance.hidden_views) for key, each in scale_sets.items()
        }
    return replace(state, scale_sets=scale_sets, operations=operations)


def _as_of(operation: Operation, moment: datetime) -> Operation:
    if operation.ended_at is None or operation.ended_at <= moment:
        return operation
    running = OperationStatus.IN_PROGRESS
    return replace(operation, status=running, ended_at=None, error=None, details=())


def _without_views(scale_set: ScaleSet, hidden: frozenset[str]) -> ScaleSet:
    instances = {
        i: structs.replace(each, view=InstanceView.MISSING) if i in hidden else each
        for i, each in scale_set.instances.items()
    }
    return replace(scale_set, instances=instances)
