"""What operations do to instances over time: start, replace the disk, boot, turn healthy, fail.

Each function moves one instance or one operation one step and puts the next step on the
timetable. `carry_out` is the only place that knows every kind of task except the writes of
other actors.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from vmss_simulator import documents
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.faults import (
    BadImage,
    FailWork,
    NeverEnd,
    NeverHealthy,
    SlowWork,
    UnhealthyAfter,
)
from vmss_simulator.operations import end_step, open_step
from vmss_simulator.state import (
    DiskReplaced,
    HealthTurns,
    InstanceVanishes,
    ModelSettles,
    StepEnds,
    Target,
    Work,
    WorkEnds,
    WorkFails,
)
from vmss_simulator.topology import new_instance
from vmss_simulator.values import (
    HealthState,
    Instance,
    Operation,
    PowerState,
    ProvisioningState,
)

if TYPE_CHECKING:
    from vmss_simulator.faults import WorkEffect
    from vmss_simulator.randomness import Latency
    from vmss_simulator.state import State, Task
    from vmss_simulator.values import ScaleSet, ScaleSetKey

_DOWN = (PowerState.STOPPED, PowerState.DEALLOCATED)
_STARTED = {"upgrade": "upgradeStarted", "reimage": "reimageStarted", "create": "createStarted"}


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


def begin_work(
    state: State, operation: Operation, instance: Instance, verb: str, target: Target
) -> None:
    """Take one instance out of service and put what happens to it on the timetable."""
    effects = state.faults.on_work(
        operation.kind, operation.key, instance.instance_id, target.exact_version, state.now
    )
    work = Work(
        operation_id=operation.operation_id,
        key=operation.key,
        instance_id=instance.instance_id,
        verb=verb,
        target=target,
        power_after=instance.power if _is_off_on_purpose(instance) else PowerState.RUNNING,
    )
    for rule, effect in effects:
        work = _affected(work, effect)
        state.emit("faultApplied", operation.key, instance.instance_id, rule=rule.name)
    open_step(state, operation.operation_id)
    folded = (operation.key.folded(), instance.instance_id)
    state.epochs[folded] = state.epochs.get(folded, 0) + 1
    creating = verb == "create"
    begun = replace(
        instance,
        busy_with=operation.operation_id,
        provisioning=ProvisioningState.CREATING if creating else ProvisioningState.UPDATING,
        power=PowerState.STARTING if creating else PowerState.STOPPING,
        health=None if instance.health is None else HealthState.UNKNOWN,
        health_since=None if instance.health is None else state.now,
        error=None,
    )
    state.change(operation.key, begun, _STARTED[verb], operationId=operation.operation_id)
    if work.never_ends:
        return
    if creating:
        _after(state, work, state.latencies.create, "create", _end_of(work))
    else:
        latency = state.latencies.reimage if verb == "reimage" else state.latencies.upgrade
        first: Task = DiskReplaced(work)
        if work.failure is not None and not work.failure.disk_replaced:
            first = WorkFails(work, work.failure)
        _after(state, work, latency, verb, first)


def begin_delete(state: State, operation: Operation, instance: Instance) -> None:
    """Start deleting one instance."""
    open_step(state, operation.operation_id)
    leaving = replace(
        instance, busy_with=operation.operation_id, provisioning=ProvisioningState.DELETING
    )
    state.change(operation.key, leaving, "deleteStarted", operationId=operation.operation_id)
    random = state.random(_resource(operation.key, instance.instance_id), "delete")
    gone = InstanceVanishes(operation.operation_id, operation.key, instance.instance_id)
    state.schedule(state.now + state.latencies.delete.draw(random), gone)


def is_current(state: State, instance: Instance, target: Target) -> bool:
    """Whether upgrading the instance would change nothing."""
    if instance.provisioning is not ProvisioningState.SUCCEEDED:
        return False
    if state.options.upgrade_resolves_latest and instance.exact_version != target.exact_version:
        return False
    return instance.applied_model == target.fingerprint


def carry_out(
    state: State,
    task: ModelSettles
    | DiskReplaced
    | WorkEnds
    | WorkFails
    | InstanceVanishes
    | HealthTurns
    | StepEnds,
) -> None:
    """Carry out one task that has come due."""
    match task:
        case ModelSettles():
            _settle_model(state, task)
        case DiskReplaced(work):
            _replace_disk(state, work)
        case WorkEnds(work):
            _end_work(state, work)
        case WorkFails(work, failure):
            _fail_work(state, work, failure)
        case InstanceVanishes(operation_id, key, instance_id):
            state.remove(key, instance_id, "instanceDeleted")
            end_step(state, operation_id)
        case HealthTurns():
            _turn_health(state, task)
        case StepEnds(operation_id):
            end_step(state, operation_id)
        case _:
            assert_never(task)


def _settle_model(state: State, task: ModelSettles) -> None:
    """Begin what a model write sets off: new or fewer machines, and automatic upgrades."""
    scale_set = state.scale_sets[task.key.folded()]
    operation = state.operations[task.operation_id]
    if task.capacity_changed:
        _scale(state, operation, scale_set)
    if task.model_changed and documents.upgrade_mode(scale_set.body) == "Automatic":
        target = current_target(state, scale_set)
        for instance in scale_set.instances.values():
            if instance.protection.from_scale_set_actions:
                state.emit("upgradeSkipped", task.key, instance.instance_id, reason="protected")
            elif instance.busy_with is None and not is_current(state, instance, target):
                begin_work(state, operation, instance, "upgrade", target)
    end_step(state, task.operation_id)


def _scale(state: State, operation: Operation, scale_set: ScaleSet) -> None:
    wanted = documents.capacity(scale_set.body)
    surplus = list(scale_set.instances.values())[wanted:]
    for instance in surplus:
        begin_delete(state, operation, instance)
    missing = wanted - len(scale_set.instances)
    if missing <= 0:
        return
    target = current_target(state, scale_set)
    folded = scale_set.key.folded()
    update_domains = _update_domains(state, scale_set)
    for _ in range(missing):
        number = state.next_number.get(folded, 0)
        state.next_number[folded] = number + 1
        instance = new_instance(
            scale_set.key,
            scale_set.body,
            number,
            target,
            seed=state.seed,
            update_domains=update_domains,
            now=state.now,
        )
        begin_work(state, operation, instance, "create", target)


def _update_domains(state: State, scale_set: ScaleSet) -> int:
    """Return how many update domains the set shows, once it is large enough to show them all."""
    usual = state.options.update_domain_count
    shown = {each.update_domain for each in scale_set.instances.values()} - {None}
    return len(shown) if len(scale_set.instances) >= usual and shown else usual


def _replace_disk(state: State, work: Work) -> None:
    instance = state.scale_sets[work.key.folded()].instances[work.instance_id]
    renewed = replace(
        instance,
        image_reference=work.target.image_reference,
        exact_version=work.target.exact_version,
        vm_size=work.target.vm_size,
        applied_model=work.target.fingerprint,
        extensions=work.target.extensions,
        health=HealthState.UNKNOWN if work.target.has_health else None,
        health_since=state.now if work.target.has_health else None,
        power=PowerState.STARTING,
        model_definition_applied="VirtualMachineScaleSet",
    )
    state.change(work.key, renewed, "osDiskReplaced", exactVersion=work.target.exact_version)
    _after(state, work, state.latencies.boot, "boot", _end_of(work))


def _end_work(state: State, work: Work) -> None:
    instance = state.scale_sets[work.key.folded()].instances[work.instance_id]
    reporting = work.target.has_health and work.power_after is PowerState.RUNNING
    booting = HealthState.INITIALIZING if state.options.initializing_health else HealthState.UNKNOWN
    provisioned = replace(
        instance,
        busy_with=None,
        provisioning=ProvisioningState.SUCCEEDED,
        power=work.power_after,
        health=booting if reporting else instance.health,
        health_since=state.now if reporting else instance.health_since,
    )
    state.change(work.key, provisioned, "provisioned", operationId=work.operation_id)
    if reporting:
        _await_health(state, work)
    end_step(state, work.operation_id)


def _await_health(state: State, work: Work) -> None:
    epoch = state.epochs[work.key.folded(), work.instance_id]
    random = state.random(_resource(work.key, work.instance_id), "health")
    settled_at = state.now + state.latencies.health.draw(random)
    settled = HealthState.UNHEALTHY if work.never_healthy else HealthState.HEALTHY
    state.schedule(settled_at, HealthTurns(work.key, work.instance_id, epoch, settled))
    if work.unhealthy_after is not None and settled is HealthState.HEALTHY:
        sick_at = settled_at + timedelta(seconds=work.unhealthy_after)
        sick = HealthTurns(work.key, work.instance_id, epoch, HealthState.UNHEALTHY)
        state.schedule(sick_at, sick)


def _fail_work(state: State, work: Work, failure: FailWork) -> None:
    instance = state.scale_sets[work.key.folded()].instances[work.instance_id]
    detail = ErrorDetail(failure.code, failure.message, work.instance_id)
    failed = replace(
        instance,
        busy_with=None,
        provisioning=ProvisioningState.FAILED,
        power=PowerState.RUNNING if failure.disk_replaced else PowerState.STOPPED,
        error=detail,
    )
    state.change(work.key, failed, f"{work.verb}Failed", code=failure.code)
    end_step(state, work.operation_id, detail)


def _turn_health(state: State, task: HealthTurns) -> None:
    instance = state.scale_sets[task.key.folded()].instances.get(task.instance_id)
    if instance is None or state.epochs.get((task.key.folded(), task.instance_id)) != task.epoch:
        return
    turned = replace(instance, health=task.health, health_since=state.now)
    before = instance.health.value if instance.health else None
    state.change(task.key, turned, "healthChanged", **{"from": before, "to": task.health.value})


def _affected(work: Work, effect: WorkEffect) -> Work:
    match effect:
        case SlowWork(factor):
            changes: dict[str, Any] = {"factor": work.factor * factor}
        case FailWork():
            changes = {"failure": effect}
        case NeverEnd():
            changes = {"never_ends": True}
        case NeverHealthy():
            changes = {"never_healthy": True}
        case UnhealthyAfter(after):
            changes = {"unhealthy_after": after.total_seconds()}
        case BadImage() if work.target.has_health:
            changes = {"never_healthy": True}
        case BadImage():
            changes = {"failure": _os_provisioning_timed_out(work)}
        case _:
            assert_never(effect)
    return replace(work, **changes)


def _os_provisioning_timed_out(work: Work) -> FailWork:
    message = (
        f"OS Provisioning for VM '{work.key.name}_{work.instance_id}' did not finish in the"
        " allotted time. The VM may still finish provisioning successfully. Please check"
        " provisioning state later."
    )
    return FailWork("OSProvisioningTimedOut", message, disk_replaced=True)


def _end_of(work: Work) -> Task:
    return WorkEnds(work) if work.failure is None else WorkFails(work, work.failure)


def _after(state: State, work: Work, latency: Latency, purpose: str, task: Task) -> None:
    random = state.random(_resource(work.key, work.instance_id), purpose)
    milliseconds = latency.draw(random) // timedelta(milliseconds=1)
    state.schedule(state.now + timedelta(milliseconds=round(milliseconds * work.factor)), task)


def _resource(key: ScaleSetKey, instance_id: str) -> str:
    return f"{key.resource_id}/virtualMachines/{instance_id}"
