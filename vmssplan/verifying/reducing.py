"""A set too large to explore as a small one that has every kind of instance of it.

Instances are of one kind when neither the strategy nor the floor tells them apart. Amounts become
smaller in proportion, so that what is a fraction of the large set is one of the small set too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vmssplan import batching
from vmssplan.model import (
    Amount,
    Availability,
    HealthSource,
    HealthState,
    Instance,
    ModelFields,
    Plan,
    ResourceImage,
    ScaleSet,
    StrategyType,
    UpgradeMode,
    follows_latest,
    image_version,
    pinned,
)
from vmssplan.rollout import Rollout, compute_rollout

if TYPE_CHECKING:
    from collections.abc import Sequence


DOMAIN_OF: Mapping[StrategyType, Callable[[Instance], int | str | None]] = {
    StrategyType.PER_UPDATE_DOMAIN: lambda one: one.update_domain,
    StrategyType.PER_FAULT_DOMAIN: lambda one: one.fault_domain,
    StrategyType.PER_ZONE: lambda one: one.zone,
}
UPDATE_DOMAINS, FAULT_DOMAINS, ZONES = 5, 3, 3


@dataclass(frozen=True, slots=True)
class Small:
    """What is explored: the Plan and the set made small, the Rollout, and what was left out.

    `overrides` are the Plan's values that differ, by key path, as `with` of a RolloutTest has them.
    """

    plan: Plan
    live: ScaleSet
    rollout: Rollout
    total: int
    kinds: int
    overrides: Mapping[str, Any]

    @property
    def is_reduced(self) -> bool:
        """Tell whether the real set is larger."""
        return len(self.live.instances) < self.total


def reduce_set(plan: Plan, live: ScaleSet, wanted: ModelFields, most: int) -> Small:
    """Return the Plan on a set of at most `most` instances; raises Refused as `plan` would."""
    total = len(live.instances)
    kinds = _kinds(plan, live, wanted)
    if total <= most:
        rollout = compute_rollout(plan, live, wanted)
        return Small(plan, live, rollout, total, len(kinds), {})
    chosen = _chosen(kinds, most)
    small_live = replace(live, instances=tuple(i for i in live.instances if i in chosen))
    small_plan, overrides = _scaled(plan, total, len(chosen))
    rollout = compute_rollout(small_plan, small_live, wanted)
    batches = max(1, rollout.batch_count)
    if any((gate.after_batch or 0) > batches for gate in plan.gates):
        gates = tuple(
            replace(gate, after_batch=gate.after_batch and min(gate.after_batch, batches))
            for gate in plan.gates
        )
        small_plan = replace(small_plan, gates=gates)
        rollout = compute_rollout(small_plan, small_live, wanted)
    return Small(small_plan, small_live, rollout, total, len(kinds), overrides)


def _kinds(plan: Plan, live: ScaleSet, wanted: ModelFields) -> Sequence[Sequence[Instance]]:
    """Return the instances by kind, the largest kind first."""
    source = live.health_source if plan.health.source is HealthSource.AUTO else plan.health.source
    domain = DOMAIN_OF.get(plan.strategy.type)
    found: dict[tuple[object, ...], list[Instance]] = defaultdict(list)
    for one in live.instances:
        is_current = one.is_current(wanted)
        skipped = None if is_current else batching.skip_reason(one, plan.strategy)
        is_left = is_current or skipped is not None
        key = (
            is_current,
            skipped,
            one.is_in_service(source),
            one.provisioning_state,
            one.power_state,
            None if is_left or domain is None else domain(one),
        )
        found[key].append(one)
    return sorted(found.values(), key=lambda members: -len(members))


def _chosen(kinds: Sequence[Sequence[Instance]], most: int) -> frozenset[Instance]:
    """Take one of each kind, the largest kinds first, then round after round of them."""
    chosen: list[Instance] = []
    for round_ in range(max(len(members) for members in kinds)):
        for members in kinds:
            if round_ < len(members) and len(chosen) < most:
                chosen.append(members[round_])
    return frozenset(chosen)


def _scaled(plan: Plan, total: int, small: int) -> tuple[Plan, Mapping[str, Any]]:
    """Return the Plan with its absolute amounts in proportion, and which those are."""

    def part(number: int) -> int:
        most = small - 1 if number < total else small
        return max(1, min(most, round(number * small / total)))

    overrides: dict[str, Any] = {}
    sizes = tuple(
        size if size.percent else Amount(part(size.value)) for size in plan.strategy.batch_sizes
    )
    if sizes != plan.strategy.batch_sizes:
        overrides["strategy.batchSize"] = [str(s) if s.percent else s.value for s in sizes]
    availability = _scaled_availability(plan.availability, total, small, part)
    if availability != plan.availability:
        most, least = availability.max_unavailable, availability.min_in_service
        if most is not None:
            overrides["availability.maxUnavailable"] = most.value
        if least is not None:
            overrides["availability.minInService"] = least.value
    strategy = replace(plan.strategy, batch_sizes=sizes)
    return replace(plan, strategy=strategy, availability=availability), overrides


def _scaled_availability(
    availability: Availability, total: int, small: int, part: Callable[[int], int]
) -> Availability:
    most, least = availability.max_unavailable, availability.min_in_service
    if most is not None and not most.percent:
        return replace(availability, max_unavailable=Amount(part(most.value)))
    if least is not None and not least.percent and least.value < total:
        out = part(total - least.value)
        return replace(availability, min_in_service=Amount(max(0, small - out)))
    return availability


def made_up(plan: Plan, count: int) -> tuple[ScaleSet, ModelFields]:
    """Return a healthy set of so many instances that the Plan changes, and what it wants there."""
    wanted, before = plan.model, ModelFields()
    if plan.model.image is not None:
        image = plan.model.image
        is_open = follows_latest(image)
        wanted = replace(wanted, image=pinned(image, "2.0.0") if is_open else image)
        old = pinned(image, "1.0.0") if is_open else ResourceImage("/images/before")
        before = replace(before, image=old)
    size = f"{plan.model.vm_size}_before" if plan.model.vm_size else "Standard_D2s_v5"
    policy = UpgradeMode.MANUAL
    before = replace(before, vm_size=size, upgrade_policy=policy)
    version = image_version(before.image) if before.image is not None else None
    instances = tuple(
        Instance(
            instance_id=str(number),
            vm_id=f"vm-{number}",
            image=before.image,
            exact_version=version,
            vm_size=size,
            latest_model_applied=True,
            application_health=HealthState.HEALTHY,
            probed_healthy=True,
            update_domain=number % UPDATE_DOMAINS,
            fault_domain=number % FAULT_DOMAINS,
            zone=str(1 + number % ZONES),
        )
        for number in range(count)
    )
    live = ScaleSet(
        id=plan.target,
        location="westeurope",
        etag='"1"',
        model=before,
        has_application_health=True,
        instances=instances,
    )
    return live, wanted
