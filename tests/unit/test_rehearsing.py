"""How rehearsals are dealt out: however many processes share them, they come to the same."""

from __future__ import annotations

import pickle

import pytest

from tests.support.forecasts import make_plan, make_stage, trials
from vmssplan.cli import rehearsing
from vmssplan.cli.console import Console
from vmssplan.cli.rehearsing import LEAST_SEEDS, Effort, Processes, forecasts, with_bad_image
from vmssplan.forecast import forecast_of
from vmssplan.model import Amount, Strategy, StrategyType

PLAN = make_plan(Strategy(StrategyType.FIXED_BATCH, (Amount(2),)))


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_processes_come_to_what_one_comes_to(jobs: int) -> None:
    """Whatever is rehearsed side by side, each forecast is that of its own seeds, in order."""
    stage = make_stage(PLAN)
    bad = with_bad_image(stage)

    good, spoilt, once = forecasts(
        [(stage, Effort(9)), (bad, Effort(4)), (stage, Effort(1))], Console(), Processes(jobs, 0)
    )

    total = stage.rollout.bounds.total
    assert good == forecast_of(trials(stage, range(1, 10)), total)
    assert once == forecast_of(trials(stage, [1]), total)
    assert spoilt.seeds == 4
    assert spoilt.completed == 0


def test_fewer_rehearsals_where_time_is_short() -> None:
    """What fits is rehearsed, but never fewer than a forecast needs, and never more than asked."""
    assert Effort(100, seconds=4).affordable(0.1, jobs=2) == 80
    assert Effort(100, seconds=4).affordable(0.001, jobs=2) == 100
    assert Effort(100, seconds=4).affordable(60, jobs=2) == LEAST_SEEDS
    assert Effort(100).affordable(60, jobs=2) == 100


def test_another_process_is_sent_the_stage_alone() -> None:
    """Where a process cannot inherit, it works out for itself what all twins have in common."""
    rehearser = rehearsing._Rehearser(make_stage(PLAN))
    before = rehearser.rehearse(3)
    assert pickle.loads(pickle.dumps(rehearser)).rehearse(3) == before  # noqa: S301 - our own
