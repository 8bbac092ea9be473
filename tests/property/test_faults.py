"""What holds whatever goes wrong: the world stays whole, its streams apart, and a Run safe."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_floor import EXPECTED
from tests.property.test_simulated_worlds import COMMANDS, carry_out
from tests.support.mischief import EFFECTS, OTHERS_UPGRADE, PROMPT_EFFECTS, mischief
from tests.support.runs import MemoryJournal, floor_breaches, run_in
from tests.support.strategies import planned_on_a_fine_day, world_plans, worlds
from tests.support.values import minutes
from tests.worlds import WEB, make_world, scenario_text
from vmss_simulator.errors import ConnectionBroken
from vmss_simulator.recording import RecordedWorld
from vmss_simulator.saving import world_document
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.yaml_text import yaml_text
from vmssplan.errors import ExitCode

if TYPE_CHECKING:
    import pytest

    from tests.property.test_simulated_worlds import Command
    from vmss_simulator.world import World
    from vmssplan.model import Plan

ENDS = EXPECTED | {ExitCode.ERROR, ExitCode.STALE, ExitCode.NOT_PERMITTED}
NEVER = {
    "name": "never",
    "match": {"resource": "nobody"},
    "when": {"probability": 0.5},
    "effect": {"neverHealthy": {}},
}
LONGEST = minutes(60 * 24)
POLICIES = ("Manual", "Automatic", "Rolling")


def after(commands: list[Command], faults: list[dict[str, Any]], policy: str = "Manual") -> World:
    """Return the world with these faults after the commands and a day."""
    world = make_world(capacity=6, zones=["1", "2"], faults=faults, upgradePolicy=policy)
    for command in commands:
        sent(world, command)
    world.advance_to(world.now + LONGEST)
    return world


def sent(world: World, command: Command) -> None:
    """Give the world a command that may be refused, or lost on the way."""
    with suppress(ConnectionBroken):
        carry_out(world, command)


def history(world: World) -> list[tuple[Any, ...]]:
    """Return what happened to the first scale set, without the numbers of the whole log."""
    return [
        (each.at, each.type, each.instance_id, each.data)
        for each in world.log
        if each.scale_set == WEB.resource_id
    ]


@settings(max_examples=60)
@given(COMMANDS, mischief(st.one_of(EFFECTS, OTHERS_UPGRADE)), st.sampled_from(POLICIES))
def test_a_world_with_faults_stays_whole(
    commands: list[Command], faults: list[dict[str, Any]], policy: str
) -> None:
    """The same commands give the same log, and its in-service count is the real one."""
    world = after(commands, faults, policy)
    assert world.log == after(commands, faults, policy).log
    logged = [each.data["inService"] for each in world.log if "inService" in each.data]
    assert logged[-1] == world.scale_set(WEB).in_service_count
    busy = {each.busy_with for each in world.scale_set(WEB).instances.values()} - {None}
    ended = {each.data["operationId"] for each in world.log if each.type == "operationEnded"}
    assert not busy & ended or any("operation" in str(each["effect"]) for each in faults)


@settings(max_examples=60)
@given(COMMANDS, mischief())
def test_a_rule_that_never_matches_shifts_nothing(
    commands: list[Command], faults: list[dict[str, Any]]
) -> None:
    """One more rule, first or last, leaves the log as it was."""
    without = after(commands, faults).log
    assert after(commands, [NEVER, *faults]).log == without
    assert after(commands, [*faults, NEVER]).log == without


@settings(max_examples=60)
@given(COMMANDS, mischief())
def test_another_scale_set_shifts_nothing(
    commands: list[Command], faults: list[dict[str, Any]]
) -> None:
    """One more scale set under the same rules leaves the history of the first as it was."""
    alone = after(commands, faults)
    document = json.loads(scenario_text(capacity=6, zones=["1", "2"], faults=faults))
    document["scaleSets"].append({**document["scaleSets"][0], "name": "beside"})
    both = parse_scenario(json.dumps(document)).world()
    for command in commands:
        sent(both, command)
    both.advance_to(both.now + LONGEST)
    assert history(both) == history(alone)


@settings(max_examples=25)
@given(COMMANDS, mischief())
def test_a_recorded_world_with_faults_is_replayed(
    tmp_path_factory: pytest.TempPathFactory,
    commands: list[Command],
    faults: list[dict[str, Any]],
) -> None:
    """Replayed in another process, the faults strike as they did."""
    folder = tmp_path_factory.mktemp("world")
    text = scenario_text(capacity=6, zones=["1", "2"], faults=faults)
    with RecordedWorld.open(folder, text, "s.yaml") as recorded:
        for command in commands:
            sent(recorded.world, command)
    with RecordedWorld.open(folder, text, "s.yaml") as again:
        again.world.advance_to(again.world.now + LONGEST)
        recorded.world.advance_to(recorded.world.now + LONGEST)
        assert again.world.log == recorded.world.log


@settings(max_examples=40)
@given(COMMANDS, mischief(st.one_of(EFFECTS, OTHERS_UPGRADE)))
def test_a_saved_world_with_faults_has_the_same_future(
    commands: list[Command], faults: list[dict[str, Any]]
) -> None:
    """Whatever is about to go wrong is in the document, and goes wrong all the same."""
    world = make_world(capacity=6, zones=["1", "2"], faults=faults)
    for command in commands:
        sent(world, command)
    text = yaml_text(world_document(world.snapshot()))
    again = parse_scenario(text).world()
    assert yaml_text(world_document(again.snapshot())) == text
    for each in (world, again):
        each.advance_to(each.now + LONGEST)
    assert again.log == world.log


@settings(max_examples=200)
@given(worlds(largest=8, faulty=False), world_plans(), mischief(PROMPT_EFFECTS))
def test_no_fault_brings_us_below_the_floor(
    arguments: dict[str, Any], plan: Plan, faults: list[dict[str, Any]]
) -> None:
    """Whatever goes wrong, no start of ours goes below the floor; and the Run ends."""
    rollout = planned_on_a_fine_day(plan, arguments)
    world = make_world(**{**arguments, "faults": faults})

    ended = run_in(world, rollout)

    assert floor_breaches(world, rollout) == []
    assert ended.outcome is not None
    assert ended.outcome.exit_code in ENDS


@settings(max_examples=60)
@given(
    worlds(largest=8, faulty=False),
    world_plans(),
    mischief(st.one_of(EFFECTS, OTHERS_UPGRADE)),
    st.lists(st.sampled_from([0, 1, 45]), min_size=1, max_size=3),
)
def test_a_run_among_others_ends_and_can_be_resumed(
    arguments: dict[str, Any], plan: Plan, faults: list[dict[str, Any]], rests: list[int]
) -> None:
    """Whatever goes wrong and whoever else is at work, every Run ends, resumed ones too."""
    rollout = planned_on_a_fine_day(plan, arguments)
    world, journal = make_world(**{**arguments, "faults": faults}), MemoryJournal()
    run_in(world, rollout, journal)
    for rest in rests:
        world.advance_to(world.now + minutes(rest))
        ended = run_in(world, rollout, journal)
        assert ended.outcome is not None
        assert ended.outcome.exit_code in ENDS
