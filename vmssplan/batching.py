"""Which instances, in which order, in which batches: the arithmetic of a rollout.

Pure functions of values. What "always" holds here is stated by property tests: batches partition
the selected instances, and none is larger than what may be unavailable.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, assert_never

from vmssplan.model import (
    Amount,
    Availability,
    HealthSource,
    Instance,
    ModelFields,
    OrderKey,
    Selector,
    Strategy,
    StrategyType,
    image_text,
    same_image,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROTECTED = "protected from scale set actions"
NOT_SELECTED = "not selected by strategy.include"
STANDING_STILL = frozenset({"stopped", "stopping", "deallocated", "deallocating"})


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances that are operated on together; `label` names the domain they share, if any."""

    instances: tuple[Instance, ...]
    label: str = ""


def selects(selector: Selector, instance: Instance) -> bool:
    """Tell whether any list of the selector names the instance."""
    return (
        instance.instance_id in selector.instance_ids
        or instance.update_domain in selector.update_domains
        or instance.fault_domain in selector.fault_domains
        or instance.zone in selector.zones
    )


def skip_reason(instance: Instance, strategy: Strategy) -> str | None:
    """Say why an outdated instance is left alone; None when it is not."""
    if not strategy.include.is_empty and not selects(strategy.include, instance):
        return NOT_SELECTED
    if selects(strategy.exclude, instance):
        return "excluded by strategy.exclude"
    if instance.protected_from_scale_set_actions:
        return PROTECTED
    if instance.is_busy:
        return f"another operation works on it ({instance.provisioning_state})"
    if instance.power_state in STANDING_STILL:
        return standing_still_reason(instance)
    return None


def standing_still_reason(instance: Instance) -> str:
    """Say why an instance that does not run is left alone."""
    return f"{instance.power_state}; start it, then plan again"


def upgrade_reason(instance: Instance, wanted: ModelFields) -> str:
    """Say why an instance is outdated."""
    if wanted.image is not None and not same_image(instance.image, wanted.image):
        return f"runs {image_text(instance.image)}"
    if not instance.runs(wanted):
        return f"runs {instance.exact_version or 'another version'} on {instance.vm_size}"
    return "the latest model is not applied"


def ordered(
    instances: Sequence[Instance], strategy: Strategy, source: HealthSource
) -> tuple[Instance, ...]:
    """Return the instances in the Plan's order; equal ones by instance id."""

    def key(instance: Instance) -> tuple[Any, ...]:
        is_well = strategy.order.unhealthy_first and instance.is_in_service(source)
        by = (_order_value(instance, name) for name in strategy.order.by)
        return (is_well, *by, natural_order(instance.instance_id))

    return tuple(sorted(instances, key=key))


def raw_batches(instances: Sequence[Instance], strategy: Strategy, total: int) -> list[Batch]:
    """Cut ordered instances as the strategy alone says; `total` is what percentages are of."""
    match strategy.type:
        case StrategyType.PER_INSTANCE:
            return [Batch((instance,)) for instance in instances]
        case StrategyType.PER_UPDATE_DOMAIN:
            return _by_domain(instances, "update domain", lambda instance: instance.update_domain)
        case StrategyType.PER_FAULT_DOMAIN:
            return _by_domain(instances, "fault domain", lambda instance: instance.fault_domain)
        case StrategyType.PER_ZONE:
            return _by_domain(instances, "zone", lambda instance: instance.zone)
        case StrategyType.FIXED_BATCH:
            return [Batch(part) for part in _ramp(instances, strategy.batch_sizes, total)]
        case StrategyType.SLIDING_WINDOW:
            return [Batch(tuple(instances))] if instances else []
    assert_never(strategy.type)


def window_size(strategy: Strategy, total: int) -> int:
    """Return how many instances a sliding window may hold at once."""
    return strategy.batch_sizes[0].of(total) if strategy.batch_sizes else 1


def max_unavailable(
    availability: Availability, strategy: Strategy, raw: Sequence[Batch], total: int
) -> int:
    """Return how many of `total` may be out of service; 0 when the floor is the whole set."""
    if availability.max_unavailable is not None:
        return min(total, availability.max_unavailable.of(total))
    if availability.min_in_service is not None:
        return max(0, total - availability.min_in_service.of(total))
    if strategy.type is StrategyType.SLIDING_WINDOW:
        return min(total, window_size(strategy, total))
    return max((len(batch.instances) for batch in raw), default=min(total, 1))


def split(batches: Sequence[Batch], limit: int) -> Iterator[Batch]:
    """Cut every batch that is larger than `limit` (at least 1) into parts that are not."""
    for batch in batches:
        for start in range(0, len(batch.instances), limit):
            yield Batch(batch.instances[start : start + limit], batch.label)


def lowest_in_service(
    instances: Sequence[Instance], batches: Sequence[Batch], source: HealthSource, floor: int
) -> int:
    """Return the fewest in service when every batch comes back whole before the next starts."""
    serving = {one.instance_id for one in instances if one.is_in_service(source)}
    lowest = len(serving)
    for batch in batches:
        ids = {one.instance_id for one in batch.instances}
        lowest = min(lowest, max(min(len(serving), floor), len(serving - ids)))
        serving |= ids
    return lowest


def _by_domain(
    instances: Sequence[Instance], word: str, domain: Callable[[Instance], int | str | None]
) -> list[Batch]:
    """Group by domain: domains in the order of their first instance, sick ones so first."""
    first: dict[int | str | None, int] = {}
    for position, instance in enumerate(instances):
        first.setdefault(domain(instance), position)
    grouped = sorted(instances, key=lambda instance: first[domain(instance)])
    return [
        Batch(tuple(members), f"{word} {'unknown' if name is None else name}")
        for name, members in groupby(grouped, key=domain)
    ]


def _ramp(
    instances: Sequence[Instance], sizes: Sequence[Amount], total: int
) -> Iterator[tuple[Instance, ...]]:
    """Cut by the sizes in turn; the last one repeats."""
    start = 0
    for number in range(len(instances)):
        if start >= len(instances):
            return
        size = sizes[min(number, len(sizes) - 1)].of(total) if sizes else 1
        yield tuple(instances[start : start + size])
        start += size


def _order_value(instance: Instance, key: OrderKey) -> tuple[Any, ...]:
    """Sort instances without a domain behind the others."""
    match key:
        case OrderKey.UPDATE_DOMAIN:
            return (instance.update_domain is None, instance.update_domain)
        case OrderKey.FAULT_DOMAIN:
            return (instance.fault_domain is None, instance.fault_domain)
        case OrderKey.ZONE:
            return (instance.zone is None, instance.zone)
        case OrderKey.INSTANCE_ID:
            return natural_order(instance.instance_id)
    assert_never(key)


def natural_order(instance_id: str) -> tuple[bool, int, str]:
    """Sort decimal ids by value, others after them by text."""
    is_number = instance_id.isdecimal()
    return (not is_number, len(instance_id) if is_number else 0, instance_id)
