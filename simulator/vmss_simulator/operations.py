"""Long-running operations: how they start, count their steps, and end.

An operation is over when its last step is; a step is the work on one instance, or the part of
the operation that is about none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.admission import subject_of
from vmss_simulator.effects import EndOperation, FailAgain, HoldOperation, KeepScaleSetUpdating
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.randomness import draw_guid
from vmss_simulator.tasks import OperationCut, Running, ScaleSetSettles, StepEnds
from vmss_simulator.values import Operation, OperationKind, OperationStatus, ProvisioningState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.effects import OperationEffect
    from vmss_simulator.state import State
    from vmss_simulator.values import ScaleSet, ScaleSetKey

_MODEL_WRITES = frozenset(
    {
        OperationKind.PUT_SCALE_SET,
        OperationKind.PATCH_SCALE_SET,
        OperationKind.PUT_EXTENSION,
        OperationKind.DELETE_EXTENSION,
        OperationKind.SCALE_OUT,
        OperationKind.DELETE_SCALE_SET,
    }
)


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
    state.running[operation.operation_id] = Running(kind in _MODEL_WRITES)
    state.open_steps[operation.operation_id] = 1
    state.store(replace(scale_set, provisioning=provisioning))
    state.emit(
        "operationStarted",
        key,
        operationId=operation.operation_id,
        kind=kind.value,
        instanceIds=list(instance_ids),
    )
    _meet_faults(state, operation)
    return operation


def _meet_faults(state: State, operation: Operation) -> None:
    subject = subject_of(state, operation.kind, operation.key, operation.instance_ids)
    found = state.faults.on_operation(subject, state.now)
    for rule, effect in found:
        state.emit("faultApplied", operation.key, rule=rule.name)
        if isinstance(effect, EndOperation) and effect.after is not None:
            cut = OperationCut(operation.operation_id, effect)
            state.schedule(state.now + effect.after, cut)
    if found:
        running = state.running[operation.operation_id]
        effects = tuple(effect for _, effect in found)
        state.running[operation.operation_id] = replace(running, effects=effects)


def end_step(state: State, operation_id: str, failure: ErrorDetail | None = None) -> None:
    """Count one step of an operation as done; with the last one the operation ends.

    Nothing happens to an operation that has ended before its time.
    """
    open_steps = state.open_steps.get(operation_id)
    if open_steps is None:
        return
    running = state.running[operation_id]
    if failure is not None:
        running = replace(running, failures=(*running.failures, failure))
        state.running[operation_id] = running
    if open_steps > 1:
        state.open_steps[operation_id] = open_steps - 1
        return
    failures = running.failures
    held = next((each for each in running.effects if isinstance(each, HoldOperation)), None)
    if held is not None:
        effects = tuple(each for each in running.effects if each is not held)
        state.running[operation_id] = replace(running, effects=effects)
        if held.lasting is not None:
            state.schedule(state.now + held.lasting, StepEnds(operation_id))
        return
    failures += _told_again(state, operation_id, running)
    status = OperationStatus.FAILED if failures else OperationStatus.SUCCEEDED
    error = replace(failures[0], target=None) if failures else None
    for effect in running.effects:
        if isinstance(effect, EndOperation):
            status, error = effect.status, ErrorDetail(effect.code, effect.message)
    end_operation(state, operation_id, status, error, failures)


def end_operation(
    state: State,
    operation_id: str,
    status: OperationStatus,
    error: ErrorDetail | None = None,
    details: tuple[ErrorDetail, ...] = (),
) -> None:
    """End a running operation like this, whatever is still being done for it."""
    running = state.running.pop(operation_id)
    del state.open_steps[operation_id]
    operation = state.operations[operation_id]
    state.operations[operation_id] = replace(
        operation, status=status, ended_at=state.now, error=error, details=details
    )
    if operation.kind is OperationKind.DELETE_SCALE_SET and error is None:
        state.forget(operation.key)
    else:
        _settle_scale_set(state, operation.key, error, running.effects)
    code = {"code": error.code} if error else {}
    state.emit(
        "operationEnded", operation.key, operationId=operation_id, status=status.value, **code
    )


def _told_again(state: State, operation_id: str, running: Running) -> tuple[ErrorDetail, ...]:
    """Return the old errors the operation reports once more (azure-cli#33307)."""
    scale_set = state.scale_sets[state.operations[operation_id].key.folded()]
    found: list[ErrorDetail] = []
    for rule in state.faults.rules:
        effect = rule.effect
        if isinstance(effect, FailAgain) and effect in running.effects:
            found += [
                ErrorDetail(effect.code, effect.message, each.instance_id)
                for each in scale_set.instances.values()
                if rule.picks(each) and each.applied_model != state.fingerprint(scale_set)
            ]
    return tuple(found)


def is_busy(state: State, key: ScaleSetKey) -> bool:
    """Whether an operation runs on the set."""
    folded = key.folded()
    return any(state.operations[each].key.folded() == folded for each in state.running)


def open_step(state: State, operation_id: str) -> None:
    """Count one more step that has to end before the operation does."""
    # One that was ended before its time has none, and what it set off goes on without it.
    if operation_id in state.open_steps:
        state.open_steps[operation_id] += 1


def _settle_scale_set(
    state: State,
    key: ScaleSetKey,
    error: ErrorDetail | None,
    effects: Sequence[OperationEffect],
) -> None:
    if any(state.operations[each].key.folded() == key.folded() for each in state.running):
        return
    failed = error is not None and state.options.failed_operation_fails_scale_set
    provisioning = ProvisioningState.FAILED if failed else ProvisioningState.SUCCEEDED
    for effect in effects:
        if isinstance(effect, KeepScaleSetUpdating):
            provisioning = ProvisioningState.UPDATING
            if effect.lasting is not None:
                state.schedule(state.now + effect.lasting, ScaleSetSettles(key))
    scale_set = state.scale_sets[key.folded()]
    state.store(replace(scale_set, provisioning=provisioning, error=error if failed else None))
