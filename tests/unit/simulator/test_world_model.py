"""Writing the model of a scale set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import (
    NEW,
    OLD,
    SUBSCRIPTION,
    WEB,
    event_types,
    finish,
    image,
    make_world,
    model,
    run,
)
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationStatus, ProvisioningState, ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_simulator.values import Operation


def in_profile(profile: dict[str, Any]) -> dict[str, Any]:
    """Return the PATCH of a machine profile."""
    return {"properties": {"virtualMachineProfile": profile}}


def nested(depth: int) -> dict[str, Any]:
    """Return a document that is objects all the way down."""
    return {"properties": nested(depth - 1)} if depth else {}


def test_a_patch_makes_instances_outdated_and_touches_nothing_else() -> None:
    """A model write bumps the etag, takes its time, and leaves the instances alone (Manual)."""
    world = make_world()
    before = world.scale_set(WEB)
    operation = world.patch_scale_set(WEB, model(), if_match='"1"')
    after = world.scale_set(WEB)
    assert after.etag == '"2"'
    assert after.provisioning is ProvisioningState.UPDATING
    assert after.instances == before.instances
    assert not any(world.latest_model_applied(after, each) for each in after.instances.values())
    assert finish(world, operation).status is OperationStatus.SUCCEEDED
    assert world.scale_set(WEB).provisioning is ProvisioningState.SUCCEEDED
    profile = after.body["properties"]["virtualMachineProfile"]
    assert profile["osProfile"] == before.body["properties"]["virtualMachineProfile"]["osProfile"]


def test_an_image_is_replaced_as_a_whole() -> None:
    """The forms of an image reference do not mix, and a read-only exactVersion is not stored."""
    reference = {**image("latest"), "exactVersion": OLD}
    world = make_world()
    body = {
        "properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": reference}}}
    }
    world.patch_scale_set(WEB, body)
    storage = world.scale_set(WEB).body["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["imageReference"] == image("latest")


@pytest.mark.parametrize("write", ["put_scale_set", "patch_scale_set"])
def test_a_part_of_a_platform_image_leaves_the_rest_alone(write: str) -> None:
    """A write of the version alone, as `az vmss update --set` sends it, keeps the image."""
    world = make_world()
    body = in_profile({"storageProfile": {"imageReference": {"version": NEW}}})
    getattr(world, write)(WEB, body)
    storage = world.scale_set(WEB).body["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["imageReference"] == image(NEW)


def test_secrets_are_not_kept() -> None:
    """What Azure never gives back is not in the stored document."""
    world = make_world()
    body = {"properties": {"virtualMachineProfile": {"osProfile": {"adminPassword": "hunter2"}}}}
    world.patch_scale_set(WEB, body)
    assert "hunter2" not in repr(world.scale_set(WEB).body)
    assert "hunter2" not in repr(world.log)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"tags": {"a": "b"}}, id="tags"),
        pytest.param({"properties": {"upgradePolicy": {"mode": "Automatic"}}}, id="policy"),
        pytest.param({"sku": {"capacity": 5}}, id="capacity"),
    ],
)
def test_what_is_not_the_machines_model_outdates_nothing(body: dict[str, Any]) -> None:
    """Tags, upgrade policy and capacity are no part of what an upgrade applies."""
    world = make_world()
    finish(world, world.patch_scale_set(WEB, body))
    scale_set = world.scale_set(WEB)
    assert all(world.latest_model_applied(scale_set, each) for each in scale_set.instances.values())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(model("9.9.9"), 404, "PlatformImageNotFound", id="version"),
        pytest.param(
            {"properties": {"orchestrationMode": "Flexible"}},
            400,
            "PropertyChangeNotAllowed",
            id="mode",
        ),
        pytest.param(
            {"properties": {"platformFaultDomainCount": 1}},
            400,
            "PropertyChangeNotAllowed",
            id="fd",
        ),
        pytest.param({"location": "northeurope"}, 409, "InvalidResourceLocation", id="location"),
        pytest.param({"sku": {"capacity": 101}}, 400, "InvalidParameter", id="too many"),
        pytest.param({"sku": {"capacity": None}}, 400, "InvalidParameter", id="no capacity"),
        pytest.param({"sku": "large"}, 400, "InvalidParameter", id="shape"),
        pytest.param({"properties": None}, 400, "InvalidParameter", id="no properties"),
        pytest.param([], 400, "InvalidRequestContent", id="no document"),
        pytest.param({"zones": "1"}, 400, "InvalidParameter", id="zones"),
        pytest.param({"location": None}, 400, "LocationRequired", id="no location"),
        pytest.param(
            in_profile({"storageProfile": {"osDisk": {"image": {"uri": "https://x/y.vhd"}}}}),
            400,
            "InvalidParameter",
            id="two images",
        ),
        pytest.param(
            in_profile({"extensionProfile": {"extensions": ["health"]}}),
            400,
            "InvalidParameter",
            id="extensions",
        ),
        pytest.param(nested(80), 400, "InvalidRequestContent", id="too deep"),
        pytest.param(
            {"properties": {"upgradePolicy": {"mode": "Sometimes"}}},
            400,
            "InvalidParameter",
            id="policy",
        ),
    ],
)
def test_an_invalid_model_changes_nothing(body: Any, status: int, code: str) -> None:
    """A refused write leaves scale set, log and timetable as they were."""
    world = make_world()
    before = (world.scale_set(WEB), world.log.copy(), world.next_event_at())
    with pytest.raises(ArmError) as error:
        world.patch_scale_set(WEB, body)
    assert (error.value.status, error.value.code) == (status, code)
    assert (world.scale_set(WEB), world.log, world.next_event_at()) == before


def test_preconditions() -> None:
    """If-Match must name the etag held, If-None-Match `*` that there is no set."""
    world = make_world()
    with pytest.raises(ArmError, match="PreconditionFailed") as error:
        world.patch_scale_set(WEB, model(), if_match='"7"')
    assert error.value.status == 412
    with pytest.raises(ArmError, match="PreconditionFailed"):
        world.put_scale_set(WEB, model(), if_none_match="*")
    with pytest.raises(ArmError, match="PreconditionFailed"):
        world.put_scale_set(ScaleSetKey(SUBSCRIPTION, "myrg", "new"), {}, if_match="*")
    world.patch_scale_set(WEB, model(), if_match="*")


def test_one_operation_at_a_time() -> None:
    """A second operation on the set is a conflict while one runs."""
    world = make_world()
    operation = world.patch_scale_set(WEB, model())
    attempts: list[Callable[[], Operation]] = [
        lambda: world.patch_scale_set(WEB, {"tags": {}}),
        lambda: world.upgrade(WEB, ["0"]),
        lambda: world.reimage(WEB, ["0"]),
    ]
    for attempt in attempts:
        with pytest.raises(ArmError, match="conflict with a concurrent request") as error:
            attempt()
        assert error.value.status == 409
    finish(world, operation)
    world.upgrade(WEB, ["0"])


def test_automatic_upgrades_everything_at_once() -> None:
    """Under Automatic a model write takes all unprotected instances down within its operation."""
    world = make_world(
        upgradePolicy="Automatic", overrides={"3": {"protection": {"fromScaleSetActions": True}}}
    )
    operation = finish(world, world.patch_scale_set(WEB, model()))
    assert operation.status is OperationStatus.SUCCEEDED
    assert event_types(world).count("upgradeStarted") == 3
    lowest = min(each.data["inService"] for each in world.log if "inService" in each.data)
    assert lowest == 1
    run(world)
    assert world.instance(WEB, "0").exact_version == NEW
    assert world.instance(WEB, "3").exact_version == OLD


def test_scaling_out_and_in() -> None:
    """New instances have new ids and the current model, the highest go first, no id comes back."""
    world = make_world(model={"properties": {"overprovision": False}})
    finish(world, world.patch_scale_set(WEB, {**model(), "sku": {"capacity": 6}}))
    run(world)
    scale_set = world.scale_set(WEB)
    assert list(scale_set.instances) == ["0", "1", "2", "3", "4", "5"]
    assert scale_set.instances["5"].exact_version == NEW
    assert scale_set.instances["0"].exact_version == OLD
    assert scale_set.in_service_count == 6
    finish(world, world.patch_scale_set(WEB, {"sku": {"capacity": 3}}))
    finish(world, world.patch_scale_set(WEB, {"sku": {"capacity": 4}}))
    assert list(world.scale_set(WEB).instances) == ["0", "1", "2", "6"]


def test_a_put_creates_a_scale_set() -> None:
    """A PUT to a new name makes the set and its machines; a partial one merges over it."""
    world = make_world()
    key = ScaleSetKey(SUBSCRIPTION, "other", "fresh")
    body = {
        "location": "westeurope",
        "sku": {"name": "Standard_D2s_v5", "capacity": 2},
        **model(OLD, overprovision=False),
    }
    operation = world.put_scale_set(key, body)
    assert world.scale_set(key).provisioning is ProvisioningState.CREATING
    finish(world, operation)
    created = world.scale_set(key)
    assert list(created.instances) == ["0", "1"]
    assert created.body["properties"]["upgradePolicy"] == {"mode": "Manual"}
    assert created.body["properties"]["singlePlacementGroup"] is True
    busy = world.patch_scale_set(WEB, {"tags": {}})
    finish(world, world.put_scale_set(key, {"location": "westeurope", "sku": {"capacity": 3}}))
    finish(world, busy)
    assert len(world.scale_set(key).instances) == 3
    assert world.scale_set(key).etag == '"2"'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, "LocationRequired", id="nothing"),
        pytest.param({"location": "westeurope"}, "InvalidParameter", id="no sku"),
        pytest.param(
            {"location": "westeurope", "sku": {"name": "x"}}, "InvalidParameter", id="image"
        ),
    ],
)
def test_an_incomplete_put_creates_nothing(body: dict[str, Any], code: str) -> None:
    """What a new scale set needs is asked for."""
    world = make_world()
    key = ScaleSetKey(SUBSCRIPTION, "other", "fresh")
    with pytest.raises(ArmError) as error:
        world.put_scale_set(key, body)
    assert error.value.code == code
    assert len(world.scale_sets(SUBSCRIPTION)) == 1


def test_a_new_application_health_extension_starts_to_report_with_the_upgrade() -> None:
    """Health is reported by an instance that has the extension, not by one that is to get it."""
    world = make_world(applicationHealth=False)
    assert world.instance(WEB, "0").health is None
    extension = {
        "name": "health",
        "properties": {"publisher": "Microsoft.ManagedServices", "type": "ApplicationHealthLinux"},
    }
    profile = {"extensionProfile": {"extensions": [extension]}}
    finish(world, world.patch_scale_set(WEB, {"properties": {"virtualMachineProfile": profile}}))
    assert world.instance(WEB, "0").health is None
    finish(world, world.upgrade(WEB, ["0"]))
    run(world)
    health = world.instance(WEB, "0").health
    assert health is not None
    assert health.value == "healthy"


def test_a_load_balancer_probe_is_a_health_source_too() -> None:
    """Application health comes from the extension or from a probe."""
    probe = {"networkProfile": {"healthProbe": {"id": "/probes/web"}}}
    world = make_world(applicationHealth=False, model=in_profile(probe))
    assert world.scale_set(WEB).in_service_count == 4
    assert world.instance(WEB, "0").health is not None


def test_a_single_placement_group_never_comes_back() -> None:
    """SinglePlacementGroup goes from true to false, and not back."""
    world = make_world()
    finish(world, world.patch_scale_set(WEB, {"properties": {"singlePlacementGroup": False}}))
    with pytest.raises(ArmError, match="PropertyChangeNotAllowed"):
        world.patch_scale_set(WEB, {"properties": {"singlePlacementGroup": True}})


def test_a_missing_set_cannot_be_patched() -> None:
    """A PATCH creates nothing."""
    with pytest.raises(ArmError, match="ResourceNotFound"):
        make_world().patch_scale_set(ScaleSetKey(SUBSCRIPTION, "myrg", "gone"), model())


def test_another_actor_may_be_refused_for_good() -> None:
    """An invalid write of another actor is logged and not tried again."""
    patch = {"properties": {"orchestrationMode": "Flexible"}}
    actor = {
        "name": "blunder",
        "match": {"resource": "web"},
        "effect": {"modelChangedBy": {"actor": "someone", "at": "PT1M", "patch": patch}},
    }
    elsewhere = {**actor, "name": "elsewhere", "match": {"resource": "other"}}
    world = make_world(faults=[actor, elsewhere])
    run(world)
    assert event_types(world) == ["scaleSetCreated", "actorRefused"]


def test_another_actor_changes_the_model() -> None:
    """Somebody else's write happens at its time, and waits while an operation holds the set."""
    actor = {
        "name": "retag",
        "effect": {
            "modelChangedBy": {"actor": "someone", "at": "PT1M", "patch": {"tags": {"a": "b"}}}
        },
    }
    world = make_world(faults=[actor])
    finish(world, world.patch_scale_set(WEB, model()))
    world.upgrade(WEB, ["0"])
    run(world)
    types = event_types(world)
    assert "actorRefused" in types
    assert world.scale_set(WEB).body["tags"] == {"a": "b"}
    assert [each.data["by"] for each in world.log if each.type == "modelWritten"] == [
        "client",
        "someone",
    ]
