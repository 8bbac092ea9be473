"""The upgrade policy of a model: its ranges, what the service fills in, what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.simulator_worlds import JAMMY, model
from tests.worlds import WEB, make_world
from vmss_simulator import documents
from vmss_simulator.errors import ArmError
from vmss_simulator.upgrade_policy import (
    AutomaticOsPolicy,
    RollingPolicy,
    automatic_os_policy,
    check,
    completed,
    rolling_policy,
)

FILLED = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 20,
    "maxUnhealthyUpgradedInstancePercent": 20,
    "pauseTimeBetweenBatches": "PT0S",
}
PROBE = {"networkProfile": {"healthProbe": {"id": "/probes/p"}}}
AUTOMATIC = {"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}


def body(policy: dict[str, Any], profile: dict[str, Any] | None = None, **rest: Any) -> Any:
    """Return a model with application health, this policy and these changes to its profile."""
    changes = {
        "properties": {
            "upgradePolicy": policy,
            "virtualMachineProfile": profile or {},
            **rest,
        }
    }
    return documents.merge(model(version="latest"), changes)


def rolling(**policy: Any) -> Any:
    """Return a model under Rolling with this rolling upgrade policy."""
    return body({"mode": "Rolling", "rollingUpgradePolicy": policy})


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("maxBatchInstancePercent", 5),
        ("maxUnhealthyInstancePercent", 5),
        ("maxUnhealthyUpgradedInstancePercent", 0),
    ],
)
def test_the_ranges(name: str, lowest: int) -> None:
    """The lowest value and 100 are taken; what is beside them, or no number, is refused."""
    for good in (lowest, 100):
        check(rolling(**{name: good}))
    for bad in (lowest - 1, 101, True, "20", 20.5):
        with pytest.raises(ArmError) as refused:
            check(rolling(**{name: bad}))
        assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")
        assert refused.value.target == f"rollingUpgradePolicy.{name}"


@pytest.mark.parametrize("pause", ["2 minutes", "PT", "P1Y", 60, "PT9999999999999H"])
def test_a_pause_is_a_duration(pause: Any) -> None:
    """Anything but an ISO 8601 duration is refused."""
    with pytest.raises(ArmError, match="pauseTimeBetweenBatches"):
        check(rolling(pauseTimeBetweenBatches=pause))


def test_a_policy_is_read_whole() -> None:
    """Every member of the policy is understood."""
    read = rolling_policy(
        rolling(
            maxBatchInstancePercent=10,
            maxUnhealthyInstancePercent=30,
            maxUnhealthyUpgradedInstancePercent=0,
            pauseTimeBetweenBatches="PT2M",
            enableCrossZoneUpgrade=True,
            prioritizeUnhealthyInstances=True,
            rollbackFailedInstancesOnPolicyBreach=True,
            maxSurge=True,
        )
    )
    assert read == RollingPolicy(
        10,
        30,
        0,
        timedelta(minutes=2),
        True,
        True,
        True,
        True,
    )
    with pytest.raises(ArmError, match="maxSurge"):
        rolling_policy(rolling(maxSurge="yes"))


def test_the_service_fills_in_the_defaults() -> None:
    """They appear when the mode becomes Rolling, or where an empty policy was sent."""
    world = make_world()
    world.patch_scale_set(WEB, {"properties": {"upgradePolicy": {"mode": "Rolling"}}})
    policy = world.scale_set(WEB).body["properties"]["upgradePolicy"]
    assert policy == {"mode": "Rolling", "rollingUpgradePolicy": FILLED}
    sent = body({"mode": "Manual", "rollingUpgradePolicy": {}})
    filled = completed(sent)["properties"]["upgradePolicy"]
    assert filled == {"mode": "Manual", "rollingUpgradePolicy": FILLED}
    manual = body({"mode": "Manual"})
    assert completed(manual) is manual


def test_a_scenario_shows_the_defaults_too() -> None:
    """A set that a scenario puts under Rolling reads as if the service had stored it."""
    policy = make_world(upgradePolicy="Rolling").scale_set(WEB).body["properties"]["upgradePolicy"]
    assert policy["rollingUpgradePolicy"] == FILLED


def test_rolling_needs_a_health_source() -> None:
    """Without one the mode is refused in the words users report; a probe is enough for Uniform."""
    without = body({"mode": "Rolling"}, {"extensionProfile": None})
    with pytest.raises(ArmError) as refused:
        check(without)
    assert (refused.value.status, refused.value.code) == (400, "BadRequest")
    assert refused.value.message == (
        "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health"
        " probe or health extension was not provided."
    )
    check(body({"mode": "Rolling"}, {"extensionProfile": None, **PROBE}))
    flexible = body(
        {"mode": "Rolling"},
        {"extensionProfile": None, **PROBE},
        orchestrationMode="Flexible",
        singlePlacementGroup=False,
    )
    with pytest.raises(ArmError, match="health extension was not provided"):
        check(flexible)


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        pytest.param(
            {"extensionProfile": None},
            "because a health probe or health extension was not specified.",
            id="no health source",
        ),
        pytest.param(
            PROBE,
            "because both a health probe and a health extension were provided. Remove the health"
            " probe or health extension prior to enabling automatic OS upgrade.",
            id="two health sources",
        ),
        pytest.param(
            {"storageProfile": {"imageReference": {**JAMMY, "version": "22.04.202610010"}}},
            "the version of its image is not 'latest'",
            id="a fixed version",
        ),
        pytest.param(
            {
                "osProfile": {
                    "linuxConfiguration": {"patchSettings": {"patchMode": "AutomaticByPlatform"}}
                }
            },
            "patch mode",
            id="the platform patches",
        ),
        pytest.param(
            {"osProfile": {"windowsConfiguration": {"enableAutomaticUpdates": True}}},
            "enableAutomaticUpdates",
            id="windows update",
        ),
    ],
)
def test_automatic_os_upgrade_has_requirements(profile: dict[str, Any], text: str) -> None:
    """What would make an automatic OS upgrade impossible is refused when it is switched on."""
    check(body(AUTOMATIC))
    with pytest.raises(ArmError) as refused:
        check(body(AUTOMATIC, profile))
    assert refused.value.status == 400
    assert refused.value.message.startswith("Automatic OS Upgrade is not supported for this")
    assert text in refused.value.message


def test_the_automatic_policy_is_read_whole() -> None:
    """Every member of the policy is understood."""
    policy = {
        "enableAutomaticOSUpgrade": True,
        "disableAutomaticRollback": True,
        "useRollingUpgradePolicy": True,
        "osRollingUpgradeDeferral": True,
    }
    read = automatic_os_policy(body({"mode": "Manual", "automaticOSUpgradePolicy": policy}))
    assert read == AutomaticOsPolicy(
        enabled=True, rolls_back=False, uses_rolling_policy=True, deferred=True
    )


def test_what_flexible_sets_cannot_have() -> None:
    """Neither a rollback on a breach, nor maxSurge together with automatic OS upgrades."""
    flexible: dict[str, Any] = {"orchestrationMode": "Flexible", "singlePlacementGroup": False}
    with pytest.raises(ArmError, match="rollbackFailedInstancesOnPolicyBreach"):
        check(
            body(
                {"rollingUpgradePolicy": {"rollbackFailedInstancesOnPolicyBreach": True}},
                **flexible,
            )
        )
    with pytest.raises(ArmError, match="maxSurge"):
        check(body({**AUTOMATIC, "rollingUpgradePolicy": {"maxSurge": True}}, **flexible))
    check(body({**AUTOMATIC, "rollingUpgradePolicy": {"maxSurge": True}}))
