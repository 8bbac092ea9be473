"""Automatic OS upgrades: what the platform starts by itself, and what it waits for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import NEW, OLD, WEB, event_types, finish, run, scenario_text
from vmss_simulator.errors import ArmError
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.values import OperationKind, OperationStatus

if TYPE_CHECKING:
    from vmss_simulator.values import RollingUpgrade
    from vmss_simulator.world import World

PUBLISHED = datetime.fromisoformat("2026-11-02T12:00:00+00:00")
LATEST = {"publisher": "Contoso", "offer": "server", "sku": "gen2", "version": "latest"}
BAD = {"name": "bad", "effect": {"badImage": {"version": NEW}}}


def automatic_world(policy: dict[str, Any] | None = None, **scenario: Any) -> World:
    """Return a world in which the new version is published four hours after the start."""
    automatic = {"enableAutomaticOSUpgrade": True, **(policy or {})}
    given = {
        "capacity": 5,
        "image": LATEST,
        "upgradePolicy": {"mode": "Manual", "automaticOSUpgradePolicy": automatic},
        **scenario,
    }
    document = json.loads(scenario_text(**given))
    document["images"]["platform"][0]["versions"] = [
        OLD,
        {"version": NEW, "publishedAt": PUBLISHED.isoformat()},
    ]
    return parse_scenario(json.dumps(document)).world()


def versions(world: World) -> str:
    """Return one letter an instance: o for the old version, n for the new."""
    instances = world.scale_set(WEB).instances.values()
    return "".join("n" if each.exact_version == NEW else "o" for each in instances)


def history(world: World) -> RollingUpgrade:
    """Return the one entry of the history."""
    (entry,) = world.os_upgrade_history(WEB)
    return entry


def test_the_platform_upgrades_when_a_version_is_published() -> None:
    """At the moment of publication, in batches of a fifth, under any upgrade mode."""
    world = automatic_world()
    world.advance_to(PUBLISHED - timedelta(seconds=1))
    assert world.rolling_upgrade(WEB) is None
    run(world)
    assert versions(world) == "nnnnn"
    assert event_types(world).count("rollingBatchStarted") == 5
    entry = history(world)
    assert (entry.code, entry.started_by, entry.started_at) == ("Completed", "Platform", PUBLISHED)
    assert entry.target_image == {**LATEST, "version": NEW}


def test_it_may_come_later() -> None:
    """The platform takes its time where the options say so."""
    world = automatic_world(options={"automaticOsUpgradeDelay": "P1D"})
    run(world)
    assert history(world).started_at == PUBLISHED + timedelta(days=1)


def test_without_the_policy_nothing_happens() -> None:
    """A newer version behind `latest` alone moves nothing."""
    world = automatic_world({"enableAutomaticOSUpgrade": False})
    world.advance_to(PUBLISHED + timedelta(days=1))
    assert versions(world) == "ooooo"


def test_switching_it_on_starts_it() -> None:
    """What is behind when the policy is switched on is upgraded then."""
    world = automatic_world({"enableAutomaticOSUpgrade": False})
    world.advance_to(PUBLISHED + timedelta(hours=1))
    policy = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}
    world.patch_scale_set(WEB, {"properties": {"upgradePolicy": policy}})
    run(world)
    assert versions(world) == "nnnnn"


def test_failed_instances_get_their_old_disk_back() -> None:
    """After five minutes without health the old disk is restored, and the upgrade stops."""
    world = automatic_world(faults=[BAD])
    run(world)
    assert versions(world) == "ooooo"
    entry = history(world)
    assert (entry.code, entry.restored, entry.restore_failed) == ("Faulted", 1, 0)
    assert entry.error is not None
    assert entry.error.code == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert world.scale_set(WEB).in_service_count == 5


def test_restoring_may_be_switched_off() -> None:
    """Without the rollback the failed instance stays on the new version."""
    world = automatic_world({"disableAutomaticRollback": True}, faults=[BAD])
    run(world)
    assert versions(world) == "noooo"
    assert (history(world).restored, world.scale_set(WEB).in_service_count) == (0, 4)


def test_a_restore_may_fail_too() -> None:
    """What cannot be restored is counted as such."""
    broken = {
        "name": "broken",
        "match": {"instanceIds": ["0"]},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    }
    world = automatic_world(faults=[broken])
    run(world)
    assert (history(world).restored, history(world).restore_failed) == (0, 1)


def test_the_own_policy_of_the_set_may_be_used() -> None:
    """Batches are of the set's own size only where the policy says so."""
    rolling = {"rollingUpgradePolicy": {"maxBatchInstancePercent": 100}}
    for uses, batches in ((True, 1), (False, 5)):
        automatic = {"enableAutomaticOSUpgrade": True, "useRollingUpgradePolicy": uses}
        policy = {"mode": "Manual", "automaticOSUpgradePolicy": automatic, **rolling}
        world = automatic_world(upgradePolicy=policy, updateDomains=1)
        run(world)
        assert event_types(world).count("rollingBatchStarted") == batches


def test_the_platform_waits_for_other_operations() -> None:
    """An operation that runs at the moment of publication comes first."""
    world = automatic_world()
    world.advance_to(PUBLISHED - timedelta(seconds=10))
    operation = finish(world, world.reimage(WEB, ["0"]))
    run(world)
    assert operation.ended_at is not None
    assert history(world).started_at == operation.ended_at
    assert versions(world) == "nnnnn"


def test_a_deferred_upgrade_waits_for_approval() -> None:
    """With deferral nothing starts before somebody approves."""
    world = automatic_world({"osRollingUpgradeDeferral": True})
    run(world)
    assert versions(world) == "ooooo"
    assert "osUpgradeDeferred" in event_types(world)
    approval = finish(world, world.approve_rolling_upgrade(WEB, []))
    assert approval.status is OperationStatus.SUCCEEDED
    run(world)
    assert versions(world) == "nnnnn"
    assert history(world).started_by == "Platform"


def test_single_instances_may_be_approved() -> None:
    """Only the approved instances are upgraded; the others wait for theirs."""
    world = automatic_world({"osRollingUpgradeDeferral": True})
    run(world)
    world.approve_rolling_upgrade(WEB, ["1", "3"])
    run(world)
    assert versions(world) == "onono"
    world.approve_rolling_upgrade(WEB, ["0", "2", "4"])
    run(world)
    assert versions(world) == "nnnnn"


def test_an_approval_nobody_waits_for() -> None:
    """It is taken and changes nothing; an unknown instance is refused."""
    world = automatic_world()
    finish(world, world.approve_rolling_upgrade(WEB, []))
    assert world.rolling_upgrade(WEB) is None
    with pytest.raises(ArmError, match="instanceId 77"):
        world.approve_rolling_upgrade(WEB, ["77"])


def test_a_user_may_be_faster() -> None:
    """An OS upgrade that somebody starts in time leaves the platform nothing to do."""
    world = automatic_world(options={"automaticOsUpgradeDelay": "PT1H"})
    world.advance_to(PUBLISHED)
    finish(world, world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB))
    run(world)
    assert history(world).started_by == "User"
    assert versions(world) == "nnnnn"
