"""The way back: a Rollout computed together with the one it undoes, and reviewed with it.

The instances go back to what most of them ran, batch by batch in the same order, under the same
floor, health, pauses and hooks. Nobody is asked between: approvals are for going forward, and the
application is checked once, at the end, because halfway it is what made us turn round.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from vmssplan.diff import diff_model
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    ModelFields,
    OnFailure,
    follows_latest,
    image_text,
    pinned,
)
from vmssplan.rollout.steps import (
    Approval,
    AwaitHealth,
    Check,
    HookTime,
    Pause,
    PinAutoscale,
    RestoreAutoscale,
    RunHook,
    SetModel,
    Step,
    UpgradeBatch,
    UpgradeWindow,
)
from vmssplan.rollout.values import Disposition, PlannedInstance, Rollback, Rollout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmssplan.model import AutoscaleSetting, ImageReference, Instance, Plan, ScaleSet

T = TypeVar("T")
NOT_TOUCHED = "this Run has not changed it"


def way_back(
    plan: Plan,
    live: ScaleSet,
    wanted: ModelFields,
    outdated: Sequence[Instance],
    work: Sequence[Step],
    settings: tuple[AutoscaleSetting, ...],
    missing_image: str | None,
) -> tuple[Rollback | None, str | None]:
    """Return the Rollback; or None and the reason why there is none.

    Without an instance to upgrade there is neither: nothing has to go back.
    """
    if not outdated:
        return None, None
    before = previous_model(live, wanted, outdated)
    if before == ModelFields():
        return None, "the Plan owns neither image nor vmSize, so nothing is known to go back to"
    if before.is_met_by(wanted):
        return None, "the instances run what is wanted already; what they ran before is not known"
    if before.image is not None and follows_latest(before.image):
        return None, f"which version the instances run of {image_text(before.image)} is not known"
    if missing_image is not None:
        return None, missing_image
    steps: list[Step] = [SetModel(before, diff_model(wanted, before)), *_work_back(plan, work)]
    if plan.autoscale is Autoscale.PIN and settings:
        steps = [PinAutoscale(settings), *steps, RestoreAutoscale()]
    return Rollback(before, tuple(steps), tuple(_notes(live, wanted, before, outdated))), None


def previous_model(
    live: ScaleSet, wanted: ModelFields, outdated: Sequence[Instance]
) -> ModelFields:
    """Return the owned fields as most of the instances have them, exact where they can be.

    The model itself may say `latest`, or be ahead of the instances: what ran is what comes back.
    """
    image = _most_common(_image_run(one, live) for one in outdated)
    vm_size = _most_common(one.vm_size for one in outdated)
    return ModelFields(
        image=image if wanted.image is not None else None,
        vm_size=vm_size if wanted.vm_size is not None else None,
    )


def _most_common(values: Iterable[T]) -> T | None:
    """Return the value that is there most often; None when none is known."""
    known = Counter(one for one in values if one is not None).most_common()
    return known[0][0] if known else None


def _image_run(instance: Instance, live: ScaleSet) -> ImageReference | None:
    image = instance.image or live.model.image
    if image is None or instance.exact_version is None:
        return image
    return pinned(image, instance.exact_version) if follows_latest(image) else image


def _work_back(plan: Plan, work: Sequence[Step]) -> Iterator[Step]:
    yield from (step for step in work if not isinstance(step, Approval | Check))
    ids = tuple(
        i
        for step in work
        if isinstance(step, UpgradeBatch | UpgradeWindow)
        for i in step.instance_ids
    )
    checks = {gate.check: gate.counting for gate in plan.gates}
    for check, counting in checks.items():
        if not isinstance(check, ApprovalGate):
            yield Check(check, counting, None, ids)


def _notes(
    live: ScaleSet, wanted: ModelFields, before: ModelFields, outdated: Sequence[Instance]
) -> Iterator[str]:
    others = [one.instance_id for one in outdated if not one.runs(before)]
    if others:
        ran = "instance ran" if len(others) == 1 else "instances ran"
        names = ", ".join(others)
        yield f"{len(others)} {ran} something else ({names}), and would go back to this too"
    if before.image is not None and not before.is_met_by(live.model):
        yield "the model said otherwise than what most instances ran; it would say what they ran"
    if wanted.upgrade_policy not in (None, live.model.upgrade_policy):
        yield f"upgradePolicy would stay {wanted.upgrade_policy}"


def rollback_of(
    rollout: Rollout,
    instance_ids: Sequence[str],
    added: Sequence[PlannedInstance] = (),
    sick: Sequence[str] = (),
) -> Rollout:
    """Return the way back for these instances; `added` came with the new model during the Run.

    The `sick` go first: as long as they are out of service, the floor may leave no room for any
    other, while curing them needs none.

    Raises ValueError when the Rollout has no way back.
    """
    back = rollout.rollback
    if back is None:
        raise ValueError(rollout.no_way_back or "there is no way back")
    touched = frozenset(instance_ids)
    instances = tuple(_planned_back(one, touched) for one in rollout.instances)
    limit = rollout.bounds.max_unavailable
    ordered = _sick_first(back.steps, touched, frozenset(sick), limit)
    kept = _without_last_pause(list(_renumbered(_kept(ordered, touched))))
    steps = _with_added(kept, tuple(one.instance_id for one in added), limit)
    return replace(
        rollout,
        model=back.model,
        failure=replace(rollout.failure, on_failure=OnFailure.FREEZE),
        fingerprint=replace(rollout.fingerprint, model=_written(rollout)),
        steps=tuple(steps),
        instances=(*instances, *added),
        notes=back.notes,
        rollback=None,
        no_way_back="this is the way back",
    )


def _written(rollout: Rollout) -> ModelFields:
    """Return what the model says when the Rollout has written it."""
    seen, wanted = rollout.fingerprint.model, rollout.model
    return ModelFields(
        wanted.image or seen.image,
        wanted.vm_size or seen.vm_size,
        wanted.upgrade_policy or seen.upgrade_policy,
    )


def _planned_back(one: PlannedInstance, touched: frozenset[str]) -> PlannedInstance:
    if one.instance_id in touched:
        return replace(one, reason="goes back")
    return replace(one, disposition=Disposition.SKIPPED, reason=NOT_TOUCHED)


def _sick_first(
    steps: Sequence[Step], touched: frozenset[str], sick: frozenset[str], limit: int
) -> list[Step]:
    """Take the sick out of their batches, and into batches of their own before all others."""
    first = tuple(
        i
        for step in steps
        if isinstance(step, UpgradeBatch | UpgradeWindow)
        for i in step.instance_ids
        if i in sick & touched
    )
    rest: list[Step] = []
    for step in steps:
        if isinstance(step, UpgradeBatch | RunHook):
            ids = tuple(i for i in step.instance_ids if i not in sick)
            rest.append(replace(step, instance_ids=ids))
        elif isinstance(step, UpgradeWindow):
            ids = tuple(i for i in step.instance_ids if i not in sick)
            rest.append(replace(step, instance_ids=(*first, *ids)))
        else:
            rest.append(step)
    at = next(n for n, step in enumerate(steps, 1) if isinstance(step, SetModel))
    return [*rest[:at], *_cure(steps, first, limit), *rest[at:]]


def _cure(steps: Sequence[Step], ids: tuple[str, ...], limit: int) -> Iterator[Step]:
    """Yield batches of these alone, with the hooks of all others; none where there is a window."""
    batches = [step.batch for step in steps if isinstance(step, UpgradeBatch)]
    hooks = {step.time: step for step in steps if isinstance(step, RunHook)}
    if not batches:
        return
    for start in range(0, len(ids), limit):
        part, number = ids[start : start + limit], max(batches) + 1 + start
        around = {
            time: replace(hook, batch=number, instance_ids=part) for time, hook in hooks.items()
        }
        if HookTime.BEFORE_BATCH in around:
            yield around[HookTime.BEFORE_BATCH]
        yield UpgradeBatch(number, part, "out of service")
        yield AwaitHealth(number)
        if HookTime.AFTER_BATCH in around:
            yield around[HookTime.AFTER_BATCH]


def _kept(steps: Sequence[Step], touched: frozenset[str]) -> Iterator[Step]:
    """Yield the steps with these instances; a batch without any is left out with its pause."""
    is_empty = False
    for step in steps:
        match step:
            case UpgradeBatch() | UpgradeWindow() | RunHook():
                ids = tuple(i for i in step.instance_ids if i in touched)
                is_empty = not ids
                if ids:
                    yield replace(step, instance_ids=ids)
            case AwaitHealth() | Pause():
                if not is_empty:
                    yield step
            case Check():
                yield replace(
                    step, instance_ids=tuple(i for i in step.instance_ids if i in touched)
                )
            case _:
                yield step


def _without_last_pause(steps: list[Step]) -> list[Step]:
    """Leave out a pause behind which no batch is left."""
    upgrades = [n for n, step in enumerate(steps) if isinstance(step, UpgradeBatch)]
    last = upgrades[-1] if upgrades else len(steps)
    return [step for n, step in enumerate(steps) if n < last or not isinstance(step, Pause)]


def _renumbered(steps: Iterator[Step]) -> Iterator[Step]:
    numbers: dict[int, int] = {}
    for step in steps:
        if isinstance(step, UpgradeBatch | AwaitHealth | RunHook):
            number = numbers.setdefault(step.batch, len(numbers) + 1)
            yield replace(step, batch=number)
        else:
            yield step


def _with_added(steps: Sequence[Step], ids: tuple[str, ...], limit: int) -> list[Step]:
    """Put what came during the Run behind the rest, no more at a time than may be out."""
    last = max(
        n
        for n, step in enumerate(steps, 1)
        if isinstance(step, SetModel | AwaitHealth | UpgradeWindow)
    )
    number = max((step.batch for step in steps if isinstance(step, UpgradeBatch)), default=0)
    while last < len(steps) and isinstance(steps[last], RunHook):
        last += 1
    more: list[Step] = []
    for start in range(0, len(ids), limit):
        number += 1
        part = ids[start : start + limit]
        more += [UpgradeBatch(number, part, "came meanwhile"), AwaitHealth(number)]
    return [*steps[:last], *more, *steps[last:]]
