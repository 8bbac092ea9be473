"""The requests that change a scale set: checked completely first, and only then carried out.

A refused request (ArmError 4xx) changes nothing at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents, upgrade_policy
from vmss_simulator.errors import ArmError
from vmss_simulator.images import fold_location
from vmss_simulator.operations import start_operation
from vmss_simulator.options import ConcurrentOperations, ProtectedInstances, WhileRolling
from vmss_simulator.policies import check_policies
from vmss_simulator.randomness import draw_guid
from vmss_simulator.resource_groups import check_open
from vmss_simulator.rolling_turns import supersede
from vmss_simulator.scaling import check_scale_in
from vmss_simulator.tasks import Job, ModelSettles, StepEnds, Target
from vmss_simulator.values import Operation, OperationKind, ProvisioningState, ScaleSet, ScaleSetKey
from vmss_simulator.work import begin_work, current_target, is_current, job_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmss_simulator.state import State
    from vmss_simulator.values import Instance

CONFLICT = (
    "The request failed due to conflict with a concurrent request. To resolve it, please refer to"
    " https://aka.ms/activitylog to get more details on the conflicting requests."
)
ALL_INSTANCES = "*"
_CLIENT = "client"


def find(state: State, key: ScaleSetKey) -> ScaleSet:
    """Return the scale set; ArmError 404 `ResourceNotFound` when there is none."""
    found = state.scale_sets.get(key.folded())
    if found is None:
        raise ArmError(
            404,
            "ResourceNotFound",
            f"The Resource 'Microsoft.Compute/virtualMachineScaleSets/{key.name}' under resource"
            f" group '{key.resource_group}' was not found. For more details please go to"
            " https://aka.ms/ARMResourceNotFoundFix",
        )
    return found


def write_model(
    state: State,
    kind: OperationKind,
    key: ScaleSetKey,
    body: Mapping[str, Any],
    *,
    if_match: str | None,
    if_none_match: str | None = None,
    actor: str = _CLIENT,
) -> Operation:
    """Merge a document (`documents.accepted`) into the set's, or create the set by a PUT."""
    existing = state.scale_sets.get(key.folded())
    if existing is None and kind is OperationKind.PATCH_SCALE_SET:
        find(state, key)
    _check_preconditions(existing, if_match, if_none_match)
    if existing is None:
        return _create(state, key, body, actor)
    return _update(state, kind, existing, body, actor)


def work_on_instances(
    state: State, kind: OperationKind, key: ScaleSetKey, instance_ids: Sequence[str]
) -> Operation:
    """Upgrade or reimage the named instances, or all (`["*"]`)."""
    scale_set = find(state, key)
    chosen = choose(state, scale_set, instance_ids)
    check_no_conflict(state, scale_set, frozenset(each.instance_id for each in chosen))
    target = current_target(state, scale_set)
    # Every target is resolved before anything starts: a missing image must change nothing.
    planned = [(each, target_of(state, kind, scale_set, each, target)) for each in chosen]
    operation = start_operation(state, scale_set, kind, [each.instance_id for each in chosen])
    verb = kind.value
    began = False
    job: Job | None = None
    for instance, wanted in planned:
        reason = _skip_reason(state, kind, instance, wanted)
        if reason is None:
            # An upgrade is to one model, so all of its instances share one job.
            if job is None or job.target is not wanted:
                job = job_of(operation, verb, wanted)
            begin_work(state, job, instance)
            began = True
        else:
            state.emit(f"{verb}Skipped", scale_set.key, instance.instance_id, reason=reason)
    share = state.share(scale_set.key.resource_id, "nothingToDo")
    rest = state.latencies.nothing_to_do.at(share)
    ends_at = state.now if began else state.now + rest
    state.schedule(ends_at, StepEnds(operation.operation_id))
    return operation


def _create(state: State, key: ScaleSetKey, body: Mapping[str, Any], actor: str) -> Operation:
    completed = upgrade_policy.completed(_completed(body))
    _check_model(state, completed)
    check_open(state, key.subscription_id, key.resource_group)
    unique_id = draw_guid(state.random(key.resource_id, "uniqueId"))
    created = ScaleSet(key, completed, 1, unique_id, state.now)
    state.add(created)
    state.emit("scaleSetCreated", key, capacity=0, inService=0)
    return _write(state, OperationKind.PUT_SCALE_SET, None, created, actor)


