"""What others wrote stays text, and a comment fits, whatever is in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.hostile import HOSTILE
from tests.support.rendering import GITHUB, NO_WIDTH, cells, html_blocks, inlines, pieces, shown
from tests.support.reports import regional
from tests.support.strategies import PLANS, scale_sets
from tests.support.values import (
    at_most,
    current,
    instance,
    rollout,
    scale_set,
    strategy,
)
from vmssplan.errors import Refused
from vmssplan.lint.finding import Finding, Severity
from vmssplan.report.markdown import LONGEST, MARKER, Reviewed, Saved, plan_comment
from vmssplan.report.markup import code, fenced, in_html, plain
from vmssplan.report.wording import one_line
from vmssplan.rollout import Rollout, SetModel, compute_rollout, digest

if TYPE_CHECKING:
    from vmssplan.model import Plan, ScaleSet

NOTIFIES = re.compile(r"@\w|#\d|\bGH-\d", re.IGNORECASE)
OURS = re.compile(
    r"<details( open)?><summary><b>[^<>]*</b>: [^<>]*( <b>\d+ (errors?|warnings?)</b>\.)*</summary>"
    r"|</details>"
)


def _batches(count: int, size: int) -> Rollout:
    how = strategy("fixedBatch", size)
    return rollout(regional(count), strategy=how, availability=at_most(size))


BIG = {1: _batches(1_000, 1), 7: _batches(30, 7), 100: _batches(30, 30)}
"""A thousand batches of one, and smaller ones of which there can be many."""
SEVERITIES = st.sampled_from(Severity)
FINDINGS = st.lists(st.builds(Finding, HOSTILE, SEVERITIES, HOSTILE, HOSTILE, HOSTILE), max_size=3)


def visible(text: str) -> str:
    """Return what the text says; what has no width is no part of that."""
    return one_line(text)


@given(HOSTILE)
@example("\\|")
@example("1. first")
@example("a\\|b|c")
@example("&#124;")
def test_a_text_is_shown_as_it_is_in_a_table_a_list_and_a_paragraph(text: str) -> None:
    """It ends no cell, begins no list, is no markup, and not a character of it is lost."""
    for made, count in (
        (f"| {plain('name')} | {plain(text)} |\n| --- | --- |\n", 2),
        (f"| a | b |\n| --- | --- |\n| {plain(text)} | {plain(text)} |\n", 4),
        (f"- {plain(text)}\n", 1 if visible(text) else 0),
        (f"{plain(text)}\n", 1 if visible(text) else 0),
    ):
        found = list(inlines(made))
        assert len(found) == count, made
        assert not set().union(*(pieces(one) for one in found)), made
        if count:
            assert shown(found[-1]) == visible(text)


@given(HOSTILE)
def test_code_holds_the_text_or_it_is_plain(text: str) -> None:
    """Whatever is in it, a cell shows it whole."""
    row = cells(f"| a |\n| --- |\n| {code(text)} |\n")

    assert row == ["a", visible(text)]


@given(HOSTILE)
def test_nobody_is_mentioned_and_no_issue_referred_to(text: str) -> None:
    """Neither in markdown nor in HTML, where forges look for names after rendering."""
    rendered = GITHUB.render(plain(text))

    assert not NOTIFIES.search(re.sub(r"<[^>]*>", "", rendered).replace("&#64;", "@"))
    assert not NOTIFIES.search(re.sub(r"&#x?\w+;", "", in_html(text)))


@given(HOSTILE)
def test_a_fence_ends_where_we_end_it(text: str) -> None:
    """A line of a fence begins with our sign, and is one line."""
    tokens = GITHUB.parse(f"```diff\n- a: {fenced(text)}\n+ b: {fenced(text)}\n```\n")

    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == f"- a: {visible(text)}\n+ b: {visible(text)}\n"


@given(HOSTILE, HOSTILE, HOSTILE, FINDINGS, st.sampled_from([1, 3]))
def test_a_comment_of_hostile_texts_has_only_our_own_structure(
    name: str, reason: str, change: str, findings: list[Finding], count: int
) -> None:
    """Its HTML and its tables are ours, and all texts are still there."""
    members = (instance("0"), instance(f"a{name}"), current("2"))
    made = rollout(scale_set(members), strategy=strategy("fixedBatch", 2), availability=at_most(2))
    [first] = made.changes
    step = made.steps[0]
    assert isinstance(step, SetModel)
    step = replace(step, changes=(replace(first, before=change, after=change),))
    odd = tuple(replace(one, reason=reason) for one in made.instances)
    made = replace(
        made, plan=name, steps=(step, *made.steps[1:]), instances=odd, notes=(reason, name)
    )
    sets = [Reviewed(made, findings, None)] * count

    comment = plan_comment(sets, Saved(f"{name}.json"))

    assert comment.startswith(f"{MARKER}\n### vmssplan: ")
    assert len(comment) < LONGEST
    blocks = html_blocks(comment)
    assert blocks[0] == MARKER
    assert all(OURS.fullmatch(line) for line in blocks[1:]), blocks
    assert len(blocks) == 1 + 2 * len(sets)
    fences = [token for token in GITHUB.parse(comment) if token.type == "fence"]
    assert [token.info for token in fences] == ["diff"] * len(sets)
    told = [shown(one) for one in inlines(comment)]
    assert told.count(visible(name)) >= len(sets) if visible(name) else True
    assert sum(visible(f"a{name}") in one for one in told) >= len(sets)


@given(PLANS, st.lists(scale_sets(), min_size=1, max_size=3))
def test_any_rollouts_fit_and_are_all_there(plan: Plan, lives: list[ScaleSet]) -> None:
    """Every set has its section with its digest, every step its row."""
    made = [one for live in lives if (one := _computed(plan, live))]
    comment = plan_comment([Reviewed(one, (), None) for one in made])

    assert len(comment) < LONGEST
    assert comment.count("<details") == comment.count("</details>") == len(made)
    assert all(digest(one) in comment for one in made)
    steps = sum(len(one.steps) for one in made if one.has_changes)
    assert len(re.findall(r"(?m)^\| \d+ \|", comment)) == steps


def _computed(plan: Plan, live: ScaleSet) -> Rollout | None:
    try:
        return compute_rollout(plan, live, plan.model)
    except Refused:
        return None


@settings(max_examples=6)
@given(st.lists(st.sampled_from([1, 7, 100]), min_size=1, max_size=9), st.integers(0, 2_000))
@example([1], 0)
@example([1] * 9, 0)
@example([100] * 160, 0)
@example([7, 100] * 40, 900)
def test_what_does_not_fit_is_counted(sizes: list[int], padding: int) -> None:
    """Thousands of instances: below the limit, and every step and set is shown or counted."""
    note = "x" * padding
    sets = [Reviewed(replace(BIG[size], notes=(note,) * 3), (), None) for size in sizes]

    comment = plan_comment(sets, Saved("rollout.json"))

    assert len(comment) < LONGEST
    sections = re.split(r"(?m)^(?=<details)", comment)[1:]
    left = re.search(r"_(\d+) more scale sets? did not fit", comment)
    assert len(sections) + (int(left[1]) if left else 0) == len(sets)
    for one, section in zip(sets, sections, strict=False):
        assert digest(one.rollout) in section
        rows = len(re.findall(r"(?m)^\| \d+ \|", section))
        more = re.search(r"(?m)^\| … \| (\d+) more step", section)
        if "_Too long for this comment._" in section:
            assert rows == 0
        else:
            assert rows + (int(more[1]) if more else 0) == len(one.rollout.steps)


def test_one_long_rollout_uses_the_room_there_is() -> None:
    """A thousand batches of one: hundreds of them are shown, and the rest is counted."""
    comment = plan_comment([Reviewed(BIG[1], (), None)])

    assert LONGEST * 0.9 < len(comment) < LONGEST
    assert "more steps, which did not fit into this comment" in comment
    assert NO_WIDTH not in comment


def test_a_thousand_instances_in_a_few_batches_are_all_told_of() -> None:
    """A row names forty of them, and counts the others."""
    comment = plan_comment([Reviewed(_batches(1_000, 200), (), None)])

    assert comment.count(" and 160 more |") == 5
