"""What holds for every sequence of commands, whatever they are."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import NEW, OLD, SUBSCRIPTION, WEB, model, run, scenario_text
from vmss_simulator.errors import ArmError
from vmss_simulator.recording import RecordedWorld
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import OperationKind, OperationStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from vmss_simulator.world import World

Command = tuple[str, Any]

FAULTS = [
    {
        "name": "fails",
        "match": {"operations": ["upgrade"]},
        "when": {"probability": 0.3},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    },
    {"name": "sick", "when": {"probability": 0.3}, "effect": {"neverHealthy": {}}},
    {"name": "lost", "when": {"probability": 0.2}, "effect": {"replyLost": {}}},
    {
        "name": "refused",
        "match": {"operations": ["upgrade"]},
        "when": {"probability": 0.2},
        "effect": {"error": {"status": 500, "code": "InternalServerError", "message": "Oops."}},
    },
    {
        "name": "meddler",
        "effect": {"modelChangedBy": {"actor": "a", "at": "PT5M", "patch": {"tags": {"a": "b"}}}},
    },
]
TEXT = scenario_text(
    faults=FAULTS, capacity=6, overrides={"4": {"protection": {"fromScaleSetActions": True}}}
)
IDS = st.lists(st.sampled_from([*"0123456789", "*", "77"]), min_size=0, max_size=4)
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["upgrade", "reimage"]), IDS),
        st.tuples(st.just("model"), st.sampled_from([OLD, NEW, "latest", "9.9.9"])),
        st.tuples(st.just("capacity"), st.sampled_from([0, 3, 6, 8, 101])),
        st.tuples(st.just("policy"), st.sampled_from(["Manual", "Automatic", "Never"])),
        st.tuples(st.just("wait"), st.integers(min_value=0, max_value=900)),
    ),
    max_size=12,
)


def carry_out(world: World, command: Command) -> ArmError | None:
    """Give the world one command as a door would; return what refused it."""
    verb, argument = command
    kind = OperationKind.UPGRADE if verb == "upgrade" else OperationKind.PATCH_SCALE_SET
    try:
        if verb == "wait":
            world.advance_to(world.now + timedelta(seconds=argument))
            return None
        world.admit(kind, WEB, subscription_id=SUBSCRIPTION, instance_ids=["0"])
        _write(world, verb, argument)
    except ArmError as error:
        return error
    return None


def _write(world: World, verb: str, argument: Any) -> None:
    match verb:
        case "upgrade":
            world.upgrade(WEB, argument)
        case "reimage":
            world.reimage(WEB, argument)
        case "model":
            world.patch_scale_set(WEB, model(argument))
        case "capacity":
            world.put_scale_set(WEB, {"sku": {"capacity": argument}})
        case _:
            world.patch_scale_set(WEB, {"properties": {"upgradePolicy": {"mode": argument}}})


def carried_out(commands: Sequence[Command]) -> World:
    """Return the world after the commands."""
    world = parse_scenario(TEXT).world()
    for command in commands:
        carry_out(world, command)
    return world


@given(COMMANDS)
def test_the_same_commands_give_the_same_log(commands: list[Command]) -> None:
    """One seed and one history make one world."""
    first, second = carried_out(commands), carried_out(commands)
    assert first.log == second.log
    assert first.scale_set(WEB) == second.scale_set(WEB)


@given(COMMANDS, COMMANDS)
def test_a_fork_is_independent_and_equal(before: list[Command], after: list[Command]) -> None:
    """A fork has the same future, and its future does not touch the original."""
    world = carried_out(before)
    copy, untouched = world.fork(), (world.log.copy(), world.scale_set(WEB), world.next_event_at())
    for command in after:
        carry_out(copy, command)
    assert (world.log, world.scale_set(WEB), world.next_event_at()) == untouched
    for command in after:
        carry_out(world, command)
    assert world.log == copy.log


@given(COMMANDS)
def test_every_operation_ends(commands: list[Command]) -> None:
    """Nothing stuck by a fault, a world comes to rest with no operation and no busy instance."""
    world = carried_out(commands)
    run(world)
    started = [each.data["operationId"] for each in world.log if each.type == "operationStarted"]
    ended = [each.data["operationId"] for each in world.log if each.type == "operationEnded"]
    assert sorted(started) == sorted(ended)
    assert all(world.operation(each).status is not OperationStatus.IN_PROGRESS for each in started)
    assert not any(each.busy_with for each in world.scale_set(WEB).instances.values())


@given(COMMANDS)
def test_instance_ids_are_never_used_again(commands: list[Command]) -> None:
    """An id that is gone does not come back."""
    world = carried_out(commands)
    run(world)
    created = [each.instance_id for each in world.log if each.type == "createStarted"]
    assert len(created) == len(set(created))
    assert not set(created) & {"0", "1", "2", "3", "4", "5"}


@given(COMMANDS)
def test_the_logged_in_service_count_is_the_real_one(commands: list[Command]) -> None:
    """The last count in the log is what counting the instances gives, at every moment."""
    world = parse_scenario(TEXT).world()
    for command in commands:
        carry_out(world, command)
        logged = [each.data["inService"] for each in world.log if "inService" in each.data]
        assert logged[-1] == world.scale_set(WEB).in_service_count
    assert [each.sequence for each in world.log] == list(range(len(world.log)))


@given(COMMANDS)
def test_a_refused_write_changes_nothing(commands: list[Command]) -> None:
    """After a 4xx, scale set, log and timetable are what they were."""
    world = parse_scenario(TEXT).world()
    for command in commands:
        verb, argument = command
        if verb == "wait":
            carry_out(world, command)
            continue
        before = (world.log.copy(), world.scale_set(WEB), world.next_event_at())
        try:
            _write(world, verb, argument)
        except ArmError:
            assert (world.log, world.scale_set(WEB), world.next_event_at()) == before


@settings(max_examples=40)
@given(commands=COMMANDS, torn=st.integers(min_value=0, max_value=30))
def test_a_replayed_recording_is_the_world(
    tmp_path_factory: pytest.TempPathFactory, commands: list[Command], torn: int
) -> None:
    """Replay gives the same world and the same future, and a torn line only loses its command."""
    folder = tmp_path_factory.mktemp("world")
    with RecordedWorld.open(folder, TEXT, "s.yaml") as recorded:
        for command in commands:
            carry_out(recorded.world, command)
    with (folder / "commands.jsonl").open("a") as lines:
        lines.write('{"do":"advance","to":"2030-01-01T00:'[:torn])
    with RecordedWorld.open(folder, TEXT, "s.yaml") as again:
        assert again.world.log == recorded.world.log
        assert again.world.scale_set(WEB) == recorded.world.scale_set(WEB)
        run(again.world)
        run(recorded.world)
        assert again.world.log == recorded.world.log


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["Manual", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "location",
                    "sku",
                    "name",
                    "capacity",
                    "tags",
                    "zones",
                    "properties",
                    "upgradePolicy",
                    "mode",
                    "orchestrationMode",
                    "platformFaultDomainCount",
                    "virtualMachineProfile",
                    "storageProfile",
                    "imageReference",
                    "publisher",
                    "version",
                    "id",
                    "osDisk",
                    "image",
                    "uri",
                    "extensionProfile",
                    "extensions",
                    "networkProfile",
                    "healthProbe",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_body_is_taken_or_refused(body: Any) -> None:
    """Whatever a client sends, the answer is an operation or an ARM error, and no other."""
    world = parse_scenario(scenario_text()).world()
    before = (world.log.copy(), world.scale_set(WEB))
    try:
        world.patch_scale_set(WEB, body)
    except ArmError:
        assert (world.log, world.scale_set(WEB)) == before
    else:
        run(world)


_PROGRAM = """
import hashlib
from tests.property.test_simulated_worlds import carried_out
from tests.worlds import run
world = carried_out([("model", "latest"), ("wait", 60), ("upgrade", ["0", "3", "4"]), ("wait", 900),
                     ("capacity", 8), ("wait", 900), ("policy", "Automatic"), ("wait", 60),
                     ("model", "1.9.0")])
run(world)
print(len(world.log), hashlib.sha256(repr(world.log).encode()).hexdigest())
"""


def test_the_log_is_the_same_in_every_process() -> None:
    """Neither hash randomisation nor anything else of a process shows in the log."""
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "simulator")])
    logs = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(logs) == 1
    assert int(logs.pop().split()[0]) > 50
