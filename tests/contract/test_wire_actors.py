"""What Azure does to a set by itself is told alike at every door."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.backends import TARGET, every_door
from tests.simulator_worlds import KEY, small_world
from tests.support.copying import replace
from vmssplan.model import AutomaticRepairs, PlatformActions

if TYPE_CHECKING:
    from pathlib import Path

BY_ITSELF = {
    "properties": {
        "upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}},
        "automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT20M"},
        "resiliencyPolicy": {"automaticZoneRebalancingPolicy": {"enabled": True}},
        "virtualMachineProfile": {
            "priority": "Spot",
            "storageProfile": {"imageReference": {"version": "latest"}},
        },
    }
}
PATCHED = {
    "properties": {
        "upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}},
        "virtualMachineProfile": {
            "osProfile": {
                "linuxConfiguration": {"patchSettings": {"patchMode": "AutomaticByPlatform"}}
            }
        },
    }
}


@pytest.mark.parametrize("door", ["direct", "in-process", "https"])
async def test_what_azure_does_by_itself_is_told(door: str, tmp_path: Path) -> None:
    """Nothing where nothing is on; everything where all is."""
    world = small_world()
    async with every_door(tmp_path)[door](world) as backend:
        quiet, _ = await backend.observe(TARGET)
        world.patch_scale_set(KEY, BY_ITSELF)
        busy, _ = await backend.observe(TARGET)
        world.advance_to(world.now + timedelta(minutes=10))
        world.patch_scale_set(KEY, PATCHED)
        patched, _ = await backend.observe(TARGET)
    assert quiet.platform == PlatformActions()
    assert busy.platform == PlatformActions(
        os_upgrades=True,
        repairs=AutomaticRepairs(timedelta(minutes=20), "Replace"),
        spot=True,
        zone_rebalancing=True,
    )
    assert patched.platform == replace(busy.platform, os_upgrades=False, guest_patching=True)
