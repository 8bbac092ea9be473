"""Every single moment of small Runs of every kind, one death each: it ends as if nothing had been.

A Run is carried out once. At each moment at which its process could die (before and after each
line of the journal, each request, each measuring) the world and what was kept of the Run are
copied; from every copy the Run is then resumed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.runs import (
    Killed,
    Killer,
    MemoryInbox,
    MemoryJournal,
    ScriptedProbes,
    applied,
    compute,
    floor_breaches,
    needless,
    run_in,
    upgrades,
)
from tests.support.values import START, at_most, minutes, plan, seconds, strategy
from tests.worlds import NEW, SUBSCRIPTION, make_world
from vmss_simulator.world import World
from vmssplan.engine import events as ev
from vmssplan.engine import replay
from vmssplan.engine.instructions import Approve, Instruction, RollBack
from vmssplan.errors import ExitCode
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    CommandProbe,
    Counting,
    Failure,
    Gate,
    Health,
    Hooks,
    HttpProbe,
    Method,
    OnFailure,
    StrategyType,
)
from vmssplan.ports import Subject
from vmssplan.rollout import Rollout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine import RunState

DRAIN, UNDRAIN, SMOKE = (CommandProbe((f"./{name}",)) for name in ("drain", "undrain", "smoke"))
READY = HttpProbe("https://status.example.com/ready")
UNTIL_HELD = minutes(1)


@dataclass(frozen=True)
class Kind:
    """One kind of Run: what the Plan says, what its world is like, what people say, how it ends.

    `bad` are the instances on which the new image is broken. `asks_back_after` is how many
    instances are upgraded when somebody asks to roll back; None is never.
    """

    name: str
    ends: tuple[ExitCode, ...]
    plan: dict[str, Any] = field(default_factory=dict)
    world: dict[str, Any] = field(default_factory=dict)
    bad: tuple[str, ...] = ()
    most_out: int = 2
    asks_back_after: int | None = None


HALTED = (ExitCode.INSTANCE_FAILED, ExitCode.GATE)
ROLLBACK = Failure(on_failure=OnFailure.ROLLBACK)
GATED: dict[str, Any] = {
    "hooks": Hooks(DRAIN, UNDRAIN),
    "gates": (
        Gate(ApprovalGate("does the canary look right?"), 1),
        Gate(READY, None, Counting(consecutive_successes=2)),
        Gate(SMOKE, 2),
    ),
}
AUTOSCALED: dict[str, Any] = {
    "autoscale": {
        "minimum": 2,
        "maximum": 9,
        "default": 4,
        # Held, it may not have these; before and after it may.
        "actions": [{"at": "PT4M", "capacity": 6}],
    }
}
KINDS = (
    Kind("freeze", HALTED, bad=("2",)),
    Kind("rollback", (ExitCode.ROLLED_BACK,), {"failure": ROLLBACK}, bad=("2",), most_out=1),
    Kind("asked", (ExitCode.ROLLED_BACK,), {"hooks": Hooks(DRAIN)}, asks_back_after=2),
    Kind("gated", (ExitCode.SUCCESS,), GATED),
    Kind("pinned", (ExitCode.SUCCESS,), {"autoscale": Autoscale.PIN}, AUTOSCALED),
)
EVERYTHING = Kind(
    "everything",
    (ExitCode.ROLLED_BACK,),
    {"autoscale": Autoscale.PIN, "failure": ROLLBACK, **GATED},
    AUTOSCALED,
    bad=("3",),
)


@dataclass
class ScriptedInbox(MemoryInbox):
    """People who approve what is waited for, and ask back once enough has been upgraded."""

    kind: Kind = KINDS[0]
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def instructions(self) -> Sequence[Instruction]:
        """Say what is to be said now; each of it once."""
        done = len(self.journal.of(ev.InstanceUpgraded))
        if self.kind.asks_back_after is not None and done >= self.kind.asks_back_after:
            self._say(RollBack("back", "ann", START))
        for awaited in self.journal.of(ev.ApprovalAwaited):
            key, step = f"approve-{awaited.step}", awaited.step
            self._say(Approve(key, "ann", START, step, self.journal.of(ev.RunStarted)[0].digest))
        return tuple(self.told)

    def _say(self, instruction: Instruction) -> None:
        if instruction not in self.told:
            self.told.append(instruction)


@dataclass
class Life:
    """One Run in its world, with all that outlives its process."""

    kind: Kind
    rollout: Rollout
    world: World
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    told: list[Instruction] = field(default_factory=list)
    asked: list[Subject] = field(default_factory=list)

    def go(self, killer: Killer | None = None) -> RunState:
        """Carry the Run on to its end."""
        inbox = ScriptedInbox(self.told, lambda: None, 0, self.kind, self.journal)
        probes = ScriptedProbes(asked=self.asked)
        return run_in(self.world, self.rollout, self.journal, killer, inbox, probes, waits=True)

    def copy(self) -> Life:
        """Return what a process that dies now leaves behind."""
        journal = MemoryJournal(list(self.journal.events))
        told, asked = list(self.told), list(self.asked)
        return Life(self.kind, self.rollout, self.world.fork(), journal, told, asked)

    @property
    def mark(self) -> tuple[object, ...]:
        """What differs between two moments after which a Run could end in two ways."""
        lists = (self.journal.events, self.world.log, self.told, self.asked)
        return tuple(len(each) for each in lists)


class Deaths(Killer):
    """Never kills, but keeps what would be left at every moment; one of those that are equal."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self.life = life
        self.left: list[Life] = []
        self.last: tuple[object, ...] = ()

    def reach(self) -> None:
        """Keep what is there now."""
        self.moments += 1
        if self.life.journal.events and self.life.mark != self.last:
            self.last = self.life.mark
            self.left.append(self.life.copy())


