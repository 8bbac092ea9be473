"""What holds for every sequence of verbs, whatever they are, beside upgrades and model writes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import NEW, OLD, SUBSCRIPTION, WEB, model, run, scenario_text
from vmss_simulator import commands
from vmss_simulator.actions import ACTIONS
from vmss_simulator.errors import ArmError
from vmss_simulator.recording import RecordedWorld
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import AutoscaleKey, OperationKind, OperationStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from vmss_simulator.commands import Command
    from vmss_simulator.world import World

FAULTS = [
    {
        "name": "fails",
        "when": {"probability": 0.2},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    },
    {"name": "sick", "when": {"probability": 0.3}, "effect": {"neverHealthy": {}}},
]
REPAIRS = {"enabled": True, "gracePeriod": "PT10M", "repairAction": "Replace"}
TEXT = scenario_text(
    faults=FAULTS,
    capacity=6,
    overrides={"4": {"protection": {"fromScaleSetActions": True}}, "1": {"health": "unhealthy"}},
    autoscale={"minimum": 1, "maximum": 9, "actions": [{"at": "PT30M", "capacity": 7}]},
    model={
        "properties": {
            "automaticRepairsPolicy": REPAIRS,
            "virtualMachineProfile": {"priority": "Spot"},
        }
    },
)
SETTING = AutoscaleKey(SUBSCRIPTION, "myrg", "web-autoscale")
ID = st.sampled_from([*"012345678"])
IDS = st.one_of(
    st.lists(ID, min_size=1, max_size=3).map(tuple),
    st.sampled_from([("*",), (), ("77", "0")]),
)
DISKS = st.lists(
    st.fixed_dictionaries({"diskId": st.sampled_from(["/a", "/b", "/c", "/d", 3])}), max_size=2
)
PROTECTION: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "protectionPolicy": st.dictionaries(
            st.sampled_from(["protectFromScaleIn", "protectFromScaleSetActions"]),
            st.sampled_from([True, True, False, None, "no"]),
        )
    },
    optional={"storageProfile": st.just({})},
)
EXTENSION = st.fixed_dictionaries(
    {"publisher": st.sampled_from(["p", "p", "p", 1]), "type": st.just("t")},
    optional={"typeHandlerVersion": st.just("1.0"), "settings": st.sampled_from([{}, {}, 1])},
)
NAME = st.sampled_from(["script", "HealthExtension"])
BOUNDS = st.sampled_from(
    [
        ("0", "9", "2"),
        ("6", "6", "6"),
        ("2", "4", "3"),
        ("8", "9", "8"),
        ("9", "2", "6"),
        ("x",) * 3,
    ]
)


def _body(properties: Any) -> dict[str, Any]:
    return {"properties": properties}


COMMAND: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        commands.ActOnInstances,
        st.sampled_from(sorted(ACTIONS)),
        st.just(WEB),
        IDS,
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        commands.DeleteInstances,
        st.sampled_from([OperationKind.DELETE_INSTANCES, OperationKind.DELETE_INSTANCE]),
        st.just(WEB),
        IDS,
        st.booleans(),
    ),
    st.builds(commands.ScaleOut, st.just(WEB), st.integers(-1, 3), st.sampled_from([None, "1"])),
    st.builds(commands.ConvertToSinglePlacementGroup, st.just(WEB)),
    st.builds(
        commands.SetServiceState,
        st.just(WEB),
        st.sampled_from(
            ["AutomaticRepairs", "AutomaticRepairs", "AutomaticZoneRebalancing", "Other"]
        ),
        st.sampled_from(["Suspend", "Suspend", "Resume", "Resume", "Stop"]),
    ),
    st.builds(commands.WriteExtension, st.just(WEB), NAME, EXTENSION.map(_body), st.booleans()),
    st.builds(commands.DeleteExtension, st.just(WEB), NAME),
    st.builds(commands.WriteInstance, st.just(WEB), ID, PROTECTION.map(_body)),
    st.builds(
        commands.WriteInstanceExtension,
        st.just(WEB),
        ID,
        NAME,
        EXTENSION.map(_body),
        st.booleans(),
    ),
    st.builds(commands.DeleteInstanceExtension, st.just(WEB), ID, NAME),
    st.builds(commands.ChangeDisks, st.just(WEB), ID, DISKS.map(tuple), DISKS.map(tuple)),
    st.builds(commands.SimulateEviction, st.just(WEB), ID),
    st.builds(
        commands.WriteAutoscale,
        st.just(SETTING),
        BOUNDS.map(
            lambda bounds: _body(
                {
                    "profiles": [
                        {
                            "name": "p",
                            "capacity": dict(
                                zip(("minimum", "maximum", "default"), bounds, strict=True)
                            ),
                        }
                    ]
                }
            )
        ),
        st.booleans(),
    ),
    st.builds(commands.DeleteAutoscale, st.just(SETTING)),
)
STEP = st.one_of(
    COMMAND,
    st.builds(commands.DeleteScaleSet, st.just(WEB), st.booleans()),
    st.sampled_from([OLD, NEW]),
    st.sampled_from([{"sku": {"capacity": each}} for each in (0, 3, 8, 12)]),
)
WAIT = st.sampled_from([0, 5, 300, 1800, 7200])
STEPS = st.lists(st.tuples(STEP, WAIT), max_size=10).map(
    lambda pairs: [each for pair in pairs for each in pair]
)


def carry_out(world: World, step: Any) -> None:
    """Do one thing to the world; ArmError when it is refused."""
    match step:
        case int():
            world.advance_to(world.now + timedelta(seconds=step))
        case str():
            world.patch_scale_set(WEB, model(step))
        case dict():
            world.patch_scale_set(WEB, step)
        case _:
            world.perform(step)


def carried_out(steps: Sequence[Any], world: World | None = None) -> World:
    """Return the world after the steps, refusals and all."""
    world = world or parse_scenario(TEXT).world()
    for step in steps:
        try:
            carry_out(world, step)
        except ArmError:
            continue
    return world


@given(STEPS)
def test_a_refused_verb_changes_nothing(steps: list[Any]) -> None:
    """After a refusal, sets, settings, log and timetable are what they were."""
    world = parse_scenario(TEXT).world()
    for step in steps:
        before = world.snapshot()
        try:
            carry_out(world, step)
        except ArmError:
            after = world.snapshot()
            assert after.scale_sets == before.scale_sets
            assert after.autoscale == before.autoscale
            assert after.log == before.log
            assert after.timetable == before.timetable
            assert after.running == before.running


@given(STEPS)
def test_a_world_at_rest_is_settled(steps: list[Any]) -> None:
    """Every operation has ended, nobody is busy, and there are as many machines as asked for.

    That holds where nothing failed, or was taken out by hand while it was being made.
    """
    world = carried_out(steps)
    run(world)
    started = [each.data["operationId"] for each in world.log if each.type == "operationStarted"]
    assert all(world.operation(each).status is not OperationStatus.IN_PROGRESS for each in started)
    if world.has_scale_set(WEB):
        scale_set = world.scale_set(WEB)
        assert not any(each.busy_with for each in scale_set.instances.values())
        assert len(scale_set.instances) == scale_set.body["sku"]["capacity"]


@given(STEPS)
def test_the_logged_in_service_count_is_the_real_one(steps: list[Any]) -> None:
    """The last count in the log is what counting the instances gives, at every moment."""
    world = parse_scenario(TEXT).world()
    for step in steps:
        carried_out([step], world)
        if not world.has_scale_set(WEB):
            return
        logged = [each.data["inService"] for each in world.log if "inService" in each.data]
        assert logged[-1] == world.scale_set(WEB).in_service_count


@given(STEPS, STEPS)
def test_the_same_history_has_the_same_future(before: list[Any], after: list[Any]) -> None:
    """A fork and the original give the same log, and the fork does not touch the original."""
    world = carried_out(before)
    copy, untouched = world.fork(), world.log.copy()
    carried_out(after, copy)
    assert world.log == untouched
    carried_out(after, world)
    assert world.log == copy.log


@settings(max_examples=40)
@given(steps=STEPS)
def test_verbs_are_recorded(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    """A replayed recording is the same world with the same future."""
    folder = tmp_path_factory.mktemp("world")
    with RecordedWorld.open(folder, TEXT, "s.yaml") as recorded:
        carried_out(steps, recorded.world)
    with RecordedWorld.open(folder, TEXT, "s.yaml") as again:
        assert again.world.log == recorded.world.log
        run(again.world)
        run(recorded.world)
        assert again.world.log == recorded.world.log
