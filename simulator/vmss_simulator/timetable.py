"""What comes due: every kind of task but the writes of other actors, carried out in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmss_simulator import documents
from vmss_simulator.autoscale import look_at, look_soon
from vmss_simulator.errors import ArmError
from vmss_simulator.eviction import evict
from vmss_simulator.operations import end_step
from vmss_simulator.repairs import repair, watch, watch_all
from vmss_simulator.scaling import scale, trim
from vmss_simulator.tasks import (
    AutoscaleDue,
    DiskReplaced,
    EvictionDue,
    HealthTurns,
    InstanceVanishes,
    ModelSettles,
    RepairDue,
    StepEnds,
    WorkEnds,
    WorkFails,
)
from vmss_simulator.work import (
    begin_work,
    current_target,
    end_work,
    fail_work,
    is_current,
    job_of,
    replace_disk,
    turn_health,
)

if TYPE_CHECKING:
    from vmss_simulator.state import State
    from vmss_simulator.tasks import Work

DueTask = (
    ModelSettles
    | DiskReplaced
    | WorkEnds
    | WorkFails
    | InstanceVanishes
    | HealthTurns
    | StepEnds
    | EvictionDue
    | RepairDue
    | AutoscaleDue
)


def carry_out(state: State, task: DueTask) -> None:
    """Carry out one task that has come due."""
    match task:
        case DiskReplaced(work):
            replace_disk(state, work)
        case WorkEnds() | WorkFails():
            _finish_work(state, task)
        case HealthTurns():
            turned = turn_health(state, task)
            if turned is not None:
                watch(state, task.key, turned)
        case ModelSettles():
            _settle_model(state, task)
        case InstanceVanishes(operation_id, key, instance_id):
            scale_set = state.scale_sets.get(key.folded())
            # One that is deleted again goes with whichever deletion is done first.
            if scale_set is not None and instance_id in scale_set.instances:
                state.remove(key, instance_id, "instanceDeleted")
            end_step(state, operation_id)
        case StepEnds(operation_id):
            end_step(state, operation_id)
        case EvictionDue():
            evict(state, task)
        case RepairDue():
            repair(state, task)
        case AutoscaleDue():
            look_at(state, task)
        case _:
            assert_never(task)


def _finish_work(state: State, task: WorkEnds | WorkFails) -> None:
    """End the work on one instance, and with the last one its operation."""
    work: Work = task.work
    failure = None
    match task:
        case WorkEnds():
            if not end_work(state, work):
                return
        case WorkFails():
            failure = fail_work(state, work, task.failure)
            if failure is None:
                return
        case _:
            assert_never(task)
    if work.job.verb == "create":
        # Before the step ends: the operation is not over while it deletes what is in excess.
        trim(state, work.job.key, state.operations[work.job.operation_id])
    end_step(state, work.job.operation_id, failure)


def _settle_model(state: State, task: ModelSettles) -> None:
    """Begin what a model write sets off: new or fewer machines, and automatic upgrades."""
    if task.operation_id not in state.running:
        return
    try:
        _begin_what_follows(state, task)
    except ArmError as gone:
        # The image was there when the write was let in, and has been taken back since.
        end_step(state, task.operation_id, gone.detail)
        return
    watch_all(state, task.key)
    end_step(state, task.operation_id)


def _begin_what_follows(state: State, task: ModelSettles) -> None:
    scale_set = state.scale_sets[task.key.folded()]
    operation = state.operations[task.operation_id]
    if task.capacity_changed:
        scale(state, operation, scale_set)
        look_soon(state, task.key)
    if task.model_changed and documents.upgrade_mode(scale_set.body) == "Automatic":
        target = current_target(state, scale_set)
        job = job_of(operation, "upgrade", target)
        for instance in scale_set.instances.values():
            if instance.protection.from_scale_set_actions:
                state.emit("upgradeSkipped", task.key, instance.instance_id, reason="protected")
            elif instance.busy_with is None and not is_current(state, instance, target):
                begin_work(state, job, instance)
