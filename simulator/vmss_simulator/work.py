"""What operations do to instances over time: start, replace the disk, boot, turn healthy, fail.

Each function moves one instance one step and puts the next step on the timetable, which
`timetable.py` carries out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import structs

from vmss_simulator import documents
from vmss_simulator.afflictions import affliction_of, await_health, settle, with_failed_extension
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.operations import end_step, open_step
from vmss_simulator.tasks import (
    DiskReplaced,
    HealthTurns,
    InstanceVanishes,
    Job,
    Target,
    Work,
    WorkEnds,
    WorkFails,
)
from vmss_simulator.values import (
    HealthState,
    Instance,
    InstanceView,
    Operation,
    PowerState,
    ProvisioningState,
)

if TYPE_CHECKING:
    from vmss_simulator.effects import FailWork
    from vmss_simulator.randomness import Latency
    from vmss_simulator.state import State
    from vmss_simulator.tasks import Task
    from vmss_simulator.values import ScaleSet

_MILLISECOND = timedelta(milliseconds=1)
_DOWN = (PowerState.STOPPED, PowerState.DEALLOCATED)


def _is_off_on_purpose(instance: Instance) -> bool:
    """Tell whether somebody switched it off; one that failed halfway is to be started again."""
    return instance.power in _DOWN and instance.provisioning is not ProvisioningState.FAILED


def current_target(state: State, scale_set: ScaleSet) -> Target:
    """Return the set's model as it would be applied now; ArmError when its image is gone."""
    body = scale_set.body
    reference = documents.image_reference(body)
    location = documents.text(body, "location") or ""
    return Target(
        image_reference=reference,
        exact_version=state.images.resolve(reference, location, state.now),
        vm_size=documents.vm_size(body),
        fingerprint=state.fingerprint(scale_set),
        extensions=documents.extensions(body),
        has_health=documents.has_application_health(body),
    )


def job_of(operation: Operation, verb: str, target: Target, *, is_quiet: bool = False) -> Job:
    """Return what the operation does to each of its instances."""
    return Job(operation.operation_id, operation.kind, operation.key, verb, target, is_quiet)


def begin_work(state: State, job: Job, instance: Instance) -> None:
    """Take one instance out of service and put what happens to it on the timetable.

    The verb of the job is create, upgrade, reimage, reimageAll or restore.
    """
    power_after = instance.power if _is_off_on_purpose(instance) else PowerState.RUNNING
    work = new_work(state, job, instance, power_after=power_after)
    verb = job.verb
    creating = verb == "create"
    begun = structs.replace(
        instance,
        busy_with=job.operation_id,
        provisioning=ProvisioningState.CREATING if creating else ProvisioningState.UPDATING,
        power=PowerState.STARTING if creating else PowerState.STOPPING,
        health=None if instance.health is None else HealthState.UNKNOWN,
        health_since=None if instance.health is None else state.now,
        error=None,
        view=InstanceView.COMPLETE,
    )
    state.change(job.key, begun, f"{verb}Started", operationId=job.operation_id)
    if creating:
        schedule_work(state, work, state.latencies.create, "create", end_of(work))
        return
    latency = state.latencies.upgrade if verb == "upgrade" else state.latencies.reimage
    first: Task = DiskReplaced(work)
    failure = work.affliction.failure
    if failure is not None and not failure.disk_replaced:
        first = WorkFails(work, failure)
    schedule_work(state, work, latency, verb, first)


def new_work(state: State, job: Job, instance: Instance, *, power_after: PowerState) -> Work:
    """Open a step of the operation for the instance, and decide what will go wrong with it."""
    place = (job.key.folded(), instance.instance_id)
    state.epochs[place] = epoch = state.epochs.get(place, 0) + 1
    affliction = affliction_of(state, job, instance)
    open_step(state, job.operation_id)
    return Work(job, instance.instance_id, epoch, power_after, affliction)


def begin_delete(
    state: State, operation: Operation, instance: Instance, *, factor: float = 1.0
) -> None:
    """Start deleting one instance; what was being done to it is given up."""
    given_up = instance.busy_with
    folded = (operation.key.folded(), instance.instance_id)
    state.epochs[folded] = state.epochs.get(folded, 0) + 1
    open_step(state, operation.operation_id)
    leaving = structs.replace(
        instance, busy_with=operation.operation_id, provisioning=ProvisioningState.DELETING
    )
    state.change(operation.key, leaving, "deleteStarted", operationId=operation.operation_id)
    share = state.share(operation.key.machines, "delete", instance.instance_id)
    gone = InstanceVanishes(operation.operation_id, operation.key, instance.instance_id)
    state.schedule(state.now + state.latencies.delete.at(share) * factor, gone)
    if given_up is not None:
        end_step(state, given_up)


