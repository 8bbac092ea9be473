"""Native rolling upgrades over time: batches, health, breaches, cancel, surge, conflicts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import NEW, OLD, WEB, event_types, finish, make_world, model, run
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind, OperationStatus, ProvisioningState

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_simulator.values import Operation, RollingUpgrade, WorldEvent
    from vmss_simulator.world import World

SICK = {"name": "sick", "effect": {"neverHealthy": {}}}


def rolling_world(policy: dict[str, Any] | None = None, **scenario: Any) -> World:
    """Return a world whose set is under Rolling, ten instances of the old version by default."""
    upgrade_policy = {"mode": "Rolling", "rollingUpgradePolicy": policy or {}}
    return make_world(**{"capacity": 10, "upgradePolicy": upgrade_policy, **scenario})


def upgraded(world: World) -> Operation:
    """Write the new model and return the operation when it has ended."""
    return finish(world, world.patch_scale_set(WEB, model()))


def latest(world: World) -> RollingUpgrade:
    """Return what `rollingUpgrades/latest` says."""
    found = world.rolling_upgrade(WEB)
    assert found is not None
    return found


def counts(upgrade: RollingUpgrade) -> tuple[int, int, int, int]:
    """Return successful, failed, in progress, pending."""
    return (upgrade.successful, upgrade.failed, upgrade.in_progress, upgrade.pending)


def of_type(world: World, kind: str) -> list[WorldEvent]:
    """Return the log's lines of one type."""
    return [each for each in world.log if each.type == kind]


def batches(world: World) -> list[str]:
    """Return the ids of each batch, as text."""
    return ["".join(each.data["instanceIds"]) for each in of_type(world, "rollingBatchStarted")]


def versions(world: World) -> str:
    """Return one letter an instance: o for the old version, n for the new."""
    instances = world.scale_set(WEB).instances.values()
    return "".join("n" if each.exact_version == NEW else "o" for each in instances)


def least_in_service(world: World) -> int:
    """Return the lowest in-service count of the log."""
    return min(int(each.data["inService"]) for each in world.log if "inService" in each.data)


def until(world: World, kind: str) -> None:
    """Advance to the next event of this type."""
    before = len(of_type(world, kind))
    while len(of_type(world, kind)) == before:
        due = world.next_event_at()
        assert due is not None, f"no {kind}"
        world.advance_to(due)


def test_a_model_change_rolls_through_the_set() -> None:
    """A write under Rolling upgrades a fifth at a time, one update domain after the other."""
    world = rolling_world()
    operation = upgraded(world)
    assert operation.status is OperationStatus.SUCCEEDED
    assert batches(world) == ["05", "16", "27", "38", "49"]
    assert versions(world) == "n" * 10
    assert least_in_service(world) == 8
    assert (latest(world).code, counts(latest(world))) == ("Completed", (10, 0, 0, 0))


def test_operation_and_latest_are_live() -> None:
    """While it goes on, the write is in progress and the latest upgrade says how far it is."""
    world = rolling_world()
    operation = world.patch_scale_set(WEB, model())
    until(world, "rollingBatchStarted")
    assert counts(latest(world)) == (0, 0, 2, 8)
    until(world, "rollingBatchStarted")
    assert counts(latest(world)) == (2, 0, 2, 6)
    assert latest(world).code == "RollingForward"
    assert world.operation(operation.operation_id).status is OperationStatus.IN_PROGRESS
    assert world.scale_set(WEB).provisioning is ProvisioningState.UPDATING


def test_a_batch_is_waited_for() -> None:
    """The next batch starts when the last one is healthy, and the pause is over."""
    world = rolling_world({"pauseTimeBetweenBatches": "PT10M"}, capacity=2)
    upgraded(world)
    healthy = of_type(world, "healthChanged")[0].at
    assert of_type(world, "rollingBatchStarted")[1].at == healthy + timedelta(minutes=10)


def test_a_write_that_changes_no_model_starts_nothing() -> None:
    """A set whose instances are all current has no rolling upgrade."""
    world = rolling_world()
    finish(world, world.patch_scale_set(WEB, {"tags": {"a": "b"}}))
    assert world.rolling_upgrade(WEB) is None
    assert event_types(world).count("rollingUpgradeStarted") == 0


def test_changing_the_mode_rolls_what_is_outdated() -> None:
    """Instances that Manual left behind are rolled as soon as the mode is Rolling."""
    world = make_world()
    finish(world, world.patch_scale_set(WEB, model()))
    assert versions(world) == "oooo"
    finish(
        world, world.patch_scale_set(WEB, {"properties": {"upgradePolicy": {"mode": "Rolling"}}})
    )
    assert versions(world) == "nnnn"


