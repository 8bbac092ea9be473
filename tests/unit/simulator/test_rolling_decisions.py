"""Which instances a native rolling upgrade takes next, and when it stops: by table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.copying import replace
from vmss_simulator.errors import ErrorDetail
from vmss_simulator.rolling import (
    Member,
    batch_limit,
    breach_after_batch,
    breach_before_batch,
    next_batch,
)
from vmss_simulator.upgrade_policy import RollingPolicy

DEFAULT = RollingPolicy()


def fleet(total: int, *, sick: str = "", done: str = "", domains: int = 5) -> list[Member]:
    """Return instances over update domains; `sick` and `done` list ids, one character each."""
    return [
        Member(
            str(number),
            is_healthy=str(number) not in sick,
            is_pending=str(number) not in done,
            update_domain=number % domains,
        )
        for number in range(total)
    ]


@pytest.mark.parametrize(
    ("total", "percent", "limit"),
    [
        pytest.param(10, 20, 2, id="a fifth of ten"),
        pytest.param(9, 20, 1, id="rounded down"),
        pytest.param(2, 20, 1, id="never below one"),
        pytest.param(1, 5, 1, id="a single one"),
        pytest.param(1000, 100, 1000, id="all at once"),
        pytest.param(101, 5, 5, id="five of a hundred and one"),
    ],
)
def test_the_largest_batch(total: int, percent: int, limit: int) -> None:
    """A batch is the percentage of all instances, rounded down, but at least one."""
    assert batch_limit(total, percent) == limit


@pytest.mark.parametrize(
    ("members", "policy", "batch"),
    [
        pytest.param(fleet(10), DEFAULT, "05", id="one update domain"),
        pytest.param(fleet(10, domains=10), DEFAULT, "0", id="never over an update domain"),
        pytest.param(fleet(10, done="05"), DEFAULT, "16", id="the next update domain"),
        pytest.param(fleet(10, done="0123456789"), DEFAULT, "", id="nothing left"),
        pytest.param(fleet(10, sick="3"), DEFAULT, "0", id="an unhealthy one shrinks it"),
        pytest.param(fleet(10, sick="5"), DEFAULT, "05", id="an unhealthy one inside does not"),
        pytest.param(fleet(10, sick="1234"), DEFAULT, "0", id="always at least one"),
        pytest.param(
            fleet(10, sick="38"),
            replace(DEFAULT, unhealthy_first=True),
            "38",
            id="unhealthy ones first",
        ),
        pytest.param(
            fleet(10, sick="3"),
            replace(DEFAULT, unhealthy_first=True),
            "3",
            id="unhealthy ones not together with healthy ones",
        ),
        pytest.param(fleet(10, domains=2), replace(DEFAULT, max_batch=100), "02468", id="100%"),
    ],
)
def test_the_next_batch(members: list[Member], policy: RollingPolicy, batch: str) -> None:
    """A batch keeps to an update domain, and shrinks by the unhealthy instances outside it."""
    assert next_batch(members, policy) == tuple(batch)


ZONAL = [Member(str(number), zone=str(number % 3 + 1)) for number in range(9)]


@pytest.mark.parametrize(
    ("cross_zone", "batch"),
    [pytest.param(False, "036", id="by zone"), pytest.param(True, "0123", id="across zones")],
)
def test_a_batch_and_the_zones(cross_zone: bool, batch: str) -> None:  # noqa: FBT001
    """A batch stays in one zone unless the policy ignores zones."""
    policy = RollingPolicy(max_batch=50, cross_zone=cross_zone)
    assert next_batch(ZONAL, policy) == tuple(batch)


def test_phases_come_in_their_order() -> None:
    """Lower phases first, those without one last, and no batch over two phases."""
    members = [Member("0"), Member("1", phase=2), Member("2", phase=0), Member("3", phase=0)]
    order = []
    while batch := next_batch(members, RollingPolicy(max_batch=100)):
        order.append(batch)
        members = [
            replace(each, is_pending=each.is_pending and each.instance_id not in batch)
            for each in members
        ]
    assert order == [("2", "3"), ("1",), ("0",)]


def test_too_many_unhealthy_before_any_batch() -> None:
    """The text users report, with every unhealthy instance as a detail."""
    found = breach_before_batch(fleet(3, sick="012"), DEFAULT, is_first=True)
    assert found is not None
    assert found.error.code == "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    assert found.error.message == (
        "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in"
        " the RollingUpgradePolicy) before any batch was attempted. 100% of instances are in an"
        " unhealthy state, more than the threshold of 20% configured in the RollingUpgradePolicy."
        " The most impactful error is:  Instance found to be unhealthy or unreachable. For details"
        " on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade"
    )
    assert found.details[1] == ErrorDetail(
        "RollingUpgradeInstanceUnhealthyError",
        "Instance found to be unhealthy or unreachable.",
        "1",
    )


def test_too_many_unhealthy_between_batches() -> None:
    """The text users report of an upgrade that is under way."""
    found = breach_before_batch(fleet(2, sick="01"), DEFAULT, is_first=False)
    assert found is not None
    assert found.error == ErrorDetail(
        "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
        "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in"
        " the RollingUpgradePolicy. 100% of instances are in an unhealthy state - more than the"
        " threshold of 20%. To apply upgrades, consider increasing the MaxUnhealthyInstancePercent"
        " value.",
    )


def test_too_many_unhealthy_after_a_batch() -> None:
    """The text users report, naming the first instance that failed."""
    policy = RollingPolicy(max_unhealthy_upgraded=10)
    found = breach_after_batch([Member("0", is_healthy=False)], 1, policy)
    assert found is not None
    assert found.error == ErrorDetail(
        "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
        "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value"
        " defined in the RollingUpgradePolicy. 100% of instances are in an unhealthy state after"
        " being upgraded - more than the threshold of 10%. The most impactful error is: Instance"
        " found to be unhealthy or unreachable.. First failed instance ID is: 0.",
    )


@pytest.mark.parametrize(
    ("sick", "stops"),
    [pytest.param("01", False, id="exactly 20%"), pytest.param("012", True, id="more")],
)
def test_the_threshold_itself_is_allowed(sick: str, stops: bool) -> None:  # noqa: FBT001
    """Only more than the percentage stops the upgrade."""
    assert (breach_before_batch(fleet(10, sick=sick), DEFAULT, is_first=True) is not None) is stops


@pytest.mark.parametrize(
    ("percent", "unhealthy", "of", "stops"),
    [
        pytest.param(20, 1, 5, False, id="exactly the threshold"),
        pytest.param(20, 2, 9, True, id="above it"),
        pytest.param(0, 0, 3, False, id="none at 0%"),
        pytest.param(0, 1, 100, True, id="one at 0%"),
        pytest.param(100, 3, 3, False, id="all at 100%"),
    ],
)
def test_the_share_of_the_upgraded(
    percent: int,
    unhealthy: int,
    of: int,
    stops: bool,  # noqa: FBT001
) -> None:
    """After a batch, the unhealthy are a share of those upgraded."""
    members = [Member(str(number), is_healthy=False) for number in range(unhealthy)]
    policy = RollingPolicy(max_unhealthy_upgraded=percent)
    assert (breach_after_batch(members, of, policy) is not None) is stops


def test_a_batch_that_counts_stops_a_set_of_two() -> None:
    """Counted as unhealthy before it starts, one of two is more than a fifth."""
    members = fleet(2)
    found = breach_before_batch(members, DEFAULT, is_first=True, batch=("0",))
    assert found is not None
    assert "50% of instances" in found.error.message


MEMBERS = st.lists(
    st.builds(
        Member,
        instance_id=st.just(""),
        is_healthy=st.booleans(),
        is_pending=st.booleans(),
        update_domain=st.none() | st.integers(0, 4),
        zone=st.none() | st.sampled_from("123"),
        phase=st.none() | st.integers(0, 2),
    ),
    max_size=40,
).map(lambda found: [replace(each, instance_id=str(n)) for n, each in enumerate(found)])
POLICIES = st.builds(
    RollingPolicy,
    max_batch=st.integers(5, 100),
    cross_zone=st.booleans(),
    unhealthy_first=st.booleans(),
)


@given(MEMBERS, POLICIES)
def test_a_batch_is_never_too_large(members: list[Member], policy: RollingPolicy) -> None:
    """Never more than the limit, nor more down than the limit unless it is a single instance."""
    batch = set(next_batch(members, policy))
    limit = batch_limit(len(members), policy.max_batch)
    assert len(batch) <= limit
    down = batch | {each.instance_id for each in members if not each.is_healthy}
    healthy = [each for each in members if each.instance_id in batch and each.is_healthy]
    assert len(down) <= limit or len(healthy) <= 1
    assert bool(batch) == any(each.is_pending for each in members)


@given(MEMBERS, POLICIES)
def test_a_batch_keeps_to_its_domain(members: list[Member], policy: RollingPolicy) -> None:
    """The instances of a batch are pending and share update domain, phase and zone."""
    ids = next_batch(members, policy)
    batch = [each for each in members if each.instance_id in ids]
    assert all(each.is_pending for each in batch)
    assert len({each.update_domain for each in batch}) <= 1
    assert len({each.phase for each in batch}) <= 1
    assert policy.cross_zone or len({each.zone for each in batch}) <= 1


@given(MEMBERS, POLICIES)
def test_batches_cover_everybody_once(members: list[Member], policy: RollingPolicy) -> None:
    """Batch after batch takes every pending instance, and none twice."""
    wanted = [each.instance_id for each in members if each.is_pending]
    taken: list[str] = []
    while batch := next_batch(members, policy):
        taken += batch
        members = [
            replace(each, is_pending=each.is_pending and each.instance_id not in batch)
            for each in members
        ]
    assert sorted(taken) == sorted(wanted)