def small_life(kind: Kind, type_: StrategyType, method: Method) -> Life:
    """Return a Run of four instances that has not begun, two at a time."""
    bad = {"match": {"instanceIds": list(kind.bad)}, "effect": {"badImage": {"version": NEW}}}
    world = make_world(
        capacity=4,
        updateDomains=2,
        zones=["1", "2"],
        applicationHealth=method is Method.UPGRADE,
        options={"concurrentOperations": "disjoint", "updateDomainCount": 2},
        faults=[{"name": "bad", **bad}] if kind.bad else [],
        **kind.world,
    )
    is_window = type_ is StrategyType.SLIDING_WINDOW
    made = plan(
        strategy=strategy(type_, 1, 2, method=method),
        availability=at_most(kind.most_out, operations=2 if is_window else 1),
        health=Health(min_healthy_time=seconds(30), deadline=minutes(3)),
        **{"autoscale": Autoscale.IGNORE, **kind.plan},
    )
    return Life(kind, compute(world, made), world)


def lived(life: Life) -> tuple[RunState, list[Life]]:
    """Carry it out, and return how it ended and what would be left by each death."""
    deaths = Deaths(life)
    ended = life.go(deaths)
    assert ended.outcome is not None
    assert ended.outcome.exit_code in life.kind.ends, ended.outcome
    return ended, deaths.left


def assert_same_end(life: Life, ended: RunState, whole: Life, wanted: RunState) -> None:
    """Assert that nobody can tell the two apart by what they leave behind."""
    assert ending(ended) == ending(wanted)
    assert replay(life.rollout, life.journal.events) == ended
    assert ended.in_flight == ()
    assert ended.pins is None
    assert applied(life.world) == applied(whole.world)
    assert model(life.world) == model(whole.world)
    assert bounds(life.world) == bounds(make_world(**whole.kind.world))
    done, once = upgrades(life.world), upgrades(whole.world)
    assert {i: n for i, n in done.items() if i not in life.kind.bad} == {
        i: n for i, n in once.items() if i not in life.kind.bad
    }
    assert all(done[i] >= once[i] for i in life.kind.bad if i in once)
    assert needless(life.world) == []
    assert floor_breaches(life.world, life.rollout) == []
    assert hooks(life) == hooks(whole)


def ending(state: RunState) -> tuple[ExitCode, str, int]:
    """Return how it ended; how many steps a way back has depends on who was sick as it began."""
    assert state.outcome is not None
    step = 0 if state.rollback else state.outcome.step
    return state.outcome.exit_code, state.outcome.reason, step


def hooks(life: Life) -> set[tuple[str, str]]:
    """Return for which instance which hook has run at least once."""
    return {
        (one.occasion, each.instance_id)
        for one in life.asked
        if one.occasion != "gate"
        for each in one.instances
    }


def model(world: World) -> Any:
    """Return the model of the set."""
    [scale_set] = world.scale_sets(SUBSCRIPTION)
    return scale_set.body["properties"]["virtualMachineProfile"]


def bounds(world: World) -> list[Any]:
    """Return what autoscale may do."""
    return [one.body["properties"]["profiles"] for one in world.autoscale_settings(SUBSCRIPTION)]


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("type_", StrategyType)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_killed_at_every_moment(kind: Kind, type_: StrategyType, method: Method) -> None:
    """Killed anywhere and resumed: the same outcome, versions, bounds, and upgrades once each."""
    die_everywhere(kind, type_, method)


@pytest.mark.parametrize("type_", ["perZone", "fixedBatch", "slidingWindow"])
def test_killed_at_every_moment_of_a_run_with_all_there_is(type_: str) -> None:
    """Hooks, an approval, gates, autoscale held, a failure at the very end, and the way back."""
    die_everywhere(EVERYTHING, StrategyType(type_), Method.UPGRADE)


def die_everywhere(kind: Kind, type_: StrategyType, method: Method) -> None:
    """Carry one out, and assert that no death makes a difference."""
    whole = small_life(kind, type_, method)
    wanted, left = lived(whole)
    assert len(left) >= 20

    for number, life in enumerate(left):
        if number % 3 == 0 and not kind.world:
            life.world.advance_to(life.world.now + minutes(1))
        assert_same_end(life, life.go(), whole, wanted)


@settings(max_examples=60)
@given(
    st.sampled_from((*KINDS, EVERYTHING)),
    st.sampled_from(StrategyType),
    st.sampled_from(Method),
    st.lists(st.tuples(st.integers(1, 120), st.sampled_from([0, 1, 20])), min_size=2, max_size=4),
)
def test_killed_again_and_again(
    kind: Kind, type_: StrategyType, method: Method, deaths: list[tuple[int, int]]
) -> None:
    """Two deaths and more, resumed soon or late, and still the same end."""
    whole = small_life(kind, type_, method)
    life = whole.copy()
    wanted = whole.go()
    for moment, rest in deaths:
        with suppress(Killed):
            life.go(Killer(moment))
        if not kind.world:
            life.world.advance_to(life.world.now + minutes(rest))
    ended = life.go()

    assert_same_end(life, ended, whole, wanted)
