"""How many machines a set has, and which: overprovisioning, scale-in, repairs, autoscale."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.simulator.test_world_verbs import done
from tests.worlds import SUBSCRIPTION, WEB, event_types, finish, make_world, run
from vmss_simulator import commands
from vmss_simulator.errors import ArmError, ScenarioError
from vmss_simulator.values import AutoscaleKey, HealthState, OperationStatus, ProvisioningState

if TYPE_CHECKING:
    from vmss_simulator.world import World

EXACT = {"properties": {"overprovision": False}}


def scaled(world: World, capacity: int) -> list[str]:
    """Change the capacity, let everything settle, and return the ids."""
    finish(world, world.patch_scale_set(WEB, {"sku": {"capacity": capacity}}))
    run(world)
    return list(world.scale_set(WEB).instances)


def test_more_are_made_than_asked_for_and_the_rest_deleted() -> None:
    """A fifth more is made, as many as asked for stay, and an id is left out."""
    world = make_world()
    ids = scaled(world, 9)
    made = [each.instance_id for each in world.log if each.type == "createStarted"]
    assert len(made) == 6
    assert len(ids) == 9
    assert set(made) - set(ids)
    assert world.scale_set(WEB).in_service_count == 9
    counts = [each.data["inService"] for each in world.log if "inService" in each.data]
    assert max(counts) == 9


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param({"model": EXACT}, id="by the model"),
        pytest.param({"options": {"overprovisionPercent": 0}}, id="by option"),
        pytest.param({"orchestrationMode": "Flexible"}, id="flexible"),
    ],
)
def test_nothing_is_made_in_excess(scenario: dict[str, Any]) -> None:
    """Without overprovisioning exactly what is missing is made."""
    world = make_world(**scenario)
    scaled(world, 9)
    assert event_types(world).count("createStarted") == 5


def test_a_machine_that_fails_is_made_up_for() -> None:
    """What was made in excess stays in place of one that could not be made."""
    fault = {
        "name": "no room",
        "match": {"instanceIds": ["4"]},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    }
    world = make_world(faults=[fault])
    ids = scaled(world, 9)
    assert "4" not in ids
    assert len(ids) == 9
    assert world.scale_set(WEB).in_service_count == 9


def test_a_scale_in_keeps_zones_and_fault_domains_even() -> None:
    """By default the zone with the most goes first, then the newest of the fullest domain."""
    world = make_world(capacity=9, zones=["1", "2", "3"], model=EXACT)
    scaled(world, 6)
    zones = [each.zone for each in world.scale_set(WEB).instances.values()]
    assert sorted(zone or "" for zone in zones) == ["1", "1", "2", "2", "3", "3"]


@pytest.mark.parametrize(
    ("rule", "left"), [("NewestVM", ["0", "1"]), ("OldestVM", ["2", "3"]), ("Default", ["0", "1"])]
)
def test_the_scale_in_policy_chooses(rule: str, left: list[str]) -> None:
    """The newest or the oldest go; without a time between them the id decides."""
    policy = {"properties": {"scaleInPolicy": {"rules": [rule]}}}
    assert scaled(make_world(model=policy), 2) == left


def test_protected_instances_stay() -> None:
    """A scale-in passes protected instances by, and is refused when too few others are left."""
    guarded = {
        "2": {"protection": {"fromScaleIn": True}},
        "3": {"protection": {"fromScaleSetActions": True}},
    }
    world = make_world(overrides=guarded)
    assert scaled(world, 2) == ["2", "3"]
    before = world.log.copy()
    with pytest.raises(ArmError, match="protected from scale-in") as refused:
        world.patch_scale_set(WEB, {"sku": {"capacity": 1}})
    assert refused.value.status == 409
    assert world.log == before
    loose = make_world(overrides=guarded, options={"scaleInHonoursProtection": False})
    assert scaled(loose, 2) == ["0", "1"]


def test_a_scale_out_adds_machines_in_the_zone_it_names() -> None:
    """`capacity` is how many are added."""
    world = make_world(capacity=3, zones=["1", "2", "3"])
    done(world, commands.ScaleOut(WEB, 2, "3"))
    scale_set = world.scale_set(WEB)
    assert scale_set.body["sku"]["capacity"] == 5
    assert [each.zone for each in scale_set.instances.values()] == ["1", "2", "3", "3", "3"]
    for wrong in (commands.ScaleOut(WEB, 0), commands.ScaleOut(WEB, 1, "9")):
        with pytest.raises(ArmError):
            world.perform(wrong)


def test_a_small_set_can_have_a_single_placement_group_again() -> None:
    """Only while all its machines lie in one group of at most a hundred."""
    world = make_world(singlePlacementGroup=False)
    before = world.scale_set(WEB).etag_number
    group = world.instance(WEB, "0").placement_group_id
    assert world.perform(commands.ConvertToSinglePlacementGroup(WEB, group)) is None
    scale_set = world.scale_set(WEB)
    assert scale_set.body["properties"]["singlePlacementGroup"] is True
    assert scale_set.etag_number == before + 1
    for wrong in (
        (make_world(capacity=150), None),
        (world, "no such group"),
    ):
        with pytest.raises(ArmError):
            wrong[0].perform(commands.ConvertToSinglePlacementGroup(WEB, wrong[1]))


def repaired_world(action: str = "Replace", **scenario: Any) -> World:
    """Return a world with automatic repairs and one sick instance."""
    policy = {"enabled": True, "gracePeriod": "PT10M", "repairAction": action}
    return make_world(
        model={"properties": {"automaticRepairsPolicy": policy, "overprovision": False}},
        overrides={"2": {"health": "unhealthy"}},
        **scenario,
    )


@pytest.mark.parametrize(
    ("action", "event"),
    [("Replace", "instanceDeleted"), ("Restart", "restartStarted"), ("Reimage", "reimageStarted")],
)
def test_a_sick_instance_is_repaired_after_its_grace_period(action: str, event: str) -> None:
    """Not before ten minutes, and then it is healthy again or another stands in its place."""
    world = repaired_world(action)
    world.advance_to(world.start + timedelta(minutes=9, seconds=59))
    assert "operationStarted" not in event_types(world)
    run(world)
    assert event in event_types(world, "2")
    scale_set = world.scale_set(WEB)
    assert (scale_set.in_service_count, len(scale_set.instances)) == (4, 4)
    assert scale_set.repairs_in_vain == 0
    assert ("2" in scale_set.instances) is (action != "Replace")


def test_repairs_that_do_not_help_are_suspended() -> None:
    """After three in a row the service suspends itself, and resumes when told to."""
    fault = {"name": "sick", "match": {"operations": ["repair"]}, "effect": {"neverHealthy": {}}}
    world = repaired_world(faults=[fault])
    run(world)
    kinds = [each.data["kind"] for each in world.log if each.type == "operationStarted"]
    assert kinds == ["repair"] * 3
    assert world.scale_set(WEB).suspended_services == {"AutomaticRepairs"}
    done(world, commands.SetServiceState(WEB, "AutomaticRepairs", "Resume"))
    run(world)
    assert [each.type for each in world.log].count("serviceStateSet") == 3


def test_a_suspended_service_repairs_nothing() -> None:
    """Nor is a service that nothing enables to be suspended."""
    world = repaired_world()
    done(world, commands.SetServiceState(WEB, "automaticrepairs", "suspend"))
    run(world)
    assert world.instance(WEB, "2").health is HealthState.UNHEALTHY
    with pytest.raises(ArmError) as refused:
        make_world().perform(commands.SetServiceState(WEB, "AutomaticRepairs", "Suspend"))
    assert refused.value.status == 409


def test_protected_instances_are_not_repaired() -> None:
    """Protection from scale set actions holds repairs off."""
    world = repaired_world()
    policy = {"protectionPolicy": {"protectFromScaleSetActions": True}}
    done(world, commands.WriteInstance(WEB, "2", {"properties": policy}))
    run(world)
    assert world.instance(WEB, "2").health is HealthState.UNHEALTHY


@pytest.mark.parametrize(
    "policy",
    [
        {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT5M"}},
        {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "soon"}},
        {"automaticRepairsPolicy": {"enabled": "yes"}},
        {"automaticRepairsPolicy": {"enabled": True, "repairAction": "Pray"}},
        {"scaleInPolicy": {"rules": ["Random"]}},
        {"scaleInPolicy": {"rules": 1}},
    ],
)
def test_bad_policies_are_400(policy: dict[str, Any]) -> None:
    """A policy out of its range is refused, and nothing changes."""
    world = make_world()
    with pytest.raises(ArmError) as refused:
        world.patch_scale_set(WEB, {"properties": policy})
    assert refused.value.status == 400
    with pytest.raises(ArmError, match="health"):
        make_world(applicationHealth=False).patch_scale_set(
            WEB, {"properties": {"automaticRepairsPolicy": {"enabled": True}}}
        )


AUTOSCALE = {
    "minimum": 2,
    "maximum": 6,
    "actions": [{"at": "PT10M", "capacity": 9}, {"at": "PT40M", "capacity": 3}],
}
KEY = AutoscaleKey(SUBSCRIPTION, "myrg", "web-autoscale")


def test_autoscale_acts_within_its_bounds() -> None:
    """It gets what it wants, as far as the bounds go."""
    world = make_world(autoscale=AUTOSCALE, model=EXACT)
    world.advance_to(world.start + timedelta(minutes=30))
    assert len(world.scale_set(WEB).instances) == 6
    run(world)
    assert len(world.scale_set(WEB).instances) == 3
    assert {each.data["by"] for each in world.log if each.type == "modelWritten"} == {"autoscale"}


def test_a_pinned_set_keeps_its_capacity() -> None:
    """With minimum and maximum alike autoscale is held, until the setting is as before."""
    world = make_world(autoscale=AUTOSCALE, model=EXACT)
    setting = world.autoscale_setting(KEY)
    pinned = {
        "profiles": [
            {
                "name": "pin",
                "capacity": dict.fromkeys(("minimum", "maximum", "default"), "4"),
                "rules": [],
            }
        ]
    }
    world.perform(commands.WriteAutoscale(KEY, {"properties": pinned}, merge=True))
    world.advance_to(world.start + timedelta(minutes=30))
    assert len(world.scale_set(WEB).instances) == 4
    assert event_types(world).count("autoscaleHeld") == 1
    world.perform(commands.WriteAutoscale(KEY, setting.body))
    run(world)
    assert len(world.scale_set(WEB).instances) == 3


def test_bounds_bring_a_set_inside() -> None:
    """A set outside the bounds is brought inside at autoscale's next look."""
    world = make_world(autoscale={"minimum": 6, "maximum": 8}, model=EXACT)
    run(world)
    assert len(world.scale_set(WEB).instances) == 6
    finish(world, world.patch_scale_set(WEB, {"sku": {"capacity": 10}}))
    run(world)
    assert len(world.scale_set(WEB).instances) == 8