def is_current(state: State, instance: Instance, target: Target) -> bool:
    """Whether upgrading the instance would change nothing."""
    if instance.provisioning is not ProvisioningState.SUCCEEDED:
        return False
    if state.options.upgrade_resolves_latest and instance.exact_version != target.exact_version:
        return False
    return instance.applied_model == target.fingerprint


def replace_disk(state: State, work: Work) -> None:
    """Give the instance its new disk, and let it boot."""
    instance = worked_on(state, work)
    if instance is None:
        return
    job, target = work.job, work.job.target
    keeps_extensions = work.affliction.keeps_extensions
    renewed = structs.replace(
        instance,
        image_reference=target.image_reference,
        exact_version=target.exact_version,
        vm_size=target.vm_size,
        applied_model=target.fingerprint,
        extensions=instance.extensions if keeps_extensions else target.extensions,
        health=HealthState.UNKNOWN if target.has_health else None,
        health_since=state.now if target.has_health else None,
        power=PowerState.STARTING,
        model_definition_applied="VirtualMachineScaleSet",
    )
    state.change(job.key, renewed, "osDiskReplaced", exactVersion=target.exact_version)
    schedule_work(state, work, state.latencies.boot, "boot", end_of(work))


def worked_on(state: State, work: Work) -> Instance | None:
    """Return the instance, or None when something else has been done to it since."""
    folded, instance_id = work.job.key.folded(), work.instance_id
    scale_set = state.scale_sets.get(folded)
    if scale_set is None or state.epochs.get((folded, instance_id)) != work.epoch:
        return None
    return scale_set.instances.get(instance_id)


def end_work(state: State, work: Work) -> bool:
    """Let the operation be done with the instance; its step of the operation stays open.

    False when something else has been done to it since, and so it is not.
    """
    instance = worked_on(state, work)
    if instance is None:
        return False
    job = work.job
    running = work.power_after is PowerState.RUNNING
    reporting = job.target.has_health and running and not job.is_quiet
    booting = HealthState.INITIALIZING if state.options.initializing_health else HealthState.UNKNOWN
    provisioned = structs.replace(
        instance,
        busy_with=None,
        provisioning=ProvisioningState.SUCCEEDED,
        power=work.power_after,
        health=booting if reporting else instance.health,
        health_since=state.now if reporting else instance.health_since,
        settled_at=state.now,
    )
    provisioned = settle(state, work, provisioned)
    state.change(job.key, provisioned, "provisioned", operationId=job.operation_id)
    if reporting:
        await_health(state, work)
    return True


def fail_work(state: State, work: Work, failure: FailWork) -> ErrorDetail | None:
    """Give up on the instance and return why; its step of the operation stays open.

    None when something else has been done to it since, and so it is not.
    """
    instance = worked_on(state, work)
    if instance is None:
        return None
    job = work.job
    power = PowerState.RUNNING if failure.disk_replaced else PowerState.STOPPED
    detail = ErrorDetail(failure.code, failure.message, work.instance_id)
    failed = structs.replace(
        with_failed_extension(instance, failure),
        busy_with=None,
        provisioning=ProvisioningState.FAILED,
        power=instance.power if job.is_quiet else power,
        error=detail,
        settled_at=state.now,
    )
    state.change(job.key, failed, f"{job.verb}Failed", code=failure.code)
    if failure.extension is not None and job.target.has_health:
        # The machine itself is up, and says so.
        await_health(state, work)
    return detail


def turn_health(state: State, task: HealthTurns) -> Instance | None:
    """Change the instance's health and return it; None when it has been worked on since."""
    folded = task.key.folded()
    scale_set = state.scale_sets.get(folded)
    instance = scale_set.instances.get(task.instance_id) if scale_set else None
    if instance is None or state.epochs.get((folded, task.instance_id)) != task.epoch:
        return None
    turned = structs.replace(instance, health=task.health, health_since=state.now)
    told = {"from": instance.health and instance.health.value, "to": task.health.value}
    state.change(task.key, turned, "healthChanged", **told)
    return turned


def end_of(work: Work) -> Task:
    """Return how the work ends: well, or with the failure decided for it."""
    failure = work.affliction.failure
    return WorkEnds(work) if failure is None else WorkFails(work, failure)


def schedule_work(state: State, work: Work, latency: Latency, purpose: str, task: Task) -> None:
    """Put the next step of the work on the timetable, unless it never ends."""
    affliction = work.affliction
    if affliction.never_ends:
        return
    span = latency.at(state.share(work.job.key.machines, purpose, work.instance_id))
    if affliction.factor != 1:
        span = timedelta(milliseconds=round(span // _MILLISECOND * affliction.factor))
    if isinstance(task, WorkFails):
        span += task.failure.after
    state.schedule(state.now + span, task)
