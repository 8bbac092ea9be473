"""Scenario tests of Plans: what is expected of a rollout in a simulated world, kept beside it.

`reading` finds and checks the documents, `judging` compares what came with what was expected,
pure; the command line carries them out, in virtual time and in parallel.
"""

from vmssplan.rollout_tests.judging import Failure, judge, refused_as_expected
from vmssplan.rollout_tests.reading import read_tests
from vmssplan.rollout_tests.values import (
    Bounds,
    EventPattern,
    Expectation,
    Outcome,
    People,
    RolloutTest,
)

__all__ = [
    "Bounds",
    "EventPattern",
    "Expectation",
    "Failure",
    "Outcome",
    "People",
    "RolloutTest",
    "judge",
    "read_tests",
    "refused_as_expected",
]