def test_scaling_out_comes_first() -> None:
    """A write that scales and changes the model makes the new machines, then rolls the old."""
    world = rolling_world(capacity=4, model={"properties": {"overprovision": False}})
    operation = finish(world, world.patch_scale_set(WEB, {**model(), "sku": {"capacity": 6}}))
    assert operation.status is OperationStatus.SUCCEEDED
    assert versions(world) == "n" * 6
    assert batches(world) == ["0", "1", "2", "3"]


def test_too_many_unhealthy_at_the_start() -> None:
    """The upgrade fails before any batch; no instance is touched, and no count is shown."""
    sick = {str(number): {"health": "unhealthy"} for number in range(3)}
    world = rolling_world(overrides=sick)
    operation = upgraded(world)
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    assert [each.target for each in operation.details] == [
        f"web/virtualMachines/{number}" for number in range(3)
    ]
    assert (latest(world).code, counts(latest(world))) == ("Faulted", (0, 0, 0, 0))
    assert latest(world).error == operation.error
    assert versions(world) == "o" * 10


def test_unhealthy_after_the_upgrade() -> None:
    """A bad image stops the upgrade in its first batch, after the wait for health."""
    world = rolling_world({"maxUnhealthyUpgradedInstancePercent": 10}, faults=[SICK])
    operation = upgraded(world)
    assert operation.error is not None
    assert operation.error.code == "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    assert "100% of instances" in operation.error.message
    assert operation.error.message.endswith("First failed instance ID is: 0.")
    assert (latest(world).code, counts(latest(world))) == ("Faulted", (0, 2, 0, 8))
    assert versions(world) == "noooonoooo"
    settled = of_type(world, "provisioned")[-1].at
    assert of_type(world, "rollingUpgradeEnded")[0].at == settled + timedelta(minutes=5)


def test_failed_instances_below_the_threshold_are_tolerated() -> None:
    """The upgrade goes on past an instance that fails, and its operation succeeds."""
    broken = {
        "name": "broken",
        "match": {"instanceIds": ["5"]},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    }
    world = rolling_world({"maxUnhealthyUpgradedInstancePercent": 50}, faults=[broken])
    operation = upgraded(world)
    assert operation.status is OperationStatus.SUCCEEDED
    assert (latest(world).code, counts(latest(world))) == ("Completed", (9, 1, 0, 0))
    # The failed one makes the batches after it smaller.
    assert batches(world)[:3] == ["05", "1", "6"]


def test_the_cause_of_a_failure_is_named() -> None:
    """The most impactful error is what an instance failed with."""
    broken = {
        "name": "broken",
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    }
    operation = upgraded(rolling_world(faults=[broken]))
    assert operation.error is not None
    assert "The most impactful error is: No room.. First failed" in operation.error.message
    assert {each.code for each in operation.details} == {"AllocationFailed"}


def test_sickness_between_batches_stops_it() -> None:
    """What turned unhealthy meanwhile is found before the next batch."""
    late = {"name": "late", "effect": {"unhealthyAfter": {"after": "PT10M"}}}
    policy = {"maxUnhealthyUpgradedInstancePercent": 100, "pauseTimeBetweenBatches": "PT9M"}
    world = rolling_world(policy, faults=[late])
    operation = upgraded(world)
    assert operation.error is not None
    assert operation.error.code == "MaxUnhealthyInstancePercentExceededInRollingUpgrade"


def test_restored_on_a_breach() -> None:
    """With the policy for it, failed instances get their old disk back when the upgrade stops."""
    bad = {"name": "bad", "effect": {"badImage": {"version": NEW}}}
    world = rolling_world({"rollbackFailedInstancesOnPolicyBreach": True}, faults=[bad])
    operation = world.patch_scale_set(WEB, model())
    until(world, "restoreStarted")
    assert latest(world).code == "RollingBack"
    assert finish(world, operation).status is OperationStatus.FAILED
    assert versions(world) == "o" * 10
    assert (latest(world).code, latest(world).restored) == ("Faulted", 2)


def test_protected_and_skipping_instances_are_left_out() -> None:
    """Protection and the application's own metrics keep an instance as it is."""
    world = rolling_world(
        capacity=4,
        overrides={
            "1": {"protection": {"fromScaleSetActions": True}},
            "2": {"customMetrics": {"skipUpgrade": True}},
        },
    )
    upgraded(world)
    assert versions(world) == "noon"
    skipped = {each.instance_id: each.data["reason"] for each in of_type(world, "upgradeSkipped")}
    assert skipped == {"1": "protected", "2": "customMetrics"}


