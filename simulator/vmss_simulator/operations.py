"""Long-running operations: how they start, count their steps, and end.

An operation is over when its last step is; a step is the work on one instance, or the part of
the operation that is about none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.randomness import draw_guid
from vmss_simulator.state import Running
from vmss_simulator.values import Operation, OperationKind, OperationStatus, ProvisioningState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.errors import ErrorDetail
    from vmss_simulator.state import State
    from vmss_simulator.values import ScaleSet, ScaleSetKey


def start_operation(
    state: State,
    scale_set: ScaleSet,
    kind: OperationKind,
    instance_ids: Sequence[str] = (),
    *,
    provisioning: ProvisioningState = ProvisioningState.UPDATING,
) -> Operation:
    """Start a long-running operation with one step open, which its starter has to end."""
    key = scale_set.key
    operation = Operation(
        operation_id=draw_guid(state.random(key.resource_id, "operation")),
        kind=kind,
        key=key,
        location=documents.text(scale_set.body, "location") or "",
        instance_ids=tuple(instance_ids),
        started_at=state.now,
    )
    state.operations[operation.operation_id] = operation
    writes_model = kind in (OperationKind.PUT_SCALE_SET, OperationKind.PATCH_SCALE_SET)
    state.running[operation.operation_id] = Running(1, writes_model)
    state.store(replace(scale_set, provisioning=provisioning))
    state.emit(
        "operationStarted",
        key,
        operationId=operation.operation_id,
        kind=kind.value,
        instanceIds=list(instance_ids),
    )
    return operation


def end_step(state: State, operation_id: str, failure: ErrorDetail | None = None) -> None:
    """Count one step of an operation as done; with the last one the operation ends."""
    running = state.running[operation_id]
    failures = running.failures if failure is None else (*running.failures, failure)
    if running.remaining > 1:
        state.running[operation_id] = replace(
            running, remaining=running.remaining - 1, failures=failures
        )
        return
    del state.running[operation_id]
    operation = state.operations[operation_id]
    error = replace(failures[0], target=None) if failures else None
    status = OperationStatus.FAILED if failures else OperationStatus.SUCCEEDED
    state.operations[operation_id] = replace(
        operation, status=status, ended_at=state.now, error=error, details=failures
    )
    _settle_scale_set(state, operation.key, error)
    code = {"code": error.code} if error else {}
    state.emit(
        "operationEnded", operation.key, operationId=operation_id, status=status.value, **code
    )


def open_step(state: State, operation_id: str) -> None:
    """Count one more step that has to end before the operation does."""
    running = state.running[operation_id]
    state.running[operation_id] = replace(running, remaining=running.remaining + 1)


def _settle_scale_set(state: State, key: ScaleSetKey, error: ErrorDetail | None) -> None:
    if any(state.operations[each].key.folded() == key.folded() for each in state.running):
        return
    failed = error is not None and state.options.failed_operation_fails_scale_set
    provisioning = ProvisioningState.FAILED if failed else ProvisioningState.SUCCEEDED
    scale_set = state.scale_sets[key.folded()]
    state.store(replace(scale_set, provisioning=provisioning, error=error if failed else None))