def _update(
    state: State, kind: OperationKind, existing: ScaleSet, write: Mapping[str, Any], actor: str
) -> Operation:
    _check_unchangeable(existing.body, write)
    merged = upgrade_policy.completed(documents.merge(existing.body, write))
    _check_model(state, merged)
    if documents.capacity(merged) < documents.capacity(existing.body):
        check_scale_in(state, existing, documents.capacity(merged))
    existing = _free_for_write(state, existing)
    updated = replace(existing, body=merged, etag_number=existing.etag_number + 1)
    return _write(state, kind, existing, updated, actor)


def _write(
    state: State, kind: OperationKind, before: ScaleSet | None, after: ScaleSet, actor: str
) -> Operation:
    state.store(after)
    state.emit("modelWritten", after.key, etag=after.etag, model=state.fingerprint(after), by=actor)
    creating = before is None
    operation = start_operation(
        state,
        after,
        kind,
        provisioning=ProvisioningState.CREATING if creating else ProvisioningState.UPDATING,
    )
    old_capacity = 0 if before is None else documents.capacity(before.body)
    task = ModelSettles(
        operation.operation_id,
        after.key,
        model_changed=before is not None
        and documents.fingerprint(before.body) != state.fingerprint(after),
        capacity_changed=documents.capacity(after.body) != old_capacity,
    )
    share = state.share(after.key.resource_id, "modelUpdate")
    state.schedule(state.now + state.latencies.model_update.at(share), task)
    return operation


def _check_preconditions(
    existing: ScaleSet | None, if_match: str | None, if_none_match: str | None
) -> None:
    """Raise ArmError 412; the code is assumed, no recording of one is public."""
    met = True
    if if_match is not None:
        met = existing is not None and if_match in ("*", existing.etag)
    if if_none_match is not None and existing is not None:
        met = met and if_none_match not in ("*", existing.etag)
    if not met:
        held = existing.etag if existing is not None else "none"
        raise ArmError(
            412,
            "PreconditionFailed",
            f"The condition set in the request was not met: the resource's etag is {held}.",
        )


def _check_model(state: State, body: Mapping[str, Any]) -> None:
    """Raise ArmError for a model the service would not take."""
    location = documents.text(body, "location")
    if not location:
        message = "The location property is required for this definition."
        raise ArmError(400, "LocationRequired", message)
    documents.vm_size(body)
    documents.capacity(body)
    documents.upgrade_mode(body)
    documents.is_flexible(body)
    documents.extensions(body)
    documents.zones(body)
    documents.fault_domain_count(body)
    documents.section(body, "tags")
    check_policies(body)
    upgrade_policy.check(body)
    state.images.resolve(documents.image_reference(body), location, state.now)


def _check_unchangeable(body: Mapping[str, Any], write: Mapping[str, Any]) -> None:
    location = documents.text(write, "location")
    held = documents.text(body, "location") or ""
    if location is not None and fold_location(location) != fold_location(held):
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource already exists in location '{held}'. A resource with the same name"
            f" cannot be created in location '{location}'.",
        )
    old, new = documents.section(body, "properties"), documents.section(write, "properties")
    for name in ("orchestrationMode", "platformFaultDomainCount"):
        if name in new and new[name] != old.get(name):
            raise _change_not_allowed(name)
    sku = documents.section(write, "sku")
    if "capacity" in sku and sku["capacity"] is None:
        # Null removes a field, but a set without a capacity would lose all its machines.
        raise documents.invalid_parameter("sku.capacity", None)
    if new.get("singlePlacementGroup") is True and old.get("singlePlacementGroup") is False:
        raise _change_not_allowed("singlePlacementGroup")


def _change_not_allowed(name: str) -> ArmError:
    message = f"Changing property '{name}' is not allowed."
    return ArmError(400, "PropertyChangeNotAllowed", message, target=name)


def choose(
    state: State, scale_set: ScaleSet, instance_ids: Sequence[str], *, through_set: bool = True
) -> list[Instance]:
    """Return the named instances, in the order of the set; ArmError 400, or 409 for protection."""
    limit = state.options.max_instances_per_request
    if isinstance(instance_ids, str) or not instance_ids:
        raise ArmError(
            400,
            "InvalidParameter",
            "Required parameter 'instanceIds' is missing (null).",
            target="instanceIds",
        )
    if limit is not None and len(instance_ids) > limit:
        message = f"The request names {len(instance_ids)} instances; at most {limit} are allowed."
        raise ArmError(400, "InvalidParameter", message, target="instanceIds")
    if ALL_INSTANCES in instance_ids:
        return list(scale_set.instances.values())
    named = {find_instance(scale_set, each).instance_id for each in instance_ids}
    chosen = [each for each in scale_set.instances.values() if each.instance_id in named]
    if through_set and state.options.protected_instances is ProtectedInstances.REFUSE:
        for instance in chosen:
            if instance.protection.from_scale_set_actions:
                raise ArmError(
                    409,
                    "OperationNotAllowed",
                    f"Instance {instance.instance_id} is protected from scale set actions.",
                    target="instanceIds",
                )
    return chosen


