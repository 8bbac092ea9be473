"""More or fewer machines: overprovisioning, which machines a scale-in takes, gaps in the ids.

Overprovisioning: a Uniform set makes a fifth more machines than asked for and deletes the rest
once as many as asked for run (overview of scale sets); their ids are not used again. Scale-in:
the zones are balanced first, then by the rule of `scaleInPolicy` (client library, ScaleInPolicy).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from vmss_simulator import documents
from vmss_simulator.errors import ArmError
from vmss_simulator.policies import scale_in_rule
from vmss_simulator.topology import new_instance
from vmss_simulator.values import ProvisioningState
from vmss_simulator.work import begin_delete, begin_work, current_target, job_of

if TYPE_CHECKING:
    from vmss_simulator.state import State
    from vmss_simulator.values import Instance, Operation, ScaleSet, ScaleSetKey


def check_scale_in(state: State, scale_set: ScaleSet, capacity: int) -> None:
    """Raise ArmError 409 when protection leaves too few machines to get down to the capacity.

    That such a request is refused, and its code, are assumed.
    """
    present = [each for each in scale_set.instances.values() if _is_staying(each)]
    if not state.options.scale_in_honours_protection:
        return
    protected = sum(_is_protected(each) for each in present)
    if capacity < protected:
        raise ArmError(
            409,
            "OperationNotAllowed",
            f"The capacity of the scale set cannot be lowered to {capacity}: {protected} of its"
            " instances are protected from scale-in.",
            target="sku.capacity",
        )


def scale(state: State, operation: Operation, scale_set: ScaleSet) -> None:
    """Begin making or deleting machines until the set has its capacity."""
    wanted = documents.capacity(scale_set.body)
    present = [each for each in scale_set.instances.values() if _is_staying(each)]
    missing = wanted - len(present)
    if missing > 0:
        extra = _extra(state, scale_set, missing)
        add_instances(state, operation, scale_set, missing + extra)
        return
    for instance in _chosen(state, scale_set, present, -missing):
        begin_delete(state, operation, instance)


def add_instances(
    state: State, operation: Operation, scale_set: ScaleSet, count: int, zone: str | None = None
) -> None:
    """Begin making machines of the set's model; `zone` None deals the zones out in turn."""
    target = current_target(state, scale_set)
    folded = scale_set.key.folded()
    domains = update_domains(state, scale_set)
    job = job_of(operation, "create", target)
    for _ in range(count):
        number = state.next_number.get(folded, 0)
        state.next_number[folded] = number + 1
        instance = new_instance(
            scale_set.key,
            scale_set.body,
            number,
            target,
            seed=state.seed,
            update_domains=domains,
            now=state.now,
        )
        if zone is not None:
            instance = structs.replace(instance, zone=zone)
        begin_work(state, job, instance)


def with_capacity(scale_set: ScaleSet, capacity: int) -> ScaleSet:
    """Return the set with another capacity in its model, and so another etag."""
    sku = {**documents.section(scale_set.body, "sku"), "capacity": capacity}
    body = {**scale_set.body, "sku": sku}
    return replace(scale_set, body=body, etag_number=scale_set.etag_number + 1)


def trim(state: State, key: ScaleSetKey, operation: Operation) -> None:
    """Delete the machines made in excess, as soon as enough of the others run."""
    scale_set = state.scale_sets[key.folded()]
    wanted = documents.capacity(scale_set.body)
    present = [each for each in scale_set.instances.values() if _is_staying(each)]
    surplus = len(present) - wanted
    if surplus <= 0:
        return
    creating = [each for each in present if each.provisioning is ProvisioningState.CREATING]
    failed = [each for each in present if each.provisioning is ProvisioningState.FAILED]
    if len(present) - len(creating) - len(failed) >= wanted:
        excess = [*reversed(creating), *reversed(failed)]
    else:
        excess = [] if creating else [*reversed(failed)]
    for instance in excess[:surplus]:
        begin_delete(state, operation, instance)


def _extra(state: State, scale_set: ScaleSet, missing: int) -> int:
    """Return how many machines are made on top; how a fifth is rounded is assumed."""
    properties = documents.section(scale_set.body, "properties")
    if documents.is_flexible(scale_set.body) or properties.get("overprovision") is not True:
        return 0
    return math.ceil(missing * state.options.overprovision_percent / 100)


def _chosen(
    state: State, scale_set: ScaleSet, present: list[Instance], count: int
) -> list[Instance]:
    rule = scale_in_rule(scale_set.body)
    candidates = present
    if state.options.scale_in_honours_protection:
        candidates = [each for each in present if not _is_protected(each)]
    zones = Counter(each.zone for each in present)
    domains = Counter((each.zone, each.fault_domain) for each in present)
    positions = {each.instance_id: number for number, each in enumerate(present)}

    def worth(each: Instance) -> tuple[float, ...]:
        age = (each.time_created.timestamp(), positions[each.instance_id])
        balance = domains[each.zone, each.fault_domain] if rule == "Default" else 0
        sign = -1 if rule == "OldestVM" else 1
        return (zones[each.zone], balance, *(sign * part for part in age))

    chosen: list[Instance] = []
    while candidates and len(chosen) < count:
        victim = max(candidates, key=worth)
        chosen.append(victim)
        candidates = [each for each in candidates if each is not victim]
        zones[victim.zone] -= 1
        domains[victim.zone, victim.fault_domain] -= 1
    return chosen


def _is_staying(instance: Instance) -> bool:
    return instance.provisioning is not ProvisioningState.DELETING


def _is_protected(instance: Instance) -> bool:
    protection = instance.protection
    return protection.from_scale_in or protection.from_scale_set_actions


def update_domains(state: State, scale_set: ScaleSet) -> int:
    """Return how many update domains the set shows, once it is large enough to show them all."""
    usual = state.options.update_domain_count
    shown = {each.update_domain for each in scale_set.instances.values()} - {None}
    return len(shown) if len(scale_set.instances) >= usual and shown else usual
