"""How far the instances are: what is brought up to date is what is worked out anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.support.values import START, seconds
from vmssplan.engine import Phase, Progress
from vmssplan.engine import events as ev
from vmssplan.engine.progress import Standing
from vmssplan.model import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

IDS = "012345"
STEPS = (2, 5)
HEALTH = Health()
FAILED = ev.InstanceFailed(START, "0", ev.FailurePhase.OPERATION, "AllocationFailed", "No room.")


def values(phase: Phase) -> st.SearchStrategy[Progress]:
    """Draw what an instance in that phase may be like."""
    moments = st.sampled_from([START, START + seconds(10)])
    is_open = phase in (Phase.AWAITING, Phase.READY)
    return st.builds(
        Progress,
        st.just(phase),
        st.sampled_from(STEPS),
        upgraded_at=moments if is_open else st.none(),
        healthy_since=st.one_of(st.none(), moments) if is_open else st.none(),
        failure=st.just(FAILED) if phase is Phase.FAILED else st.none(),
    )


KINDS = st.lists(st.sampled_from(Phase).flatmap(values), min_size=1, max_size=4)


@st.composite
def progresses(draw: st.DrawFn) -> list[dict[str, Progress]]:
    """Draw how the instances stand, one time after the other; who stands alike shares a value."""
    kinds = draw(KINDS)
    rows = st.lists(st.sampled_from(kinds), min_size=len(IDS), max_size=len(IDS))
    first, *rest = draw(st.lists(rows, min_size=2, max_size=4))
    found = [dict(zip(IDS, first, strict=True))]
    for row in rest:
        stays = draw(st.frozensets(st.sampled_from(IDS)))
        now = {i: found[-1][i] if i in stays else one for i, one in zip(IDS, row, strict=True)}
        found.append(now)
    return found


def answers(standing: Standing) -> list[object]:
    """Return all that can be asked."""
    return [
        [standing.members(phase) for phase in Phase],
        [list(standing.pending(step)) for step in STEPS],
        list(standing.fallen(frozenset("024"))),
        sorted((at, sorted(ids)) for at, ids in standing.due(HEALTH)),
        standing.well,
        standing.unwell,
        standing.failures,
        list(standing.in_order(frozenset("514"))),
        list(standing.in_order(frozenset())),
    ]


@given(progresses(), st.lists(st.booleans(), min_size=4, max_size=4))
def test_a_standing_brought_up_to_date_answers_as_a_new_one(
    rows: list[dict[str, Progress]], asked: list[bool]
) -> None:
    """Whatever moved, and whether or not anything was asked before it did."""
    standing = Standing(rows[0])
    for row, is_asked in zip(rows[1:], asked, strict=False):
        if is_asked:
            answers(standing)
        standing = standing.after(row)
    assert answers(standing) == answers(Standing(rows[-1]))


def after_one_moved(before: Progress, after: Progress) -> Mapping[Phase, frozenset[str]]:
    """Return who is where when one of three has moved, and all was known before."""
    others = Progress(Phase.READY, 2)
    standing = Standing({"0": others, "1": before, "2": others})
    assert standing.members(before.phase) == {"1"}
    later = standing.after({"0": others, "1": after, "2": others})
    return {phase: later.members(phase) for phase in Phase if later.members(phase)}


def test_one_that_is_to_be_done_again_is_pending_again() -> None:
    """Also where nothing else was."""
    pending = Progress(Phase.PENDING, 2)
    standing = Standing({"0": Progress(Phase.OPERATING, 2), "1": Progress(Phase.READY, 2)})
    assert list(standing.pending(2)) == []
    later = standing.after({"0": pending, "1": Progress(Phase.READY, 2)})
    assert list(later.pending(2)) == ["0"]


def test_who_moved_is_where_it_went_alone() -> None:
    """And no longer where it was."""
    moved = after_one_moved(Progress(Phase.OPERATING, 2), Progress(Phase.AWAITING, 2, START))
    assert moved == {Phase.READY: frozenset("02"), Phase.AWAITING: frozenset("1")}