def find_instance(scale_set: ScaleSet, instance_id: str) -> Instance:
    """Return the instance; ArmError 400 with the text Azure answers for an unknown one."""
    found = scale_set.instances.get(instance_id)
    if found is None and isinstance(instance_id, str):
        folded = instance_id.casefold()
        found = next(
            (each for name, each in scale_set.instances.items() if name.casefold() == folded), None
        )
    if found is None:
        raise ArmError(
            400,
            "InvalidParameter",
            f"The provided instanceId {instance_id} is not an active Virtual Machine Scale Set VM"
            " instanceId.",
            target="instanceIds",
        )
    return found


def check_not_deleting(scale_set: ScaleSet) -> None:
    """Raise the ArmError 409 of a set that is being deleted, in the words seen in the field."""
    if scale_set.provisioning is ProvisioningState.DELETING:
        raise ArmError(
            409,
            "OperationNotAllowed",
            "Operation 'Update Virtual Machine Scale Set' is not allowed on Virtual Machine Scale"  # noqa: S608 - no SQL
            f" Set '{scale_set.unique_id}' since it is marked for deletion. For more information"
            " on your operations, please refer to https://aka.ms/activitylog.",
        )


def _free_for_write(state: State, scale_set: ScaleSet) -> ScaleSet:
    """Return the set once nothing forbids a write of its model, or raise ArmError 409.

    A rolling upgrade may be preempted by it, as the options say; one with new instances is not.
    """
    run = state.rolling_runs.get(scale_set.key.folded())
    preempts = state.options.while_rolling is WhileRolling.PREEMPT
    if run is None or not preempts or run.policy.max_surge:
        check_no_conflict(state, scale_set, None)
        return scale_set
    check_no_conflict(state, scale_set, None, besides=run.operation_id)
    supersede(state, run)
    return state.scale_sets[scale_set.key.folded()]


def check_no_conflict(
    state: State,
    scale_set: ScaleSet,
    instance_ids: frozenset[str] | None,
    *,
    besides: str | None = None,
) -> None:
    """Raise ArmError 409 when a running operation forbids this one; None is a model write.

    `besides` is an operation that does not matter.
    """
    check_not_deleting(scale_set)
    folded = scale_set.key.folded()
    for operation_id, running in state.running.items():
        operation = state.operations[operation_id]
        if operation.key.folded() != folded or operation_id == besides:
            continue
        disjoint = (
            state.options.concurrent_operations is ConcurrentOperations.DISJOINT
            and not running.writes_model
            and instance_ids is not None
            and not instance_ids & set(operation.instance_ids)
        )
        if not disjoint:
            raise ArmError(409, state.options.conflict_code, CONFLICT)


def target_of(
    state: State, kind: OperationKind, scale_set: ScaleSet, instance: Instance, model: Target
) -> Target:
    """Return what an upgrade or a reimage makes of it; ArmError when its image is gone."""
    if kind is OperationKind.UPGRADE or state.options.reimage_applies_model:
        return model
    exact_version = instance.exact_version
    if state.options.reimage_resolves_latest:
        location = documents.text(scale_set.body, "location") or ""
        exact_version = state.images.resolve(instance.image_reference, location, state.now)
    return Target(
        image_reference=instance.image_reference,
        exact_version=exact_version,
        vm_size=instance.vm_size,
        fingerprint=instance.applied_model,
        extensions=instance.extensions,
        has_health=instance.health is not None,
    )


def _skip_reason(
    state: State, kind: OperationKind, instance: Instance, target: Target
) -> str | None:
    if instance.protection.from_scale_set_actions:
        return "protected"
    if kind is OperationKind.UPGRADE and is_current(state, instance, target):
        return "current"
    return None


def _completed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the service fills in for a new set, as the recorded answers show it."""
    flexible = documents.is_flexible(body)
    defaults: dict[str, Any] = {
        "sku": {"tier": "Standard", "capacity": 0},
        "tags": {},
        "properties": {
            "singlePlacementGroup": not flexible,
            "orchestrationMode": "Flexible" if flexible else "Uniform",
            "upgradePolicy": {"mode": "Manual"},
            "platformFaultDomainCount": documents.fault_domain_count(body),
        },
    }
    if not flexible:
        defaults["properties"] |= {
            "overprovision": True,
            "doNotRunExtensionsOnOverprovisionedVMs": False,
        }
    return documents.merge(defaults, body)
