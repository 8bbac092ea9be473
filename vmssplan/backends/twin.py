"""The live scale set in a simulated world of its own, where things can be tried without harm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vmss_simulator.errors import ScenarioError
from vmss_simulator.scenario import scenario_of
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.scenario import Scenario
    from vmssplan.ports import Backend


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


def twin_scenario(document: Mapping[str, Any]) -> Scenario:
    """Return what twins are made of, from a scenario document; raises DocumentInvalid."""
    try:
        return scenario_of(document)
    except ScenarioError as error:
        raise DocumentInvalid([Problem(line) for line in str(error).splitlines()]) from error


def make_twin(scenario: Scenario, seed: int) -> SimulatedTwin:
    """Start a fresh world with that seed."""
    world = replace(scenario, seed=seed).world()
    return SimulatedTwin(SimulatedBackend(world), SimulatedClock(world))


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
