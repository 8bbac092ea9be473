"""Any Run can be told, wherever it was killed, and what is told of it fits together."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.runs import Killed, Killer, MemoryJournal, compute, run_in
from tests.support.strategies import world_plans, worlds
from tests.worlds import make_world
from vmssplan.engine import RunState, replay
from vmssplan.errors import VmssplanError
from vmssplan.report.heatmap import CellState, heat_map
from vmssplan.report.run import Recap
from vmssplan.report.run_report import (
    chart_svg,
    chronicle_of,
    report_html,
    report_json,
    report_markdown,
)
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from vmssplan.model import Plan

VALIDATOR = Draft202012Validator(schema("runreport"))


@settings(max_examples=40)
@given(
    arguments=worlds(largest=8),
    plan=world_plans(),
    moment=st.integers(1, 200),
    resumes=st.booleans(),
)
def test_any_run_is_told(
    arguments: dict[str, Any], plan: Plan, moment: int, *, resumes: bool
) -> None:
    """Every instance through all of the time, and at its end as the state of the Run says."""
    world = make_world(**arguments)
    try:
        rollout = compute(world, plan)
    except VmssplanError:
        assume(False)
        raise
    journal = MemoryJournal()
    try:
        run_in(world, rollout, journal, Killer(moment))
    except Killed:
        if resumes:
            run_in(world, rollout, journal)
    assume(journal.events)

    chronicle = chronicle_of("web-1", rollout, journal.events)

    state = replay(rollout, journal.events)
    assert Recap.of(chronicle.state) == Recap.of(state)
    for tale in chronicle.instances:
        assert tale.spells[0].start >= chronicle.started
        assert tale.spells[-1].end == chronicle.last
        assert all(a.end == b.start and a.state is not b.state for a, b in pairwise(tale.spells))
        assert tale.spells[-1].state in _possible(state, tale.instance_id)
    assert {one.instance_id for one in rollout.instances} <= {
        one.instance_id for one in chronicle.instances
    }
    assert all(0 <= one.in_service <= chronicle.total for one in chronicle.counts)
    assert all(a.at < b.at for a, b in pairwise(chronicle.counts))
    assert list(VALIDATOR.iter_errors(report_json(chronicle))) == []
    ET.fromstring(chart_svg(chronicle))  # noqa: S314 - our own
    assert report_html(chronicle).count("<script") == 2
    assert report_markdown(chronicle).startswith("## Run web-1: ")


def _possible(state: RunState, instance_id: str) -> set[CellState]:
    """Return how the heat map shows it; out of service by itself is known to neither for sure."""
    shown = {one.instance_id: one.state for one in heat_map(state).all_cells}
    not_sure = {CellState.SICK, CellState.PENDING, CellState.READY, CellState.SKIPPED}
    if instance_id not in state.progress:
        return set(CellState)
    found = shown[instance_id]
    return {found} | (not_sure if found in not_sure else set())