def test_autoscale_waits_for_an_operation() -> None:
    """It is refused like everybody while an operation runs, and tries again."""
    world = make_world(autoscale=AUTOSCALE, model=EXACT)
    world.advance_to(world.start + timedelta(minutes=9, seconds=55))
    finish(world, world.reimage(WEB, ["0"]))
    world.advance_to(world.start + timedelta(minutes=35))
    assert "actorRefused" in event_types(world)
    assert len(world.scale_set(WEB).instances) == 6


@pytest.mark.parametrize("change", [{"enabled": False}, None])
def test_autoscale_that_is_off_or_gone_does_nothing(change: dict[str, Any] | None) -> None:
    """A disabled or deleted setting leaves the set alone."""
    world = make_world(autoscale=AUTOSCALE)
    if change is None:
        world.perform(commands.DeleteAutoscale(KEY))
    else:
        world.perform(commands.WriteAutoscale(KEY, {"properties": change}, merge=True))
    run(world)
    assert len(world.scale_set(WEB).instances) == 4


def test_a_setting_is_about_one_set_and_a_set_has_one_setting() -> None:
    """A second one for the set, or one about something else, is refused."""
    world = make_world(autoscale=AUTOSCALE)
    body = world.autoscale_setting(KEY).body
    other = AutoscaleKey(SUBSCRIPTION, "myrg", "other")
    with pytest.raises(ArmError, match="already has"):
        world.perform(commands.WriteAutoscale(other, body))
    stray = {**body, "properties": {**body["properties"], "targetResourceUri": "/x"}}
    with pytest.raises(ArmError):
        world.perform(commands.WriteAutoscale(KEY, stray))
    with pytest.raises(ArmError, match="was not found"):
        world.perform(commands.WriteAutoscale(other, {}, merge=True))


