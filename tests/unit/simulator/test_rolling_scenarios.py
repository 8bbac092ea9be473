"""The scenarios of native rolling upgrades do what they say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.worlds import SUBSCRIPTION, finish, run
from vmss_simulator.scenario import load_scenario
from vmss_simulator.values import OperationStatus, ScaleSetKey

if TYPE_CHECKING:
    from vmss_simulator.values import RollingUpgrade
    from vmss_simulator.world import World

FOLDER = Path(__file__).parents[3] / "simulator" / "scenarios"
NEW = "22.04.202611010"
PATCH = {
    "properties": {
        "virtualMachineProfile": {
            "storageProfile": {
                "imageReference": {
                    "publisher": "Canonical",
                    "offer": "ubuntu-server",
                    "sku": "22_04-lts-gen2",
                    "version": NEW,
                }
            }
        }
    }
}


def world_of(name: str) -> World:
    """Return the scenario's world at its start."""
    return load_scenario(FOLDER / f"{name}.yaml").world()


def key(name: str) -> ScaleSetKey:
    """Return the key of a set."""
    return ScaleSetKey(SUBSCRIPTION, "myrg", name)


def latest(world: World, name: str) -> RollingUpgrade:
    """Return the latest rolling upgrade of a set."""
    found = world.rolling_upgrade(key(name))
    assert found is not None
    return found


def on_new(world: World, name: str) -> int:
    """Return how many instances are on the new version."""
    instances = world.scale_set(key(name)).instances.values()
    return sum(each.exact_version == NEW for each in instances)


@pytest.mark.parametrize(("name", "total"), [("web", 10), ("surge", 5), ("zonal", 9)])
def test_rolling(name: str, total: int) -> None:
    """Each set rolls to its end when its model is written."""
    world = world_of("rolling")
    operation = finish(world, world.patch_scale_set(key(name), PATCH))
    assert operation.status is OperationStatus.SUCCEEDED
    assert on_new(world, name) == total


def test_rolling_already() -> None:
    """Somebody's upgrade goes on from the start to its end."""
    world = world_of("rolling")
    assert latest(world, "busy").is_going_on
    run(world)
    assert (latest(world, "busy").code, on_new(world, "busy")) == ("Completed", 3)


@pytest.mark.parametrize(
    ("name", "code", "touched"),
    [
        ("upgraded", "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade", 1),
        ("before", "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade", 0),
        ("during", "MaxUnhealthyInstancePercentExceededInRollingUpgrade", 5),
        ("restored", "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade", 0),
    ],
)
def test_rolling_unhealthy(name: str, code: str, touched: int) -> None:
    """Each set fails for its own reason, with so many instances on the new version."""
    world = world_of("rolling-unhealthy")
    operation = finish(world, world.patch_scale_set(key(name), PATCH))
    assert operation.error is not None
    assert operation.error.code == code
    assert (latest(world, name).code, on_new(world, name)) == ("Faulted", touched)


def test_automatic_os_upgrade() -> None:
    """The platform upgrades, restores, or waits; nobody asked it to."""
    world = world_of("automatic-os-upgrade")
    world.advance_to(world.start + timedelta(minutes=59))
    assert world.rolling_upgrade(key("web")) is None
    run(world)
    assert (latest(world, "web").code, on_new(world, "web")) == ("Completed", 10)
    assert (latest(world, "fragile").code, latest(world, "fragile").restored) == ("Faulted", 1)
    assert on_new(world, "patient") == 0
    world.approve_rolling_upgrade(key("patient"), [])
    run(world)
    assert on_new(world, "patient") == 3
