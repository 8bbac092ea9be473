"""Rollouts, Runs and scale sets for the tests of the reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.copying import replace
from tests.support.values import (
    NEW,
    START,
    at_most,
    autoscale_setting,
    current,
    instance,
    instances,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.engine import Phase, Progress, RunState, evolve
from vmssplan.engine import events as ev
from vmssplan.gates import Verdict
from vmssplan.model import ApprovalGate, CommandProbe, Gate, Hooks, HttpProbe, Method
from vmssplan.rollout import Disposition, PlannedInstance, UpgradeBatch, UpgradeWindow, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vmssplan.engine import Event
    from vmssplan.model import Instance, ScaleSet
    from vmssplan.rollout import Rollout

RUN = "web-1"


def regional(members: int | Iterable[Instance]) -> ScaleSet:
    """Return a set without zones: update domains by fault domains."""
    many = instances(members) if isinstance(members, int) else members
    return scale_set(replace(one, zone=None) for one in many)


def zonal(count: int) -> ScaleSet:
    """Return a set over three zones, without update domains."""
    return scale_set(replace(one, update_domain=None) for one in instances(count))


def flexible(count: int) -> ScaleSet:
    """Return a set without any domain, with names for ids as a Flexible one has."""
    bare = {"update_domain": None, "fault_domain": None, "zone": None}
    return scale_set(instance(f"web_{number:08x}", **bare) for number in range(count))


def twelve() -> Rollout:
    """Return the everyday Rollout: of twelve, one is protected and two are current."""
    members = list(instances(12))
    members[3], members[8] = current("3"), current("8")
    members[7] = replace(members[7], protected_from_scale_set_actions=True)
    how = strategy("fixedBatch", "25%", pause_time_between_batches=seconds(120))
    return rollout(regional(members), strategy=how, availability=at_most("25%"))


def begun(plan: Rollout) -> list[Event]:
    """Return the Events up to the first upgrade: started, model written."""
    return [
        ev.RunStarted(START, RUN, digest(plan)),
        ev.StepStarted(START, 1),
        ev.ModelWriteIntended(START, 1, 1, '"1"'),
        ev.OperationAccepted(START, 1, "op-1"),
        ev.OperationEnded(START + seconds(20), 1, "Succeeded"),
        ev.StepCompleted(START + seconds(20), 1),
    ]


def with_phases(plan: Rollout, phases: Mapping[str, Phase], step: int = 2) -> RunState:
    """Return the state in which these instances are in these phases."""
    state = RunState.begin(plan)
    moved = {i: Progress(phase, state.progress[i].step) for i, phase in phases.items()}
    return replace(state, run=RUN, step=step, progress={**state.progress, **moved})


def spread(plan: Rollout) -> RunState:
    """Return a state in which every phase occurs, in turns over the instances in their order."""
    ids = [
        i
        for step in plan.steps
        if isinstance(step, UpgradeBatch | UpgradeWindow)
        for i in step.instance_ids
    ]
    phases = (Phase.READY, Phase.READY, Phase.AWAITING, Phase.OPERATING, Phase.FAILED)
    done = len(ids) * 2 // 3
    return with_phases(plan, {i: phases[n % len(phases)] for n, i in enumerate(ids[:done])})


def guarded() -> Rollout:
    """Return a Rollout with all that can stand between two batches, and around them."""
    return rollout(
        regional(4),
        (autoscale_setting(),),
        strategy=strategy("fixedBatch", 2),
        gates=(
            Gate(ApprovalGate("canary looks right?"), 1),
            Gate(HttpProbe("https://web.invalid/ok")),
        ),
        hooks=Hooks(CommandProbe(("./drain.sh",)), CommandProbe(("./undrain.sh",))),
    )


def guarded_batch() -> list[Event]:
    """Return the Events of a Run of `guarded` up to its approval, at step 7."""
    return [
        ev.RunStarted(START, RUN, digest(guarded()), waits=True),
        ev.StepStarted(START, 1),
        ev.AutoscalePinIntended(START, (autoscale_setting(),), 4),
        ev.AutoscaleDeferred(START, START + seconds(15), "TooManyRequests", "Slow down."),
        ev.AutoscalePinned(START + seconds(15)),
        ev.StepCompleted(START + seconds(15), 1),
        ev.StepStarted(START + seconds(15), 2),
        ev.StepCompleted(START + seconds(30), 2),
        ev.StepStarted(START + seconds(30), 3),
        ev.HookStarted(START + seconds(30), 3),
        ev.HookEnded(START + seconds(40), 3, Verdict.SUCCESSFUL, "exit code 0"),
        ev.StepCompleted(START + seconds(40), 3, "exit code 0"),
        ev.StepStarted(START + seconds(40), 4),
        ev.UpgradeIntended(START + seconds(40), 2, 4, Method.UPGRADE, ("0", "1")),
        *(ev.InstanceUpgraded(START + seconds(180), i) for i in "01"),
        ev.OperationEnded(START + seconds(180), 2, "Succeeded"),
        ev.StepCompleted(START + seconds(180), 4),
        ev.StepStarted(START + seconds(180), 5),
        *(ev.InstanceReady(START + seconds(220), i) for i in "01"),
        ev.StepCompleted(START + seconds(220), 5),
        ev.StepStarted(START + seconds(220), 6),
        ev.HookStarted(START + seconds(220), 6),
        ev.HookEnded(START + seconds(230), 6, Verdict.FAILED, "exit code 1"),
        ev.StopDecided(START + seconds(230), 11, "hook afterBatch of batch 1: exit code 1"),
        ev.AutoscaleRestored(START + seconds(230), ("web-autoscale is gone",)),
        ev.RunHalted(START + seconds(230), 6, 11, "hook afterBatch of batch 1: exit code 1"),
        ev.RunResumed(START + seconds(300), waits=True),
        ev.AutoscalePinIntended(START + seconds(300), (autoscale_setting(),), 4),
        ev.AutoscalePinned(START + seconds(300)),
        ev.HookEnded(START + seconds(310), 6, Verdict.SUCCESSFUL, "exit code 0"),
        ev.StepCompleted(START + seconds(310), 6, "exit code 0"),
        ev.InstanceAppeared(START + seconds(310), appeared("40", NEW), is_current=True),
        ev.InstanceAppeared(START + seconds(310), appeared("41", "1.9.0"), is_current=False),
        ev.StepStarted(START + seconds(310), 7),
        ev.ApprovalAwaited(START + seconds(310), 7),
    ]


def people() -> list[Event]:
    """Return what follows when people say no, then yes, hold the Run and let it go on."""
    return [
        ev.InstructionIgnored(START + seconds(320), "1", "step 3 is no approval"),
        ev.ApprovalRefused(START + seconds(330), "2", "bob@desk", 7, "error rate\ndoubled"),
        ev.StopDecided(START + seconds(330), 11, "bob@desk did not approve step 7"),
        ev.AutoscaleLeftPinned(START + seconds(900), "Forbidden: No."),
        ev.RunHalted(START + seconds(900), 7, 11, "bob@desk did not approve step 7"),
        ev.RunResumed(START + seconds(960), waits=True),
        ev.AutoscalePinned(START + seconds(960)),
        ev.ApprovalGiven(
            START + seconds(960), "3", "ann@desk", START + seconds(950), 7, digest(guarded())
        ),
        ev.StepCompleted(START + seconds(960), 7, "approved by ann@desk"),
        ev.RunHeld(START + seconds(960), "4", "ann@desk", "paused by ann@desk"),
        ev.RunContinued(START + seconds(990), "5", "ann@desk"),
        ev.StepStarted(START + seconds(990), 8),
        ev.GateMeasured(START + seconds(990), 8, Verdict.INCONCLUSIVE, "exit code 75"),
        ev.GateMeasured(START + seconds(1000), 8, Verdict.SUCCESSFUL, "200"),
        ev.StepCompleted(START + seconds(1000), 8, "1 in a row"),
        ev.RunHeld(START + seconds(1000), "", "the gate", "gate is inconclusive: exit code 75"),
        ev.RollbackRequested(START + seconds(1010), "6", "ann@desk"),
    ]


def way_back() -> list[Event]:
    """Return what follows when the Run turns round, up to the end of its first batch."""
    return [
        ev.RollbackStarted(
            START + seconds(1020), "ann@desk asked to roll back", ("0", "1"), (appeared("40", NEW),)
        ),
        ev.StepStarted(START + seconds(1020), 1),
        ev.StepCompleted(START + seconds(1020), 1),
        ev.StepStarted(START + seconds(1020), 2),
        ev.StepCompleted(START + seconds(1040), 2),
        ev.StepStarted(START + seconds(1040), 3),
        ev.StepCompleted(START + seconds(1050), 3, "exit code 0"),
        ev.StepStarted(START + seconds(1050), 4),
        ev.UpgradeIntended(START + seconds(1050), 4, 4, Method.UPGRADE, ("0", "1")),
        *(ev.InstanceUpgraded(START + seconds(1190), i) for i in "01"),
        ev.OperationEnded(START + seconds(1190), 4, "Succeeded"),
        ev.StepCompleted(START + seconds(1190), 4),
        ev.StepStarted(START + seconds(1190), 5),
    ]


def appeared(instance_id: str, version: str) -> PlannedInstance:
    """Return an instance that is not in the Rollout."""
    return PlannedInstance(
        instance_id, f"vm-{instance_id}", Disposition.UPGRADE, "came during the Run", version, True
    )


def in_force(made: Rollout, events: Iterable[Event]) -> Iterator[tuple[Event, Rollout]]:
    """Yield each Event with the Rollout that is in force after it."""
    state = RunState.begin(made)
    for event in events:
        state = evolve(state, event)
        yield event, state.rollout