def test_a_fixed_date_profile_is_in_force_on_its_date() -> None:
    """Its bounds hold from start to end, the default profile's else."""
    world = make_world(model=EXACT)
    day = {"start": "2026-11-02T09:00:00Z", "end": "2026-11-02T10:00:00Z"}
    least = {"minimum": "1", "maximum": "20", "default": "1"}
    most = {"minimum": "7", "maximum": "20", "default": "7"}
    profiles = [
        {"name": "default", "capacity": least, "rules": []},
        {"name": "fair", "capacity": most, "rules": [], "fixedDate": day},
    ]
    body = {
        "location": "westeurope",
        "properties": {"targetResourceUri": WEB.resource_id, "profiles": profiles},
    }
    world.perform(commands.WriteAutoscale(KEY, body))
    run(world)
    assert len(world.scale_set(WEB).instances) == 4
    world.advance_to(world.start + timedelta(minutes=65))
    world.perform(commands.WriteAutoscale(KEY, body))
    run(world)
    assert len(world.scale_set(WEB).instances) == 7


def test_a_scenario_with_impossible_bounds_is_refused() -> None:
    """The place is named."""
    with pytest.raises(ScenarioError, match=r"scaleSets\[0\]\.autoscale\.minimum"):
        make_world(autoscale={"minimum": 9, "maximum": 6})


def test_a_failed_creation_is_told() -> None:
    """Without anything in excess the operation fails, and the failed machine stays."""
    fault = {
        "name": "no room",
        "match": {"instanceIds": ["4"]},
        "effect": {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
    }
    world = make_world(faults=[fault], model=EXACT)
    operation = finish(world, world.patch_scale_set(WEB, {"sku": {"capacity": 5}}))
    assert operation.status is OperationStatus.FAILED
    assert world.instance(WEB, "4").provisioning is ProvisioningState.FAILED
