"""What holds for the batches of every scale set and every strategy."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.strategies import AMOUNTS, AVAILABILITIES, PLANS, STRATEGIES, scale_sets
from vmssplan import batching
from vmssplan.errors import Refused
from vmssplan.model import Amount, Availability, HealthSource, Plan, ScaleSet, Strategy
from vmssplan.rollout import (
    AwaitHealth,
    Disposition,
    Pause,
    Rollout,
    UpgradeBatch,
    UpgradeWindow,
    compute_rollout,
    digest,
)

if TYPE_CHECKING:
    import random

SOURCE = HealthSource.APPLICATION_HEALTH
FIXED = settings(max_examples=150)


def computed(plan: Plan, live: ScaleSet) -> Rollout:
    """Return the Rollout; a floor that leaves no room is another test's."""
    try:
        return compute_rollout(plan, live, plan.model)
    except Refused:
        assume(False)
        raise


def batches(rollout: Rollout) -> list[tuple[str, ...]]:
    """Return the instances of every step that upgrades."""
    kinds = (UpgradeBatch, UpgradeWindow)
    return [step.instance_ids for step in rollout.steps if isinstance(step, kinds)]


@FIXED
@given(PLANS, scale_sets())
def test_batches_partition_the_instances_to_upgrade(plan: Plan, live: ScaleSet) -> None:
    """Every instance to upgrade is in exactly one batch, and nothing else is in any."""
    rollout = computed(plan, live)
    listed = [instance_id for batch in batches(rollout) for instance_id in batch]
    wanted = {
        one.instance_id for one in rollout.instances if one.disposition is Disposition.UPGRADE
    }

    assert len(listed) == len(set(listed))
    assert wanted == set(listed)
    assert all(batches(rollout))
    assert {one.instance_id for one in live.instances} == {
        one.instance_id for one in rollout.instances
    }


@FIXED
@given(PLANS, scale_sets())
def test_no_batch_is_larger_than_what_may_be_unavailable(plan: Plan, live: ScaleSet) -> None:
    """A batch, and a window, holds at most maxUnavailable, and the floor is the rest."""
    rollout = computed(plan, live)
    bounds = rollout.bounds
    for step in rollout.steps:
        if isinstance(step, UpgradeBatch):
            assert len(step.instance_ids) <= bounds.max_unavailable
        if isinstance(step, UpgradeWindow):
            assert 1 <= step.window <= bounds.max_unavailable

    assert bounds.floor + bounds.max_unavailable == bounds.total == len(live.instances)
    assert 0 <= bounds.lowest_in_service <= bounds.in_service <= bounds.total


@FIXED
@given(PLANS, scale_sets())
def test_every_instance_has_a_reason(plan: Plan, live: ScaleSet) -> None:
    """Whatever happens to an instance, or does not, the Rollout says why."""
    assert all(one.reason for one in computed(plan, live).instances)


@FIXED
@given(PLANS, scale_sets(), st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(
    plan: Plan, live: ScaleSet, shuffler: random.Random
) -> None:
    """The same instances listed in another order give the same digest."""
    shuffled = list(live.instances)
    shuffler.shuffle(shuffled)

    again = computed(plan, replace(live, instances=tuple(shuffled)))

    assert digest(computed(plan, live)) == digest(again)


@FIXED
@given(STRATEGIES, scale_sets())
def test_the_order_of_the_plan_is_kept(strategy: Strategy, live: ScaleSet) -> None:
    """Sick instances go first where asked for, and each key sorts within those before it."""
    ordered = batching.ordered(live.instances, strategy, SOURCE)

    assert sorted(one.instance_id for one in ordered) == sorted(
        one.instance_id for one in live.instances
    )
    if strategy.order.unhealthy_first:
        wellness = [one.is_in_service(SOURCE) for one in ordered]
        assert wellness == sorted(wellness)
    for one, following in pairwise(ordered):
        same_health = not strategy.order.unhealthy_first or one.is_in_service(
            SOURCE
        ) == following.is_in_service(SOURCE)
        if same_health:
            keys = [
                tuple(batching._order_value(each, key) for key in strategy.order.by)
                for each in (one, following)
            ]
            assert keys[0] <= keys[1]


@FIXED
@given(PLANS, scale_sets())
def test_batches_of_one_domain_share_it(plan: Plan, live: ScaleSet) -> None:
    """A labelled batch holds instances of one domain, and parts of a domain are neighbours."""
    labels = [step.label for step in computed(plan, live).steps if isinstance(step, UpgradeBatch)]
    changes = [one for one, following in pairwise([*labels, None]) if one != following]

    assert len(changes) == len(set(changes)) or set(changes) == {""}


@FIXED
@given(PLANS, scale_sets())
def test_steps_alternate_as_printed(plan: Plan, live: ScaleSet) -> None:
    """Every batch is followed by its wait for health, pauses stand between batches only."""
    steps = computed(plan, live).steps
    for step, following in pairwise([*steps, None]):
        if isinstance(step, UpgradeBatch):
            assert following == AwaitHealth(step.batch)
        if isinstance(step, Pause):
            assert isinstance(following, UpgradeBatch)
    numbers = [step.batch for step in steps if isinstance(step, UpgradeBatch)]

    assert numbers == list(range(1, len(numbers) + 1))


@given(AMOUNTS, st.integers(1, 1000))
def test_amounts_are_rounded_down_and_never_below_one(amount: Amount, total: int) -> None:
    """A percentage is the integer part of the share, and at least 1."""
    found = amount.of(total)

    assert found >= 1
    if amount.percent:
        assert found == 1 or found * 100 <= amount.value * total < (found + 1) * 100
    else:
        assert found == amount.value


@FIXED
@given(STRATEGIES, AVAILABILITIES, scale_sets())
def test_the_limit_lies_within_the_set(
    strategy: Strategy, availability: Availability, live: ScaleSet
) -> None:
    """Never may more be out of service than there are, nor fewer than none."""
    total = len(live.instances)
    raw = batching.raw_batches(live.instances, strategy, total)
    limit = batching.max_unavailable(availability, strategy, raw, total)

    assert 0 <= limit <= total
