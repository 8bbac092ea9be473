"""A native rolling upgrade over time: batch, wait for health, judge, pause, and again.

Moved whenever something has happened to its scale set (`follow`), so that it needs no clock of
its own but for pauses and the health timeout. What a batch is and when to stop is decided in
`rolling.py`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from vmss_simulator.errors import ArmError, ErrorDetail
from vmss_simulator.operations import end_operation, end_step
from vmss_simulator.rolling import Breach, breach_after_batch, breach_before_batch, next_batch
from vmss_simulator.rolling_health import (
    as_member,
    is_healthy,
    is_restored,
    is_settled,
    unhealthy_upgraded,
    why_unhealthy,
)
from vmss_simulator.rolling_report import located_breach, report
from vmss_simulator.rolling_run import RollingKind, RollingRun, Stage
from vmss_simulator.rolling_work import begin_batch, begin_clearing, begin_restoring
from vmss_simulator.tasks import RollingTurn
from vmss_simulator.values import OperationStatus
from vmss_simulator.work import current_target

if TYPE_CHECKING:
    from vmss_simulator.rolling import Member
    from vmss_simulator.state import State
    from vmss_simulator.tasks import Target
    from vmss_simulator.upgrade_policy import RollingPolicy
    from vmss_simulator.values import Operation, ScaleSet

_CANCELLED = ErrorDetail("OperationCanceled", "The rolling upgrade was cancelled.")
PREEMPTED = ErrorDetail(
    "OperationPreempted", "Operation execution has been preempted by a more recent operation."
)


def take_turns(state: State, run: RollingRun) -> None:
    """Move the upgrade as far as it goes at this moment."""
    moved: RollingRun | None = run
    while moved is not None:
        if moved.operation_id not in state.running or moved.key.folded() not in state.scale_sets:
            # Its operation has ended before its time, maybe with the whole scale set.
            finish(state, moved, "Cancelled")
            return
        moved = _moved(state, moved)


def _moved(state: State, run: RollingRun) -> RollingRun | None:
    """Carry out one step and return the upgrade after it; None when it waits or has ended."""
    is_idle = state.open_steps[run.operation_id] == 1
    match run.stage:
        case Stage.PAUSING if is_idle and run.cancelled_by:
            return _ended(state, run, "Cancelled")
        case Stage.PAUSING if is_idle and state.now >= run.until:
            return _start_batch(state, run)
        case Stage.WORKING if is_idle:
            until = state.now + state.options.rolling_health_timeout
            settling = replace(run, stage=Stage.SETTLING, until=until)
            _schedule_turn(state, settling)
            return settling
        case Stage.SETTLING if state.now >= run.until or _is_settled(state, run):
            return _judge(state, run)
        case Stage.CLEARING if is_idle:
            return _after_batch(state, _restores_counted(state, run))
        case Stage.ROLLING_BACK if is_idle:
            return _ended(state, _restores_counted(state, run), "Faulted")
        case Stage.PAUSING | Stage.WORKING | Stage.SETTLING | Stage.CLEARING | Stage.ROLLING_BACK:
            return None
        case _:
            assert_never(run.stage)


def _start_batch(state: State, run: RollingRun) -> RollingRun | None:
    scale_set = state.scale_sets[run.key.folded()]
    pending = tuple(each for each in run.pending if each in scale_set.instances)
    run = replace(run, pending=pending)
    if not pending:
        return _ended(state, run, "Completed")
    members = _members(state, scale_set, run)
    batch = next_batch(members, run.policy)
    breach = breach_before_batch(
        members,
        run.policy,
        is_first=not run.upgraded,
        batch=batch if state.options.rolling_counts_batch else (),
    )
    if breach is not None:
        return _ended(state, replace(run, breach=breach), "Faulted")
    if not batch:
        # Every pending instance is being worked on by somebody else.
        state.rolling_runs[run.key.folded()] = run
        return None
    try:
        target = replace(current_target(state, scale_set), exact_version=run.exact_version)
    except ArmError as gone:
        return _ended(state, replace(run, breach=Breach(gone.detail, ())), "Faulted")
    begun = replace(
        begin_batch(state, run, batch, target),
        stage=Stage.WORKING,
        pending=tuple(each for each in pending if each not in batch),
    )
    return _reported(state, begun, len(batch))


def _members(state: State, scale_set: ScaleSet, run: RollingRun) -> list[Member]:
    pending = set(run.pending)
    return [
        as_member(
            state,
            each,
            is_pending=each.instance_id in pending
            and each.busy_with is None
            and not each.protection.from_scale_set_actions,
        )
        for each in scale_set.instances.values()
    ]


def _is_settled(state: State, run: RollingRun) -> bool:
    instances = state.scale_sets[run.key.folded()].instances
    made = dict(run.surge)
    found = (instances.get(made.get(each, each)) for each in run.batch)
    return all(each is None or is_settled(each) for each in found)


def _judge(state: State, run: RollingRun) -> RollingRun | None:
    """Tell which instances of the batch are well, and begin what follows for the others."""
    instances = state.scale_sets[run.key.folded()].instances
    made = dict(run.surge)  # from the replaced instance to its new one
    tried = tuple(made.get(each, each) for each in run.batch)
    failures = tuple(
        why_unhealthy(instances[each])
        for each in tried
        if each in instances and not is_healthy(state, instances[each])
    )
    judged = replace(run, upgraded=(*run.upgraded, *tried), failures=(*run.failures, *failures))
    failed = tuple(each.target or "" for each in failures)
    if run.surge:
        return _reported(state, begin_clearing(state, judged, failed), 0)
    if failed and run.restores_failed:
        restoring = begin_restoring(state, replace(judged, stage=Stage.CLEARING), failed)
        return _reported(state, restoring, 0)
    return _after_batch(state, judged)


def _after_batch(state: State, run: RollingRun) -> RollingRun | None:
    """Stop, or pause before the next batch."""
    scale_set = state.scale_sets[run.key.folded()]
    unhealthy = unhealthy_upgraded(state, scale_set, run)
    of_all = state.options.rolling_upgraded_of_all
    of = len(scale_set.instances) if of_all else len(run.upgraded)
    breach = breach_after_batch(unhealthy, of, run.policy)
    if breach is not None:
        failed = tuple(each.instance_id for each in unhealthy if each.instance_id in run.before)
        run = replace(run, breach=breach)
        if run.policy.rollback_on_breach and failed:
            rolling_back = replace(run, stage=Stage.ROLLING_BACK)
            return _reported(state, begin_restoring(state, rolling_back, failed), 0)
        return _ended(state, run, "Faulted")
    if run.cancelled_by:
        return _ended(state, run, "Cancelled")
    if not any(each in scale_set.instances for each in run.pending):
        return _ended(state, run, "Completed")
    until = state.now + run.policy.pause
    paused = replace(run, stage=Stage.PAUSING, until=until, batch=(), surge=())
    _schedule_turn(state, paused)
    return _reported(state, paused, 0)


def _restores_counted(state: State, run: RollingRun) -> RollingRun:
    """Count which of the instances that were to get their old disk back have it."""
    instances = state.scale_sets[run.key.folded()].instances
    well = sum(
        each in instances and is_restored(instances[each], run.before[each])
        for each in run.restoring
    )
    return replace(
        run,
        restoring=(),
        restored=run.restored + well,
        restore_failed=run.restore_failed + len(run.restoring) - well,
    )


def finish(state: State, run: RollingRun, code: str) -> None:
    """End the upgrade: Completed, Cancelled or Faulted, and its operations with it."""
    state.rolling_runs.pop(run.key.folded(), None)
    report(state, run, code)
    state.emit("rollingUpgradeEnded", run.key, code=code, operationId=run.operation_id)
    if run.operation_id in state.running:
        _end_operation(state, run, code)
    for operation_id in run.cancelled_by:
        end_step(state, operation_id)


def _ended(state: State, run: RollingRun, code: str) -> RollingRun | None:
    finish(state, run, code)
    return None


def supersede(state: State, run: RollingRun) -> None:
    """End the upgrade because a newer write preempts it; what is in work goes on to its end."""
    finish(state, replace(run, breach=Breach(PREEMPTED, ())), "Cancelled")


def _end_operation(state: State, run: RollingRun, code: str) -> None:
    operation_id = run.operation_id
    tried = set(run.upgraded) | {old for old, _ in run.surge}
    # What failed besides the upgrade, as the making of a new instance.
    others = tuple(
        each for each in state.running[operation_id].failures if each.target not in tried
    )
    match code:
        case "Faulted":
            breach = located_breach(run)
            error = breach.error if breach is not None else None
            details = breach.details if breach is not None else ()
            end_operation(state, operation_id, OperationStatus.FAILED, error, details)
        case "Cancelled":
            error = run.breach.error if run.breach is not None else _CANCELLED
            end_operation(state, operation_id, OperationStatus.CANCELED, error)
        case _:
            # What the policy tolerates does not fail the operation (assumed).
            running = state.running[operation_id]
            state.running[operation_id] = replace(running, failures=others)
            end_step(state, operation_id)


def _reported(state: State, run: RollingRun, in_progress: int) -> RollingRun:
    """Store the upgrade and let `rollingUpgrades/latest` show it."""
    state.rolling_runs[run.key.folded()] = run
    restoring = run.stage is Stage.ROLLING_BACK or bool(run.restoring)
    report(state, run, "RollingBack" if restoring else "RollingForward", in_progress)
    return run


def begin(
    state: State,
    operation: Operation,
    kind: RollingKind,
    pending: tuple[str, ...],
    target: Target,
    *,
    policy: RollingPolicy,
    restores_failed: bool = False,
    started_by: str = "User",
) -> None:
    """Begin a rolling upgrade, which ends the open step of its operation when it is over."""
    folded = operation.key.folded()
    scale_set = state.scale_sets[folded]
    run = RollingRun(
        operation_id=operation.operation_id,
        key=scale_set.key,
        kind=kind,
        policy=policy,
        exact_version=target.exact_version,
        started_at=state.now,
        until=state.now,
        pending=pending,
        current=len(scale_set.instances) - len(pending),
        started_by=started_by,
        restores_failed=restores_failed,
        last_action_at=state.now,
    )
    if not pending:
        share = state.share(run.key.resource_id, "nothingToDo")
        run = replace(run, until=state.now + state.latencies.nothing_to_do.at(share))
    report(state, run, "RollingForward", is_new=True)
    state.emit(
        "rollingUpgradeStarted",
        run.key,
        operationId=run.operation_id,
        kind=kind.value,
        by=started_by,
        pending=len(pending),
    )
    _schedule_turn(state, run)


def _schedule_turn(state: State, run: RollingRun) -> None:
    """Store the upgrade and have it looked at when its pause or its wait is over."""
    state.rolling_runs[run.key.folded()] = run
    state.schedule(run.until, RollingTurn(run.key))