def test_phases_of_the_custom_metrics() -> None:
    """The application decides the order by its phase."""
    phases = {"4": {"customMetrics": {"phaseOrderingNumber": 0}}}
    world = rolling_world(capacity=5, overrides=phases)
    upgraded(world)
    assert batches(world) == ["4", "0", "1", "2", "3"]


def test_zones_one_after_the_other() -> None:
    """A batch stays in a zone unless the policy ignores zones."""
    zonal = {"capacity": 9, "zones": ["1", "2", "3"], "faultDomains": 1, "updateDomains": 1}
    world = rolling_world({"maxBatchInstancePercent": 50}, **zonal)
    upgraded(world)
    assert batches(world) == ["036", "147", "258"]
    world = rolling_world({"maxBatchInstancePercent": 50, "enableCrossZoneUpgrade": True}, **zonal)
    upgraded(world)
    assert batches(world) == ["0123", "4567", "8"]


def test_parked_machines_do_not_count() -> None:
    """Machines switched off on purpose are no sickness, unless the options say so."""
    parked = {str(number): {"power": "deallocated"} for number in range(4)}
    world = rolling_world(overrides=parked)
    assert upgraded(world).status is OperationStatus.SUCCEEDED
    assert versions(world) == "n" * 10
    options = {"rollingCountsStoppedInstances": True}
    assert (
        upgraded(rolling_world(overrides=parked, options=options)).status is OperationStatus.FAILED
    )


def test_a_set_of_two_with_a_batch_that_counts() -> None:
    """Where the batch itself counts as unhealthy, two instances never roll at a fifth."""
    assert upgraded(rolling_world(capacity=2)).status is OperationStatus.SUCCEEDED
    stuck = upgraded(rolling_world(capacity=2, options={"rollingCountsBatch": True}))
    assert stuck.status is OperationStatus.FAILED


def test_the_upgraded_as_a_share_of_all() -> None:
    """One sick machine of ten is tolerated where the share is of all instances."""
    sick = {**SICK, "match": {"instanceIds": ["0"]}}
    assert upgraded(rolling_world(faults=[sick])).status is OperationStatus.FAILED
    of_all = rolling_world(faults=[sick], options={"rollingUpgradedOfAll": True})
    assert upgraded(of_all).status is OperationStatus.SUCCEEDED


def test_nothing_to_cancel() -> None:
    """Cancelling without a rolling upgrade is refused as recorded, and changes nothing."""
    world = rolling_world()
    before = world.log.copy()
    with pytest.raises(ArmError) as refused:
        world.cancel_rolling_upgrade(WEB)
    assert (refused.value.status, refused.value.code, refused.value.message) == (
        409,
        "OperationNotAllowed",
        "There is no ongoing Rolling Upgrade to cancel.",
    )
    assert world.log == before


def test_cancel_ends_after_the_batch_and_a_later_write_restarts() -> None:
    """The batch in work is finished, the rest stays; any further write rolls on."""
    world = rolling_world()
    operation = world.patch_scale_set(WEB, model())
    until(world, "rollingBatchStarted")
    cancelling = world.cancel_rolling_upgrade(WEB)
    assert latest(world).last_action == "Cancel"
    assert finish(world, cancelling).status is OperationStatus.SUCCEEDED
    assert world.operation(operation.operation_id).status is OperationStatus.CANCELED
    assert (latest(world).code, counts(latest(world))) == ("Cancelled", (2, 0, 0, 8))
    assert versions(world) == "noooonoooo"
    assert world.scale_set(WEB).provisioning is ProvisioningState.SUCCEEDED
    finish(world, world.put_scale_set(WEB, {}))
    assert versions(world) == "n" * 10
    # Two were current already when it began again.
    assert (latest(world).code, counts(latest(world))) == ("Completed", (10, 0, 0, 0))


def test_cancel_in_a_pause_is_at_once() -> None:
    """Between two batches there is nothing to wait for."""
    world = rolling_world({"pauseTimeBetweenBatches": "PT1H"})
    world.patch_scale_set(WEB, model())
    until(world, "rollingBatchStarted")
    while latest(world).in_progress:
        due = world.next_event_at()
        assert due is not None
        world.advance_to(due)
    paused_at = world.now
    finish(world, world.cancel_rolling_upgrade(WEB))
    assert world.now == paused_at


