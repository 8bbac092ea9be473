"""What clients do to instances: power verbs, reimages, deletion; through the set or one by one.

Like every request they are checked completely before anything starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_simulator import documents
from vmss_simulator.errors import ArmError
from vmss_simulator.operations import end_step, start_operation
from vmss_simulator.power import begin_machine_work, nothing_to_do
from vmss_simulator.scaling import with_capacity
from vmss_simulator.tasks import StepEnds
from vmss_simulator.values import OperationKind, ProvisioningState
from vmss_simulator.work import begin_delete, begin_work, current_target, job_of
from vmss_simulator.writes import check_no_conflict, choose, find, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.state import State
    from vmss_simulator.tasks import Target
    from vmss_simulator.values import Instance, Operation, ScaleSet, ScaleSetKey

# Without a guest to shut down in good order, or with a deletion forced, it goes faster (assumed).
_HURRIED = 0.25
_REIMAGES = {
    OperationKind.REIMAGE_ALL: "reimageAll",
    OperationKind.REIMAGE_INSTANCE: "reimage",
    OperationKind.REIMAGE_ALL_INSTANCE: "reimageAll",
}


@dataclass(frozen=True, slots=True)
class _Verb:
    """What an operation does to each machine, and whether it goes through the set."""

    work: str
    through_set: bool
    named: str | None = None


_VERBS = {
    OperationKind.START: _Verb("start", through_set=True),
    OperationKind.RESTART: _Verb("restart", through_set=True),
    OperationKind.POWER_OFF: _Verb("powerOff", through_set=True),
    OperationKind.DEALLOCATE: _Verb("deallocate", through_set=True),
    OperationKind.REDEPLOY: _Verb("redeploy", through_set=True),
    OperationKind.PERFORM_MAINTENANCE: _Verb("redeploy", through_set=True, named="maintenance"),
    OperationKind.REAPPLY: _Verb("update", through_set=True, named="reapply"),
    OperationKind.REIMAGE_ALL: _Verb("reimageAll", through_set=True),
    OperationKind.START_INSTANCE: _Verb("start", through_set=False),
    OperationKind.RESTART_INSTANCE: _Verb("restart", through_set=False),
    OperationKind.POWER_OFF_INSTANCE: _Verb("powerOff", through_set=False),
    OperationKind.DEALLOCATE_INSTANCE: _Verb("deallocate", through_set=False),
    OperationKind.REDEPLOY_INSTANCE: _Verb("redeploy", through_set=False),
    OperationKind.PERFORM_MAINTENANCE_INSTANCE: _Verb(
        "redeploy", through_set=False, named="maintenance"
    ),
    OperationKind.REIMAGE_INSTANCE: _Verb("reimage", through_set=False),
    OperationKind.REIMAGE_ALL_INSTANCE: _Verb("reimageAll", through_set=False),
}
ACTIONS = frozenset(_VERBS)
"""The operations `act_on_instances` carries out."""


def act_on_instances(
    state: State,
    kind: OperationKind,
    key: ScaleSetKey,
    instance_ids: Sequence[str],
    *,
    hurry: bool = False,
    hibernate: bool = False,
) -> Operation:
    """Start the operation on the named instances, or all (`["*"]`).

    Through the set, protected instances are passed by or refused; one by one they are not.
    """
    verb = _VERBS[kind]
    scale_set = find(state, key)
    chosen = choose(state, scale_set, instance_ids, through_set=verb.through_set)
    _check_allowed(state, kind, scale_set, chosen, hibernate=hibernate)
    check_no_conflict(state, scale_set, frozenset(each.instance_id for each in chosen))
    # Every target is resolved before anything starts: a missing image must change nothing.
    targets = _targets(state, kind, scale_set, chosen)
    operation = start_operation(state, scale_set, kind, [each.instance_id for each in chosen])
    began = False
    for instance in chosen:
        reason = nothing_to_do(verb.work, instance)
        if verb.through_set and instance.protection.from_scale_set_actions:
            reason = "protected"
        if reason is not None:
            event = f"{verb.named or verb.work}Skipped"
            state.emit(event, scale_set.key, instance.instance_id, reason=reason)
            continue
        began = True
        if instance.instance_id in targets:
            target = targets[instance.instance_id]
            begin_work(state, job_of(operation, verb.work, target), instance)
        else:
            factor = _HURRIED if hurry else 1.0
            begin_machine_work(
                state, operation, instance, verb.work, named=verb.named, factor=factor
            )
    end_when_idle(state, operation, began=began)
    return operation


def end_when_idle(state: State, operation: Operation, *, began: bool) -> None:
    """End the step an operation was started with: at once, or after a while if it is all."""
    share = state.share(operation.key.resource_id, "nothingToDo")
    rest = state.latencies.nothing_to_do.at(share)
    ends_at = state.now if began else state.now + rest
    state.schedule(ends_at, StepEnds(operation.operation_id))


def delete_instances(
    state: State,
    kind: OperationKind,
    key: ScaleSetKey,
    instance_ids: Sequence[str],
    *,
    force: bool = False,
) -> Operation:
    """Delete the named instances; the capacity falls by as many. Protection does not hold."""
    scale_set = find(state, key)
    chosen = choose(state, scale_set, instance_ids, through_set=False)
    check_no_conflict(state, scale_set, frozenset(each.instance_id for each in chosen))
    left = len(scale_set.instances) - len(chosen)
    operation = start_operation(
        state, with_capacity(scale_set, left), kind, [each.instance_id for each in chosen]
    )
    for instance in chosen:
        begin_delete(state, operation, instance, factor=_HURRIED if force else 1.0)
    end_step(state, operation.operation_id)
    return operation


def delete_scale_set(state: State, key: ScaleSetKey, *, force: bool = False) -> Operation | None:
    """Delete the set with all its instances, protected ones too; None when there is no such set.

    ArmError 409 while another operation runs; one that is being deleted goes on being deleted.
    """
    scale_set = state.scale_sets.get(key.folded())
    if scale_set is None:
        return None
    running = _deletion_of(state, scale_set)
    if running is not None:
        return running
    check_no_conflict(state, scale_set, None)
    kind = OperationKind.DELETE_SCALE_SET
    deleting = ProvisioningState.DELETING
    operation = start_operation(state, scale_set, kind, provisioning=deleting)
    for instance in scale_set.instances.values():
        begin_delete(state, operation, instance, factor=_HURRIED if force else 1.0)
    share = state.share(scale_set.key.resource_id, "delete")
    ends_at = state.now + state.latencies.model_update.at(share)
    state.schedule(ends_at, StepEnds(operation.operation_id))
    return operation


def _deletion_of(state: State, scale_set: ScaleSet) -> Operation | None:
    folded = scale_set.key.folded()
    for each in state.running:
        operation = state.operations[each]
        if operation.kind is OperationKind.DELETE_SCALE_SET and operation.key.folded() == folded:
            return operation
    return None


def _check_allowed(
    state: State,
    kind: OperationKind,
    scale_set: ScaleSet,
    chosen: Sequence[Instance],
    *,
    hibernate: bool,
) -> None:
    maintenance = (OperationKind.PERFORM_MAINTENANCE, OperationKind.PERFORM_MAINTENANCE_INSTANCE)
    if kind in maintenance and not state.options.maintenance_eligible and chosen:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"Operation 'performMaintenance' is not allowed on VM '{chosen[0].name}' since the"
            " Subscription of this VM is not eligible.",
        )
    everything = (OperationKind.REIMAGE_ALL, OperationKind.REIMAGE_ALL_INSTANCE)
    if kind in everything and documents.is_flexible(scale_set.body):
        # Not applicable by the comparison of the modes' APIs; how it is refused is assumed.
        raise ArmError(
            409,
            "OperationNotAllowed",
            "Operation 'reimageAll' is not allowed on a Virtual Machine Scale Set with Flexible"
            " orchestration.",
        )
    capabilities = documents.section(scale_set.body, "properties", "additionalCapabilities")
    if hibernate and capabilities.get("hibernationEnabled") is not True:
        raise ArmError(
            409,
            "OperationNotAllowed",
            "The instances cannot be hibernated: additionalCapabilities.hibernationEnabled is not"
            " set in the model of the scale set.",
            target="hibernate",
        )


def _targets(
    state: State, kind: OperationKind, scale_set: ScaleSet, chosen: Sequence[Instance]
) -> dict[str, Target]:
    """Return what each instance is made of anew, where the operation does that at all."""
    if kind not in _REIMAGES:
        return {}
    model = current_target(state, scale_set)
    return {each.instance_id: target_of(state, kind, scale_set, each, model) for each in chosen}
