"""What the Runs of a set left there, found where Runs are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.copying import replace
from tests.support.runs import MemoryJournal, compute, run_in
from tests.support.values import (
    NEW,
    NEW_IMAGE,
    OLD,
    OLD_IMAGE,
    START,
    TARGET,
    autoscale_setting,
    plan,
    rollout,
)
from tests.worlds import make_world
from vmssplan.baseline import find_baseline
from vmssplan.drift import LeftPinned, Trace
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.model import Failure, ModelFields, OnFailure, ScaleSetId
from vmssplan.stores.local import LocalState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmss_simulator.world import World
    from vmssplan.engine import Event
    from vmssplan.model import Plan
    from vmssplan.rollout import Rollout

HALTED: list[Event] = [
    ev.StepStarted(START, 1),
    ev.RunHalted(START, 1, int(ExitCode.CANCELLED), "cancelled"),
]
FAULT = {"effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}}}


@pytest.fixture
def state(tmp_path: Path) -> LocalState:
    """Return an empty state folder."""
    return LocalState(tmp_path)


def keep(state: LocalState, made: Rollout, events: Sequence[Event]) -> str:
    """Keep a Run with these Events after its start."""
    run = state.create_run(made)
    journal = state.journal(run)
    journal.append([ev.RunStarted(START, run, "sha256:0"), *events])
    journal.close()
    return run


def carried_out(state: LocalState, world: World, wanted: Plan) -> str:
    """Carry a Plan out in that world, and keep the Run."""
    made, journal = compute(world, wanted), MemoryJournal()
    run_in(world, made, journal)
    return keep(state, made, journal.events[1:])


def test_without_a_run_of_the_set_there_is_no_base(state: LocalState) -> None:
    """Runs of other sets, and one that never started, tell nothing."""
    keep(state, replace(rollout(), target=ScaleSetId("s", "g", "other")), [ev.RunCompleted(START)])
    state.create_run(rollout())

    found = find_baseline(state, TARGET)

    assert (found.run, found.models, dict(found.instances), found.unfinished) == (None, (), {}, ())


def test_the_last_complete_run_is_the_base(state: LocalState) -> None:
    """Its model, and each instance on it; names of sets are compared as Azure does."""
    world = make_world(capacity=3)
    carried_out(state, world, plan(OLD_IMAGE))
    carried_out(state, world, plan(NEW_IMAGE))

    found = find_baseline(state, replace(TARGET, name="WEB", resource_group="MyRg"))

    assert found.run == "web-2"
    [model] = found.models
    assert (model.run, model.trace, model.fields) == ("web-2", Trace.LEFT, ModelFields(NEW_IMAGE))
    assert sorted(found.instances) == ["0", "1", "2"]
    assert {one.fields for one in found.instances.values()} == {ModelFields(NEW_IMAGE)}
    assert {one.is_protected for one in found.instances.values()} == {False}


def test_what_a_run_left_alone_is_known_by_what_it_ran(state: LocalState) -> None:
    """A protected instance keeps its old image, and its protection is known."""
    overrides = {"1": {"protection": {"fromScaleSetActions": True}}}
    carried_out(state, make_world(capacity=2, overrides=overrides), plan(NEW_IMAGE))

    left = find_baseline(state, TARGET).instances["1"]

    assert (left.fields, left.image, left.is_protected) == (None, OLD, True)


def test_a_run_that_halted_since_then_says_what_it_had_set(state: LocalState) -> None:
    """It comes before the base; what it was not done with is unfinished."""
    world = make_world(capacity=2)
    carried_out(state, world, plan(OLD_IMAGE))
    keep(state, compute(world, plan(NEW_IMAGE)), HALTED)

    found = find_baseline(state, TARGET)

    assert found.run == "web-1"
    assert [(one.run, one.trace) for one in found.models] == [
        ("web-2", Trace.SET),
        ("web-1", Trace.LEFT),
        ("web-2", Trace.FOUND),
    ]
    assert found.models[-1].fields == ModelFields()
    assert {one.unfinished for one in found.instances.values()} == {"pending"}
    [unfinished] = found.unfinished
    assert (unfinished.run, unfinished.exit_code, unfinished.reason) == ("web-2", 8, "cancelled")


def test_without_a_complete_run_the_base_is_what_the_first_one_found(state: LocalState) -> None:
    """It was reviewed with that Run, so it is nobody else's doing."""
    world = make_world(capacity=2)
    keep(state, compute(world, plan(NEW_IMAGE)), [ev.StepStarted(START, 1)])

    found = find_baseline(state, TARGET)

    assert found.run is None
    assert found.models[-1].trace is Trace.FOUND
    assert found.models[-1].fields == ModelFields(OLD_IMAGE)
    assert found.unfinished[0].exit_code is None


def test_a_run_that_was_rolled_back_left_what_was_before(state: LocalState) -> None:
    """The way back is what it carried out last."""
    world = make_world(
        capacity=3, faults=[{"name": "no", "match": {"instanceIds": ["1"]}, **FAULT}]
    )
    going_back = plan(NEW_IMAGE, failure=Failure(on_failure=OnFailure.ROLLBACK))
    made, journal = compute(world, going_back), MemoryJournal()
    ended = run_in(world, made, journal)
    assert ended.rollback is not None
    # Whether or not the broken instance lets itself be brought back: say that it did.
    events = [one for one in journal.events[1:] if not isinstance(one, ev.RunHalted)]
    if not isinstance(events[-1], ev.RunCompleted):
        events.append(ev.RunCompleted(START))
    run = keep(state, made, events)

    found = find_baseline(state, TARGET)

    assert found.run == run
    assert found.models[0].trace is Trace.LEFT
    assert found.models[0].fields.image == OLD_IMAGE
    assert NEW not in {one.image for one in found.instances.values()}
    assert found.unfinished == ()


@pytest.mark.parametrize("end", [ev.RunCompleted(START), None])
def test_autoscale_that_is_still_pinned_is_named(
    state: LocalState, end: ev.RunCompleted | None
) -> None:
    """Whether the Run came to its end or was killed: its bounds have to be given back."""
    pinned = ev.AutoscalePinIntended(START, (autoscale_setting(),), 4)
    keep(state, rollout(), [pinned, *([end] if end else [])])

    assert find_baseline(state, TARGET).pinned == (
        LeftPinned("web-1", (autoscale_setting().name,), 4),
    )


def test_an_instance_that_came_during_the_run_is_known(state: LocalState) -> None:
    """Also when it came outdated, and was left alone."""
    made = rollout()
    known = made.instances[0]
    fresh = replace(known, instance_id="8", vm_id="vm-8", version=NEW)
    late = replace(known, instance_id="9", vm_id="vm-9", version=OLD)
    seen = [ev.InstanceAppeared(START, fresh, True), ev.InstanceAppeared(START, late, False)]
    keep(state, made, [*seen, ev.RunCompleted(START)])

    instances = find_baseline(state, TARGET).instances

    assert instances["8"].fields == made.model
    assert (instances["9"].fields, instances["9"].image) == (None, OLD)
