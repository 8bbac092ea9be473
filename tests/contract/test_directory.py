"""What there is in a subscription, and what is told of one instance, at every door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.backends import TARGET, every_door
from tests.worlds import WEB, make_world
from vmssplan.errors import NotFound
from vmssplan.model import ListedScaleSet, OrchestrationMode

if TYPE_CHECKING:
    from pathlib import Path

DOORS = ("direct", "in-process", "https")


@pytest.mark.parametrize("door", DOORS)
async def test_the_sets_of_a_subscription_are_listed(door: str, tmp_path: Path) -> None:
    """With what their model says, and without a look at their instances."""
    world = make_world(capacity=3, zones=["1", "2", "3"])
    async with every_door(tmp_path)[door](world) as backend:
        (one,) = await backend.scale_sets(WEB.subscription_id)  # type: ignore[attr-defined]
        live, _ = await backend.observe(TARGET)
    assert isinstance(one, ListedScaleSet)
    assert one.id.resource_id.casefold() == TARGET.resource_id.casefold()
    assert (one.capacity, one.zones) == (3, ("1", "2", "3"))
    assert (one.location, one.model) == (live.location, live.model)
    assert one.orchestration_mode is OrchestrationMode.UNIFORM


@pytest.mark.parametrize("door", DOORS)
async def test_an_instance_tells_what_its_view_says(door: str, tmp_path: Path) -> None:
    """Of the machine, its agent, its health and its extensions, in the service's own words."""
    async with every_door(tmp_path)[door](make_world()) as backend:
        told = await backend.told(TARGET, "1")  # type: ignore[attr-defined]
        with pytest.raises(NotFound):
            await backend.told(TARGET, "99")  # type: ignore[attr-defined]
    words = {(one.about, one.code) for one in told}
    assert ("", "PowerState/running") in words
    assert ("health", "HealthState/healthy") in words
    assert ("agent", "ProvisioningState/succeeded") in words
    assert len({one.about for one in told}) == 4
    assert all(one.level == "Info" for one in told)


@pytest.mark.parametrize("door", DOORS)
async def test_every_door_tells_the_placement_group(door: str, tmp_path: Path) -> None:
    """Domains count within it."""
    async with every_door(tmp_path)[door](make_world()) as backend:
        live, _ = await backend.observe(TARGET)
    assert len({one.placement_group for one in live.instances}) == 1
    assert all(one.placement_group for one in live.instances)
