"""Small Runs that really happened, in simulated worlds, for the tests of what is told of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.copying import replace
from tests.support.runs import MemoryInbox, MemoryJournal, Nobody, compute, executor
from tests.support.values import START, at_most, plan, strategy
from tests.worlds import make_world
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.engine import Event, Phase, RunState
from vmssplan.engine import events as ev
from vmssplan.engine.events import RunStarted
from vmssplan.engine.instructions import Approve, Reject
from vmssplan.model import ApprovalGate, Failure, Gate, OnFailure
from vmssplan.rollout import Rollout, digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.executor import Watcher
    from vmssplan.model import Plan, ScaleSet

RUN = "web-1"
APPROVAL_STEP = 4
BROKEN = {
    "name": "no room for instance 2",
    "match": {"operations": ["upgrade"], "instanceIds": ["2"]},
    "effect": {"allocationFailed": {}},
}


@dataclass
class Looks(Nobody):
    """A Watcher that remembers how many were in service at each look, nobody operated on."""

    seen: list[int] = field(default_factory=list)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Count."""
        super().looked(scale_set, state, now)
        operated = set(state.ids(Phase.OPERATING))
        serving = scale_set.serving(state.rollout.health.source)
        self.seen.append(len(serving - operated))


@dataclass(frozen=True, slots=True)
class Story:
    """One Run, and what was seen on its way."""

    rollout: Rollout
    events: tuple[Event, ...]
    ended: RunState
    seen: tuple[int, ...]


def in_pairs(**changes: Any) -> Plan:
    """Return a Plan that upgrades two at a time."""
    return plan(strategy=strategy("fixedBatch", 2), availability=at_most(2), **changes)


def lived(
    wanted: Plan,
    faults: Sequence[dict[str, Any]] = (),
    inbox: MemoryInbox | None = None,
    watcher: Watcher | None = None,
    **world: Any,
) -> Story:
    """Live through a Run that waits for people, on a small set."""
    made = make_world(faults=list(faults), **world)
    rollout = compute(made, wanted)
    journal, looks = MemoryJournal(), Looks()
    begun = executor(rollout, SimulatedBackend(made), SimulatedClock(made), journal, inbox)
    begun.watcher = watcher or looks
    opening = RunStarted(START, RUN, digest(rollout), waits=True)
    ended = asyncio.run(begun.run(opening))
    return Story(rollout, tuple(journal.events), ended, tuple(looks.seen))


def complete() -> Story:
    """Return one in which everything goes well."""
    return lived(in_pairs())


def halted() -> Story:
    """Return one that an instance stops, in the second batch."""
    return lived(in_pairs(), [BROKEN])


def rolled_back() -> Story:
    """Return one that turns round by itself, and is back in the end."""
    once = {**BROKEN, "when": {"times": 1}}
    return lived(in_pairs(failure=Failure(on_failure=OnFailure.ROLLBACK)), [once])


def asking() -> Plan:
    """Return a Plan that asks after the first batch."""
    return in_pairs(gates=(Gate(ApprovalGate("canary looks right?"), 1),))


def approved() -> Story:
    """Return one in which Ann has approved the second batch."""
    rollout = compute(make_world(), asking())
    yes = Approve("1", "ann@desk", START, APPROVAL_STEP, digest(rollout))
    return _answered(yes)


def rejected() -> Story:
    """Return one in which Bob has said no."""
    return _answered(Reject("1", "bob@desk", START, APPROVAL_STEP, "error rate doubled"))


def _answered(answer: Approve | Reject) -> Story:
    inbox = MemoryInbox()

    def answer_it() -> None:
        if not inbox.told:
            inbox.told.append(answer)

    inbox.on_rest = answer_it
    return lived(asking(), inbox=inbox)


def hostile(text: str) -> Story:
    """Return a story in which others have said that text, wherever they can say something."""
    story = halted()
    events: list[Event] = []
    for event in story.events:
        match event:
            case ev.InstanceFailed():
                events.append(replace(event, code=text, message=text))
            case ev.OperationEnded():
                events.append(replace(event, message=text, code=event.code and text))
            case ev.RunHalted() | ev.StopDecided():
                events.append(replace(event, reason=text))
            case ev.StepCompleted():
                events.append(replace(event, note=text))
            case _:
                events.append(event)
    at = story.events[-1].at
    events += [
        ev.RunHeld(at, "1", text, text),
        ev.RequestDeferred(at, ev.DeferralReason.THROTTLED, at, text, text),
        ev.InstanceSkipped(at, "3", text),
        ev.RunHalted(at, 2, 4, text),
    ]
    return replace(story, events=tuple(events))


STORIES = {
    "complete": complete,
    "halted": halted,
    "rolled-back": rolled_back,
    "approved": approved,
    "rejected": rejected,
}
