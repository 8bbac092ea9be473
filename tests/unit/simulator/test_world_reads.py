"""What a world answers, and how a request gets in."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.worlds import NEW, OLD, SUBSCRIPTION, WEB, image, make_world, run, with_new_model
from vmss_simulator.errors import ArmError, ReplyLost
from vmss_simulator.topology import computer_name
from vmss_simulator.values import OperationKind, ScaleSetKey
from vmss_simulator.world import World


def test_names_compare_without_case() -> None:
    """A scale set is found however its subscription, group and name are spelled."""
    world = make_world()
    shouted = ScaleSetKey(SUBSCRIPTION, "MYRG", "WEB")
    assert world.scale_set(shouted).key == WEB
    assert world.instance(shouted, "2").name == "web_2"
    assert world.subscription_ids() == (SUBSCRIPTION,)
    assert [each.key for each in world.scale_sets(SUBSCRIPTION, "MyRg")] == [WEB]
    assert world.scale_sets(SUBSCRIPTION, "other") == []
    assert world.scale_sets("another") == []


def test_what_does_not_exist_is_404() -> None:
    """A missing scale set or operation is answered as ARM does."""
    world = make_world()
    with pytest.raises(ArmError, match="ResourceNotFound") as error:
        world.scale_set(ScaleSetKey(SUBSCRIPTION, "myrg", "gone"))
    assert error.value.status == 404
    with pytest.raises(ArmError, match="NotFound"):
        world.operation("no-such-id")


def test_versions_are_listed_in_numeric_order() -> None:
    """1.10.0 comes after 1.9.0, and `latest` is it."""
    world = make_world()
    assert world.image_versions(image(), "West Europe") == (OLD, NEW)
    assert world.exact_version(image("latest"), "westeurope") == NEW
    with pytest.raises(ArmError, match="VMImage was not found"):
        world.image_versions({**image(), "sku": "gen1"}, "westeurope")


def test_instances_are_spread_over_domains() -> None:
    """Update domains go round robin, fault domains shift by one each round."""
    world = make_world(capacity=12)
    instances = world.scale_set(WEB).instances
    assert [each.update_domain for each in instances.values()] == [0, 1, 2, 3, 4] * 2 + [0, 1]
    assert [each.fault_domain for each in instances.values()][4:7] == [4, 1, 2]
    assert len({each.vm_id for each in instances.values()}) == 12


def test_placement_groups_hold_a_hundred() -> None:
    """Each hundred instances of a large set have a placement group of their own."""
    world = make_world(capacity=250, singlePlacementGroup=False)
    groups = [each.placement_group_id for each in world.scale_set(WEB).instances.values()]
    assert len(set(groups)) == 3
    assert len(set(groups[:100])) == 1


def test_flexible_instances_are_named() -> None:
    """The id of a Flexible instance is its name, and it has no update domain."""
    world = make_world(orchestrationMode="Flexible")
    for instance_id, instance in world.scale_set(WEB).instances.items():
        assert instance_id == instance.name
        assert len(instance_id) == len("web_") + 8
        assert instance.update_domain is None


def test_time_is_aware_and_runs_forward() -> None:
    """The past and naive moments are refused."""
    world = make_world()
    with pytest.raises(ValueError, match="time runs forward"):
        world.advance_to(world.now - timedelta(seconds=1))
    with pytest.raises(ValueError, match="aware"):
        World(start=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_time_moves_without_events() -> None:
    """A quiet world only gets older."""
    world = make_world()
    world.advance_to(world.start + timedelta(hours=1))
    assert world.now - world.start == timedelta(hours=1)
    assert [each.type for each in world.log] == ["scaleSetCreated"]


def test_a_fork_goes_its_own_way() -> None:
    """What happens to a copy does not happen to the original."""
    world = with_new_model(make_world())
    before = world.log.copy()
    copy = world.fork()
    copy.upgrade(WEB, ["*"])
    run(copy)
    assert world.log == before
    assert not world.latest_model_applied(world.scale_set(WEB), world.instance(WEB, "0"))
    assert copy.latest_model_applied(copy.scale_set(WEB), copy.instance(WEB, "0"))


def test_buckets_empty_and_refill() -> None:
    """Twelve model writes of one scale set go through at once, then four a minute."""
    world = make_world()

    def admit() -> int:
        allowance = world.admit(OperationKind.PATCH_SCALE_SET, WEB, subscription_id=SUBSCRIPTION)
        names = dict(allowance.remaining)
        return names["Microsoft.Compute/UpdateVMScaleSetResource"]

    assert [admit() for _ in range(12)] == list(range(11, -1, -1))
    with pytest.raises(ArmError, match="too many requests") as error:
        admit()
    assert error.value.status == 429
    assert error.value.retry_after == timedelta(seconds=15)
    assert error.value.details[0].target == "UpdateVMScaleSetResource"
    world.advance_to(world.now + error.value.retry_after)
    assert admit() == 0


def test_each_page_of_a_list_draws_on_the_sets_own_bucket() -> None:
    """Thirty pages of instances of one set at once, then ten a minute."""
    world = make_world()

    def admit() -> dict[str, int]:
        allowance = world.admit(OperationKind.LIST_INSTANCES, WEB, subscription_id=SUBSCRIPTION)
        return dict(allowance.remaining)

    assert admit() == {
        "Microsoft.Compute/HighCostGetVMScaleSetSubscriptionMaximum": 1079,
        "Microsoft.Compute/HighCostGetVMScaleSetResource": 29,
    }
    for _ in range(29):
        admit()
    with pytest.raises(ArmError, match="too many requests") as error:
        admit()
    assert error.value.retry_after == timedelta(seconds=6)


def test_throttling_can_be_switched_off() -> None:
    """Without throttling nothing is counted."""
    world = make_world(options={"throttling": False})
    for _ in range(100):
        allowance = world.admit(OperationKind.PATCH_SCALE_SET, WEB, subscription_id=SUBSCRIPTION)
        assert allowance.remaining == ()


def test_a_lost_reply_is_of_a_request_carried_out() -> None:
    """The request changes the world, and its reply is lost exactly as often as the rule says."""
    lost = {
        "name": "lost",
        "match": {"operations": ["upgrade"]},
        "when": {"times": 1},
        "effect": {"replyLost": {}},
    }
    world = with_new_model(make_world(faults=[lost]))
    kind = OperationKind.UPGRADE
    allowance = world.admit(kind, WEB, subscription_id=SUBSCRIPTION, instance_ids=["0"])
    world.upgrade(WEB, ["0"])
    with pytest.raises(ReplyLost):
        allowance.deliver()
    run(world)
    assert world.latest_model_applied(world.scale_set(WEB), world.instance(WEB, "0"))
    world.admit(kind, WEB, subscription_id=SUBSCRIPTION, instance_ids=["1"]).deliver()


def test_requests_about_no_single_set() -> None:
    """A list of all sets meets rules about everything only, and subscription buckets only."""
    busy = {"status": 503, "code": "Busy", "message": "Later."}
    rules = [
        {"name": "web", "match": {"resource": "web"}, "effect": {"error": busy}},
        {"name": "all", "effect": {"latency": {"delay": "PT1S"}}},
    ]
    world = make_world(faults=rules)
    allowance = world.admit(
        OperationKind.LIST_SCALE_SETS, None, subscription_id=SUBSCRIPTION, location="westeurope"
    )
    assert allowance.reply_delay == timedelta(seconds=1)
    assert dict(allowance.remaining) == {
        "Microsoft.Compute/HighCostGetVMScaleSetSubscriptionMaximum": 1079
    }
    versions = world.admit(OperationKind.LIST_IMAGE_VERSIONS, None, subscription_id=SUBSCRIPTION)
    assert versions.remaining == ()
    without = world.admit(OperationKind.GET_OPERATION, None, subscription_id=SUBSCRIPTION)
    assert len(without.remaining) == 1


def test_a_world_tells_what_it_was_made_of() -> None:
    """Seed, options and latencies are there to be read."""
    world = make_world(options={"operationRetryAfter": "PT3S"})
    assert world.seed == 7
    assert world.options.operation_retry_after == timedelta(seconds=3)
    assert world.latencies.boot.median == timedelta(seconds=40)


def test_computer_names_count_in_base_36() -> None:
    """A host name is the prefix and six digits."""
    assert computer_name("web", 0) == "web000000"
    assert computer_name("web", 36 * 36 + 35) == "web00010Z"


def test_request_faults_match_by_number_and_time() -> None:
    """The second upgrade within the first minute is refused, and no other."""
    refused = {
        "name": "second",
        "match": {"operations": ["upgrade"], "resource": "w*"},
        "when": {"nth": 2, "before": "PT1M"},
        "effect": {
            "error": {"status": 503, "code": "Busy", "message": "Later.", "retryAfter": "PT9S"}
        },
    }
    world = make_world(faults=[refused])

    def admit() -> None:
        world.admit(OperationKind.UPGRADE, WEB, subscription_id=SUBSCRIPTION)

    admit()
    with pytest.raises(ArmError, match="Busy") as error:
        admit()
    assert error.value.retry_after == timedelta(seconds=9)
    admit()


def test_throttle_and_latency_faults() -> None:
    """A fault can answer 429 with full buckets, or delay the reply."""
    faults = [
        {
            "name": "busy",
            "match": {"operations": ["reimage"]},
            "effect": {"throttle": {"retryAfter": "PT20S"}},
        },
        {
            "name": "slow",
            "match": {"operations": ["getScaleSet"]},
            "effect": {"latency": {"delay": "PT3S"}},
        },
    ]
    world = make_world(faults=faults)
    with pytest.raises(ArmError) as error:
        world.admit(OperationKind.REIMAGE, WEB, subscription_id=SUBSCRIPTION)
    assert (error.value.status, error.value.retry_after) == (429, timedelta(seconds=20))
    allowance = world.admit(OperationKind.GET_SCALE_SET, WEB, subscription_id=SUBSCRIPTION)
    assert allowance.reply_delay == timedelta(seconds=3)
