"""What Azure does by itself is read from the model of a set, and told in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.copying import replace
from tests.support.values import rollout, scale_set
from vmssplan.actors import platform_notes
from vmssplan.backends.arm_documents import read_platform_actions
from vmssplan.model import AutomaticRepairs, PlatformActions

TEN = timedelta(minutes=10)


def profile(**fields: Any) -> dict[str, Any]:
    """Return the properties of a set with such a virtualMachineProfile."""
    return {"virtualMachineProfile": fields}


def patched(system: str, mode: str) -> dict[str, Any]:
    """Return the properties of a set whose guests are patched in this mode."""
    return profile(osProfile={system: {"patchSettings": {"patchMode": mode}}})


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, PlatformActions()),
        ({"upgradePolicy": None, "automaticRepairsPolicy": None}, PlatformActions()),
        (
            {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}},
            PlatformActions(os_upgrades=True),
        ),
        (
            {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT30M"}},
            PlatformActions(repairs=AutomaticRepairs(timedelta(minutes=30), "Replace")),
        ),
        (
            {"automaticRepairsPolicy": {"enabled": True, "repairAction": "Reimage"}},
            PlatformActions(repairs=AutomaticRepairs(TEN, "Reimage")),
        ),
        (
            {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "half an hour"}},
            PlatformActions(repairs=AutomaticRepairs(TEN, "Replace")),
        ),
        ({"automaticRepairsPolicy": {"enabled": False, "gracePeriod": "PT30M"}}, PlatformActions()),
        (profile(priority="Regular"), PlatformActions()),
        (profile(priority="Spot"), PlatformActions(spot=True)),
        (profile(priority="Low"), PlatformActions(spot=True)),
        (
            {"resiliencyPolicy": {"automaticZoneRebalancingPolicy": {"enabled": True}}},
            PlatformActions(zone_rebalancing=True),
        ),
        (
            patched("linuxConfiguration", "AutomaticByPlatform"),
            PlatformActions(guest_patching=True),
        ),
        (
            patched("windowsConfiguration", "AutomaticByPlatform"),
            PlatformActions(guest_patching=True),
        ),
        (patched("windowsConfiguration", "AutomaticByOS"), PlatformActions()),
    ],
)
def test_actions_are_read_from_the_model(
    properties: dict[str, Any], expected: PlatformActions
) -> None:
    """What the model switches on, with Azure's defaults for what it leaves out."""
    assert read_platform_actions({"properties": properties}) == expected


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        (PlatformActions(os_upgrades=True), "Azure rolls out every new image by itself"),
        (
            PlatformActions(repairs=AutomaticRepairs(TEN, "Replace")),
            "unhealthy PT10M after its last change, Azure replaces it, and the new machine has",
        ),
        (PlatformActions(repairs=AutomaticRepairs(TEN, "Restart")), "Azure restarts it"),
        (PlatformActions(repairs=AutomaticRepairs(TEN, "Reimage")), "Azure reimages it"),
        (PlatformActions(repairs=AutomaticRepairs(TEN, "Pray")), "Azure repairs it (Pray)"),
        (PlatformActions(spot=True), "Azure may evict any of them at any time"),
        (PlatformActions(zone_rebalancing=True), "add an instance in one zone and delete one"),
        (PlatformActions(guest_patching=True), "Azure may restart instances"),
    ],
)
def test_each_action_is_one_sentence(actions: PlatformActions, said: str) -> None:
    """What Azure may do, and to what end."""
    [sentence] = platform_notes(replace(scale_set(2), platform=actions))
    assert said in sentence


def test_a_rollout_says_what_azure_may_do_meanwhile() -> None:
    """Among its decisions, so that the reviewer reads it."""
    live = replace(scale_set(2), platform=PlatformActions(spot=True))
    assert rollout(live).notes[-1] == next(platform_notes(live))


def test_a_set_that_azure_leaves_alone_has_no_note() -> None:
    """Nothing is on, so nothing is said."""
    assert list(platform_notes(scale_set(2))) == []
