"""What holds for every native rolling upgrade, whatever its policy and whatever goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds import NEW, OLD, WEB, finish, make_world, model, run, scenario_text
from vmss_simulator.errors import ArmError
from vmss_simulator.recording import RecordedWorld
from vmss_simulator.rolling import batch_limit
from vmss_simulator.values import OperationKind, OperationStatus

if TYPE_CHECKING:
    import pytest

    from vmss_simulator.world import World


POLICY = st.fixed_dictionaries(
    {
        "maxBatchInstancePercent": st.integers(5, 100),
        "maxUnhealthyInstancePercent": st.integers(5, 100),
        "maxUnhealthyUpgradedInstancePercent": st.integers(0, 100),
        "pauseTimeBetweenBatches": st.sampled_from(["PT0S", "PT30S", "PT10M"]),
        "enableCrossZoneUpgrade": st.booleans(),
        "prioritizeUnhealthyInstances": st.booleans(),
        "rollbackFailedInstancesOnPolicyBreach": st.booleans(),
        "maxSurge": st.booleans(),
    }
)
FAULT = st.sampled_from(
    [
        {"neverHealthy": {}},
        {"unhealthyAfter": {"after": "PT4M"}},
        {"badImage": {"version": NEW}},
        {"slow": {"factor": 3}},
        {"operationFailed": {"code": "AllocationFailed", "message": "No room."}},
        {
            "operationFailed": {
                "code": "VMExtensionProvisioningError",
                "message": "No.",
                "diskReplaced": True,
            }
        },
    ]
)
FAULTS = st.lists(st.tuples(FAULT, st.sampled_from([0.1, 0.5, 1.0])), max_size=2).map(
    lambda found: [
        {"name": f"fault {number}", "when": {"probability": probability}, "effect": effect}
        for number, (effect, probability) in enumerate(found)
    ]
)
SHAPE = st.fixed_dictionaries(
    {
        "capacity": st.integers(1, 12),
        "zones": st.sampled_from([[], ["1", "2"], ["1", "2", "3"]]),
        "faultDomains": st.just(1),
    }
)
OPTIONS = st.fixed_dictionaries(
    {
        "rollingCountsBatch": st.booleans(),
        "rollingUpgradedOfAll": st.booleans(),
        "initializingHealth": st.booleans(),
        "surgeQuota": st.sampled_from([None, 0, 1]),
        "throttling": st.just(False),
    }
)


def rolling(policy: dict[str, Any], **scenario: Any) -> World:
    """Return a world under Rolling with this policy."""
    return make_world(upgradePolicy={"mode": "Rolling", "rollingUpgradePolicy": policy}, **scenario)


@settings(max_examples=60, deadline=None)
@given(policy=POLICY, shape=SHAPE)
def test_without_faults_everything_is_current(
    policy: dict[str, Any], shape: dict[str, Any]
) -> None:
    """A rolling upgrade that nothing disturbs leaves every instance on the new model."""
    world = rolling(policy, **shape)
    operation = finish(world, world.patch_scale_set(WEB, model()))
    assert operation.status is OperationStatus.SUCCEEDED
    instances = world.scale_set(WEB).instances.values()
    assert {each.exact_version for each in instances} == {NEW}
    assert len(instances) == shape["capacity"]
    latest = world.rolling_upgrade(WEB)
    assert latest is not None
    assert (latest.code, latest.successful) == ("Completed", shape["capacity"])


@settings(max_examples=80, deadline=None)
@given(policy=POLICY, shape=SHAPE, faults=FAULTS, options=OPTIONS)
def test_never_more_in_work_than_a_batch(
    policy: dict[str, Any],
    shape: dict[str, Any],
    faults: list[dict[str, Any]],
    options: dict[str, Any],
) -> None:
    """At no moment are more instances in work than a batch may have, and it always ends."""
    world = rolling(policy, faults=faults, options=options, **shape)
    operation = world.patch_scale_set(WEB, model())
    limit = batch_limit(shape["capacity"], policy["maxBatchInstancePercent"])
    restoring = policy["rollbackFailedInstancesOnPolicyBreach"]
    while (due := world.next_event_at()) is not None:
        world.advance_to(due)
        latest = world.rolling_upgrade(WEB)
        busy = sum(each.busy_with is not None for each in world.scale_set(WEB).instances.values())
        assert busy <= limit or (restoring and latest is not None and latest.code == "RollingBack")
    ended = world.operation(operation.operation_id)
    assert ended.status in (OperationStatus.SUCCEEDED, OperationStatus.FAILED)
    latest = world.rolling_upgrade(WEB)
    assert latest is not None
    assert (latest.code == "Faulted") == (ended.status is OperationStatus.FAILED)
    assert latest.code in ("Completed", "Faulted")
    assert latest.in_progress == 0
    assert len(world.scale_set(WEB).instances) == shape["capacity"]


COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("model"), st.sampled_from([OLD, NEW, "latest"])),
        st.tuples(st.just("capacity"), st.integers(0, 6)),
        st.tuples(st.just("start"), st.sampled_from(["startOsUpgrade", "startExtensionUpgrade"])),
        st.tuples(st.just("cancel"), st.none()),
        st.tuples(st.just("approve"), st.lists(st.sampled_from("0123"), max_size=2)),
        st.tuples(st.just("wait"), st.integers(0, 2000)),
    ),
    max_size=10,
)


def carry_out(world: World, verb: str, argument: Any) -> None:
    """Give the world one command; what it refuses leaves log and set as they were."""
    before = (len(world.log), world.scale_set(WEB))
    try:
        match verb:
            case "model":
                world.patch_scale_set(WEB, model(argument))
            case "capacity":
                world.put_scale_set(WEB, {"sku": {"capacity": argument}})
            case "start":
                world.start_rolling_upgrade(OperationKind(argument), WEB)
            case "cancel":
                world.cancel_rolling_upgrade(WEB)
            case "approve":
                world.approve_rolling_upgrade(WEB, argument)
            case _:
                for _ in range(argument // 100):
                    due = world.next_event_at()
                    if due is not None:
                        world.advance_to(due)
    except ArmError:
        assert (len(world.log), world.scale_set(WEB)) == before


@settings(max_examples=60, deadline=None)
@given(
    policy=POLICY,
    preempt=st.booleans(),
    automatic=st.booleans(),
    faults=FAULTS,
    commands=COMMANDS,
)
def test_any_commands_come_to_rest_and_replay(
    tmp_path_factory: pytest.TempPathFactory,
    policy: dict[str, Any],
    preempt: bool,  # noqa: FBT001
    automatic: bool,  # noqa: FBT001
    faults: list[dict[str, Any]],
    commands: list[tuple[str, Any]],
) -> None:
    """Whatever is asked, everything ends, nothing stays busy, and a replay is the same world."""
    text = scenario_text(
        upgradePolicy={
            "mode": "Rolling",
            "rollingUpgradePolicy": policy,
            "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": automatic},
        },
        options={"whileRolling": "preempt" if preempt else "refuse"},
        faults=faults,
    )
    folder = tmp_path_factory.mktemp("world")
    with RecordedWorld.open(folder, text, "s.yaml") as recorded:
        for verb, argument in commands:
            carry_out(recorded.world, verb, argument)
    world = recorded.world
    with RecordedWorld.open(folder, text, "s.yaml") as again:
        assert again.world.log == world.log
    copy = world.fork()
    run(world)
    run(copy)
    assert copy.log == world.log
    started = [each.data["operationId"] for each in world.log if each.type == "operationStarted"]
    assert not [
        each for each in started if world.operation(each).status is OperationStatus.IN_PROGRESS
    ]
    assert not [each for each in world.scale_set(WEB).instances.values() if each.busy_with]
    latest = world.rolling_upgrade(WEB)
    assert latest is None or not latest.is_going_on
