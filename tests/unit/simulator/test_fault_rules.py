"""Fault rules by example: what they match, how they count, what they do to requests."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.worlds import NEW, SUBSCRIPTION, WEB, event_types, finish, make_world, run
from tests.worlds import with_new_model as updated
from vmss_simulator.errors import ArmError, ReplyLost, RequestLost
from vmss_simulator.scenario import scenario_schema
from vmss_simulator.scenario_build import build_fault
from vmss_simulator.scenario_effects import EFFECT_NAMES
from vmss_simulator.values import (
    Allowance,
    HealthState,
    Instance,
    InstanceView,
    OperationKind,
    OperationStatus,
)

if TYPE_CHECKING:
    from vmss_simulator.world import World

SICK: dict[str, Any] = {"neverHealthy": {}}
REFUSED = {"error": {"status": 409, "code": "Conflict", "message": "No."}}


def faulty(*effects: dict[str, Any], match: Any = None, when: Any = None, **changes: Any) -> World:
    """Return a world on the new model, with a rule for each effect."""
    rules = [
        {"name": f"rule {n}", "match": match or {}, "when": when or {}, "effect": each}
        for n, each in enumerate(effects)
    ]
    return updated(make_world(faults=rules, **changes))


def instance(world: World, instance_id: str) -> Instance:
    """Return one instance as it is now."""
    return world.instance(WEB, instance_id)


def sick_after_upgrade(world: World, *ids: str) -> set[str]:
    """Upgrade these instances, or all, and return which do not turn healthy."""
    finish(world, world.upgrade(WEB, ids or ["*"]))
    run(world)
    members = world.scale_set(WEB).instances.values()
    return {each.instance_id for each in members if each.health is not HealthState.HEALTHY}


def let_in(world: World, kind: OperationKind = OperationKind.UPGRADE) -> Allowance:
    """Ask to be let in once."""
    return world.admit(kind, WEB, subscription_id=SUBSCRIPTION, instance_ids=["1"])


def refused(world: World, times: int) -> list[int]:
    """Ask to be let in that often, and return which times were refused, from 1."""
    found = []
    for number in range(1, times + 1):
        try:
            let_in(world)
        except ArmError:
            found.append(number)
    return found


def minutes(number: float) -> timedelta:
    """Return that many minutes."""
    return timedelta(minutes=number)


def pass_minutes(world: World, number: float) -> None:
    """Let that much time pass."""
    world.advance_to(world.now + minutes(number))


# --- matching -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("match", "sick"),
    [
        ({"instanceIds": ["1", "2"]}, {"1", "2"}),
        ({"zones": ["2"]}, {"1", "3", "5"}),
        ({"updateDomains": [0]}, {"0", "1"}),
        ({"faultDomains": [1]}, {"2", "3"}),
        ({"zones": ["2"], "instanceIds": ["1", "2"]}, {"1"}),
        ({"operations": ["reimage"]}, set()),
        ({"location": "West Europe"}, {"0", "1", "2", "3", "4", "5"}),
        ({"location": "eastus"}, set()),
        ({"subscriptionId": SUBSCRIPTION.upper(), "instanceIds": ["4"]}, {"4"}),
        ({"subscriptionId": "another"}, set()),
        ({"resource": "*/MYRG/*"}, {"0", "1", "2", "3", "4", "5"}),
        ({"resource": "other*"}, set()),
    ],
)
def test_a_rule_picks_instances(match: dict[str, Any], sick: set[str]) -> None:
    """By id, zone, domain, operation, region, subscription and resource, all at once."""
    world = faulty(SICK, match=match, capacity=6, zones=["1", "2"])
    assert sick_after_upgrade(world) == sick


@pytest.mark.parametrize(
    ("when", "times"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 2}, [2]),
        ({"every": 3}, [3, 6]),
        ({"times": 2}, [1, 2]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"after": "PT1H"}, []),
        ({"before": "PT0S"}, []),
        ({"probability": 0}, []),
    ],
)
def test_a_rule_counts(when: dict[str, Any], times: list[int]) -> None:
    """It applies to the requests it should, counted from 1."""
    assert refused(faulty(REFUSED, when=when, match={"operations": ["upgrade"]}), 6) == times


def test_counts_are_of_each_scale_set_by_itself() -> None:
    """What happens to another set does not use up what a rule has for this one."""
    world = faulty(REFUSED, when={"nth": 2})
    other = type(WEB)(SUBSCRIPTION, "myrg", "other")
    for _ in range(2):
        with suppress(ArmError):
            world.admit(OperationKind.UPGRADE, other, subscription_id=SUBSCRIPTION)
    assert refused(world, 3) == [2]


def test_a_rule_about_instances_is_asked_for_those_a_request_names() -> None:
    """By id also where the instance is gone; by place only where it is."""
    for match, applies in (
        ({"instanceIds": ["1"]}, True),
        ({"instanceIds": ["2"]}, False),
        ({"updateDomains": [1]}, True),
        ({"updateDomains": [4]}, False),
    ):
        assert bool(refused(faulty(REFUSED, match=match), 1)) is applies
    gone = faulty(REFUSED, match={"instanceIds": ["77"]})
    with pytest.raises(ArmError, match="Conflict"):
        gone.admit(OperationKind.UPGRADE, WEB, subscription_id=SUBSCRIPTION, instance_ids=["77"])
    everybody = faulty(REFUSED, match={"updateDomains": [3]})
    with pytest.raises(ArmError, match="Conflict"):
        everybody.admit(
            OperationKind.UPGRADE, WEB, subscription_id=SUBSCRIPTION, instance_ids=["*"]
        )


def test_rules_can_be_added_and_removed_later() -> None:
    """Their times count from then on, and what they would still do is not done once gone."""
    world = updated(make_world())
    pass_minutes(world, 60)
    late = build_fault({"name": "late", "when": {"after": "PT10M"}, "effect": REFUSED})
    sick = build_fault({"name": "sick", "effect": {"sick": {"at": "PT5M"}}})
    outage = build_fault({"name": "outage", "effect": {"outage": {"at": "PT5M"}}})
    world.add_faults([late, sick, outage])
    assert world.remove_fault("outage")
    assert not world.remove_fault("outage")
    with pytest.raises(ValueError, match="already a fault named"):
        world.add_faults([late])
    assert refused(world, 1) == []
    pass_minutes(world, 5)
    assert instance(world, "0").health is HealthState.UNHEALTHY
    assert "hostLost" not in event_types(world)
    pass_minutes(world, 5)
    assert refused(world, 1) == [1]
    assert world.fault_counts("late") == (1, 1)
    assert [each.name for each in world.fault_rules] == ["late", "sick"]


def test_the_schema_knows_every_effect_and_operation() -> None:
    """What a scenario may say is what the world can do."""
    fault = scenario_schema()["$defs"]["fault"]["properties"]
    assert set(fault["effect"]["properties"]) == EFFECT_NAMES
    kinds = fault["match"]["properties"]["operations"]["items"]["enum"]
    assert set(kinds) == {each.value for each in OperationKind}


# --- requests -------------------------------------------------------------------------------


def test_what_happens_to_a_reply_is_noted_for_the_door() -> None:
    """Lost, cut, late, doubled and dated wrong replies are all in the allowance."""
    allowance = let_in(
        faulty(
            {"replyCut": {}},
            {"latency": {"delay": "PT4S"}},
            {"latency": {"delay": "PT2S"}},
            {"duplicate": {}},
            {"clockSkew": {"by": "PT1M", "behind": True}},
        )
    )
    assert allowance.reply_delay == timedelta(seconds=6)
    assert allowance.deliveries == 2
    assert allowance.date_skew == -minutes(1)
    with pytest.raises(ReplyLost):
        allowance.deliver()


def test_a_lost_request_changes_nothing() -> None:
    """It is not carried out, and no door can think so."""
    world = faulty({"requestLost": {}}, match={"operations": ["upgrade"]})
    with pytest.raises(RequestLost):
        let_in(world)


def test_errors_have_details() -> None:
    """Target, details and Retry-After of an error are as the scenario says."""
    error = {
        "status": 409,
        "code": "Conflict",
        "message": "No.",
        "target": "instanceIds",
        "details": [{"code": "A", "message": "b", "target": "3"}, {"code": "C", "message": "d"}],
        "retryAfter": "PT9S",
    }
    with pytest.raises(ArmError) as raised:
        let_in(faulty({"error": error}, match={"operations": ["upgrade"]}))
    assert raised.value.target == "instanceIds"
    assert [each.target for each in raised.value.details] == ["3", None]
    assert raised.value.retry_after == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("effect", "status", "code", "text"),
    [
        ({"tokenExpired": {}}, 401, "ExpiredAuthenticationToken", "expiry UTC time"),
        ({"quotaExceeded": {"limit": 12}}, 409, "OperationNotAllowed", "Current Limit: 12"),
        ({"throttle": {"retryAfter": "PT5S"}}, 429, "OperationNotAllowed", "too many requests"),
    ],
)
def test_known_refusals_have_azures_words(
    effect: dict[str, Any], status: int, code: str, text: str
) -> None:
    """A failure Azure is known for needs no words in a scenario."""
    with pytest.raises(ArmError) as raised:
        let_in(faulty(effect, match={"operations": ["upgrade"]}))
    assert (raised.value.status, raised.value.code) == (status, code)
    assert text in raised.value.message


def test_a_stale_read_answers_from_the_past() -> None:
    """Sets, instances and operations are as they were; a write is not affected."""
    world = faulty({"stale": {"by": "PT1M"}})
    operation = finish(world, world.upgrade(WEB, ["1"]))
    assert instance(world, "1").exact_version == NEW
    behind = world.seen(let_in(world, OperationKind.LIST_INSTANCES))
    assert behind.operation(operation.operation_id).status is OperationStatus.IN_PROGRESS
    pass_minutes(world, 0.5)
    still = world.seen(let_in(world, OperationKind.LIST_INSTANCES))
    assert still.instance(WEB, "1").busy_with == operation.operation_id
    assert world.instance(WEB, "1").busy_with is None
    pass_minutes(world, 30)
    now = world.seen(let_in(world, OperationKind.GET_INSTANCE))
    assert now.instance(WEB, "1") == world.instance(WEB, "1")
    assert now.operation(operation.operation_id) == world.operation(operation.operation_id)


def test_staleness_goes_no_further_back_than_the_beginning() -> None:
    """At the start a read cannot be behind, and history is kept only as long as it is asked for."""
    world = make_world(faults=[{"name": "s", "effect": {"stale": {"by": "PT1H"}}}])
    pass_minutes(world, 1)
    assert world.seen(let_in(world, OperationKind.GET_SCALE_SET)).scale_set(WEB).etag == '"1"'
    updated(world)
    assert world.seen(let_in(world, OperationKind.GET_SCALE_SET)).scale_set(WEB).etag == '"1"'
    world.remove_fault("s")
    run(world)
    pass_minutes(world, 1)
    assert world.snapshot().history == []


def test_views_are_hidden_of_the_matched_instances() -> None:
    """Only these, and only for the read that was let in so."""
    world = faulty({"noInstanceView": {}}, match={"instanceIds": ["2"]})
    seen = world.seen(let_in(world, OperationKind.LIST_INSTANCES))
    views = {i: each.view for i, each in seen.scale_set(WEB).instances.items()}
    assert views.pop("2") is InstanceView.MISSING
    assert set(views.values()) == {InstanceView.COMPLETE}
    assert instance(world, "2").view is InstanceView.COMPLETE
