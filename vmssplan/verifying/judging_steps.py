"""What must be true of every step that begins or ends, judged without asking the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.engine.instructions import Approve
from vmssplan.rollout import (
    Approval,
    AwaitHealth,
    Check,
    HookTime,
    Pause,
    RunHook,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
)
from vmssplan.verifying.facts import Breach, Facts, Property, left_out, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.rollout import Step


def judge_step_begun(number: int, facts: Facts) -> Iterator[Breach]:
    """Yield what is wrong with a step that begins."""
    if number != facts.watch.completed + 1:
        text = f"step {number} begins after step {facts.watch.completed}"
        yield Breach(Property.GATES, text)


def judge_step_done(number: int, facts: Facts) -> Iterator[Breach]:
    """Yield what is wrong with a step that is called done."""
    watch = facts.watch
    if number != watch.completed + 1 or watch.began < 0:
        yield Breach(Property.GATES, f"step {number} ends, and was not open")
        return
    why = _not_done(facts.rollout.steps[number - 1], number, facts)
    if why is not None:
        yield Breach(*why)


def _not_done(step: Step, number: int, facts: Facts) -> tuple[Property, str] | None:
    """Say what is not done of a step that is called done; None when all is."""
    match step:
        case Approval() | Check() | Pause() | RunHook():
            return _not_passed(step, number, facts)
        case AwaitHealth(batch=batch):
            return _not_well(batch, number, facts)
        case UpgradeBatch(instance_ids=ids) | UpgradeWindow(instance_ids=ids):
            left = left_out(ids, facts)
            if len(left) > facts.rollout.failure.max_failed_instances:
                return Property.COMPLETE, f"step {number} ends, and {named(left)} is outdated"
        case SetModel(fields=fields):
            if not fields.is_met_by(facts.scene.ground.models[facts.world.model]):
                return Property.REVIEWED, f"step {number} ends, and the model says otherwise"
        case _:
            return None
    return None


def _not_passed(
    step: Approval | Check | Pause | RunHook, number: int, facts: Facts
) -> tuple[Property, str] | None:
    """Say what of that which stands between batches was passed by."""
    watch = facts.watch
    match step:
        case Approval():
            if not _is_approved(number, facts):
                return Property.GATES, f"step {number} passes, and nobody has approved it"
        case Check(counting=counting):
            is_bad = (
                watch.row < max(1, counting.consecutive_successes)
                or watch.failed > counting.failure_limit
                or watch.unsure > counting.inconclusive_limit
                or watch.errors > counting.consecutive_error_limit
            )
            if is_bad:
                return Property.GATES, f"the gate of step {number} passes on {watch.row} successes"
        case Pause(duration=duration):
            if facts.now - watch.began < duration.total_seconds():
                return Property.GATES, f"the pause of step {number} is cut short"
        case RunHook(instance_ids=ids):
            if not watch.is_hook_done and any(facts.is_there(i) for i in ids):
                return _unless_skipped(step, number, facts)
        case _:
            assert_never(step)
    return None


def _unless_skipped(step: RunHook, number: int, facts: Facts) -> tuple[Property, str] | None:
    """A hook may be passed by where its instances have nothing left to be done."""
    told = facts.told
    before = step.time is HookTime.BEFORE_BATCH
    open_ids = [
        i
        for i in step.instance_ids
        if facts.is_there(i)
        and facts.is_current(told[i]) is not before
        and not told[i].is_protected
        and not told[i].is_stopped
        and not told[i].is_failed
    ]
    if not open_ids:
        return None
    return Property.GATES, f"the hook of step {number} is passed by, and it has not succeeded"


def _not_well(batch: int, number: int, facts: Facts) -> tuple[Property, str] | None:
    ids = [
        i
        for step in facts.rollout.steps
        if isinstance(step, UpgradeBatch) and step.batch == batch
        for i in step.instance_ids
    ]
    told = facts.told
    sick = [
        i for i in ids if facts.is_there(i) and facts.is_current(told[i]) and not facts.is_proven(i)
    ]
    if len(sick) <= facts.rollout.failure.max_failed_instances:
        return None
    return Property.STRATEGY, f"step {number} ends, and {named(sick)} is not proven well"


def _is_approved(number: int, facts: Facts) -> bool:
    return any(
        isinstance(one, Approve) and one.step == number and one.digest == facts.scene.digest
        for one in facts.inbox
    )
