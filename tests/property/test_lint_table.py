"""What the lint says of a policy is what happens: small sets and policies, each one rehearsed."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.lint_table.cases import PAIRS, SAMPLE, sample, table
from tests.lint_table.judging import Verdict, by_lint, by_rehearsal

PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
async def test_the_lint_says_what_happens(part: int) -> None:
    """The floor, the finish, the stop, the abort: lint and engine give the same answer."""
    for pair in sample()[part::PARTS]:
        said, rules = by_lint(pair)

        assert said == await by_rehearsal(pair), (pair, sorted(rules))


def test_the_table_asks_every_question_both_ways() -> None:
    """The sample is a share of at least 2,000 different pairs, and no answer is always the same."""
    verdicts = [by_lint(pair)[0] for pair in sample()]

    assert len({repr(pair) for pair in table()}) == PAIRS >= 2_000
    assert len(verdicts) == SAMPLE
    for question in fields(Verdict):
        assert {True, False} <= {getattr(one, question.name) for one in verdicts}
