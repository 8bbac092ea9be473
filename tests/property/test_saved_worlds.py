"""A world written to a document and read back is the same world, whatever was under way."""

from __future__ import annotations

import types
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_simulated_worlds import COMMANDS, carried_out, carry_out
from tests.worlds import WEB, run, scenario_text
from vmss_simulator import codec
from vmss_simulator.errors import ScenarioError
from vmss_simulator.log import Log
from vmss_simulator.saving import world_document
from vmss_simulator.scenario import load_scenario, parse_scenario
from vmss_simulator.state import State
from vmss_simulator.values import ScaleSetKey, WorldEvent
from vmss_simulator.yaml_text import yaml_text

if TYPE_CHECKING:
    from tests.property.test_simulated_worlds import Command
    from vmss_simulator.world import World

SCENARIOS = sorted((Path(__file__).parents[2] / "simulator" / "scenarios").rglob("*.yaml"))


def saved(world: World) -> str:
    """Return the world as the text of a document."""
    return yaml_text(world_document(world.snapshot()))


def test_every_field_of_a_world_can_be_saved() -> None:
    """Whatever is added to a world is of types that a document can hold."""
    seen: set[Any] = set()
    unknown: list[str] = []

    def visit(hint: Any, where: str) -> None:
        origin, arguments = get_origin(hint), get_args(hint)
        known = (str, int, float, bool, datetime, timedelta, ScaleSetKey, Any, types.NoneType)
        if hint is Log:
            visit(WorldEvent, where)
            return
        if hint in known or hint is Ellipsis or origin is Literal or repr(hint) in seen:
            return
        seen.add(repr(hint))
        if origin in (Union, types.UnionType, tuple, list, frozenset, set, dict) or (
            isinstance(origin, type) and issubclass(origin, Mapping)
        ):
            for each in arguments:
                visit(each, where)
        elif codec.is_record(hint):
            for slot in codec.layout(hint):
                visit(slot.hint, f"{hint.__name__}.{slot.name}")
        elif not (isinstance(hint, type) and issubclass(hint, Enum)):
            unknown.append(f"{where}: {hint!r}")

    visit(State, "State")
    assert not unknown


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_is_the_same_when_saved(path: Path) -> None:
    """Every scenario there is: written, read and written again, the text is the same."""
    text = saved(load_scenario(path).world())
    assert saved(parse_scenario(text).world()) == text


@settings(max_examples=40, deadline=None)
@given(COMMANDS)
def test_a_saved_world_is_the_same_world(commands: list[Command]) -> None:
    """In flight or quiet: the document is the same again, and so is the future."""
    world = carried_out(commands)
    text = saved(world)
    again = parse_scenario(text).world()
    assert saved(again) == text
    assert again.scale_set(WEB) == world.scale_set(WEB)
    assert (again.now, again.log) == (world.now, world.log)
    for each in (world, again):
        carry_out(each, ("upgrade", ["*"]))
        run(each)
    assert again.log == world.log


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "web", "PT1S", "x"]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=3,
    ),
    st.data(),
)
def test_a_damaged_document_is_refused_with_its_place(value: Any, data: st.DataObject) -> None:
    """Whatever one value is replaced by, the document is read or refused, and says where."""
    document = yaml.safe_load(saved(parse_scenario(scenario_text(capacity=2)).world()))
    place: Any = document
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            place[key] = value
            break
        place = place[key]
    try:
        parse_scenario(yaml_text(document), "state.yaml")
        told = "state.yaml:"
    except ScenarioError as error:
        told = str(error)
    assert told.startswith("state.yaml:")


@pytest.mark.parametrize("counts", [{}, {"x": 1}, 0])
def test_the_open_steps_of_running_operations_are_counted(counts: dict[str, int] | int) -> None:
    """A document that says of an operation that it runs, and not how far it is, is refused."""
    world = parse_scenario(scenario_text(capacity=2)).world()
    operation = world.reimage(WEB, ["*"])
    document = yaml.safe_load(saved(world))
    assert document["progress"]["openSteps"] == {operation.operation_id: 3}
    other = counts if isinstance(counts, dict) else {operation.operation_id: counts}
    document["progress"]["openSteps"] = other
    with pytest.raises(ScenarioError, match=r"progress\.openSteps: expected a count"):
        parse_scenario(yaml_text(document), "state.yaml")


def test_no_secret_is_saved() -> None:
    """What Azure never gives back is not in the document, in the model or in a fault."""
    patch = {"properties": {"virtualMachineProfile": {"osProfile": {"adminPassword": "hunter2"}}}}
    meddler = {
        "name": "meddler",
        "effect": {"modelChangedBy": {"actor": "a", "at": "PT5M", "patch": patch}},
    }
    world = parse_scenario(scenario_text(faults=[meddler])).world()
    world.patch_scale_set(WEB, patch)
    assert "hunter2" not in saved(world)
