"""Hypothesis strategies: scale sets, strategies, availability, and what goes wrong in a world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import assume
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.runs import compute
from tests.support.values import (
    NEW_IMAGE,
    SIZE,
    START,
    current,
    instance,
    minutes,
    plan,
    scale_set,
    seconds,
)
from tests.worlds import make_world
from vmssplan.errors import Refused
from vmssplan.model import (
    Amount,
    Availability,
    Failure,
    Health,
    HealthState,
    Instance,
    Method,
    ModelFields,
    Order,
    OrderKey,
    Plan,
    ScaleSet,
    Selector,
    Strategy,
    StrategyType,
    UpgradeMode,
)

if TYPE_CHECKING:
    from vmssplan.rollout import Rollout

AMOUNTS = st.one_of(
    st.integers(1, 40).map(Amount),
    st.integers(1, 100).map(lambda value: Amount(value, percent=True)),
)
MOMENTS = st.integers(0, 10**6).map(lambda offset: START + seconds(offset))
SELECTORS = st.builds(
    Selector,
    instance_ids=st.lists(st.integers(0, 30).map(str), max_size=4, unique=True).map(tuple),
    update_domains=st.lists(st.integers(0, 4), max_size=2, unique=True).map(tuple),
    fault_domains=st.lists(st.integers(0, 2), max_size=1).map(tuple),
    zones=st.lists(st.sampled_from("123"), max_size=1).map(tuple),
)
ORDERS = st.builds(
    Order,
    unhealthy_first=st.booleans(),
    by=st.lists(st.sampled_from(OrderKey), unique=True).map(tuple),
)
STRATEGIES = st.builds(
    Strategy,
    type=st.sampled_from(StrategyType),
    batch_sizes=st.lists(AMOUNTS, min_size=1, max_size=3).map(tuple),
    order=ORDERS,
    include=st.one_of(st.just(Selector()), SELECTORS),
    exclude=st.one_of(st.just(Selector()), SELECTORS),
    pause_time_between_batches=st.sampled_from([seconds(0), minutes(2)]),
    method=st.sampled_from(Method),
)
AVAILABILITIES = st.one_of(
    st.builds(Availability, max_concurrent_operations=st.integers(1, 3)),
    st.builds(Availability, max_unavailable=AMOUNTS, max_concurrent_operations=st.integers(1, 3)),
    st.builds(Availability, min_in_service=AMOUNTS, max_concurrent_operations=st.integers(1, 3)),
)


@st.composite
def members(draw: st.DrawFn, instance_id: str) -> Instance:
    """Draw an instance: mostly well and outdated, anywhere."""
    made = (current if draw(st.integers(0, 9)) == 0 else instance)(instance_id)
    changes: dict[str, Any] = {
        "update_domain": draw(st.one_of(st.none(), st.integers(0, 4))),
        "fault_domain": draw(st.one_of(st.none(), st.integers(0, 2))),
        "zone": draw(st.one_of(st.none(), st.sampled_from("123"))),
    }
    match draw(st.integers(0, 11)):
        case 0:
            changes["application_health"] = draw(
                st.sampled_from([HealthState.UNHEALTHY, HealthState.UNKNOWN, None])
            )
        case 1:
            changes["protected_from_scale_set_actions"] = True
        case 2:
            changes["power_state"] = draw(st.sampled_from(["stopped", "deallocated", "unknown"]))
        case 3:
            changes["provisioning_state"] = draw(st.sampled_from(["Failed", "Updating"]))
    return replace(made, **changes)


@st.composite
def scale_sets(draw: st.DrawFn, largest: int = 30) -> ScaleSet:
    """Draw a scale set of 1 to `largest` instances, listed in any order."""
    ids = draw(st.lists(st.integers(0, 120).map(str), min_size=1, max_size=largest, unique=True))
    return scale_set(draw(members(instance_id)) for instance_id in ids)


PLANS = st.builds(
    lambda strategy, availability, fields: plan(
        strategy=strategy, availability=availability, model=fields
    ),
    STRATEGIES,
    AVAILABILITIES,
    st.builds(
        ModelFields,
        image=st.just(NEW_IMAGE),
        vm_size=st.sampled_from([None, SIZE, "Standard_D4s_v5"]),
        upgrade_policy=st.sampled_from([None, UpgradeMode.MANUAL]),
    ),
)


# --- simulated worlds ---------------------------------------------------------------------------

EFFECTS = st.sampled_from(
    [
        {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
        {"operationFailed": {"code": "X", "message": "Late.", "diskReplaced": True}},
        {"neverHealthy": {}},
        {"unhealthyAfter": {"after": "PT1M"}},
        {"unhealthyAfter": {"after": "PT20M"}},
        {"replyLost": {}},
        {"slow": {"factor": 6}},
        {"stuck": {}},
        {"throttle": {"retryAfter": "PT40S"}},
        {"error": {"status": 409, "code": "Conflict", "message": "Another one."}},
        {"error": {"status": 500, "code": "InternalServerError", "message": "Oops."}},
        {"error": {"status": 400, "code": "InvalidParameter", "message": "No."}},
        {"replyLost": {}},
    ]
)


@st.composite
def fault_rules(draw: st.DrawFn, number: int) -> dict[str, Any]:
    """Draw one rule of a scenario: something that goes wrong some of the time."""
    kinds = ["upgrade", "reimage", "patchScaleSet", "listInstances", "getOperation"]
    rule: dict[str, Any] = {"name": f"rule {number}", "effect": draw(EFFECTS)}
    effect = next(iter(rule["effect"]))
    about_requests = effect in ("throttle", "error", "replyLost")
    chosen = draw(st.lists(st.sampled_from(kinds[: 5 if about_requests else 2]), max_size=2))
    if chosen:
        rule["match"] = {"operations": sorted(set(chosen))}
    rule["when"] = draw(
        st.sampled_from([{"probability": 0.1}, {"probability": 0.4}, {"times": 1}, {"nth": 3}, {}])
    )
    return rule


@st.composite
def worlds(draw: st.DrawFn, largest: int = 12, *, faulty: bool = True) -> dict[str, Any]:
    """Draw the arguments of `tests.worlds.make_world`: a set, sick here and there, and faults."""
    capacity = draw(st.integers(1, largest))
    states: list[dict[str, Any]] = [
        {"health": "unhealthy"},
        {"protection": {"fromScaleSetActions": True}},
        {"power": "deallocated"},
        {"provisioning": "Failed", "health": "unhealthy"},
    ]
    sick = draw(
        st.dictionaries(st.integers(0, capacity - 1).map(str), st.sampled_from(states), max_size=3)
    )
    concurrent = draw(st.sampled_from(["conflict", "disjoint"]))
    options: dict[str, Any] = {"concurrentOperations": concurrent}
    arguments: dict[str, Any] = {"capacity": capacity, "overrides": sick, "options": options}
    if draw(st.booleans()):
        arguments["zones"] = ["1", "2"]
    if draw(st.booleans()):
        arguments["applicationHealth"] = False
        for each in sick.values():
            each.pop("health", None)
    if faulty:
        options["throttling"] = draw(st.booleans())
        options["failedOperationFailsScaleSet"] = draw(st.booleans())
        options["reimageAppliesModel"] = draw(st.integers(0, 5)) > 0
        count = draw(st.integers(0, 3))
        arguments["faults"] = [draw(fault_rules(number)) for number in range(count)]
    return arguments


def world_plans(*, maximum_failures: int = 2) -> st.SearchStrategy[Plan]:
    """Draw a Plan for such a world."""
    return st.builds(
        lambda strategy, availability, failure, health: plan(
            strategy=strategy, availability=availability, failure=failure, health=health
        ),
        STRATEGIES,
        AVAILABILITIES,
        st.builds(Failure, max_failed_instances=st.integers(0, maximum_failures)),
        st.builds(Health, min_healthy_time=st.sampled_from([seconds(0), seconds(30), minutes(3)])),
    )


def planned_on_a_fine_day(plan: Plan, arguments: dict[str, Any]) -> Rollout:
    """Compute the Rollout before anything goes wrong; for a property, another draw if refused."""
    try:
        return compute(make_world(**{**arguments, "faults": []}), plan)
    except Refused:
        assume(False)
        raise
