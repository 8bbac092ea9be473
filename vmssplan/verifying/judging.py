"""What must be true at every request and every event, judged without asking the engine.

The `Watch` remembers what a witness would: what was done, what was answered, since when what is
well. In service is what the set itself says at that moment; where a list is behind, what it shows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, assert_never

from vmssplan.engine import RunProgram, WriteModel
from vmssplan.engine.instructions import Abort, Approve, GoOn, Hold, RollBack
from vmssplan.gates import Verdict
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
from vmssplan.verifying.world import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vmssplan.engine import Measure, ReimageInstances, UpgradeInstances
    from vmssplan.engine.instructions import Instruction
    from vmssplan.rollout import Rollout, Step
    from vmssplan.verifying.scene import Scene
    from vmssplan.verifying.world import Machine, World


class Property(StrEnum):
    """What must always be true."""

    FLOOR = "floor"
    ONCE = "once"
    REVIEWED = "reviewed"
    GATES = "gates"
    STRATEGY = "strategy"
    OPERATIONS = "operations"
    COMPLETE = "complete"
    SEEN_THROUGH = "seen through"
    ENDS = "ends"
    SOUND = "sound"


MEANINGS: Mapping[Property, str] = {
    Property.FLOOR: "no start leaves fewer in service than the floor; repairs do not count",
    Property.ONCE: "nothing current, and nothing that is being worked on, is operated on",
    Property.REVIEWED: "only what the Rollout names is operated on or written",
    Property.GATES: "no step, gate, approval, pause or hook is passed by; held means held",
    Property.STRATEGY: "batches wait for those before, windows are kept, failures stop",
    Property.OPERATIONS: "maxConcurrentOperations is kept; what is put off waits its time",
    Property.COMPLETE: "a Run that ends well has left nothing out without a reason",
    Property.SEEN_THROUGH: "a Run ends only when what it started is over, or past its deadline",
    Property.ENDS: "from every state an end is reached, or the Run waits for people",
    Property.SOUND: "the engine has an answer in every state",
}


class Breach(NamedTuple):
    """Something that must always be true, and is not."""

    property: Property
    text: str


class Watch(NamedTuple):
    """What a witness remembers of the Run, times in seconds.

    `completed` is the last step that ended, `began` when the open one did (-1: none is open); then
    how its gate has answered. `well` has since when each upgraded instance is seen to be well,
    `operated` the machines that were worked on, `tried` the instances since the last resume,
    `heard` how many instructions there were then.
    """

    completed: int = 0
    began: int = -1
    row: int = 0
    failed: int = 0
    unsure: int = 0
    errors: int = 0
    is_hook_done: bool = False
    well: tuple[tuple[str, int], ...] = ()
    operated: frozenset[str] = frozenset()
    tried: frozenset[str] = frozenset()
    not_before: int = 0
    heard: int = 0

    def asked_afresh(self) -> Watch:
        """Forget what the gate has answered."""
        return self._replace(row=0, failed=0, unsure=0, errors=0, is_hook_done=False)

    def measured(self, verdict: Verdict) -> Watch:
        """Remember one answer of a gate."""
        return self._replace(
            row=self.row + 1 if verdict is Verdict.SUCCESSFUL else 0,
            failed=self.failed + (verdict is Verdict.FAILED),
            unsure=self.unsure + (verdict is Verdict.INCONCLUSIVE),
            errors=self.errors + 1 if verdict is Verdict.ERROR else 0,
        )

    def unwatched(self, proof: int, now: int) -> Watch:
        """Forget what was not proven yet, because from now on nobody watches."""
        return self._replace(well=tuple(one for one in self.well if now - one[1] >= proof))

    def resumed(self, step: int, heard: int, *, is_open: bool) -> Watch:
        """Begin again where the Run goes on.

        Whoever resumes a Run wants it tried at once, whatever was put off before.
        """
        completed = min(self.completed, step - 1 if is_open else step)
        return self.asked_afresh()._replace(
            completed=completed,
            began=self.began if is_open and completed == self.completed else -1,
            tried=frozenset(),
            not_before=0,
            heard=heard,
        )


class Facts(NamedTuple):
    """What is judged by: the Rollout in force, what is there, what people said, and when."""

    scene: Scene
    rollout: Rollout
    added: frozenset[str]
    world: World
    inbox: Sequence[Instruction]
    watch: Watch
    now: int

    @property
    def told(self) -> dict[str, Machine]:
        """The machines as a look would show them now."""
        return {one.id: one for one in self.world.shown}

    def is_current(self, machine: Machine) -> bool:
        """Tell whether it needs no operation."""
        wanted = self.scene.wanted(self.rollout)
        is_current = self.scene.ground.is_current(machine, self.world.model, wanted)
        return is_current and not machine.is_failed

    def is_there(self, instance_id: str) -> bool:
        """Tell whether that very machine is in the set."""
        machine = self.told.get(instance_id)
        return machine is not None and machine.vm == self.rollout.machines.get(instance_id)

    def is_proven(self, instance_id: str) -> bool:
        """Tell whether it was seen to be well for long enough."""
        proof = self.rollout.health.min_healthy_time.total_seconds()
        return any(i == instance_id and self.now - at >= proof for i, at in self.watch.well)

    def serves(self, machine: Machine) -> bool:
        """Tell whether it is in service."""
        return machine.serves(self.rollout.health.source)


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
        text = f"takes {_named(taken)} out of service, which leaves {left}; the floor is {floor}"
        yield Breach(Property.FLOOR, text)


def _judge_once(ids: Sequence[str], facts: Facts) -> Iterator[Breach]:
    told = facts.told
    again = [i for i in ids if i in facts.world.operated()]
    if again:
        yield Breach(Property.ONCE, f"operates on {_named(again)}, which it operates on already")
    current = [i for i in ids if i in told and facts.is_current(told[i])]
    if current:
        yield Breach(Property.ONCE, f"operates on {_named(current)}, which is current")


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
        what = f"goes on with {_named(ids)}, although {_named(broken)} is not well"
        yield Breach(Property.STRATEGY, what)
    step = facts.rollout.steps[min(facts.watch.completed, len(facts.rollout.steps) - 1)]
    if isinstance(step, UpgradeWindow):
        open_ids = _unproven(step, facts) | set(ids)
        if len(open_ids) > step.window + limit:
            text = f"has {_named(open_ids)} under way at once; the window is {step.window}"
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
            left = _left_out(ids, facts)
            if len(left) > facts.rollout.failure.max_failed_instances:
                return Property.COMPLETE, f"step {number} ends, and {_named(left)} is outdated"
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
    return Property.STRATEGY, f"step {number} ends, and {_named(sick)} is not proven well"


def _is_approved(number: int, facts: Facts) -> bool:
    return any(
        isinstance(one, Approve) and one.step == number and one.digest == facts.scene.digest
        for one in facts.inbox
    )


def _left_out(ids: Sequence[str], facts: Facts) -> list[str]:
    """Return those that are there, could be operated on, and are outdated."""
    told = facts.told
    return [
        i
        for i in ids
        if facts.is_there(i)
        and not facts.is_current(told[i])
        and not told[i].is_protected
        and not (told[i].is_stopped and not told[i].is_failed)
    ]


def judge_completed(facts: Facts, *, is_back: bool) -> Iterator[Breach]:
    """Yield what is wrong with a Run that says it is complete."""
    if facts.watch.completed != len(facts.rollout.steps):
        yield Breach(Property.GATES, f"it is complete after step {facts.watch.completed}")
    wanted = facts.scene.planned
    if is_back:
        operated = facts.watch.operated
        wanted = frozenset(i for i, one in facts.told.items() if one.vm in operated)
    left = _left_out(sorted(wanted), facts)
    if len(left) > facts.rollout.failure.max_failed_instances:
        yield Breach(Property.COMPLETE, f"it is complete, and {_named(left)} is outdated")


def judge_halted(facts: Facts, *, is_deadline: bool, is_blind: bool) -> Iterator[Breach]:
    """Yield what is wrong with a Run that ends before its last step."""
    running = [one for one in facts.world.operations if one.status <= Status.RUNNING]
    if running and not is_deadline and not is_blind:
        text = f"it ends while its operation on {_named(running[0].ids) or 'the model'} goes on"
        yield Breach(Property.SEEN_THROUGH, text)


def _named(ids: Sequence[str] | set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(ids))
