"""The live scale set in a simulated world of its own, where things can be tried without harm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vmss_simulator.errors import ScenarioError
from vmss_simulator.scenario import scenario_of
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.backends.simulated_reading import Beginnings
from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vmss_simulator.scenario import Scenario
    from vmss_simulator.world import World
    from vmssplan.ports import Backend, BudgetUse


class UnwatchedClock:
    """`ports.Clock` of a World in which nobody waits: to sleep is to move time, at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        """Return virtual time."""
        return self._world.now

    async def sleep_until(self, when: datetime) -> None:
        """Move virtual time there."""
        if when > self._world.now:
            self._world.advance_to(when)

    def wake(self) -> None:
        """Do nothing: no sleep lasts."""


@dataclass(frozen=True, slots=True)
class SimulatedTwin:
    """`forecast.Twin` in the simulator."""

    simulated: SimulatedBackend
    clock: Clock

    @property
    def backend(self) -> Backend:
        """The service of that world."""
        return self.simulated

    @property
    def calls(self) -> int:
        """How many requests its service has had."""
        return self.simulated.requests.total()

    @property
    def budget(self) -> BudgetUse | None:
        """The request budget that was closest to its end."""
        return self.simulated.budgets.tightest()


def twin_scenario(document: Mapping[str, Any]) -> Scenario:
    """Return what twins are made of, from a scenario document; raises DocumentInvalid."""
    try:
        return scenario_of(document)
    except ScenarioError as error:
        raise DocumentInvalid([Problem(line) for line in str(error).splitlines()]) from error


class Twins:
    """Fresh worlds of one scenario, and what is the same in all of them."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._beginnings = Beginnings(scenario.scale_sets)

    def twin(self, seed: int) -> SimulatedTwin:
        """Start a world with that seed."""
        world = replace(self._scenario, seed=seed).world()
        return SimulatedTwin(SimulatedBackend(world, self._beginnings), UnwatchedClock(world))


def make_twin(scenario: Scenario, seed: int) -> SimulatedTwin:
    """Start one fresh world with that seed."""
    return Twins(scenario).twin(seed)


def with_bad_image(
    document: Mapping[str, Any], version: str | None, *, has_application_health: bool
) -> dict[str, Any]:
    """Return the scenario where nothing that boots from that version is ever well.

    None means an image without versions, or another change: then nothing upgraded is ever well.
    """
    effect: dict[str, Any]
    if version is not None:
        effect = {"badImage": {"version": version}}
    else:
        effect = {"neverHealthy" if has_application_health else "osProvisioningTimeout": {}}
    fault = {
        "name": "the new image is bad",
        "match": {"operations": ["upgrade", "reimage"]},
        "effect": effect,
    }
    return {**document, "faults": [*document.get("faults", ()), fault]}
