"""The checker finds every fault planted in the scheduler, and each counterexample replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import vmssplan.executor
from tests.planted.faults import PLANTED, SETTINGS, Planted
from tests.planted.making import faulty_engine
from tests.planted.telling import told_to_the_executor, without_words
from tests.support.values import rollout
from vmssplan.cli.console import Console
from vmssplan.cli.planning import single_plan
from vmssplan.cli.testing import failures_of
from vmssplan.cli.verifying import write_counterexample
from vmssplan.engine import RunProgram, RunState, UpgradeInstances, WriteModel
from vmssplan.engine.events import HookStarted, ModelWriteIntended, UpgradeIntended
from vmssplan.report.verification import Verification
from vmssplan.verifying import (
    ENGINE,
    Limits,
    Property,
    Scene,
    Scheduler,
    bound_of,
    explore,
    reduce_set,
    scene_of,
    tell,
)

if TYPE_CHECKING:
    from pathlib import Path

    from vmssplan.engine import Event
    from vmssplan.verifying import Chapter

ENOUGH = 20
FAR = {"a ready instance that falls sick is ignored"}
"""Found only after half a minute's search."""
MOST_STATES, FEW_STATES = 40_000, 4_000


def scene(planted: Planted, engine: Scheduler) -> Scene:
    """Return where the fault shows, with this engine."""
    setting = SETTINGS[planted.setting]
    return scene_of(rollout(setting.live, **setting.plan), setting.live, engine)


def written(chapters: tuple[Chapter, ...]) -> list[Event]:
    """Return what the Run wrote down in this story."""
    return [event for chapter in chapters for event in chapter.events]


def test_there_are_enough_faults_and_they_break_every_property() -> None:
    """No two are the same, and no property is there that none of them breaks."""
    assert len({one.fault for one in PLANTED}) == len(PLANTED) >= ENOUGH
    assert {one.breaks for one in PLANTED} == set(Property)


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(
            one, id=one.fault.name, marks=pytest.mark.long if one.fault.name in FAR else ()
        )
        for one in PLANTED
    ],
)
def test_a_planted_fault_is_found_and_its_story_replays(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the property it breaks; told again, and to the real executor, the story is the same."""
    faulty = scene(planted, faulty_engine(planted.fault))

    found = explore(faulty, Limits(planted.troubles, MOST_STATES, planted.groups))

    assert found.breach is not None
    assert found.breach.property is planted.breaks
    assert sum(move.is_trouble for move in found.moves) <= planted.troubles
    chapters = tell(faulty, found.moves)
    if planted.breaks is Property.SOUND:
        with pytest.raises(KeyError):
            told_to_the_executor(faulty, chapters, monkeypatch)
        return
    journal, about_to = told_to_the_executor(faulty, chapters, monkeypatch)
    expected = without_words(written(chapters))
    assert without_words(journal)[: len(expected)] == expected
    if planted.breaks is Property.ENDS:
        assert faulty.scheduler.evolve(RunState.begin(faulty.rollout), *journal).outcome is None
        return
    assert chapters[-1].breaches[0] == found.breach
    match chapters[-1].command:
        case UpgradeInstances(instance_ids=ids):
            assert isinstance(about_to, UpgradeIntended)
            assert about_to.instance_ids == ids
        case WriteModel():
            assert isinstance(about_to, ModelWriteIntended)
        case RunProgram():
            assert isinstance(about_to, HookStarted)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_true_engine_holds_where_the_faulty_ones_do_not(setting: str) -> None:
    """Whatever takes its time, and with one thing going wrong as far as there is time for it."""
    there = SETTINGS[setting]
    true = scene_of(rollout(there.live, **there.plan), there.live, ENGINE)

    found = explore(true, Limits(1, FEW_STATES))

    assert found.breach is None
    assert found.complete >= 0


PLAN = """
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: web}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
model:
  image: {publisher: Contoso, offer: server, sku: gen2, version: 1.10.0}
strategy: {type: perInstance}
"""


def test_a_counterexample_is_written_as_a_test_that_fails_until_the_fault_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file runs in the simulator: with the faulty engine it fails, with the true one not."""
    file, out = tmp_path / "web.yaml", tmp_path / "found.yaml"
    file.write_text(PLAN, "utf-8")
    [planted] = [
        one for one in PLANTED if one.fault.name == "nobody waits for a batch to be healthy"
    ]
    engine, live = faulty_engine(planted.fault), SETTINGS[planted.setting].live
    plan = single_plan(file).plan
    small = reduce_set(plan, live, plan.model, 3)
    there = scene_of(small.rollout, live, engine)
    found = explore(there, Limits(0))
    told = Verification(
        small, there, found, tell(there, found.moves), bound_of(small.rollout), wanted_troubles=0
    )
    monkeypatch.setattr(vmssplan.executor, "decide", engine.decide)
    monkeypatch.setattr(vmssplan.executor, "evolve", engine.evolve)

    assert write_counterexample(told, file, out, Console())
    monkeypatch.undo()
    assert failures_of(out) == ()
