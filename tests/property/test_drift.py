"""Who changed what: the table of three values, and no false alarm after a Run of our own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.runs import Killed, Killer, MemoryJournal, compute, run_in
from tests.support.strategies import world_plans, worlds
from tests.support.values import (
    NEW_IMAGE,
    OLD_IMAGE,
    SIZE,
    TARGET,
    current,
    instance,
    minutes,
    plan,
    scale_set,
)
from tests.worlds import make_world
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.baseline import baseline_of
from vmssplan.drift import (
    Baseline,
    DriftReport,
    FieldState,
    InstanceState,
    KnownModel,
    LeftInstance,
    Trace,
    compare,
    compare_fields,
)
from vmssplan.engine import replay
from vmssplan.errors import ExitCode, Refused, RequestRejected, Retryable
from vmssplan.model import HealthState, ModelFields, OnFailure, PlatformImage, UpgradeMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_simulator.world import World
    from vmssplan.model import Instance, Plan, ScaleSet
    from vmssplan.rollout import Rollout

SIZES = st.sampled_from(["Standard_A", "Standard_B", "Standard_C"])
VERSIONS = st.sampled_from(["1.0.0", "2.0.0", "3.0.0"])
MODES = st.sampled_from(UpgradeMode)


def expected(base: str, live: str, desired: str) -> FieldState:
    """Return what the table says: the five ways in which three values can be equal."""
    match (live == base, live == desired, base == desired):
        case (True, True, True):
            return FieldState.IN_SYNC
        case (True, False, False):
            return FieldState.PENDING
        case (False, True, False):
            return FieldState.CONVERGED
        case (False, False, True):
            return FieldState.CHANGED_OUTSIDE
        case _:
            return FieldState.BOTH_CHANGED


def model(values: tuple[str, str, UpgradeMode]) -> ModelFields:
    """Return a model with that version, size and policy."""
    version, size, mode = values
    return ModelFields(PlatformImage("Contoso", "server", "gen2", version), size, mode)


MODELS = st.tuples(VERSIONS, SIZES, MODES)
PATHS = ("model.image.version", "model.vmSize", "model.upgradePolicy")


@settings(max_examples=200)
@given(MODELS, MODELS, MODELS)
def test_three_values_tell_who_moved(
    base: tuple[str, str, UpgradeMode],
    live: tuple[str, str, UpgradeMode],
    desired: tuple[str, str, UpgradeMode],
) -> None:
    """Every field by itself is judged by the table, and always comes with all its values."""
    known = KnownModel("web-1", Trace.LEFT, model(base))

    found = {one.path: one for one in compare_fields(model(desired), model(live), [known])}

    for path, was, now, wanted in zip(PATHS, base, live, desired, strict=True):
        one = found[path]
        assert (one.base, one.live, one.desired) == (was, now, wanted)
        assert one.state is expected(was, now, wanted)
        assert one.state.is_drift == (now not in (was, wanted))
        assert one.known is known


@given(MODELS, MODELS)
def test_where_no_run_is_known_every_difference_counts(
    live: tuple[str, str, UpgradeMode], desired: tuple[str, str, UpgradeMode]
) -> None:
    """Nobody can say who moved, so a field is in sync or it drifted."""
    found = {one.path: one for one in compare_fields(model(desired), model(live), [])}

    for path, now, wanted in zip(PATHS, live, desired, strict=True):
        one = found[path]
        assert one.state is (FieldState.IN_SYNC if now == wanted else FieldState.DIFFERENT)
        assert (one.base, one.known) == (None, None)


@given(MODELS, MODELS, st.permutations(["1.0.0", "2.0.0", "3.0.0"]), VERSIONS)
def test_the_names_of_the_values_do_not_matter(
    base: tuple[str, str, UpgradeMode],
    live: tuple[str, str, UpgradeMode],
    names: list[str],
    wanted: str,
) -> None:
    """With other versions in the same places the judgement is the same."""
    other = dict(zip(["1.0.0", "2.0.0", "3.0.0"], names, strict=True))

    def state(was: str, now: str, desired: str) -> FieldState:
        models = [model((version, *live[1:])) for version in (was, now, desired)]
        known = KnownModel("web-1", Trace.LEFT, models[0])
        found = compare_fields(models[2], models[1], [known])
        return next(one.state for one in found if one.path == PATHS[0])

    assert state(base[0], live[0], wanted) is state(other[base[0]], other[live[0]], other[wanted])


# --- no false alarm -------------------------------------------------------------------------


def any_plans() -> st.SearchStrategy[Plan]:
    """Draw a Plan that freezes or goes back when something fails."""
    return st.builds(
        lambda drawn, answer: replace(drawn, failure=replace(drawn.failure, on_failure=answer)),
        world_plans(),
        st.sampled_from(OnFailure),
    )


def seen(world: World) -> ScaleSet:
    """Look at the set, past whatever keeps requests from getting through."""
    for _ in range(100):
        try:
            live, _ = asyncio.run(SimulatedBackend(world).observe(TARGET))
        except (Retryable, RequestRejected):
            world.advance_to(world.now + minutes(1))
        else:
            return live
    assume(False)
    raise AssertionError


def planned(wanted: Plan, world: World) -> Rollout:
    """Compute the Rollout; draw again where the floor forbids any, or nobody can look."""
    try:
        return compute(world, wanted)
    except (Refused, Retryable, RequestRejected):
        assume(False)
        raise


@settings(max_examples=100)
@given(worlds(), any_plans(), st.sampled_from([0, 5, 600]))
def test_what_a_run_of_ours_did_is_no_drift(
    arguments: dict[str, Any], wanted: Plan, later: int
) -> None:
    """However it ended, rolled back too, and whenever one looks: nobody else changed anything."""
    rollout = planned(wanted, make_world(**{**arguments, "faults": []}))
    world = make_world(**arguments)
    ran = ("web-1", rollout, run_in(world, rollout))
    world.advance_to(world.now + minutes(later))

    report = compare(wanted, seen(world), baseline_of(ran))

    assert (report.drifted_fields, report.drifted_instances) == ((), ())


@settings(max_examples=60)
@given(worlds(), any_plans(), st.integers(1, 90))
def test_what_a_killed_run_left_is_no_drift(
    arguments: dict[str, Any], wanted: Plan, moment: int
) -> None:
    """Killed anywhere after a complete Run: what it had set by then, or not, is its own."""
    world = make_world(**arguments)
    before = planned(replace(wanted, model=ModelFields(OLD_IMAGE)), world)
    first = ("web-1", before, run_in(world, before))
    assume(first[2].outcome is not None and first[2].outcome.exit_code is ExitCode.SUCCESS)
    rollout, journal = planned(wanted, world), MemoryJournal()
    with contextlib.suppress(Killed):
        run_in(world, rollout, journal, Killer(at=moment))
    world.advance_to(world.now + minutes(30))
    second = ("web-2", rollout, replay(rollout, journal.events))

    report = compare(wanted, seen(world), baseline_of(second, first))

    assert (report.drifted_fields, report.drifted_instances) == ((), ())


# --- and every alarm that there is to give --------------------------------------------------

COUNT = 6
LIVE = scale_set(
    (current(str(number)) for number in range(COUNT)),
    model=ModelFields(NEW_IMAGE, SIZE, UpgradeMode.MANUAL),
)
PLAN = plan(model=LIVE.model)
BASE = Baseline(
    "web-1",
    (KnownModel("web-1", Trace.LEFT, LIVE.model),),
    {
        one.instance_id: LeftInstance(
            "web-1", one.vm_id, "1.10.0", fields=LIVE.model, is_protected=False
        )
        for one in LIVE.instances
    },
)
FIELD_CHANGES: dict[str, Callable[[ModelFields], ModelFields]] = {
    "1.9.0": lambda one: replace(one, image=OLD_IMAGE),
    "Standard_Z": lambda one: replace(one, vm_size="Standard_Z"),
    "Automatic": lambda one: replace(one, upgrade_policy=UpgradeMode.AUTOMATIC),
}
INSTANCE_CHANGES: dict[InstanceState, tuple[str, str, Callable[[Instance], Instance]]] = {
    InstanceState.CHANGED: (
        "1.10.0",
        "1.9.0",
        lambda one: replace(one, image=OLD_IMAGE, exact_version="1.9.0"),
    ),
    InstanceState.OUTDATED: (
        "the latest model applied",
        "the latest model not applied",
        lambda one: replace(one, latest_model_applied=False),
    ),
    InstanceState.REPLACED: ("vm-", "vm-other", lambda one: replace(one, vm_id="vm-other")),
    InstanceState.PROTECTION: (
        "not protected",
        "protected from scale set actions",
        lambda one: replace(one, protected_from_scale_set_actions=True),
    ),
}


def test_nothing_changed_is_in_sync() -> None:
    """The set as the Run left it: no drift, nothing pending, nothing told."""
    report = compare(PLAN, LIVE, BASE)

    assert not report.has_drift
    assert not report.has_pending
    assert report.instances == ()
    assert {one.state for one in report.fields} == {FieldState.IN_SYNC}


@given(st.sampled_from(sorted(FIELD_CHANGES)))
def test_any_outside_change_of_an_owned_field_is_found(value: str) -> None:
    """One field, both values named, and what the Plan wants."""
    changed = replace(LIVE, model=FIELD_CHANGES[value](LIVE.model))

    [found] = compare(PLAN, changed, BASE).drifted_fields

    assert found.state is FieldState.CHANGED_OUTSIDE
    assert found.live == value
    assert found.base == found.desired
    assert found.base not in (None, value)


@given(
    st.sampled_from(sorted(INSTANCE_CHANGES)),
    st.sets(st.integers(0, COUNT - 1).map(str), min_size=1),
)
def test_any_outside_change_of_an_instance_is_found(state: InstanceState, which: set[str]) -> None:
    """Every instance it was done to, and no other, with both values named."""
    was, now, change = INSTANCE_CHANGES[state]
    members = (change(one) if one.instance_id in which else one for one in LIVE.instances)

    report = compare(PLAN, replace(LIVE, instances=tuple(members)), BASE)

    assert {one.instance_id for one in report.drifted_instances} == which
    for one in report.drifted_instances:
        assert one.state is state
        assert (one.was or "").startswith(was) or was in (one.was or "")
        assert now in (one.now or "")
        assert one.run == "web-1"


@given(st.sampled_from(["old", "behind"]))
def test_a_new_instance_from_an_old_model_is_drift(kind: str) -> None:
    """Made from another image, or before the model was changed."""
    behind = instance("9") if kind == "old" else current("9", latest_model_applied=False)

    [found] = compare(PLAN, replace(LIVE, instances=(*LIVE.instances, behind)), BASE).instances

    assert (found.instance_id, found.state) == ("9", InstanceState.NEW_OUTDATED)


@pytest.mark.parametrize(
    ("state", "change"),
    [
        (InstanceState.GONE, lambda live: replace(live, instances=live.instances[1:])),
        (
            InstanceState.NEW,
            lambda live: replace(live, instances=(*live.instances, current("9"))),
        ),
        (
            InstanceState.UNHEALTHY,
            lambda live: replace(
                live,
                instances=(
                    replace(live.instances[0], application_health=HealthState.UNHEALTHY),
                    *live.instances[1:],
                ),
            ),
        ),
    ],
)
def test_what_azure_does_by_itself_is_told_and_no_drift(
    state: InstanceState, change: Callable[[ScaleSet], ScaleSet]
) -> None:
    """The number of instances and their health are nobody's doing, and not the Plan's."""
    report = compare(PLAN, change(LIVE), BASE)

    assert [one.state for one in report.instances] == [state]
    assert not report.has_drift


@given(MODELS.map(model))
def test_a_change_shows_from_either_side(other: ModelFields) -> None:
    """Base and live change places: a change where there was one, with the values exchanged."""
    one_way = _compared(LIVE.model, other)
    other_way = _compared(other, LIVE.model)

    for there, back in zip(one_way.fields, other_way.fields, strict=True):
        assert (there.base, there.live) == (back.live, back.base)
        is_same = there.base == there.live
        assert is_same == (there.state in (FieldState.IN_SYNC, FieldState.PENDING))
        assert is_same == (back.state in (FieldState.IN_SYNC, FieldState.PENDING))


def _compared(base: ModelFields, live: ModelFields) -> DriftReport:
    baseline = Baseline("web-1", (KnownModel("web-1", Trace.LEFT, base),))
    return compare(PLAN, scale_set((), model=live), baseline)
