"""What a native rolling upgrade does to instances: in place, by a surge of new ones, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from vmss_simulator.rolling_run import RollingKind, RollingRun, Stage
from vmss_simulator.scaling import update_domains
from vmss_simulator.tasks import Target
from vmss_simulator.topology import new_instance
from vmss_simulator.values import HealthState, PowerState, ProvisioningState
from vmss_simulator.work import (
    begin_delete,
    begin_work,
    end_of,
    job_of,
    new_work,
    schedule_work,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.state import State
    from vmss_simulator.values import Instance


def begin_batch(state: State, run: RollingRun, batch: Sequence[str], target: Target) -> RollingRun:
    """Begin to upgrade the instances together, and return the upgrade with the batch."""
    instances = state.scale_sets[run.key.folded()].instances
    state.emit("rollingBatchStarted", run.key, instanceIds=list(batch))
    run = replace(run, batch=tuple(batch), surge=())
    if run.policy.max_surge and run.kind is not RollingKind.EXTENSIONS:
        quota = state.options.surge_quota
        if quota is None or len(batch) <= quota:
            return replace(run, surge=_surge(state, run, target))
        state.emit("surgeQuotaExceeded", run.key, wanted=len(batch), quota=quota)
    operation = state.operations[run.operation_id]
    if run.restores_failed or run.policy.rollback_on_breach:
        run = replace(run, before={**run.before, **{each: instances[each] for each in batch}})
    job = job_of(operation, "upgrade", target)
    for each in batch:
        if run.kind is RollingKind.EXTENSIONS:
            _begin_extensions(state, run, instances[each], target)
        else:
            begin_work(state, job, instances[each])
    return run


def begin_clearing(state: State, run: RollingRun, failed: Sequence[str]) -> RollingRun:
    """After a surge: delete what was replaced, and what was made in vain (assumed)."""
    operation = state.operations[run.operation_id]
    instances = state.scale_sets[run.key.folded()].instances
    for old, new in run.surge:
        leaving = instances.get(new if new in failed or new not in instances else old)
        if leaving is not None:
            begin_delete(state, operation, leaving)
    return replace(run, stage=Stage.CLEARING)


def begin_restoring(state: State, run: RollingRun, failed: Sequence[str]) -> RollingRun:
    """Give failed instances the disk and model back that they had before."""
    operation = state.operations[run.operation_id]
    instances = state.scale_sets[run.key.folded()].instances
    restoring = tuple(
        each for each in failed if each in instances and instances[each].busy_with is None
    )
    for each in restoring:
        job = job_of(operation, "restore", _as_it_was(run.before[each]))
        begin_work(state, job, instances[each])
    return replace(run, restoring=restoring)


def _surge(state: State, run: RollingRun, target: Target) -> tuple[tuple[str, str], ...]:
    """Begin to make a new instance beside each of the batch, in the same zone."""
    folded = run.key.folded()
    operation = state.operations[run.operation_id]
    # Not the verb `create`: machines made in excess of the capacity are trimmed again.
    job = job_of(operation, "surge", target)
    pairs = []
    for each in run.batch:
        scale_set = state.scale_sets[folded]
        number = state.next_number.get(folded, 0)
        state.next_number[folded] = number + 1
        instance = new_instance(
            scale_set.key,
            scale_set.body,
            number,
            target,
            seed=state.seed,
            update_domains=update_domains(state, scale_set),
            now=state.now,
        )
        made = structs.replace(
            instance,
            zone=scale_set.instances[each].zone,
            busy_with=run.operation_id,
            provisioning=ProvisioningState.CREATING,
            power=PowerState.STARTING,
            health=None if instance.health is None else HealthState.UNKNOWN,
        )
        work = new_work(state, job, instance, power_after=PowerState.RUNNING)
        started = {"operationId": run.operation_id, "replaces": each}
        state.change(run.key, made, "surgeStarted", **started)
        schedule_work(state, work, state.latencies.create, "create", end_of(work))
        pairs.append((each, made.instance_id))
    return tuple(pairs)


def _begin_extensions(state: State, run: RollingRun, instance: Instance, target: Target) -> None:
    """Bring the extensions up to date; the machine runs on."""
    operation = state.operations[run.operation_id]
    own = replace(_as_it_was(instance), extensions=target.extensions)
    job = job_of(operation, "extensions", own, is_quiet=True)
    work = new_work(state, job, instance, power_after=instance.power)
    begun = structs.replace(
        instance,
        busy_with=run.operation_id,
        provisioning=ProvisioningState.UPDATING,
        extensions=target.extensions,
    )
    state.change(run.key, begun, "extensionsStarted", operationId=run.operation_id)
    task = end_of(work)
    schedule_work(state, work, state.latencies.nothing_to_do, "extensions", task)


def _as_it_was(instance: Instance) -> Target:
    return Target(
        image_reference=instance.image_reference,
        exact_version=instance.exact_version,
        vm_size=instance.vm_size,
        fingerprint=instance.applied_model,
        extensions=instance.extensions,
        has_health=instance.health is not None,
    )
