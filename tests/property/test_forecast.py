"""What forecasts always are: samples of what was rehearsed, whose parts make up the whole."""

from __future__ import annotations

from datetime import timedelta
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.forecasts import make_plan, make_stage, make_trial, rehearsals, trials
from vmssplan.forecast import forecast_of, quantile
from vmssplan.forecast.limits import BARRIERS
from vmssplan.forecast.lognormal import Curve, Slowest, fit, sum_of
from vmssplan.model import Amount, Strategy, StrategyType

NUMBERS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=60)
SHARES = st.floats(0, 1, exclude_min=True)
CURVES = st.builds(
    lambda median, ratio: Curve.through(median, median * ratio),
    st.floats(2, 600),
    st.floats(1.2, 4),
)
STRATEGIES = [
    Strategy(StrategyType.PER_INSTANCE),
    Strategy(StrategyType.PER_UPDATE_DOMAIN, pause_time_between_batches=timedelta(minutes=2)),
    Strategy(StrategyType.FIXED_BATCH, (Amount(1), Amount(50, percent=True))),
    Strategy(StrategyType.SLIDING_WINDOW, (Amount(2),)),
]


@given(NUMBERS, SHARES)
def test_a_quantile_is_the_least_sample_that_enough_do_not_exceed(
    samples: list[int], share: float
) -> None:
    """It is one of the samples; that share of them is at most it, and no smaller one will do."""
    found = quantile(samples, share)
    assert found in samples
    assert sum(one <= found for one in samples) >= share * len(samples)
    smaller = max((one for one in samples if one < found), default=-inf)
    assert sum(one <= smaller for one in samples) < share * len(samples)


@given(NUMBERS, SHARES, SHARES)
def test_quantiles_grow_with_their_share(samples: list[int], one: float, other: float) -> None:
    """The larger share never has the smaller quantile."""
    low, high = sorted((one, other))
    assert quantile(samples, low) <= quantile(samples, high)


def test_there_is_no_quantile_of_nothing() -> None:
    """It is refused, and so is a forecast of no trials."""
    with pytest.raises(ValueError, match="no samples"):
        quantile([], 0.5)
    with pytest.raises(ValueError, match="no samples"):
        forecast_of([], 12)


@given(st.lists(st.tuples(st.floats(1, 600), st.integers(0, 12)), min_size=1, max_size=40))
def test_a_forecast_says_what_the_trials_say(seen: list[tuple[float, int]]) -> None:
    """Every figure of it is one of theirs; the lowest is the lowest of all."""
    made = [
        make_trial(n, minutes, lowest_in_service=lowest) for n, (minutes, lowest) in enumerate(seen)
    ]
    found = forecast_of(made, 12)
    spans = [one.makespan for one in made]
    assert found.makespan_p50 in spans
    assert found.makespan_p95 in spans
    assert found.makespan_p50 <= found.makespan_p95
    assert found.lowest_in_service == min(lowest for _, lowest in seen)
    assert (found.seeds, sum(found.outcomes.values())) == (len(made), len(made))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: str(one.type))
def test_the_parts_add_up_to_the_makespan(strategy: Strategy) -> None:
    """All but the barriers, which are told beside: they are a part of the others."""
    stage = make_stage(make_plan(strategy))
    for one in trials(stage, range(1, 4)):
        assert one.exit_code == 0
        parts = dict(one.parts)
        barriers = parts.pop(BARRIERS, timedelta(0))
        assert sum(parts.values(), timedelta(0)) == one.makespan
        assert barriers <= one.makespan


@given(CURVES, SHARES.filter(lambda share: 0.001 < share < 0.999))
def test_a_curve_agrees_with_itself(curve: Curve, share: float) -> None:
    """The share below the seconds of a share is that share; the 95th percentile is no less."""
    assert curve.share_below(curve.at(share)) == pytest.approx(share, abs=1e-9)
    assert curve.median <= curve.p95
    assert curve.share_below(0) == 0


@given(CURVES, CURVES)
def test_one_after_the_other_takes_longer_than_either(one: Curve, other: Curve) -> None:
    """In the middle, and the order does not matter."""
    both = sum_of(one, other)
    assert both.median > max(one.median, other.median) * 0.99
    assert both.mu == pytest.approx(sum_of(other, one).mu)


@settings(max_examples=30, deadline=None)
@given(CURVES, st.sampled_from([1, 1, 4, 20]), st.sampled_from([4.0, 10.0]))
def test_a_curve_is_found_again_behind_polls_and_slowest_ones(
    curve: Curve, of: int, poll: float
) -> None:
    """From 120 observations: the median within a quarter, or within one poll."""
    assumed = Curve.through(90, 180)
    seen = []
    for n in range(120):
        seconds = curve.at(((n + 0.5) / 120) ** (1 / of))
        least = seconds // poll * poll
        seen.append((Slowest(least, least + poll, of), 1))
    start = Curve(curve.mu + 0.3, assumed.sigma)

    found = fit(seen, start, assumed)

    assert abs(found.median - curve.median) < max(poll, curve.median / 4)


def test_p95_of_some_seeds_covers_as_much_of_others() -> None:
    """Of 240 further applies, 90 to 99 of 100 take no longer; `make bench` holds 1,000 to more."""
    stage = make_stage(make_plan(Strategy(StrategyType.FIXED_BATCH, (Amount(2),))), capacity=4)
    foreseen = forecast_of(trials(stage, range(1, 241)), 4)
    others = [one.makespan for one in trials(stage, range(1001, 1241))]
    covered = sum(one <= foreseen.makespan_p95 for one in others) / len(others)
    assert 0.90 <= covered <= 0.99


def test_a_seed_goes_the_same_way_whatever_went_before() -> None:
    """What the worlds of one scenario share never shows in any of them."""
    stage = make_stage(make_plan(STRATEGIES[2]))
    together = rehearsals(stage, [3, 4, 5])
    for seed, went in zip([3, 4, 5], together, strict=True):
        alone = rehearsals(make_stage(make_plan(STRATEGIES[2])), [seed])[0]
        assert alone.events == went.events
