"""What must be true at every request and at every end, judged without asking the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.engine import RunProgram, WriteModel
from vmssplan.engine.instructions import Abort, GoOn, Hold, RollBack
from vmssplan.rollout import HookTime, SetModel, UpgradeBatch, UpgradeWindow
from vmssplan.verifying.facts import Breach, Facts, Property, left_out, named
from vmssplan.verifying.world import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.engine import Measure, ReimageInstances, UpgradeInstances


def judge_request(
    command: UpgradeInstances | ReimageInstances | WriteModel, facts: Facts
) -> Iterator[Breach]:
    """Yield what is wrong with a request that is about to be made."""
    if isinstance(command, WriteModel):
        yield from _judge_write(command, facts)
    else:
        yield from _judge_floor(command.instance_ids, facts)
        yield from _judge_once(command.instance_ids, facts)
        yield from _judge_reviewed(command.instance_ids, facts)
        yield from _judge_strategy(command.instance_ids, facts)
    yield from _judge_operations(facts)
    yield from _judge_turn(command.step, facts)


def judge_question(command: Measure | RunProgram, facts: Facts) -> Iterator[Breach]:
    """Yield what is wrong with a gate or a hook that is about to be asked.

    A hook before a batch drains it: that takes its instances out of service like an operation.
    """
    yield from _judge_turn(command.step, facts)
    if isinstance(command, RunProgram) and command.occasion == HookTime.BEFORE_BATCH.value:
        yield from _judge_floor(command.instance_ids, facts)


def _judge_floor(ids: Sequence[str], facts: Facts) -> Iterator[Breach]:
    told, floor = facts.told, facts.scene.rollout.bounds.floor
    operated = facts.world.operated()
    serving = {i for i, one in told.items() if facts.serves(one) and i not in operated}
    taken = serving.intersection(ids)
    left = len(serving) - len(taken)
    if taken and left < floor:
        text = f"takes {named(taken)} out of service, which leaves {left}; the floor is {floor}"
        yield Breach(Property.FLOOR, text)


def _judge_once(ids: Sequence[str], facts: Facts) -> Iterator[Breach]:
    told = facts.told
    again = [i for i in ids if i in facts.world.operated()]
    if again:
        yield Breach(Property.ONCE, f"operates on {named(again)}, which it operates on already")
    current = [i for i in ids if i in told and facts.is_current(told[i])]
    if current:
        yield Breach(Property.ONCE, f"operates on {named(current)}, which is current")


def _judge_reviewed(ids: Sequence[str], facts: Facts) -> Iterator[Breach]:
    told = facts.told
    step = facts.rollout.steps[min(facts.watch.completed, len(facts.rollout.steps) - 1)]
    mine = step.instance_ids if isinstance(step, UpgradeBatch | UpgradeWindow) else ()
    reviewed = facts.scene.planned | facts.added
    for i in ids:
        if i not in reviewed or i not in mine:
            yield Breach(Property.REVIEWED, f"operates on {i}, which is not in the open step")
        elif not facts.is_there(i):
            yield Breach(Property.REVIEWED, f"operates on {i}, which is another machine, or gone")
        elif told[i].is_protected:
            yield Breach(Property.REVIEWED, f"operates on {i}, which is protected")
    if not facts.rollout.model.is_met_by(facts.scene.ground.models[facts.world.model]):
        yield Breach(Property.REVIEWED, "operates on instances while the model is another one")


def _judge_write(command: WriteModel, facts: Facts) -> Iterator[Breach]:
    step = facts.rollout.steps[min(facts.watch.completed, len(facts.rollout.steps) - 1)]
    if not isinstance(step, SetModel) or step.fields != command.fields:
        yield Breach(Property.REVIEWED, "writes what the open step does not name")
    if command.etag != f'"{facts.world.etag}"':
        yield Breach(Property.REVIEWED, "writes over what it has not seen")
    there = facts.scene.ground.models[facts.world.model]
    for name in ("image", "vm_size", "upgrade_policy"):
        known = [getattr(model, name) for model in facts.scene.known_models]
        if getattr(command.fields, name) is not None and getattr(there, name) not in known:
            yield Breach(Property.REVIEWED, f"writes {name} over a value that nobody reviewed")


def _judge_strategy(ids: Sequence[str], facts: Facts) -> Iterator[Breach]:
    limit = facts.rollout.failure.max_failed_instances
    broken = _broken(ids, facts)
    if len(broken) > limit:
        what = f"goes on with {named(ids)}, although {named(broken)} is not well"
        yield Breach(Property.STRATEGY, what)
    step = facts.rollout.steps[min(facts.watch.completed, len(facts.rollout.steps) - 1)]
    if isinstance(step, UpgradeWindow):
        open_ids = _unproven(step, facts) | set(ids)
        if len(open_ids) > step.window + limit:
            text = f"has {named(open_ids)} under way at once; the window is {step.window}"
            yield Breach(Property.STRATEGY, text)


def _broken(ids: Sequence[str], facts: Facts) -> list[str]:
    """Return what failed, or was upgraded in an earlier step and does not serve."""
    found, operated = [], facts.world.operated()
    earlier = {
        i
        for step in facts.rollout.steps[: facts.watch.completed]
        if isinstance(step, UpgradeBatch | UpgradeWindow)
        for i in step.instance_ids
    }
    for i, one in facts.told.items():
        if i in ids or i in operated or one.is_protected or not facts.is_there(i):
            continue
        is_sick = i in earlier and facts.is_current(one) and not facts.serves(one)
        if (one.is_failed and i in facts.watch.tried) or (
            is_sick and one.vm in facts.watch.operated
        ):
            found.append(i)
    return found


def _unproven(step: UpgradeWindow, facts: Facts) -> set[str]:
    told, operated = facts.told, facts.world.operated()
    return {
        i
        for i in step.instance_ids
        if i in operated
        or (
            facts.is_there(i)
            and told[i].vm in facts.watch.operated
            and facts.is_current(told[i])
            and not facts.is_proven(i)
        )
    }


def _judge_operations(facts: Facts) -> Iterator[Breach]:
    running = [one for one in facts.world.operations if one.status <= Status.RUNNING]
    most = facts.rollout.bounds.max_concurrent_operations
    if len(running) >= most:
        text = f"a further operation beside {len(running)}; at most {most} at a time"
        yield Breach(Property.OPERATIONS, text)
    if not running and facts.world.is_others:
        yield Breach(Property.OPERATIONS, "a request beside the operation of somebody else")
    if facts.now < facts.watch.not_before:
        yield Breach(Property.OPERATIONS, "a request sooner than the service wants it")


def _judge_turn(step: int, facts: Facts) -> Iterator[Breach]:
    watch = facts.watch
    if step != watch.completed + 1 or watch.began < 0:
        text = f"step {step} acts, and step {watch.completed + 1} is the one whose turn it is"
        yield Breach(Property.GATES, text)
    said = facts.inbox[watch.heard :]
    held = [one for one in said if isinstance(one, Hold | GoOn | RollBack)]
    if held and isinstance(held[-1], Hold):
        yield Breach(Property.GATES, f"step {step} acts, although the Run is paused")
    is_back = any(isinstance(one, RollBack) for one in said)
    if not is_back and any(isinstance(one, Abort) for one in said):
        yield Breach(Property.GATES, f"step {step} acts, although the Run was aborted")


def judge_completed(facts: Facts, *, is_back: bool) -> Iterator[Breach]:
    """Yield what is wrong with a Run that says it is complete."""
    if facts.watch.completed != len(facts.rollout.steps):
        yield Breach(Property.GATES, f"it is complete after step {facts.watch.completed}")
    wanted = facts.scene.planned
    if is_back:
        operated = facts.watch.operated
        wanted = frozenset(i for i, one in facts.told.items() if one.vm in operated)
    left = left_out(sorted(wanted), facts)
    if len(left) > facts.rollout.failure.max_failed_instances:
        yield Breach(Property.COMPLETE, f"it is complete, and {named(left)} is outdated")


def judge_halted(facts: Facts, *, is_deadline: bool, is_blind: bool) -> Iterator[Breach]:
    """Yield what is wrong with a Run that ends before its last step."""
    running = [one for one in facts.world.operations if one.status <= Status.RUNNING]
    if running and not is_deadline and not is_blind:
        text = f"it ends while its operation on {named(running[0].ids) or 'the model'} goes on"
        yield Breach(Property.SEEN_THROUGH, text)
