"""Upgrading and reimaging instances, and what goes wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import (
    NEW,
    OLD,
    WEB,
    event_types,
    finish,
    image,
    make_world,
    run,
    with_new_model,
)
from vmss_simulator.errors import ArmError
from vmss_simulator.values import HealthState, OperationStatus, PowerState, ProvisioningState

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_simulator.values import Operation


def test_an_upgrade_step_by_step() -> None:
    """The instance goes out of service, gets its disk, boots, and turns healthy after the end."""
    world = with_new_model(make_world())
    operation = world.upgrade(WEB, ["1"])
    instance = world.instance(WEB, "1")
    assert instance.busy_with == operation.operation_id
    assert (instance.provisioning, instance.power) == (
        ProvisioningState.UPDATING,
        PowerState.STOPPING,
    )
    assert world.scale_set(WEB).in_service_count == 3
    assert finish(world, operation).status is OperationStatus.SUCCEEDED
    instance = world.instance(WEB, "1")
    assert (instance.exact_version, instance.health) == (NEW, HealthState.INITIALIZING)
    assert not instance.in_service
    run(world)
    assert world.instance(WEB, "1").in_service
    assert event_types(world, "1") == [
        "upgradeStarted",
        "osDiskReplaced",
        "provisioned",
        "healthChanged",
    ]
    assert [each.data["inService"] for each in world.log if "inService" in each.data] == [4, 3, 4]


def test_the_star_means_all_and_repeats_are_one() -> None:
    """`*` names every instance; naming one twice upgrades it once; case does not matter."""
    world = with_new_model(make_world())
    assert world.fork().upgrade(WEB, ["*"]).instance_ids == ("0", "1", "2", "3")
    assert world.upgrade(WEB, ["2", "0", "2"]).instance_ids == ("0", "2")


@pytest.mark.parametrize(
    "ids",
    [
        pytest.param([], id="none"),
        pytest.param(["0", "99"], id="unknown"),
        pytest.param("0", id="no list"),
    ],
)
def test_bad_instance_ids_are_400_about_instance_ids(ids: Any) -> None:
    """One bad id refuses the whole request."""
    world = with_new_model(make_world())
    before = world.log.copy()
    with pytest.raises(ArmError) as error:
        world.upgrade(WEB, ids)
    assert (error.value.status, error.value.code, error.value.target) == (
        400,
        "InvalidParameter",
        "instanceIds",
    )
    assert world.log == before


def test_an_unknown_instance_is_named_in_azures_words() -> None:
    """The text is the one seen in the field."""
    with pytest.raises(ArmError) as error:
        make_world().upgrade(WEB, ["2143"])
    assert error.value.message == (
        "The provided instanceId 2143 is not an active Virtual Machine Scale Set VM instanceId."
    )


def test_a_current_instance_is_left_alone() -> None:
    """Upgrading what is current reboots nothing and ends soon."""
    world = make_world()
    operation = finish(world, world.upgrade(WEB, ["*"]))
    assert operation.status is OperationStatus.SUCCEEDED
    assert event_types(world).count("upgradeSkipped") == 4
    assert world.scale_set(WEB).in_service_count == 4


def test_latest_is_not_followed_by_an_upgrade_unless_asked_to() -> None:
    """`latestModelApplied` does not see a newer version behind `latest`, by default nor upgrade."""
    stale = {"image": image("latest"), "overrides": {"0": {"exactVersion": OLD}}}
    world = make_world(**stale)
    assert world.latest_model_applied(world.scale_set(WEB), world.instance(WEB, "0"))
    finish(world, world.upgrade(WEB, ["0"]))
    assert world.instance(WEB, "0").exact_version == OLD
    finish(world, world.reimage(WEB, ["0"]))
    assert world.instance(WEB, "0").exact_version == NEW
    eager = make_world(options={"upgradeResolvesLatest": True}, **stale)
    finish(eager, eager.upgrade(WEB, ["0"]))
    assert eager.instance(WEB, "0").exact_version == NEW


@pytest.mark.parametrize(
    ("options", "version"),
    [
        pytest.param({}, NEW, id="the model's"),
        pytest.param({"reimageAppliesModel": False}, OLD, id="its own"),
        pytest.param(
            {"reimageAppliesModel": False, "reimageResolvesLatest": False}, OLD, id="as it is"
        ),
    ],
)
def test_which_image_a_reimage_takes(options: dict[str, Any], version: str) -> None:
    """A reimage takes the set's model, or the instance's own by option."""
    world = with_new_model(make_world(options=options))
    finish(world, world.reimage(WEB, ["0"]))
    run(world)
    instance = world.instance(WEB, "0")
    assert instance.exact_version == version
    assert instance.health is HealthState.HEALTHY
    assert world.latest_model_applied(world.scale_set(WEB), instance) == (version == NEW)


def test_protected_instances_are_skipped_or_refused() -> None:
    """Protection from scale set actions holds upgrades off; how, is an option."""
    protected = {"overrides": {"1": {"protection": {"fromScaleSetActions": True}}}}
    world = with_new_model(make_world(**protected))
    finish(world, world.upgrade(WEB, ["*"]))
    assert world.instance(WEB, "1").exact_version == OLD
    assert event_types(world, "1") == ["upgradeSkipped"]
    strict = with_new_model(make_world(options={"protectedInstances": "refuse"}, **protected))
    with pytest.raises(ArmError, match="protected") as error:
        strict.upgrade(WEB, ["0", "1"])
    assert error.value.status == 409


def test_disjoint_operations_by_option() -> None:
    """With `disjoint`, operations on different instances run side by side, on the same not."""
    world = with_new_model(make_world(options={"concurrentOperations": "disjoint"}))
    first, second = world.upgrade(WEB, ["0"]), world.upgrade(WEB, ["1"])
    attempts: list[Callable[[], Operation]] = [
        lambda: world.upgrade(WEB, ["1", "2"]),
        lambda: world.patch_scale_set(WEB, {}),
    ]
    for attempt in attempts:
        with pytest.raises(ArmError) as error:
            attempt()
        assert error.value.status == 409
    finish(world, first)
    finish(world, second)
    assert world.scale_set(WEB).provisioning is ProvisioningState.SUCCEEDED


def test_a_limit_of_instances_per_request() -> None:
    """No limit is documented; one can be set."""
    world = with_new_model(make_world(options={"maxInstancesPerRequest": 2}))
    with pytest.raises(ArmError, match="at most 2"):
        world.upgrade(WEB, ["0", "1", "2"])


def test_a_deallocated_instance_stays_so() -> None:
    """Upgrading a stopped machine gives it the model without starting it."""
    world = with_new_model(make_world(overrides={"2": {"power": "deallocated"}}))
    finish(world, world.upgrade(WEB, ["2"]))
    run(world)
    instance = world.instance(WEB, "2")
    assert (instance.exact_version, instance.power) == (NEW, PowerState.DEALLOCATED)
    assert instance.health is HealthState.UNKNOWN


def fault(effect: dict[str, Any], **rest: Any) -> dict[str, Any]:
    """Return a fault on upgrades of instance 1."""
    match = {"operations": ["upgrade"], "instanceIds": ["1"]}
    return {"name": "trouble", "match": match, "effect": effect, **rest}


def test_a_failed_instance_fails_its_operation() -> None:
    """The operation names the instance and its error; the rest of the batch goes through."""
    failed = {"operationFailed": {"code": "AllocationFailed", "message": "No room."}}
    world = with_new_model(make_world(faults=[fault(failed, when={"times": 1})]))
    operation = finish(world, world.upgrade(WEB, ["0", "1"]))
    assert operation.status is OperationStatus.FAILED
    assert operation.error is not None
    assert operation.error.code == "AllocationFailed"
    assert [each.target for each in operation.details] == ["1"]
    assert world.instance(WEB, "1").provisioning is ProvisioningState.FAILED
    assert world.instance(WEB, "1").exact_version == OLD
    assert world.instance(WEB, "0").exact_version == NEW
    assert world.scale_set(WEB).provisioning is ProvisioningState.FAILED
    assert finish(world, world.upgrade(WEB, ["1"])).status is OperationStatus.SUCCEEDED
    assert world.instance(WEB, "1").error is None
    assert world.scale_set(WEB).provisioning is ProvisioningState.SUCCEEDED


def test_a_failure_after_the_disk_was_replaced_is_upgraded_again() -> None:
    """An instance in Failed is no current one, though it has the model."""
    failed = {
        "operationFailed": {
            "code": "VMExtensionProvisioningTimeout",
            "message": "Too long.",
            "diskReplaced": True,
        }
    }
    options = {"failedOperationFailsScaleSet": False}
    world = with_new_model(make_world(faults=[fault(failed, when={"times": 1})], options=options))
    finish(world, world.upgrade(WEB, ["1"]))
    assert world.latest_model_applied(world.scale_set(WEB), world.instance(WEB, "1"))
    assert world.scale_set(WEB).provisioning is ProvisioningState.SUCCEEDED
    finish(world, world.upgrade(WEB, ["1"]))
    assert world.instance(WEB, "1").provisioning is ProvisioningState.SUCCEEDED


def test_a_stuck_instance_holds_its_operation_for_ever() -> None:
    """Nothing more happens, and the operation still runs."""
    world = with_new_model(make_world(faults=[fault({"stuck": {}})]))
    operation = world.upgrade(WEB, ["0", "1"])
    run(world)
    assert world.operation(operation.operation_id).status is OperationStatus.IN_PROGRESS
    assert world.instance(WEB, "1").busy_with == operation.operation_id
    assert world.instance(WEB, "0").in_service


@pytest.mark.parametrize(
    "effect",
    [
        pytest.param({"neverHealthy": {}}, id="never healthy"),
        pytest.param({"unhealthyAfter": {"after": "PT5M"}}, id="sick later"),
        pytest.param({"badImage": {"version": "1.10.*"}}, id="bad image"),
    ],
)
def test_faults_of_health(effect: dict[str, Any]) -> None:
    """The operation succeeds, and the instance ends up unhealthy."""
    world = with_new_model(make_world(faults=[fault(effect)]))
    assert finish(world, world.upgrade(WEB, ["0", "1"])).status is OperationStatus.SUCCEEDED
    run(world)
    assert world.instance(WEB, "1").health is HealthState.UNHEALTHY
    assert world.instance(WEB, "0").health is HealthState.HEALTHY


def test_a_bad_image_without_a_health_source_fails_the_operation() -> None:
    """Without application health only the operation can tell."""
    bad = fault({"badImage": {"version": NEW}})
    world = with_new_model(make_world(applicationHealth=False, faults=[bad]))
    operation = finish(world, world.upgrade(WEB, ["1"]))
    assert operation.error is not None
    assert operation.error.code == "OSProvisioningTimedOut"
    assert world.instance(WEB, "1").exact_version == NEW


def test_a_later_upgrade_outlives_an_earlier_health_change() -> None:
    """A pending turn of health is void once the instance is worked on again."""
    sick = fault({"unhealthyAfter": {"after": "PT30M"}}, when={"times": 1})
    world = with_new_model(make_world(faults=[sick]))
    finish(world, world.upgrade(WEB, ["1"]))
    finish(world, world.reimage(WEB, ["1"]))
    run(world)
    assert world.instance(WEB, "1").health is HealthState.HEALTHY


def test_slow_work_takes_longer() -> None:
    """A factor stretches every span of the work."""
    world = with_new_model(make_world())
    slow = with_new_model(make_world(faults=[fault({"slow": {"factor": 10}})]))
    quick_end = finish(world, world.upgrade(WEB, ["1"])).ended_at
    slow_end = finish(slow, slow.upgrade(WEB, ["1"])).ended_at
    assert quick_end is not None
    assert slow_end is not None
    assert (slow_end - slow.start) > 5 * (quick_end - world.start)


def test_resizing_is_applied_by_an_upgrade() -> None:
    """A new size in the model reaches an instance when it is upgraded."""
    world = make_world()
    finish(world, world.patch_scale_set(WEB, {"sku": {"name": "Standard_D4s_v5"}}))
    finish(world, world.upgrade(WEB, ["0"]))
    assert world.instance(WEB, "0").vm_size == "Standard_D4s_v5"
    assert world.instance(WEB, "1").vm_size == "Standard_D2s_v5"
    assert not world.latest_model_applied(world.scale_set(WEB), world.instance(WEB, "1"))


def test_health_before_the_first_answer_by_option() -> None:
    """An instance that has not answered yet is `initializing`, or `unknown` by option."""
    world = with_new_model(make_world(options={"initializingHealth": False}))
    finish(world, world.upgrade(WEB, ["0"]))
    assert world.instance(WEB, "0").health is HealthState.UNKNOWN


def test_work_faults_match_by_version_and_time() -> None:
    """A rule about another version, an earlier or a later time leaves the work alone."""
    never: dict[str, Any] = {"neverHealthy": {}}
    faults = [
        {"name": "other version", "effect": {"badImage": {"version": "2.*"}}},
        {"name": "later", "when": {"after": "PT10H"}, "effect": never},
        {"name": "earlier", "when": {"before": "PT1S"}, "effect": never},
        {"name": "elsewhere", "match": {"resource": "*/scaleSets/other"}, "effect": never},
    ]
    world = with_new_model(make_world(faults=faults))
    finish(world, world.upgrade(WEB, ["*"]))
    run(world)
    assert world.scale_set(WEB).in_service_count == 4
