"""The life of scale sets with the real az, from creation to deletion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.az.client import GROUP, Az, create
from tests.simulator_worlds import NEW, OLD, model

if TYPE_CHECKING:
    from pathlib import Path

RUNNING, STOPPED, GONE = "PowerState/running", "PowerState/stopped", "PowerState/deallocated"
VERSION = "virtualMachineProfile.storageProfile.imageReference.version"


def test_reading(az: Az) -> None:
    """`list`, `show`, `list-instances`, `get-instance-view` and `nic list` tell of a set."""
    assert "api" in az("vmss", "list", "--query", "[].name")
    assert az("vmss", "list", "--resource-group", GROUP.upper(), "--query", "[].tags.team") == [
        "api"
    ]
    at = ("--resource-group", GROUP, "--name", "api")
    shown = az("vmss", "show", *at)
    assert (shown["sku"]["capacity"], shown["provisioningState"]) == (2, "Succeeded")
    listed = az("vmss", "list-instances", *at, "--query", "[].[instanceId, latestModelApplied]")
    assert listed == [["0", True], ["1", True]]
    view = az("vmss", "get-instance-view", *at)
    assert view["virtualMachine"]["statusesSummary"] == [
        {"code": "ProvisioningState/succeeded", "count": 2}
    ]
    one = az("vmss", "get-instance-view", *at, "--instance-id", "1")
    assert one["vmHealth"]["status"]["code"] == "HealthState/healthy"
    every = az("vmss", "get-instance-view", *at, "--instance-id", "*")
    assert [each["vmHealth"]["status"]["code"] for each in every] == ["HealthState/healthy"] * 2
    address = "[].ipConfigurations[0].privateIPAddress"
    nics = ("vmss", "nic", "list", "--resource-group", GROUP, "--vmss-name")
    assert az(*nics, "api", "--query", address) == ["10.0.0.4", "10.0.0.5"]
    refused = az.refused("vmss", "show", "--resource-group", GROUP, "--name", "nowhere")
    assert (refused.code, "(ResourceNotFound)" in refused.text) == (3, True)


def test_a_set_is_made_scaled_upgraded_and_deleted(az: Az, folder: Path) -> None:
    """The main flow: create by put, scale, a new image, upgrade, reimage, delete."""
    web = create(az, "web", model(3), folder)
    assert set(web.versions().values()) == {OLD}
    assert web("scale", "--new-capacity", "4")["sku"]["capacity"] == 4
    ids = list(web.versions())
    assert len(ids) == 4

    changed = web("update", "--set", f"{VERSION}={NEW}")
    image = changed["virtualMachineProfile"]["storageProfile"]["imageReference"]
    assert (image["version"], image["publisher"]) == (NEW, "Canonical")
    assert set(web.versions().values()) == {OLD}

    web("update-instances", "--instance-ids", *ids[:2])
    assert [web.versions()[each] for each in ids] == [NEW, NEW, OLD, OLD]
    web("reimage", "--instance-ids", ids[2])
    assert web.versions()[ids[3]] == OLD
    web("update-instances", "--instance-ids", "*")
    assert set(web.versions().values()) == {NEW}
    refused = web.refused("update-instances", "--instance-ids", "99")
    assert "99" in refused.text

    web("delete-instances", "--instance-ids", ids[0])
    assert list(web.versions()) == ids[1:]
    assert web("show", "--query", "sku.capacity") == 3
    web("delete")
    assert "(ResourceNotFound)" in web.refused("show").text


def test_power(az: Az, folder: Path) -> None:
    """`stop`, `start`, `deallocate` and `restart` act on the named instances, or on all."""
    web = create(az, "power", model(2), folder)
    first, second = web.power()
    web("stop", "--instance-ids", first)
    assert web.power() == {first: STOPPED, second: RUNNING}
    web("start", "--instance-ids", first)
    web("deallocate", "--instance-ids", second)
    assert web.power() == {first: RUNNING, second: GONE}
    web("restart", "--instance-ids", first)
    web("start")
    assert set(web.power().values()) == {RUNNING}
    web("stop", "--skip-shutdown")
    assert set(web.power().values()) == {STOPPED}
    web("deallocate")
    assert set(web.power().values()) == {GONE}
    web("delete")


def test_protection(az: Az, folder: Path) -> None:
    """A protected instance keeps its image when the set is upgraded, until it is let go."""
    web = create(az, "guarded", model(2), folder)
    kept, other = web.versions()
    guard = ("update", "--instance-id", kept, "--protect-from-scale-set-actions")
    assert web(*guard, "true")["protectionPolicy"]["protectFromScaleSetActions"] is True
    web("update", "--set", f"{VERSION}={NEW}")
    web("update-instances", "--instance-ids", "*")
    assert web.versions() == {kept: OLD, other: NEW}
    assert web(*guard, "false")["protectionPolicy"]["protectFromScaleSetActions"] is False
    web("update-instances", "--instance-ids", kept)
    assert web.versions() == {kept: NEW, other: NEW}
    web("delete")


def test_rolling_upgrade(az: Az, folder: Path) -> None:
    """A rolling upgrade is started, looked at, cancelled, run to its end, and remembered."""
    policy = {"maxBatchInstancePercent": 20, "pauseTimeBetweenBatches": "PT12H"}
    web = create(az, "rolling", model(5), folder)
    assert "(OperationNotAllowed)" in web.refused("rolling-upgrade", "cancel").text
    assert "(NotFound)" in web.refused("rolling-upgrade", "get-latest").text

    rolling = f"upgradePolicy.rollingUpgradePolicy={json.dumps(policy)}"
    web("update", "--set", f"{VERSION}=latest", rolling)
    web("rolling-upgrade", "start", "--no-wait")
    latest = web("rolling-upgrade", "get-latest")
    assert latest["runningStatus"]["code"] == "RollingForward"
    assert latest["policy"]["maxBatchInstancePercent"] == 20
    web("rolling-upgrade", "cancel")
    latest = web("rolling-upgrade", "get-latest")
    assert latest["runningStatus"]["code"] == "Cancelled"
    assert 0 < latest["progress"]["pendingInstanceCount"] < 5

    web("update", "--set", "upgradePolicy.rollingUpgradePolicy.pauseTimeBetweenBatches=PT0S")
    web("rolling-upgrade", "start")
    assert web("rolling-upgrade", "get-latest")["runningStatus"]["code"] == "Completed"
    assert set(web.versions().values()) == {NEW}
    history = web("get-os-upgrade-history")
    assert [each["properties"]["runningStatus"]["code"] for each in history] == [
        "Completed",
        "Cancelled",
    ]
    web("delete")


def test_eviction(az: Az, folder: Path) -> None:
    """A spot instance is evicted; one that is no spot instance cannot be."""
    body = model(2)
    profile: dict[str, Any] = body["properties"]["virtualMachineProfile"]
    profile |= {"priority": "Spot", "evictionPolicy": "Deallocate"}
    spot = create(az, "spot", body, folder)
    first, second = spot.power()
    spot("simulate-eviction", "--instance-id", second)
    # The answer comes at once, and the eviction itself a little later: an az call is long.
    looks = (spot.power() for _ in range(10))
    assert any(power == {first: RUNNING, second: GONE} for power in looks)
    refused = az.refused(
        "vmss", "simulate-eviction", "-g", GROUP, "--name", "api", "--instance-id", "0"
    )
    assert "(OperationNotAllowed)" in refused.text
    spot("delete")
