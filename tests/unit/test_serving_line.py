"""What was in service over time, in one line of any width."""

from __future__ import annotations

import pytest

from tests.support.values import START, minutes
from vmssplan.report.heatmap import Symbols
from vmssplan.report.paint import PLAIN, Tone
from vmssplan.report.segments import length, painted
from vmssplan.report.serving_line import serving_line

UNICODE, ASCII = Symbols.unicode(), Symbols.ascii()
SERVED = ((START, 12), (START + minutes(10), 10), (START + minutes(11), 12))


def text(width: int, symbols: Symbols = UNICODE) -> str:
    """Return the line of twenty minutes, in which two of twelve were out for one."""
    now = START + minutes(20)
    return painted([serving_line(SERVED, now, 12, 10, symbols, width)], PLAIN).rstrip("\n")


def test_the_lowest_of_each_moment_is_shown() -> None:
    """A dip shorter than a column is not lost."""
    assert text(60) == "in service so far ██████████▅▅█████████  lowest 10, floor 10"
    assert text(60, ASCII) == "in service so far ##########==#########  lowest 10, floor 10"


def test_below_the_floor_it_is_told() -> None:
    """By its tone, and by its number."""
    drawn = serving_line(((START, 12), (START, 8)), START, 12, 10, UNICODE, 60)

    assert {one.tone for one in drawn if "8" in one.text or "▁" in one.text} == {Tone.BAD}


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
def test_it_fits(width: int) -> None:
    """A line is never longer than there is room; without counts there is none."""
    now = START + minutes(20)

    assert length(serving_line(SERVED, now, 1000, 800, UNICODE, width)) <= width
    assert serving_line((), now, 12, 10, UNICODE, width) == ()
