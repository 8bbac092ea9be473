"""The faults, with the scene in which each shows, how much trouble it takes, and what it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.planted.making import Fault
from tests.support.values import at_most, current, instance, minutes, scale_set, strategy
from vmssplan.model import (
    ApprovalGate,
    CommandProbe,
    Counting,
    Failure,
    Gate,
    HealthState,
    Hooks,
    HttpProbe,
    OnFailure,
    ScaleSet,
)
from vmssplan.verifying import Group, Property

SICK = instance("0", application_health=HealthState.UNHEALTHY)
FAILED = instance("0", provisioning_state="Failed")
OTHER = current("2", application_health=HealthState.UNHEALTHY)


@dataclass(frozen=True, slots=True)
class Setting:
    """A live set, and what the Plan for it says besides the usual."""

    live: ScaleSet
    plan: Mapping[str, Any]


_CHECK = Gate(HttpProbe("https://status.invalid/ready"), 1, Counting(consecutive_successes=2))
SETTINGS: Mapping[str, Setting] = {
    "two by one": Setting(scale_set(2), {}),
    "with a sick one": Setting(scale_set([SICK, instance("1"), instance("2")]), {}),
    "with a failed one": Setting(scale_set([FAILED, instance("1"), instance("2")]), {}),
    "loose floor": Setting(scale_set(3), {"availability": at_most(2)}),
    "beside a sick one": Setting(
        scale_set([instance("0"), instance("1"), OTHER]),
        {"strategy": strategy("slidingWindow", 2), "availability": at_most(2)},
    ),
    "beside a sick one, by two": Setting(
        scale_set([instance("0"), instance("1"), OTHER]),
        {"strategy": strategy("slidingWindow", 2), "availability": at_most(2, operations=2)},
    ),
    "window": Setting(
        scale_set(3), {"strategy": strategy("slidingWindow", 1), "availability": at_most(2)}
    ),
    "four in a window": Setting(
        scale_set(4), {"strategy": strategy("slidingWindow", 2), "availability": at_most(2)}
    ),
    "approval": Setting(scale_set(2), {"gates": (Gate(ApprovalGate("well?"), 1),)}),
    "gate": Setting(scale_set(2), {"gates": (_CHECK,)}),
    "hooks": Setting(
        scale_set(2), {"hooks": Hooks(CommandProbe(("./drain",)), CommandProbe(("./undrain",)))}
    ),
    "pause": Setting(scale_set(2), {"strategy": strategy(pause_time_between_batches=minutes(2))}),
    "rollback": Setting(scale_set(2), {"failure": Failure(0, OnFailure.ROLLBACK)}),
}


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault, the setting in which it shows, with how much trouble of which kinds, what it breaks.

    Kinds of trouble that have nothing to do with it are left out where that saves time.
    """

    fault: Fault
    setting: str
    troubles: int
    breaks: Property
    groups: frozenset[Group] = frozenset(Group)


_NEXT = "\n" + 16 * " "


def _fault(name: str, module: str, before: str, after: str) -> Fault:
    return Fault(name, module, before, after)


