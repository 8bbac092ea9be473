"""Rules that read the Plan alone."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.lint.finding import Finding, error, warning
from vmssplan.lint.probe_rules import (
    gate_deadline_too_short,
    gate_in_sliding_window,
    hook_in_sliding_window,
    http_addresses,
    no_time_allowed,
    placeholder_out_of_place,
    probe_missing,
    secret_in_address,
)
from vmssplan.model import (
    Amount,
    Method,
    Plan,
    StrategyType,
    UpgradeMode,
    follows_latest,
    image_fields,
    image_text,
    image_version,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BETWEEN_LOOKS = timedelta(seconds=10)
SELECTOR_KEYS = {
    "instanceIds": "instance_ids",
    "updateDomains": "update_domains",
    "faultDomains": "fault_domains",
    "zones": "zones",
}
"""How the Plan writes the fields of a Selector."""


def lint_plan(plan: Plan) -> tuple[Finding, ...]:
    """Return what is wrong with the Plan wherever it is applied, in the order of the rules."""
    return tuple(chain.from_iterable(rule(plan) for rule in _RULES))


def batch_size_path(plan: Plan, index: int) -> str:
    """Return the key path of a batch size; a ramp of one value may be written without a list."""
    sizes = plan.strategy.batch_sizes
    return "strategy.batchSize" if len(sizes) == 1 else f"strategy.batchSize[{index}]"


def _nothing_owned(plan: Plan) -> Iterator[Finding]:
    model = plan.model
    if model.image is None and model.vm_size is None and model.upgrade_policy is None:
        yield error(
            "nothing-owned",
            "model",
            "the Plan owns no field of the model, so there is nothing to roll out",
            "name at least one of image, vmSize, upgradePolicy",
        )


def _amount_out_of_range(plan: Plan) -> Iterator[Finding]:
    for path, amount in _amounts(plan):
        if amount.percent and not 1 <= amount.value <= 100:  # noqa: PLR2004 (per cent)
            message = f"{amount} is no share of the instances"
            yield error("percent-out-of-range", path, message, "use 1% to 100%")
        elif amount.value < 1:
            message = f"{amount} instances at a time would never get anywhere"
            yield error("amount-out-of-range", path, message, "use 1 or more")


def _amounts(plan: Plan) -> Iterator[tuple[str, Amount]]:
    for index, size in enumerate(plan.strategy.batch_sizes):
        yield batch_size_path(plan, index), size
    if plan.availability.max_unavailable is not None:
        yield "availability.maxUnavailable", plan.availability.max_unavailable
    if plan.availability.min_in_service is not None:
        yield "availability.minInService", plan.availability.min_in_service


def _impossible_floor(plan: Plan) -> Iterator[Finding]:
    floor = plan.availability.min_in_service
    if floor is not None and floor.percent and floor.value >= 100:  # noqa: PLR2004 (per cent)
        yield error(
            "impossible-floor",
            "availability.minInService",
            f"{floor} of the instances must stay in service, so none can ever be upgraded",
            "lower minInService so that at least one instance may be out of service",
        )


def _batch_larger_than_floor(plan: Plan) -> Iterator[Finding]:
    allowed = plan.availability.max_unavailable
    for index, size in enumerate(plan.strategy.batch_sizes):
        # A number and a percentage can only be compared on a live set.
        if allowed and size.percent == allowed.percent and size.value > allowed.value:
            yield warning(
                "batch-larger-than-floor",
                batch_size_path(plan, index),
                f"a batch of {size} is more than maxUnavailable {allowed}, so it will be split",
                "make the batch smaller, or maxUnavailable larger",
            )


def _contradictory_selectors(plan: Plan) -> Iterator[Finding]:
    include, exclude = plan.strategy.include, plan.strategy.exclude
    for key, field in SELECTOR_KEYS.items():
        both = [value for value in getattr(include, field) if value in getattr(exclude, field)]
        if both:
            named = ", ".join(str(value) for value in both)
            yield error(
                "contradictory-selectors",
                f"strategy.exclude.{key}",
                f"{named} is both included and excluded",
                "name it in only one of include and exclude",
            )


def _pause_in_sliding_window(plan: Plan) -> Iterator[Finding]:
    strategy = plan.strategy
    if strategy.type is StrategyType.SLIDING_WINDOW and strategy.pause_time_between_batches:
        yield error(
            "pause-in-sliding-window",
            "strategy.pauseTimeBetweenBatches",
            "a sliding window has no batches to pause between",
            "leave it out, or use fixedBatch",
        )


def _deadline_too_short(plan: Plan) -> Iterator[Finding]:
    deadline = plan.health.deadline
    if deadline < _BETWEEN_LOOKS:
        yield warning(
            "deadline-too-short",
            "health.deadline",
            f"an instance has {format_duration(deadline)} from its upgrade to be healthy, and is"
            f" looked at every {format_duration(_BETWEEN_LOOKS)}: one that is not healthy at once"
            " has failed",
            "use some minutes",
        )


def _reimage_without_version(plan: Plan) -> Iterator[Finding]:
    image = plan.model.image
    if plan.strategy.method is not Method.REIMAGE:
        return
    if image is None:
        message = "reimage replaces the OS disk, but the Plan owns no image"
    elif not follows_latest(image) and image_version(image) is None:
        message = f"{image_text(image)} has no version by which a reimaged instance can be told"
    else:
        return
    yield error("reimage-without-version", "strategy.method", message, "use method upgrade")


def _upgrade_policy_not_manual(plan: Plan) -> Iterator[Finding]:
    mode = plan.model.upgrade_policy
    if mode not in (None, UpgradeMode.MANUAL):
        yield error(
            "upgrade-policy-not-manual",
            "model.upgradePolicy",
            f"with upgrade policy {mode} Azure replaces instances by itself, past every batch",
            "use Manual",
        )


def _variable_outside_target(plan: Plan) -> Iterator[Finding]:
    for path, text in _texts(plan):
        if "${" in text:
            yield warning(
                "variable-outside-target",
                path,
                "`${...}` is replaced only under target; here it is taken as it stands",
                "write the value itself",
            )


def _texts(plan: Plan) -> Iterator[tuple[str, str]]:
    # Not the commands: `${...}` there may be meant for a shell the command starts.
    image = image_fields(plan.model.image) if plan.model.image is not None else {}
    yield from ((f"model.image.{key}", text) for key, text in image.items())
    yield from http_addresses(plan)


_RULES: tuple[Callable[[Plan], Iterator[Finding]], ...] = (
    _nothing_owned,
    _upgrade_policy_not_manual,
    _variable_outside_target,
    _amount_out_of_range,
    _contradictory_selectors,
    _pause_in_sliding_window,
    _reimage_without_version,
    _impossible_floor,
    _batch_larger_than_floor,
    probe_missing,
    _deadline_too_short,
    gate_in_sliding_window,
    hook_in_sliding_window,
    placeholder_out_of_place,
    secret_in_address,
    no_time_allowed,
    gate_deadline_too_short,
)
