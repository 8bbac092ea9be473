"""Every Case of the swarm that once went wrong goes well for ever; and so do some new ones."""

from __future__ import annotations

import json

import pytest

from tests.swarm.__main__ import REGRESSIONS
from tests.swarm.cases import Case, load_case
from tests.swarm.drawing import draw_case
from tests.swarm.living import live_through

KEPT = sorted(path.stem for path in REGRESSIONS.glob("*.json"))
SEEDS = range(60)


@pytest.mark.parametrize("name", KEPT)
def test_what_was_mended_stays_mended(name: str) -> None:
    """Nothing is wrong any more with a Case that was kept."""
    told = live_through(load_case(REGRESSIONS / f"{name}.json"))

    assert [str(each) for each in told.violations] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_few_of_the_swarm(seed: int) -> None:
    """What must always be true is, in a made-up world with made-up troubles."""
    told = live_through(draw_case(seed))

    assert [str(each) for each in told.violations] == []


def test_a_case_is_read_as_it_was_written() -> None:
    """What is kept is all there is to it."""
    for seed in SEEDS:
        case = draw_case(seed)
        assert Case.from_document(json.loads(case.text(because="nothing"))) == case
        assert live_through(case).journal == live_through(case).journal
