"""Native rolling upgrades from the outside: what begins one, and the requests about them.

A write of the model under mode Rolling begins one inside its own operation (recorded: the write
is not over before the upgrade is); `osRollingUpgrade` and `extensionRollingUpgrade` begin one
whatever the mode is. `rolling_turns.py` moves it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.automatic_os import approve, look, start_os_upgrade, watch
from vmss_simulator.errors import ArmError
from vmss_simulator.operations import end_step, is_busy, open_step, start_operation
from vmss_simulator.rolling_health import is_left_out
from vmss_simulator.rolling_run import RollingKind
from vmss_simulator.rolling_turns import begin, take_turns
from vmss_simulator.tasks import (
    HealthTurns,
    InstanceVanishes,
    ModelSettles,
    PlatformLooks,
    RollingTurn,
    StepEnds,
    WorkEnds,
    WorkFails,
)
from vmss_simulator.upgrade_policy import check_health_source, rolling_policy
from vmss_simulator.values import OperationKind, ProvisioningState
from vmss_simulator.work import current_target, is_current
from vmss_simulator.writes import check_no_conflict, find, find_instance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.state import State
    from vmss_simulator.tasks import Task
    from vmss_simulator.values import Operation, RollingUpgrade, ScaleSet, ScaleSetKey

NOTHING_TO_CANCEL = "There is no ongoing Rolling Upgrade to cancel."
_TWO_MONTHS = timedelta(days=61)
_ONGOING = (
    "Another Rolling Upgrade is ongoing on the Virtual Machine Scale Set '{name}'. Cancel it, or"
    " wait until it has ended."
)


def may_matter(state: State) -> bool:
    """Whether a rolling upgrade goes on, or waits to begin."""
    return bool(state.rolling_runs or state.platform_waits)


def before_task(state: State, task: Task) -> None:
    """Begin what a settling write of the model sets off, before its operation would end."""
    if not isinstance(task, ModelSettles) or task.operation_id not in state.running:
        return
    scale_set = state.scale_sets[task.key.folded()]
    if documents.upgrade_mode(scale_set.body) == "Rolling":
        try:
            _begin_model_upgrade(state, scale_set, state.operations[task.operation_id])
        except ArmError as gone:
            # The image was there when the write was let in, and has been taken back since.
            open_step(state, task.operation_id)
            end_step(state, task.operation_id, gone.detail)


def after_task(state: State, task: Task) -> None:
    """Let the rolling upgrades move that the task may have been waited for by."""
    match task:
        case RollingTurn(key) | HealthTurns(key) | InstanceVanishes(_, key) | ModelSettles(_, key):
            keys = [key.folded()]
        case WorkEnds(work) | WorkFails(work):
            keys = [work.job.key.folded()]
        case StepEnds(operation_id):
            keys = [state.operations[operation_id].key.folded()]
        case _:
            keys = [*state.rolling_runs, *state.platform_waits]
    for key in keys:
        run = state.rolling_runs.get(key)
        if run is not None:
            take_turns(state, run)
        if key in state.platform_waits and not is_busy(state, key):
            state.platform_waits.remove(key)
            look(state, key)
    if isinstance(task, PlatformLooks):
        look(state, task.key)
    elif isinstance(task, ModelSettles) and task.key.folded() in state.scale_sets:
        watch(state, state.scale_sets[task.key.folded()])


def begin_for_somebody(state: State, key: ScaleSetKey) -> None:
    """Begin a rolling upgrade to the model at the start of a scenario."""
    scale_set = find(state, key)
    operation = start_operation(state, scale_set, OperationKind.PATCH_SCALE_SET)
    _begin_model_upgrade(state, scale_set, operation)
    state.schedule(state.now, StepEnds(operation.operation_id))


def start_rolling_upgrade(state: State, kind: OperationKind, key: ScaleSetKey) -> Operation:
    """Move the OS image or the extensions of all instances to the newest version in batches.

    ArmError 404 for no such set or image, 400 for a Flexible set without the health extension,
    409 while another rolling upgrade or operation runs.
    """
    scale_set = find(state, key)
    if documents.is_flexible(scale_set.body):
        check_health_source(scale_set.body)
    _check_none_ongoing(state, scale_set)
    check_no_conflict(state, scale_set, None)
    if kind is OperationKind.START_OS_UPGRADE:
        return start_os_upgrade(state, scale_set)
    target = current_target(state, scale_set)
    pending = tuple(
        each.instance_id
        for each in scale_set.instances.values()
        if each.extensions != target.extensions and not is_left_out(each)
    )
    operation = start_operation(state, scale_set, kind, pending)
    policy = rolling_policy(scale_set.body)
    begin(state, operation, RollingKind.EXTENSIONS, pending, target, policy=policy)
    return operation


def cancel_rolling_upgrade(state: State, key: ScaleSetKey) -> Operation:
    """Stop the rolling upgrade; a batch in work is brought to its end first (assumed).

    ArmError 409 `OperationNotAllowed` when there is none (recorded).
    """
    scale_set = find(state, key)
    folded = scale_set.key.folded()
    latest, run = state.rolling_upgrades.get(folded), state.rolling_runs.get(folded)
    if latest is None or not latest.is_going_on:
        raise ArmError(409, "OperationNotAllowed", NOTHING_TO_CANCEL)
    operation = start_operation(state, scale_set, OperationKind.CANCEL_ROLLING_UPGRADE)
    if run is None:
        # A scenario only states it; there is nothing to wait for.
        stopped = replace(latest, code="Cancelled", last_action="Cancel", last_action_at=state.now)
        state.rolling_upgrades[folded] = stopped
        rest = state.latencies.nothing_to_do.at(state.share(key.resource_id, "nothingToDo"))
        state.schedule(state.now + rest, StepEnds(operation.operation_id))
        return operation
    asked = (*run.cancelled_by, operation.operation_id)
    state.rolling_runs[folded] = replace(run, cancelled_by=asked, last_action_at=state.now)
    state.rolling_upgrades[folded] = replace(latest, last_action="Cancel", last_action_at=state.now)
    state.schedule(state.now, RollingTurn(run.key))
    return operation


def approve_rolling_upgrade(
    state: State, key: ScaleSetKey, instance_ids: Sequence[str]
) -> Operation:
    """Let a deferred OS upgrade begin, on the named instances or on all (no ids).

    ArmError 400 for an unknown instance, 409 while another operation runs.
    """
    scale_set = find(state, key)
    ids = [find_instance(scale_set, each).instance_id for each in instance_ids]
    check_no_conflict(state, scale_set, None)
    kind = OperationKind.APPROVE_ROLLING_UPGRADE
    operation = start_operation(state, scale_set, kind, ids)
    rest = state.latencies.nothing_to_do.at(state.share(key.resource_id, "nothingToDo"))
    state.schedule(state.now + rest, StepEnds(operation.operation_id))
    approve(state, scale_set.key, frozenset(ids or scale_set.instances))
    return operation


def os_upgrade_history(state: State, key: ScaleSetKey) -> tuple[RollingUpgrade, ...]:
    """List the last OS upgrades of the set, oldest first: five at most, of two months."""
    folded = find(state, key).key.folded()
    return tuple(
        each
        for each in state.os_upgrades.get(folded, ())
        if state.now - each.started_at <= _TWO_MONTHS
    )


def _begin_model_upgrade(state: State, scale_set: ScaleSet, operation: Operation) -> None:
    target = current_target(state, scale_set)
    pending = []
    for each in scale_set.instances.values():
        if is_current(state, each, target) or each.provisioning is ProvisioningState.DELETING:
            continue
        if is_left_out(each):
            reason = "protected" if each.protection.from_scale_set_actions else "customMetrics"
            state.emit("upgradeSkipped", scale_set.key, each.instance_id, reason=reason)
        else:
            pending.append(each.instance_id)
    if not pending:
        return
    open_step(state, operation.operation_id)
    policy = rolling_policy(scale_set.body)
    begin(state, operation, RollingKind.MODEL, tuple(pending), target, policy=policy)


def _check_none_ongoing(state: State, scale_set: ScaleSet) -> None:
    latest = state.rolling_upgrades.get(scale_set.key.folded())
    if latest is not None and latest.is_going_on:
        message = _ONGOING.format(name=scale_set.key.name)
        raise ArmError(409, "OperationNotAllowed", message)