def test_other_work_conflicts_while_rolling() -> None:
    """Neither writes nor manual upgrades get through, and they change nothing."""
    world = rolling_world()
    world.patch_scale_set(WEB, model())
    until(world, "rollingBatchStarted")
    before = world.log.copy()
    requests: list[Callable[[], object]] = [
        lambda: world.upgrade(WEB, ["9"]),
        lambda: world.reimage(WEB, ["9"]),
        lambda: world.patch_scale_set(WEB, model(OLD)),
    ]
    for request in requests:
        with pytest.raises(ArmError) as refused:
            request()
        assert (refused.value.status, refused.value.code) == (409, "Conflict")
    with pytest.raises(ArmError) as second:
        world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB)
    assert (second.value.status, second.value.code) == (409, "OperationNotAllowed")
    assert world.log == before


def test_single_instances_beside_an_os_upgrade() -> None:
    """Where disjoint work may run side by side, only instances it will not touch are free.

    They count as unhealthy meanwhile, as from any other maintenance.
    """
    overrides = {"0": {"exactVersion": NEW}}
    policy = {"maxUnhealthyInstancePercent": 25}
    world = make_world(
        upgradePolicy={"mode": "Manual", "rollingUpgradePolicy": policy},
        image={"publisher": "Contoso", "offer": "server", "sku": "gen2", "version": "latest"},
        overrides={**{str(number): {"exactVersion": OLD} for number in range(1, 4)}, **overrides},
        options={"concurrentOperations": "disjoint"},
    )
    operation = world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB)
    with pytest.raises(ArmError, match="conflict"):
        world.reimage(WEB, ["3"])
    world.reimage(WEB, ["0"])
    run(world)
    assert world.operation(operation.operation_id).status is OperationStatus.SUCCEEDED
    assert versions(world) == "nnnn"


def test_a_newer_write_may_preempt() -> None:
    """With the option for it, a write ends the upgrade as preempted and rolls its own model."""
    world = rolling_world(options={"whileRolling": "preempt"})
    first = world.patch_scale_set(WEB, model())
    until(world, "rollingBatchStarted")
    second = world.patch_scale_set(WEB, model(OLD))
    ended = world.operation(first.operation_id)
    assert ended.status is OperationStatus.CANCELED
    assert ended.error is not None
    assert ended.error.code == "OperationPreempted"
    assert finish(world, second).status is OperationStatus.SUCCEEDED
    run(world)
    assert versions(world) == "o" * 10
    assert not any(each.busy_with for each in world.scale_set(WEB).instances.values())


def test_an_os_upgrade_moves_only_what_is_behind() -> None:
    """Instances on the newest version stay; the others get it, whatever the mode is."""
    current = {"2": {"exactVersion": NEW}}
    old = {str(number): {"exactVersion": OLD} for number in (0, 1, 3)}
    image = {"publisher": "Contoso", "offer": "server", "sku": "gen2", "version": "latest"}
    world = make_world(image=image, overrides={**current, **old})
    operation = finish(world, world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB))
    assert operation.status is OperationStatus.SUCCEEDED
    assert batches(world) == ["0", "1", "3"]
    assert versions(world) == "nnnn"
    (entry,) = world.os_upgrade_history(WEB)
    assert (entry.code, entry.started_by, counts(entry)) == ("Completed", "User", (4, 0, 0, 0))
    assert entry.target_image == {**image, "version": NEW}


def test_current_instances_may_not_count() -> None:
    """A later document shows none of the instances that were current already."""
    world = make_world(options={"rollingCountsCurrentInstances": False})
    finish(world, world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB))
    assert (latest(world).code, counts(latest(world))) == ("Completed", (0, 0, 0, 0))


def test_the_history_holds_the_last_five() -> None:
    """Five OS upgrades at most, and none of more than two months ago."""
    world = make_world()
    for _ in range(7):
        finish(world, world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB))
    assert len(world.os_upgrade_history(WEB)) == 5
    world.advance_to(world.now + timedelta(days=60))
    finish(world, world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB))
    world.advance_to(world.now + timedelta(days=2))
    assert len(world.os_upgrade_history(WEB)) == 1


