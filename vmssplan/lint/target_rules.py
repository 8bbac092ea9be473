"""Rules that hold the Plan against the live scale set."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from vmssplan.actors import OS_UPGRADES_ARE_ON, os_upgrades_off, repair_text
from vmssplan.batching import max_unavailable, ordered, raw_batches, selects, split
from vmssplan.durations import format_duration
from vmssplan.lint.finding import Finding, error, warning
from vmssplan.lint.plan_rules import SELECTOR_KEYS, batch_size_path
from vmssplan.lint.probe_rules import http_probes
from vmssplan.model import (
    Amount,
    HealthSource,
    Instance,
    OrchestrationMode,
    Plan,
    ScaleSet,
    StrategyType,
    placeholders,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHOLE = 100
_DOMAIN_STRATEGIES = {
    StrategyType.PER_UPDATE_DOMAIN: ("update-domains-missing", "update_domain", "update domain"),
    StrategyType.PER_FAULT_DOMAIN: ("fault-domains-missing", "fault_domain", "fault domain"),
    StrategyType.PER_ZONE: ("zones-missing", "zone", "zone"),
}
_INSTANCE_FIELDS = {
    "instanceIds": "instance_id",
    "updateDomains": "update_domain",
    "faultDomains": "fault_domain",
    "zones": "zone",
}


def lint_target(plan: Plan, scale_set: ScaleSet) -> tuple[Finding, ...]:
    """Return what is wrong with the Plan on this scale set, in the order of the rules.

    Nothing that `lint_plan` finds is repeated. A set without instances can break no rule about
    them.
    """
    rules = _RULES if scale_set.instances else _RULES_OF_THE_MODEL
    return tuple(chain.from_iterable(rule(plan, scale_set) for rule in rules))


def _update_domain_on_flexible(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    if (
        plan.strategy.type is StrategyType.PER_UPDATE_DOMAIN
        and scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE
    ):
        yield error(
            "update-domain-on-flexible",
            "strategy.type",
            "the scale set uses Flexible orchestration, which has no update domains",
            "use perZone, perFaultDomain or fixedBatch",
        )


def _domains_missing(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    strategy = plan.strategy.type
    if strategy not in _DOMAIN_STRATEGIES:
        return
    rule, field, word = _DOMAIN_STRATEGIES[strategy]
    is_said_already = (
        strategy is StrategyType.PER_UPDATE_DOMAIN
        and scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE
    )
    if is_said_already or any(getattr(one, field) is not None for one in scale_set.instances):
        return
    message = f"no instance of the scale set has a {word}"
    yield error(rule, "strategy.type", message, "use fixedBatch or perInstance")


def _application_health_missing(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    source = plan.health.source
    if source is HealthSource.APPLICATION_HEALTH and not scale_set.has_application_health:
        yield error(
            "application-health-missing",
            "health.source",
            "the scale set has no application health extension, so no instance is ever healthy",
            "use instanceView or auto, or add the extension",
        )


def _automatic_os_upgrade(_plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    if scale_set.platform.os_upgrades:
        off = os_upgrades_off(scale_set.id)
        yield error("automatic-os-upgrade", "target", OS_UPGRADES_ARE_ON, f"switch them off: {off}")


def _repaired_before_deadline(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    repairs, deadline = scale_set.platform.repairs, plan.health.deadline
    if repairs is not None and deadline > repairs.grace_period:
        yield warning(
            "repaired-before-deadline",
            "health.deadline",
            f"an upgraded instance has {format_duration(deadline)} to become healthy, but where it"
            f" is unhealthy {repair_text(repairs)}",
            f"use {format_duration(repairs.grace_period)} or less, or a longer grace period",
        )


def _impossible_floor(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    floor, total = plan.availability.min_in_service, len(scale_set.instances)
    # 100% is found without a scale set.
    if floor is not None and floor.of(total) >= total and floor != Amount(100, percent=True):
        yield error(
            "impossible-floor",
            "availability.minInService",
            f"{_counted(floor, total)} of {total} instances must stay in service,"
            " so none can ever be upgraded",
            "lower minInService so that at least one instance may be out of service",
        )


def _batch_larger_than_floor(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    availability, total = plan.availability, len(scale_set.instances)
    allowed = availability.max_unavailable
    if availability.max_unavailable is None and availability.min_in_service is None:
        return
    limit = max_unavailable(availability, plan.strategy, (), total)
    for index, size in enumerate(plan.strategy.batch_sizes):
        # Amounts of the same kind are compared without a scale set.
        is_said_already = allowed is not None and allowed.percent == size.percent
        if not is_said_already and 0 < limit < min(total, size.of(total)):
            yield warning(
                "batch-larger-than-floor",
                batch_size_path(plan, index),
                f"a batch of {_counted(size, total)} is more than the {limit} of {total}"
                " instances that may be out of service, so it will be split",
                "make the batch smaller, or the floor lower",
            )


def _share_rounded(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    """Find percentages that mean another share of this set than they say."""
    total = len(scale_set.instances)
    for path, amount in _largest_shares(plan):
        if amount.percent and amount.value * total < _WHOLE:
            yield warning(
                "share-below-one",
                path,
                f"{amount} of {total} instances is less than one: one may be out of service all"
                f" the same, which is {_WHOLE // total}%",
                "write 1, so that nobody is misled",
            )
    floor = plan.availability.min_in_service
    if floor is not None and floor.percent and floor.value * total % _WHOLE > 0:
        kept = floor.of(total)
        if kept * _WHOLE < floor.value * total:
            yield warning(
                "floor-rounded-down",
                "availability.minInService",
                f"{floor} of {total} instances is rounded down to {kept}, which is"
                f" {kept * _WHOLE // total}%",
                f"write {kept + 1} to keep at least {floor}, or {kept} to say what is meant",
            )


def _largest_shares(plan: Plan) -> Iterator[tuple[str, Amount]]:
    """Yield what says how many may be out of service at a time."""
    availability = plan.availability
    if availability.max_unavailable is not None:
        yield "availability.maxUnavailable", availability.max_unavailable
    elif availability.min_in_service is None:
        for index, size in enumerate(plan.strategy.batch_sizes):
            yield batch_size_path(plan, index), size


def _unmatched_selectors(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    for name, selector in (("include", plan.strategy.include), ("exclude", plan.strategy.exclude)):
        for key, field in SELECTOR_KEYS.items():
            there = {getattr(one, _INSTANCE_FIELDS[key]) for one in scale_set.instances}
            for index, value in enumerate(getattr(selector, field)):
                if value not in there:
                    path = f"strategy.{name}.{key}[{index}]"
                    yield _unmatched(path, key, str(value), len(scale_set.instances))


def _unmatched(path: str, key: str, value: str, total: int) -> Finding:
    if key == "instanceIds":
        return error(
            "unknown-instance",
            path,
            f"the scale set has no instance {value}",
            "name an instance that is there, or leave it out",
        )
    return warning(
        "selector-unmatched",
        path,
        f"none of the {total} instances is in {value}",
        "name one that is there, or leave it out",
    )


def _selection_empty(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    if not _selected(plan, scale_set):
        include_is_at_fault = not plan.strategy.include.is_empty
        yield error(
            "selection-empty",
            "strategy.include" if include_is_at_fault else "strategy.exclude",
            f"include and exclude together select none of the {len(scale_set.instances)} instances",
            "select at least one instance",
        )


def _placeholder_without_value(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    is_flexible = scale_set.orchestration_mode is OrchestrationMode.FLEXIBLE
    for path, probe in http_probes(plan):
        named = placeholders(probe.url)
        if is_flexible and "privateIpAddress" in named:
            yield error(
                "placeholder-without-value",
                f"{path}.url",
                "{privateIpAddress} is not known: the addresses of instances of a Flexible set"
                " belong to interfaces of their own",
                "use {computerName} or {instanceId}, or a command",
            )
        if "zone" in named and all(one.zone is None for one in scale_set.instances):
            yield error(
                "placeholder-without-value",
                f"{path}.url",
                "{zone} is not known: no instance of the scale set has a zone",
                "use another placeholder",
            )


def _gate_after_last_batch(plan: Plan, scale_set: ScaleSet) -> Iterator[Finding]:
    last = _most_batches(plan, scale_set)
    for index, gate in enumerate(plan.gates):
        if last and gate.after_batch is not None and gate.after_batch > last:
            yield error(
                "gate-after-last-batch",
                f"gates[{index}].after",
                f"there is no batch {gate.after_batch}: the rollout has {last} at most",
                f"use batch {last} or an earlier one, or each batch",
            )


def _most_batches(plan: Plan, scale_set: ScaleSet) -> int:
    """Count the batches when every selected instance is upgraded; 0 where there are none."""
    strategy, total = plan.strategy, len(scale_set.instances)
    if strategy.type is StrategyType.SLIDING_WINDOW:
        return 0
    source = plan.health.source
    if source is HealthSource.AUTO:
        source = scale_set.health_source
    raw = raw_batches(ordered(_selected(plan, scale_set), strategy, source), strategy, total)
    limit = max_unavailable(plan.availability, strategy, raw, total)
    return len(list(split(raw, limit))) if limit else 0


def _selected(plan: Plan, scale_set: ScaleSet) -> tuple[Instance, ...]:
    include, exclude = plan.strategy.include, plan.strategy.exclude
    return tuple(
        one
        for one in scale_set.instances
        if (include.is_empty or selects(include, one)) and not selects(exclude, one)
    )


def _counted(amount: Amount, total: int) -> str:
    return f"{amount} (= {amount.of(total)})" if amount.percent else str(amount)


_RULES_OF_THE_MODEL = (
    _update_domain_on_flexible,
    _application_health_missing,
    _automatic_os_upgrade,
    _repaired_before_deadline,
)
_RULES = (
    *_RULES_OF_THE_MODEL,
    _domains_missing,
    _impossible_floor,
    _batch_larger_than_floor,
    _share_rounded,
    _unmatched_selectors,
    _selection_empty,
    _gate_after_last_batch,
    _placeholder_without_value,
)
