"""How often a Run asks: never earlier than told, never slower than a bound, never all at once."""

from __future__ import annotations

import heapq
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.values import seconds
from vmssplan.pacing import (
    CALM_PAUSE,
    LONGEST_PAUSE,
    MINUTE,
    MINUTES_TO_FILL,
    REFILL_PER_MINUTE,
    SHORTEST_BACKOFF,
    SPREAD,
    pause_after,
    pause_after_refusal,
    share_of,
)
from vmssplan.ports import Allowance, Pacing

SECOND = timedelta(seconds=1)
waits = st.one_of(st.none(), st.integers(0, 3_600).map(seconds))
shares = st.floats(0, 1, exclude_max=True)
policies = st.sampled_from(
    [
        *(f"{name}Resource" for name in REFILL_PER_MINUTE),
        *(f"{name}SubscriptionMaximum" for name in REFILL_PER_MINUTE),
        "VmssQueuedVMOperations",
    ]
)
allowances = st.builds(Allowance, policies, st.integers(0, 15_000), st.integers(1, 40))
pacings = st.builds(Pacing, waits, st.lists(allowances, max_size=4).map(tuple))


@given(st.lists(pacings, max_size=4), shares)
def test_nobody_asks_earlier_than_told(told: list[Pacing], share: float) -> None:
    """The longest `Retry-After` of a round is always waited for."""
    assert all(pause_after(told, share) >= one.retry_after for one in told if one.retry_after)


@given(st.lists(pacings, max_size=4), shares)
def test_only_the_service_itself_makes_a_run_slower_than_the_bound(
    told: list[Pacing], share: float
) -> None:
    """Whatever the buckets say, a Run asks again within two minutes, or when told to."""
    wished = max((one.retry_after for one in told if one.retry_after), default=timedelta(0))
    assert pause_after(told, share) <= max(wished, LONGEST_PAUSE)


@given(waits, st.integers(0, 100_000).map(seconds), shares)
def test_a_refusal_is_waited_out_within_bounds(
    retry_after: timedelta | None, so_far: timedelta, share: float
) -> None:
    """Never earlier than told nor at once, and not much later than told or two minutes."""
    pause = pause_after_refusal(retry_after, so_far, share)
    assert pause >= max(retry_after or SHORTEST_BACKOFF, SHORTEST_BACKOFF)
    most = max(retry_after or timedelta(0), LONGEST_PAUSE) * (1 + SPREAD)
    assert pause < most + SECOND


@given(policies, st.integers(0, 15_000), st.integers(0, 15_000), st.integers(1, 40), shares)
def test_an_emptier_bucket_is_never_asked_sooner(
    policy: str, left: int, less: int, drawn: int, share: float
) -> None:
    """Less left, all else equal, means no shorter a pause."""
    low, high = sorted((left, less))
    assert pause_after([Pacing(None, (Allowance(policy, low, drawn),))], share) >= pause_after(
        [Pacing(None, (Allowance(policy, high, drawn),))], share
    )


@given(st.sampled_from(sorted(REFILL_PER_MINUTE)), st.integers(0, 45), st.integers(1, 20), shares)
def test_the_bucket_of_a_scale_set_holds_the_next_call(
    name: str, left: int, drawn: int, share: float
) -> None:
    """After the pause there is a token for every request of the same call."""
    refill, _ = REFILL_PER_MINUTE[name]
    pause = pause_after([Pacing(None, (Allowance(f"{name}Resource", left, drawn),))], share)
    assert left + refill * (pause / MINUTE) >= drawn


@given(st.lists(st.integers(1, 10), min_size=1, max_size=8), st.integers(0, 30))
def test_a_round_of_calls_counts_as_a_whole(drawn: list[int], left: int) -> None:
    """Several operations asked after draw as much as one call of as many requests."""
    policy = "GetOperationResource"
    one_by_one = [Pacing(None, (Allowance(policy, left, each),)) for each in drawn]
    together = Pacing(None, (Allowance(policy, left, sum(drawn)),))
    assert pause_after(one_by_one) == pause_after([together])


@given(st.integers(0, 15_000), shares)
def test_a_count_that_is_no_known_bucket_slows_nobody(left: int, share: float) -> None:
    """Some policies count up to a limit, such as the operations queued; nothing is guessed."""
    told = Pacing(None, (Allowance("VmssQueuedVMOperations", left), Allowance("Other", left)))
    assert pause_after([told], share) == timedelta(0)


@given(st.text(max_size=20), st.integers(1, 1_000))
def test_chance_is_the_runs_own(run: str, count: int) -> None:
    """The same Run draws the same again, in bounds."""
    assert share_of(run, count) == share_of(run, count)
    assert 0 <= share_of(run, count) < 1


def test_runs_refused_together_come_back_apart() -> None:
    """Fifty Runs told to come back in a minute are spread over the seconds after it."""
    back = [pause_after_refusal(MINUTE, timedelta(0), share_of(f"web{n}-1", 1)) for n in range(50)]
    assert len(set(back)) > 10
    assert max(back.count(each) for each in back) <= 10


@pytest.mark.parametrize("runs", [10, 60, 120, 200, 300])
def test_however_many_runs_settle_at_the_refill(runs: int) -> None:
    """Runs that know of each other only by the count left never empty the bucket they share."""
    assert refusals(runs, minutes=30) == 0


def refusals(runs: int, minutes: int) -> int:
    """Let that many look at their instances as often as they may, and count refusals."""
    policy, refill = "HighCostGetVMScaleSetSubscriptionMaximum", 360 / 60
    size, tokens, then, refused = 360 * MINUTES_TO_FILL, 360.0 * MINUTES_TO_FILL, 0.0, 0
    due = [(0.0, run, 1) for run in range(runs)]
    while due[0][0] < minutes * 60:
        now, run, count = heapq.heappop(due)
        tokens, then = min(size, tokens + (now - then) * refill), now
        share = share_of(str(run), count)
        if tokens < 1:
            refused += 1
            pause = pause_after_refusal(SECOND, timedelta(0), share)
        else:
            tokens -= 1
            pause = pause_after([Pacing(None, (Allowance(policy, int(tokens)),))], share)
        heapq.heappush(due, (now + max(pause, CALM_PAUSE).total_seconds(), run, count + 1))
    return refused