def test_extensions_are_upgraded_while_the_machines_run() -> None:
    """An extension upgrade replaces no disk and takes no machine out for long."""
    world = make_world()
    finish(
        world,
        world.patch_scale_set(
            WEB,
            {
                "properties": {
                    "virtualMachineProfile": {
                        "extensionProfile": {
                            "extensions": [
                                {
                                    "name": "HealthExtension",
                                    "properties": {
                                        "publisher": "Microsoft.ManagedServices",
                                        "type": "ApplicationHealthLinux",
                                        "typeHandlerVersion": "2.1",
                                    },
                                }
                            ]
                        }
                    }
                }
            },
        ),
    )
    kind = OperationKind.START_EXTENSION_UPGRADE
    assert finish(world, world.start_rolling_upgrade(kind, WEB)).status is OperationStatus.SUCCEEDED
    instances = world.scale_set(WEB).instances.values()
    assert {each.extensions[0].version for each in instances} == {"2.1"}
    assert batches(world) == ["0", "1", "2", "3"]
    assert "osDiskReplaced" not in event_types(world)
    assert world.os_upgrade_history(WEB) == ()


def test_a_surge_keeps_the_capacity() -> None:
    """New machines come before old ones go: never fewer in service than the set has."""
    world = rolling_world({"maxSurge": True})
    operation = upgraded(world)
    assert operation.status is OperationStatus.SUCCEEDED
    instances = world.scale_set(WEB).instances
    assert len(instances) == 10
    assert versions(world) == "n" * 10
    assert not set(instances) & set("0123456789")
    assert least_in_service(world) == 10
    assert counts(latest(world)) == (10, 0, 0, 0)


def test_a_surge_keeps_zones() -> None:
    """A new machine is made in the zone of the one it replaces."""
    world = rolling_world({"maxSurge": True}, capacity=6, zones=["1", "2", "3"], faultDomains=1)
    upgraded(world)
    zones = sorted(each.zone or "" for each in world.scale_set(WEB).instances.values())
    assert zones == ["1", "1", "2", "2", "3", "3"]


def test_a_surge_without_quota_is_in_place() -> None:
    """Where the quota has no room for a batch, it is upgraded in place."""
    world = rolling_world({"maxSurge": True}, options={"surgeQuota": 1})
    upgraded(world)
    assert set(world.scale_set(WEB).instances) == set("0123456789")
    assert event_types(world).count("surgeQuotaExceeded") == 5


def test_a_surge_in_vain_is_taken_back() -> None:
    """New machines that never turn healthy go again, and the old ones stay."""
    world = rolling_world({"maxSurge": True}, faults=[SICK])
    assert upgraded(world).status is OperationStatus.FAILED
    assert set(world.scale_set(WEB).instances) == set("0123456789")
    assert versions(world) == "o" * 10
    assert counts(latest(world)) == (0, 2, 0, 8)


def test_flexible_sets_roll_without_update_domains() -> None:
    """Names instead of numbers, and batches by size alone."""
    world = rolling_world(orchestrationMode="Flexible", faultDomains=3)
    assert upgraded(world).status is OperationStatus.SUCCEEDED
    assert [len(each.data["instanceIds"]) for each in of_type(world, "rollingBatchStarted")] == [
        2
    ] * 5
    assert all(each.update_domain is None for each in world.scale_set(WEB).instances.values())


def test_a_stated_upgrade_stands_still_and_can_be_cancelled() -> None:
    """What a scenario only states is reported, blocks another one, and cancel ends it."""
    world = make_world(rollingUpgrade={"code": "RollingForward", "inProgress": 2})
    with pytest.raises(ArmError, match="Another Rolling Upgrade"):
        world.start_rolling_upgrade(OperationKind.START_OS_UPGRADE, WEB)
    finish(world, world.cancel_rolling_upgrade(WEB))
    assert (latest(world).code, latest(world).last_action) == ("Cancelled", "Cancel")


def test_somebody_elses_upgrade_really_runs() -> None:
    """A scenario may begin in the middle of one: it moves outdated instances by itself."""
    behind = {str(number): {"latestModelApplied": False} for number in range(4)}
    world = rolling_world(
        capacity=4, overrides=behind, rollingUpgrade={"code": "RollingForward", "isRunning": True}
    )
    assert latest(world).code == "RollingForward"
    with pytest.raises(ArmError):
        world.upgrade(WEB, ["0"])
    run(world)
    assert latest(world).code == "Completed"
    assert all(
        world.latest_model_applied(world.scale_set(WEB), each)
        for each in world.scale_set(WEB).instances.values()
    )


def test_stuck_work_leaves_the_upgrade_going() -> None:
    """Work that never ends leaves operation and upgrade in progress, as in Azure."""
    world = rolling_world(faults=[{"name": "stuck", "effect": {"stuck": {}}}])
    operation = world.patch_scale_set(WEB, model())
    run(world)
    assert world.operation(operation.operation_id).status is OperationStatus.IN_PROGRESS
    assert counts(latest(world)) == (0, 0, 2, 8)
