"""The checker's own loop is the executor's, its states are told apart, and its bound holds."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings

from tests.planted.faults import SETTINGS
from tests.planted.telling import told_to_the_executor, without_words
from tests.support.strategies import world_plans, worlds
from tests.support.values import TARGET, rollout, scale_set
from tests.worlds import make_world
from vmssplan.backends.simulated import SimulatedBackend, SimulatedClock
from vmssplan.documents import record_fields
from vmssplan.engine import RunState
from vmssplan.errors import Refused
from vmssplan.forecast.trial import AllIsWell
from vmssplan.rehearsal import rehearse
from vmssplan.rollout import compute_rollout
from vmssplan.verifying import Kind, Move, begin, bound_of, moves_of, scene_of, tell
from vmssplan.verifying.keys import LEFT_OUT, STATE_FIELDS, key_of
from vmssplan.verifying.leaping import follow
from vmssplan.verifying.stepping import NothingToDie

if TYPE_CHECKING:
    from typing import Any

    from vmssplan.model import Plan
    from vmssplan.verifying import Scene, Situation

LONG = 60
USUAL = 0.85
SEEDS = range(4)


def waiting(scene: Scene) -> Situation:
    """Return where the model is being written."""
    return follow(scene, begin(scene).situation, Move(Kind.ACCEPTED)).situation


def wander(scene: Scene, seed: int) -> list[Move]:
    """Return moves drawn at random, most of them no trouble."""
    random = Random(seed)  # noqa: S311 - no secrets, but the same every time
    at, moves = begin(scene).situation, []
    for _ in range(LONG):
        possible = list(moves_of(scene, at))
        free = [move for move in possible if not move.is_trouble]
        if not possible:
            break
        move = random.choice(free if free and random.random() < USUAL else possible)
        try:
            turn = follow(scene, at, move)
        except NothingToDie:
            continue
        moves.append(move)
        at = turn.situation
    return moves


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_real_executor_writes_the_journal_that_the_checker_says(
    setting: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens, in whichever order: line for line, but for words."""
    there = SETTINGS[setting]
    scene = scene_of(rollout(there.live, **there.plan), there.live)
    chapters = tell(scene, wander(scene, seed))

    journal, _ = told_to_the_executor(scene, chapters, monkeypatch)

    said = [event for chapter in chapters for event in chapter.events]
    assert without_words(journal) == without_words(said)


def test_every_field_of_a_state_is_in_a_key_or_left_out_with_a_reason() -> None:
    """A new field would make states look the same that are not."""
    assert record_fields(RunState).keys() == STATE_FIELDS | LEFT_OUT.keys()


def test_what_only_happens_later_is_the_same_state() -> None:
    """Waiting in vain for people leads back to itself; so all states are reached in the end."""
    scene = scene_of(rollout(scale_set(2)), scale_set(2))
    [hold] = [m for m in moves_of(scene, waiting(scene)) if m.kind is Kind.HOLD]
    held = follow(scene, waiting(scene), hold).situation
    at = follow(scene, follow(scene, held, Move(Kind.TIME)).situation, Move(Kind.ENDS, number=1))
    idle = follow(scene, at.situation, Move(Kind.TIME)).situation
    later = follow(scene, idle, Move(Kind.TIME)).situation

    assert later.now > idle.now
    assert key_of(later) == key_of(idle)
    assert key_of(idle) != key_of(at.situation)


@settings(max_examples=60)
@given(worlds(largest=12, faulty=False), world_plans())
def test_no_rehearsal_goes_below_the_bound(arguments: dict[str, Any], plan: Plan) -> None:
    """Where nothing falls sick by itself, the bound holds at every moment."""
    world = make_world(**arguments)
    backend = SimulatedBackend(world)
    live, _ = asyncio.run(backend.observe(TARGET))
    try:
        made = compute_rollout(plan, live, plan.model)
    except Refused:
        assume(False)
        raise

    went = asyncio.run(rehearse(made, backend, SimulatedClock(world), AllIsWell()))

    assert went.lowest_in_service >= bound_of(made).lowest
