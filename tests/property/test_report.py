"""What holds for every Rollout's text: each instance once and in its place, lines that fit."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.reports import spread
from tests.support.strategies import PLANS, scale_sets
from tests.unit.test_report_text import thousand
from vmssplan.errors import Refused
from vmssplan.model import StrategyType
from vmssplan.report.grid import grid_lines
from vmssplan.report.heatmap import Symbols, heat_map
from vmssplan.report.paint import PLAIN
from vmssplan.report.run import Recap
from vmssplan.report.segments import length
from vmssplan.report.text import rollout_text
from vmssplan.report.wording import columns, ending, roughly, span_text
from vmssplan.rollout import Disposition, UpgradeBatch, UpgradeWindow, compute_rollout

if TYPE_CHECKING:
    from vmssplan.model import Plan, ScaleSet
    from vmssplan.rollout import Rollout

WINDOWS = PLANS.map(
    lambda one: replace(one, strategy=replace(one.strategy, type=StrategyType.SLIDING_WINDOW))
)
WHOLE = ("Plan: ", "Digest: ", "Predicted: ")
ROW = re.compile(r" +(?:-/\+|~) (\S+) {2,}(?:UD|FD|zone|not in service|runs|the latest)")
BLOCK = re.compile(r" +(?:-/\+|~) \d+ instances  ")
NAMES = re.compile(r" {9,}\S")


def computed(plan: Plan, live: ScaleSet) -> Rollout:
    """Return the Rollout, where there is one."""
    try:
        return compute_rollout(plan, live, plan.model)
    except Refused:
        assume(condition=False)
        raise


def listed(text: str) -> list[str]:
    """Return the instances named in the steps, in the order of the text."""
    _, _, steps = text.partition("Steps\n")
    steps = steps.partition("\n\n")[0]
    found, in_block = [], False
    for line in steps.splitlines():
        if BLOCK.match(line):
            in_block = True
        elif in_block and NAMES.match(line):
            found += re.sub(r" \(FD \d+\)", "", line).split()
        else:
            in_block = False
            found += ROW.findall(line)
    return found


def left_alone(text: str) -> list[str]:
    """Return the instances named as left alone."""
    _, _, rest = text.partition("Left alone\n")
    lines = rest.partition("\n\n")[0].splitlines()
    return [name for line in lines if line.startswith(" " * 6) for name in line.split()]


@given(PLANS, st.one_of(scale_sets(), scale_sets(largest=60)))
def test_every_instance_is_named_once(plan: Plan, live: ScaleSet) -> None:
    """An instance stands in the steps if it is upgraded, and else among those left alone."""
    made = computed(plan, live)
    text = rollout_text(made, paint=PLAIN, width=80)
    upgraded = [i.instance_id for i in made.instances if i.disposition is Disposition.UPGRADE]
    others = [i.instance_id for i in made.instances if i.disposition is not Disposition.UPGRADE]

    assert sorted(listed(text)) == sorted(upgraded)
    assert sorted(left_alone(text)) == sorted(others)


@given(WINDOWS, scale_sets(largest=60))
def test_a_window_keeps_its_order(plan: Plan, live: ScaleSet) -> None:
    """Where the order of instances means something, the text keeps it."""
    made = computed(plan, live)
    ids = [i for step in made.steps if isinstance(step, UpgradeWindow) for i in step.instance_ids]

    assert listed(rollout_text(made, paint=PLAIN, width=80)) == ids


@given(PLANS, scale_sets(), st.integers(80, 200))
def test_lines_fit(plan: Plan, live: ScaleSet, width: int) -> None:
    """No line is longer than the width, but for those that are never broken."""
    text = rollout_text(computed(plan, live), paint=PLAIN, width=width)
    long = [line for line in text.splitlines() if len(line) > width]

    assert all(line.startswith(WHOLE) for line in long)
    assert "\x1b" not in text


@given(PLANS, scale_sets())
def test_numbers_add_up(plan: Plan, live: ScaleSet) -> None:
    """The Plan line counts what the text lists; the recap counts every instance once."""
    made = computed(plan, live)
    plan_line, predicted = rollout_text(made, paint=PLAIN, width=80).splitlines()[-2:]
    numbers = [
        int(number) for number in re.findall(r"(\d+) (?:instance|skipped|current)", plan_line)
    ]
    batches = sum(isinstance(step, UpgradeBatch) for step in made.steps)
    recap = Recap.of(spread(made))

    assert sum(numbers) == len(live.instances)
    assert f"in {batches} batch" in plan_line or " in a window of " in plan_line
    assert predicted.endswith(f" of {len(live.instances)} in service.")
    assert recap.ok + recap.skipped + recap.failed + recap.pending == len(live.instances)


@given(PLANS, scale_sets(largest=80), st.integers(1, 200), st.integers(1, 60))
def test_maps_fit(plan: Plan, live: ScaleSet, width: int, height: int) -> None:
    """A heat map is never larger than it may be, and forgets no instance."""
    made = computed(plan, live)
    heat = heat_map(spread(made), live)
    lines = grid_lines(heat, Symbols.unicode(), width, height)

    assert len(lines) <= height
    assert all(length(line) <= width for line in lines)
    assert len(heat.all_cells) == len(live.instances)


@given(st.lists(st.text("abc", min_size=1, max_size=30), min_size=1), st.integers(40, 120))
def test_columns_fit(items: list[str], width: int) -> None:
    """Columns keep the order, lose nothing, and fit."""
    lines = columns(items, width, "    ")

    assert [item for line in lines for item in line.split()] == items
    assert all(len(line) <= width for line in lines)


@given(st.text(max_size=30), st.integers(4, 40))
def test_shortened_text_fits(text: str, width: int) -> None:
    """Of a text that is too long, the end is kept."""
    kept = ending(text, width)

    assert len(kept) <= width
    assert text.endswith(kept.removeprefix("..."))


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=30)))
def test_estimates_are_near(span: timedelta) -> None:
    """An estimate is rounded by no more than a tenth, or a few seconds."""
    units = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
    told = sum(int(n) * units[u] for n, u in re.findall(r"(\d+)([dhms])", roughly(span)))

    assert abs(told - span.total_seconds()) <= max(4, span.total_seconds() / 10)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0s"),
        (59, "59s"),
        (60, "1m"),
        (90, "1m30s"),
        (3_600, "1h"),
        (4_260, "1h11m"),
        (3_601, "1h"),
        (90_000, "1d1h"),
        (-5, "0s"),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    """A span is told in its two largest units."""
    assert span_text(timedelta(seconds=seconds)) == text


def test_thousand_instances_are_all_named() -> None:
    """Every one of a thousand instances is named."""
    assert len(set(listed(rollout_text(thousand(), paint=PLAIN, width=80)))) == 1000
