"""Latencies that were planted in a world are found again in the journals of its Runs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.forecasts import START, make_plan, make_stage, rehearsals
from vmssplan.engine import events as ev
from vmssplan.forecast.calibration import Learned, Observed, learn
from vmssplan.forecast.lognormal import Curve, sum_of
from vmssplan.model import Amount, Health, Method, Strategy, StrategyType

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSUMED = {
    "modelUpdate": Curve.through(15, 40),
    "upgrade": Curve.through(90, 180),
    "reimage": Curve.through(80, 165),
    "boot": Curve.through(40, 80),
    "health": Curve.through(20, 60),
}
PATIENT = Health(deadline=timedelta(hours=2))
ONE_BY_ONE = Strategy(StrategyType.PER_INSTANCE)
HALVES = Strategy(StrategyType.FIXED_BATCH, (Amount(50, percent=True),))
WINDOW = Strategy(StrategyType.SLIDING_WINDOW, (Amount(2),))


def spans(**planted: tuple[float, float]) -> dict[str, dict[str, str]]:
    """Return latencies as a scenario has them, from medians and 95th percentiles in seconds."""
    return {
        name: {"median": f"PT{median:.0f}S", "p95": f"PT{p95:.0f}S"}
        for name, (median, p95) in planted.items()
    }


def learned(observed: Observed) -> dict[str, Learned]:
    """Return what is learned, by name."""
    return {one.name: one for one in learn(observed, ASSUMED)}


def observed_in(journals: Sequence[Sequence[ev.Event]], instances: int) -> Observed:
    """Return what the journals show."""
    observed = Observed()
    for events in journals:
        observed.add(events, instances)
    return observed


def off_by(found: timedelta, planted: float) -> float:
    """Return by how much of it a span is off."""
    return abs(found.total_seconds() - planted) / planted


@pytest.mark.parametrize("strategy", [ONE_BY_ONE, HALVES, WINDOW], ids=lambda one: str(one.type))
@settings(max_examples=4, deadline=None)
@given(upgrade=st.integers(60, 400), boot=st.integers(15, 60), health=st.integers(25, 120))
def test_planted_latencies_are_found_again(
    strategy: Strategy, upgrade: int, boot: int, health: int
) -> None:
    """From 96 instances: medians within a quarter, or one poll; also where batches hide them."""
    planted = spans(
        upgrade=(upgrade, 2 * upgrade),
        boot=(boot, 1.5 * boot),
        health=(health, 2 * health),
        modelUpdate=(60, 90),
    )
    stage = make_stage(make_plan(strategy, health=PATIENT), 8, planted)
    went = rehearsals(stage, range(1, 13))

    found = learned(observed_in([one.events for one in went], 8))

    whole = sum_of(Curve.through(upgrade, 2 * upgrade), Curve.through(boot, 1.5 * boot))
    assert off_by(found["upgrade"].median, whole.median) < 0.25
    assert off_by(found["upgrade"].p95, whole.p95) < 0.45
    assert abs(found["health"].median.total_seconds() - health) < max(12, health / 4)
    assert off_by(found["modelUpdate"].median, 60) < 0.3
    assert found["boot"].median == timedelta(0)
    counts = [found[name].samples for name in ("upgrade", "health", "modelUpdate", "reimage")]
    assert counts == [96, 96, 12, 0]


def journal(*events: ev.Event) -> Observed:
    """Return what such a journal shows."""
    return observed_in([events], 1)


def at(seconds: float) -> datetime:
    """Return the moment so long after the start."""
    return START + timedelta(seconds=seconds)


BEGUN = ev.UpgradeIntended(at(0), 1, 2, Method.UPGRADE, ("0",))
DONE = (ev.InstanceUpgraded(at(120), "0"), ev.OperationEnded(at(120), 1, "Succeeded"))


def test_what_completed_counts() -> None:
    """Once, with what came after."""
    seen = journal(BEGUN, *DONE, ev.InstanceBecameHealthy(at(150), "0"))
    assert [one.of for one in seen.operations[Method.UPGRADE]] == [1]
    assert len(seen.healthy[Method.UPGRADE]) == 1


@pytest.mark.parametrize(
    "events",
    [
        (BEGUN,),
        (BEGUN, ev.OperationEnded(at(120), 1, "Failed")),
        (BEGUN, ev.OperationEnded(at(120), 1, "Succeeded")),
        (BEGUN, ev.OutcomeLost(at(30), 1, "ConnectionLost", "gone"), *DONE),
        (BEGUN, ev.RunResumed(at(90)), *DONE),
        (
            BEGUN,
            ev.RequestDeferred(
                at(60), ev.DeferralReason.THROTTLED, at(90), "429", "", blind_since=at(60)
            ),
            *DONE,
        ),
    ],
    ids=["unfinished", "failed", "reached nobody", "in doubt", "resumed", "not seen"],
)
def test_what_did_not_complete_or_was_not_watched_does_not_count(
    events: tuple[ev.Event, ...],
) -> None:
    """There is nothing to learn from it."""
    assert journal(*events).is_empty


def test_a_health_that_never_came_does_not_count() -> None:
    """Only the operation before it does."""
    failed = ev.InstanceFailed(at(800), "0", ev.FailurePhase.HEALTH, "HealthDeadlineExceeded", "")
    seen = journal(BEGUN, *DONE, failed, ev.InstanceBecameHealthy(at(900), "0"))
    assert (len(seen.operations[Method.UPGRADE]), seen.healthy) == (1, {})


def test_one_oddity_does_not_bend_what_many_say() -> None:
    """A single operation of two hours among forty of two minutes leaves the median alone."""
    events: list[ev.Event] = []
    for n in range(41):
        ended = at(7200 if n == 20 else 115 + n % 10)
        events += [
            ev.UpgradeIntended(at(0), n, 2, Method.UPGRADE, (str(n),)),
            ev.InstanceUpgraded(ended, str(n)),
            ev.OperationEnded(ended, n, "Succeeded"),
        ]
    found = learned(journal(*events))["upgrade"]
    assert 105 < found.median.total_seconds() < 130
    assert found.p95 < timedelta(minutes=5)
