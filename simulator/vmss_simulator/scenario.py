"""A scenario: everything a world starts from, read from one YAML file.

`load_scenario` is the only function here that reads a file; `Scenario.world` is pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmss_simulator.autoscale import AutoscalePlan
from vmss_simulator.codec import Undecodable
from vmss_simulator.errors import ScenarioError
from vmss_simulator.faults import FaultRule
from vmss_simulator.images import Catalogue
from vmss_simulator.options import Options
from vmss_simulator.randomness import Latencies
from vmss_simulator.roles import OWNER, RoleAssignment
from vmss_simulator.saving import is_world, read_world
from vmss_simulator.scenario_autoscale import build_autoscale
from vmss_simulator.scenario_build import (
    DEFAULT_START,
    build_catalogue,
    build_fault,
    build_rolling_upgrade,
    latency_problems,
    moment,
)
from vmss_simulator.scenario_sets import Setting, build_scale_set
from vmss_simulator.scenario_text import Document, Problem, read_mapping, scenario_schema
from vmss_simulator.state import State
from vmss_simulator.values import RollingUpgrade, ScaleSet, ScaleSetKey
from vmss_simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmss_simulator.scenario_text import KeyPath

__all__ = ["Scenario", "load_scenario", "parse_scenario", "scenario_schema"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a world starts from; immutable, so that it can start any number of worlds."""

    name: str
    description: str
    seed: int
    start: datetime
    options: Options
    latencies: Latencies
    images: Catalogue
    scale_sets: tuple[ScaleSet, ...]
    rolling_upgrades: tuple[tuple[ScaleSetKey, RollingUpgrade | None], ...] = ()
    faults: tuple[FaultRule, ...] = ()
    autoscale: tuple[AutoscalePlan, ...] = ()
    roles: tuple[RoleAssignment, ...] = (OWNER,)
    saved: State | None = None

    def world(self) -> World:
        """Start a world, at `start`; one that was saved goes on where it was."""
        if self.saved is not None:
            return World.resume(self.saved.fork())
        world = World(
            start=self.start,
            seed=self.seed,
            options=self.options,
            latencies=self.latencies,
            images=self.images,
            faults=self.faults,
            scale_sets=self.scale_sets,
            upgrades=self.rolling_upgrades,
            roles=self.roles,
        )
        for plan in self.autoscale:
            world.begin_autoscale(plan)
        return world


def load_scenario(path: str | Path) -> Scenario:
    """Read a scenario file; ScenarioError with every mistake in it, or when it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    return parse_scenario(text, str(path))


def parse_scenario(text: str, source: str = "scenario") -> Scenario:
    """Read the text of a scenario; `source` names it in errors, which are ScenarioError."""
    document = read_mapping(text, source)
    if is_world(document.raw):
        return _saved(document)
    raw = document.raw
    kind = raw.get("kind")
    if isinstance(kind, str) and kind != "Scenario":
        # Another kind of document altogether: its keys are no slips of ours.
        text = f"expected Scenario (or a saved World), got {kind[:40]!r}"
        raise document.refusal([Problem(("kind",), text)])
    document.check()
    problems = [*latency_problems(raw), *_moment_problems(raw, ()), *_name_problems(raw)]
    if problems:
        raise document.refusal(problems)
    scenario, problems = _built(raw, Path(source).stem)
    if problems:
        raise document.refusal(problems)
    return scenario


def scenario_of(raw: Mapping[str, Any]) -> Scenario:
    """Return the scenario of a document that a program made, which is not checked again.

    Raises ScenarioError where it does not hold together all the same.
    """
    scenario, problems = _built(raw, "scenario")
    if problems:
        raise ScenarioError("\n".join(str(problem) for problem in problems))
    return scenario


def _built(raw: Mapping[str, Any], name: str) -> tuple[Scenario, list[Problem]]:
    problems: list[Problem] = []
    setting = Setting(
        seed=raw.get("seed", 1),
        start=moment(raw["start"]) if "start" in raw else DEFAULT_START,
        options=Options.from_document(raw.get("options", {})),
        images=build_catalogue(raw.get("images", {})),
    )
    scale_sets: list[ScaleSet] = []
    autoscale: list[AutoscalePlan] = []
    rolling_upgrades: list[tuple[ScaleSetKey, RollingUpgrade | None]] = []
    for index, each in enumerate(raw["scaleSets"]):
        scale_set, found = build_scale_set(each, ("scaleSets", index), setting)
        problems += found
        if scale_set is None:
            continue
        scale_sets.append(scale_set)
        if "autoscale" in each:
            place = ("scaleSets", index, "autoscale")
            plan, found = build_autoscale(each["autoscale"], place, scale_set)
            autoscale.append(plan)
            problems += found
        if "rollingUpgrade" in each:
            upgrade = build_rolling_upgrade(each["rollingUpgrade"], setting.start)
            rolling_upgrades.append((scale_set.key, upgrade))
    scenario = Scenario(
        name=raw.get("name", name),
        description=raw.get("description", ""),
        seed=setting.seed,
        start=setting.start,
        options=setting.options,
        latencies=Latencies.from_document(raw.get("latencies", {})),
        images=setting.images,
        scale_sets=tuple(scale_sets),
        autoscale=tuple(autoscale),
        rolling_upgrades=tuple(rolling_upgrades),
        faults=tuple(build_fault(each) for each in raw.get("faults", ())),
        roles=tuple(RoleAssignment.from_document(each) for each in raw["roles"])
        if "roles" in raw
        else (OWNER,),
    )
    return scenario, problems


def _saved(document: Document) -> Scenario:
    """Read a world that was saved: a scenario that begins in the middle."""
    raw = document.raw
    try:
        state = read_world(raw)
    except Undecodable as error:
        raise document.refusal([Problem(error.path, error.message)]) from error
    return Scenario(
        name=str(raw.get("name", Path(document.source).stem)),
        description=str(raw.get("description", "")),
        seed=state.seed,
        start=state.start,
        options=state.options,
        latencies=state.latencies,
        images=state.images,
        scale_sets=tuple(state.scale_sets.values()),
        faults=state.faults.rules,
        roles=state.roles,
        saved=state,
    )


def _moment_problems(value: Any, path: KeyPath) -> Iterator[Problem]:
    """Yield the moments that have the right form but are not in the calendar."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _moment_problems(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("start", "publishedAt", "timeCreated", "startedAt") and isinstance(
                item, str
            ):
                try:
                    moment(item)
                except (ValueError, OverflowError) as error:
                    yield Problem((*path, key), f"no such moment: {error}")
            elif key != "model":
                yield from _moment_problems(item, (*path, key))


def _name_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield scale sets and faults that have the name of an earlier one."""
    seen: set[tuple[str, ...]] = set()
    for index, each in enumerate(raw["scaleSets"]):
        name = tuple(
            str(each.get(part, "")).casefold()
            for part in ("subscriptionId", "resourceGroup", "name")
        )
        if name in seen:
            yield Problem(("scaleSets", index, "name"), "there is already a scale set of this name")
        seen.add(name)
    names: set[str] = set()
    for index, each in enumerate(raw.get("faults", ())):
        if each["name"] in names:
            yield Problem(("faults", index, "name"), "there is already a fault of this name")
        names.add(each["name"])
