"""When an upgraded instance counts as good."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import MOMENTS
from tests.support.values import START, minutes, seconds
from vmssplan.gates import HealthEvidence, Verdict, health_verdict, next_verdict_at
from vmssplan.model import Health

HEALTH = Health(min_healthy_time=seconds(30), deadline=minutes(10))


@pytest.mark.parametrize(
    ("healthy_since", "now", "verdict"),
    [
        pytest.param(None, 0, Verdict.RUNNING, id="just upgraded"),
        pytest.param(None, 599, Verdict.RUNNING, id="not late yet"),
        pytest.param(None, 600, Verdict.FAILED, id="late"),
        pytest.param(60, 89, Verdict.RUNNING, id="not long enough"),
        pytest.param(60, 90, Verdict.SUCCESSFUL, id="long enough"),
        pytest.param(590, 610, Verdict.RUNNING, id="in time, may finish after the deadline"),
        pytest.param(590, 620, Verdict.SUCCESSFUL, id="finished after the deadline"),
    ],
)
def test_verdicts(healthy_since: int | None, now: int, verdict: Verdict) -> None:
    """Upgraded at 0 s, healthy for 30 s within 10 minutes."""
    since = None if healthy_since is None else START + seconds(healthy_since)
    evidence = HealthEvidence(START, since)

    assert health_verdict(evidence, HEALTH, START + seconds(now)) is verdict


@given(st.one_of(st.none(), MOMENTS), MOMENTS)
def test_time_alone_changes_nothing_before_it_is_said_to(since: object, now: object) -> None:
    """Up to the next moment a verdict stays Running, and then it does not."""
    evidence = HealthEvidence(START, since)  # type: ignore[arg-type]
    verdict = health_verdict(evidence, HEALTH, now)  # type: ignore[arg-type]

    assert (verdict is Verdict.RUNNING) == (now < next_verdict_at(evidence, HEALTH))  # type: ignore[operator]


@given(MOMENTS)
def test_unknown_health_never_succeeds(now: object) -> None:
    """Without evidence of health there is no success, at any time."""
    verdict = health_verdict(HealthEvidence(START, None), HEALTH, now)  # type: ignore[arg-type]

    assert verdict is not Verdict.SUCCESSFUL