PLANTED = (
    Planted(
        _fault(
            "the floor is off by one",
            "upgrading",
            "room = in_service(state, live) - state.rollout.bounds.floor",
            "room = in_service(state, live) - state.rollout.bounds.floor + 1",
        ),
        "with a sick one",
        1,
        Property.FLOOR,
    ),
    Planted(
        _fault(
            "a healthy instance with a failed operation counts as a repair",
            "upgrading",
            "if instance.instance_id in serving:",
            'if instance.instance_id in serving and instance.provisioning_state != "Failed":',
        ),
        "with a failed one",
        1,
        Property.FLOOR,
    ),
    Planted(
        _fault(
            "what is operated on counts as in service",
            "upgrading",
            "return len(live.serving(state.rollout.health.source) - operated)",
            "return len(live.serving(state.rollout.health.source))",
        ),
        "beside a sick one, by two",
        1,
        Property.FLOOR,
    ),
    Planted(
        _fault(
            "room is not used up by what was just chosen",
            "upgrading",
            "            room -= 1\n",
            "            room -= 0\n",
        ),
        "beside a sick one",
        0,
        Property.FLOOR,
    ),
    Planted(
        _fault(
            "draining a batch asks for no room",
            "passing",
            "if is_before and not has_room(ids, state, live):",
            "if False and not has_room(ids, state, live):",
        ),
        "hooks",
        1,
        Property.FLOOR,
    ),
    Planted(
        _fault(
            "the window is one larger",
            "decision",
            "room = window - len(operating) - len(awaiting)",
            "room = window + 1 - len(operating) - len(awaiting)",
        ),
        "window",
        0,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "a window forgets what is not healthy yet",
            "decision",
            "room = window - len(operating) - len(awaiting)",
            "room = window - len(operating)",
        ),
        "window",
        0,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "nobody waits for a batch to be healthy",
            "decision",
            "return wait(state, now) if state.standing.members(Phase.AWAITING) else None",
            "return None",
        ),
        "two by one",
        0,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "a ready instance that falls sick is ignored",
            "evidence",
            "    yield from standing.fallen(serving)\n",
            "",
        ),
        "loose floor",
        1,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "health needs no time to be proven",
            "evolution",
            f"one.phase,{_NEXT}one.step,{_NEXT}one.upgraded_at,{_NEXT}at,",
            f"Phase.READY,{_NEXT}one.step,{_NEXT}one.upgraded_at,{_NEXT}at,",
        ),
        "two by one",
        0,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "a resumed Run takes health for proven that nobody watched",
            "evolution",
            "return replace(one, healthy_since=None) if one.phase is Phase.AWAITING else one",
            "return one",
        ),
        "two by one",
        1,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "one failure more is tolerated",
            "stopping",
            "if len(failures) <= state.rollout.failure.max_failed_instances:",
            "if len(failures) <= state.rollout.failure.max_failed_instances + 1:",
        ),
        "two by one",
        1,
        Property.STRATEGY,
    ),
    Planted(
        _fault(
            "one operation more is begun",
            "decision",
            "is_full = len(state.in_flight) >= state.rollout.bounds.max_concurrent_operations",
            "is_full = len(state.in_flight) > state.rollout.bounds.max_concurrent_operations",
        ),
        "four in a window",
        0,
        Property.OPERATIONS,
    ),
    Planted(
        _fault(
            "what is put off is tried at once",
            "decision",
            "if state.deferral is not None and now < state.deferral.until:",
            "if False:",
        ),
        "two by one",
        1,
        Property.OPERATIONS,
    ),
    Planted(
        _fault(
            "a set that is busy with something else is not noticed",
            "upgrading",
            "if not state.in_flight and live.scale_set.provisioning_state in BUSY_STATES:",
            "if False:",
        ),
        "two by one",
        1,
        Property.OPERATIONS,
    ),
    Planted(
        _fault(
            "doubt is settled before the request can have arrived",
            "evidence",
            "if report is None and now < request.intended_at + SETTLE_TIME:",
            "if False:",
        ),
        "two by one",
        1,
        Property.OPERATIONS,
    ),
    Planted(
        _fault(
            "what somebody else has upgraded is upgraded again",
            "evidence",
            "elif instance.is_current(rollout.model) and instance.provisioning_state != FAILED:",
            "elif False:",
        ),
        "two by one",
        1,
        Property.ONCE,
    ),
    Planted(
        _fault(
            "a resumed Run forgets what is in flight",
            "evolution",
            "in_flight=tuple(replace(one, is_in_doubt=True) for one in state.in_flight),",
            "in_flight=(),",
        ),
        "two by one",
        1,
        Property.ENDS,
    ),
    Planted(
        _fault(
            "an instance id is taken for the machine",
            "evidence",
            "if instance is None or instance.vm_id != machines[instance_id]:\n"
            "            yield ev.InstanceSkipped(now, instance_id, GONE)\n"
            "        elif instance.is_busy:",
            "if instance is None:\n"
            "            yield ev.InstanceSkipped(now, instance_id, GONE)\n"
            "        elif instance.is_busy:",
        ),
        "two by one",
        2,
        Property.REVIEWED,
        frozenset({Group.SCALE, Group.SERVICE}),
    ),
    Planted(
        _fault(
            "protection is not seen when it comes late",
            "evidence",
            "        elif instance.protected_from_scale_set_actions:\n"
            "            yield ev.InstanceSkipped(now, instance_id, PROTECTED)\n",
            "",
        ),
        "two by one",
        1,
        Property.REVIEWED,
    ),
    Planted(
        _fault(
            "somebody's change of the model is not noticed",
            "stopping",
            "drift = _drift_after_write(state, live) or _scaled(state, live)",
            "drift = _scaled(state, live)",
        ),
        "two by one",
        1,
        Property.REVIEWED,
    ),
    Planted(
        _fault(
            "the model is written over what nobody reviewed",
            "decision",
            "drift = _drift_before_write(step, state, live)",
            "drift = None",
        ),
        "two by one",
        2,
        Property.REVIEWED,
        frozenset({Group.OTHERS, Group.SERVICE}),
    ),
    Planted(
        _fault(
            "an approval is not waited for",
            "passing",
            "    approval = people.approved.get(state.step)\n",
            '    approval = people.approved.get(state.step)\n    return Passed("")\n',
        ),
        "approval",
        0,
        Property.GATES,
    ),
    Planted(
        _fault(
            "the approval of another Rollout counts",
            "following",
            "if isinstance(one, Approve) and one.digest != state.digest:",
            "if False:",
        ),
        "approval",
        1,
        Property.GATES,
    ),
    Planted(
        _fault(
            "a gate that failed passes",
            "passing",
            'return Stop(ExitCode.GATE, f"gate failed: {judgement.reason}", is_failure=True)',
            'return Passed("")',
        ),
        "gate",
        1,
        Property.GATES,
    ),
    Planted(
        _fault(
            "a gate keeps its answers over a resume",
            "evolution",
            "        tally=Tally(),\n        hook=None,\n        people=replace(",
            "        hook=None,\n        people=replace(",
        ),
        "gate",
        1,
        Property.GATES,
    ),
    Planted(
        _fault(
            "a hook that failed passes",
            "passing",
            "if state.hook.verdict is Verdict.SUCCESSFUL:",
            "if True:",
        ),
        "hooks",
        1,
        Property.GATES,
    ),
    Planted(
        _fault(
            "a pause is over when it begins",
            "decision",
            "return None if now >= end else wait(state, now, end)",
            "return None",
        ),
        "pause",
        0,
        Property.GATES,
    ),
    Planted(
        _fault(
            "a paused Run goes on",
            "decision",
            "if state.people.held is not None:",
            "if False:",
        ),
        "two by one",
        1,
        Property.GATES,
    ),
    Planted(
        _fault(
            "an aborted Run goes on",
            "stopping",
            "if people.cancel is not None:",
            "if False:",
        ),
        "two by one",
        1,
        Property.GATES,
    ),
    Planted(
        _fault(
            "what never started is left out",
            "evolution",
            "            return Progress(Phase.PENDING, one.step)\n        case ev.InstanceSkipped",
            "            return Progress(Phase.READY, one.step)\n        case ev.InstanceSkipped",
        ),
        "two by one",
        1,
        Property.COMPLETE,
    ),
    Planted(
        _fault(
            "a resumed Run forgets what failed",
            "evolution",
            "            return Progress(Phase.PENDING, one.step)\n"
            "        return Progress(Phase.AWAITING, one.step, upgraded_at=at)",
            "            return Progress(Phase.SKIPPED, one.step)\n"
            "        return Progress(Phase.AWAITING, one.step, upgraded_at=at)",
        ),
        "two by one",
        2,
        Property.COMPLETE,
        frozenset({Group.FAILURE, Group.PEOPLE}),
    ),
    Planted(
        _fault(
            "the way back leaves out what failed",
            "evolution",
            "back = rollback_of(state.rollout, event.instance_ids, event.added, event.sick)",
            "back = rollback_of(\n"
            "        state.rollout,\n"
            "        tuple(i for i in event.instance_ids if i not in event.sick),\n"
            "        event.added,\n"
            "        event.sick,\n"
            "    )",
        ),
        "rollback",
        1,
        Property.COMPLETE,
    ),
    Planted(
        _fault(
            "a Run stops while something is in flight",
            "stopping",
            "        return None\n    return must_not_start(state, live)",
            "    return must_not_start(state, live)",
        ),
        "two by one",
        1,
        Property.SEEN_THROUGH,
    ),
    Planted(
        _fault(
            "an operation has no deadline",
            "stopping",
            "if now - oldest >= OPERATION_DEADLINE:",
            "if False:",
        ),
        "two by one",
        0,
        Property.ENDS,
    ),
    Planted(
        _fault(
            "health has no deadline",
            "evidence",
            "            case Verdict.FAILED:\n                limit",
            "            case Verdict.ERROR:\n                limit",
        ),
        "two by one",
        0,
        Property.ENDS,
    ),
    Planted(
        _fault(
            "the floor is waited for without end",
            "upgrading",
            "return floor_too_long(state, now) or wait(state, now)",
            "return wait(state, now)",
        ),
        "two by one",
        1,
        Property.ENDS,
    ),
    Planted(
        _fault(
            "a request that was put off still counts as made",
            "evolution",
            "return _with_phase(structs.replace(state, in_flight=rest), ids, Phase.PENDING)",
            "return structs.replace(state, in_flight=rest)",
        ),
        "two by one",
        1,
        Property.ENDS,
    ),
    Planted(
        _fault(
            "an instance that is gone is waited for",
            "evidence",
            "if one.phase is Phase.AWAITING:\n                return ev.InstanceSkipped",
            "if False:\n                return ev.InstanceSkipped",
        ),
        "two by one",
        1,
        Property.ENDS,
    ),
    Planted(
        _fault(
            "the window is asked for an instance that is not there",
            "evidence",
            "        if instance is None or instance.vm_id != machines[instance_id]:\n"
            "            yield ev.InstanceSkipped(now, instance_id, GONE)\n"
            "        elif instance.is_busy:",
            "        if instance is None or instance.vm_id != machines[instance_id]:\n"
            "            continue\n"
            "        elif instance.is_busy:",
        ),
        "two by one",
        1,
        Property.SOUND,
    ),
)
