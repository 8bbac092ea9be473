"""What a Rollout says of itself: its bounds, its notes, what it holds, its saved form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.copying import replace
from tests.support.values import (
    NEW_IMAGE,
    OLD_IMAGE,
    amount,
    at_most,
    autoscale_setting,
    current,
    instance,
    rollout,
    scale_set,
    strategy,
)
from vmssplan.documents import from_document, to_document
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    Availability,
    Gate,
    Health,
    HealthSource,
    ModelFields,
    OnScale,
    PlatformActions,
    UpgradeMode,
)
from vmssplan.rollout import (
    Bounds,
    PinAutoscale,
    Rollout,
    SetModel,
    UpgradeBatch,
    UpgradeWindow,
    digest,
    rollout_document,
)

SETTING = autoscale_setting()
CURRENT = scale_set([current("0"), current("1")])


# Bounds.


@pytest.mark.parametrize(
    ("kind", "sizes", "limit", "lowest"),
    [
        ("slidingWindow", (2,), 4, 8),
        ("slidingWindow", (4,), 3, 7),
        ("fixedBatch", (1, 3), 5, 7),
        ("fixedBatch", (4,), 3, 7),
        ("perInstance", (), 5, 9),
        ("perUpdateDomain", (), 5, 8),
        ("perFaultDomain", (), 5, 6),
        ("perZone", (), 2, 8),
    ],
)
def test_the_fewest_in_service_are_those_of_the_largest_part(
    kind: str, sizes: tuple[int, ...], limit: int, lowest: int
) -> None:
    """Of ten: a window by what it holds, a batch by its size, neither more than allowed."""
    bounds = rollout(
        scale_set(10), strategy=strategy(kind, *sizes), availability=at_most(limit)
    ).bounds

    assert (bounds.lowest_in_service, bounds.floor) == (lowest, 10 - limit)


@pytest.mark.parametrize("kind", ["perInstance", "fixedBatch", "slidingWindow", "perZone"])
@pytest.mark.parametrize("live", [CURRENT, scale_set(())])
def test_without_anything_to_upgrade_no_floor_is_too_high(kind: str, live: Any) -> None:
    """Nobody goes out of service."""
    made = rollout(
        live,
        strategy=strategy(kind, 2),
        availability=Availability(min_in_service=amount("100%")),
        autoscale=Autoscale.PIN,
        settings=(SETTING,),
    )

    total = len(live.instances)
    assert (made.bounds.lowest_in_service, made.bounds.total) == (total, total)
    assert [type(step) for step in made.steps] == [SetModel]


# Steps.


def test_gates_of_a_window_are_those_for_each_batch() -> None:
    """A window has no first batch to ask after."""
    gates = (Gate(ApprovalGate("one"), 1), Gate(ApprovalGate("each")))
    made = rollout(scale_set(2), strategy=strategy("slidingWindow", 1), gates=gates)

    assert [getattr(step, "message", "") for step in made.steps] == ["", "", "each"]


def test_autoscale_is_held_only_where_the_plan_says_so() -> None:
    """Ignored, it is left to itself."""
    made = rollout(scale_set(1), autoscale=Autoscale.IGNORE, settings=(SETTING,))

    assert not any(isinstance(step, PinAutoscale) for step in made.steps)


def test_the_step_after_which_there_is_no_way_back_says_so() -> None:
    """The one that writes image or size; not the policy, and not one that writes nothing."""
    gone = "1.9.0 is gone"
    wanted = ModelFields(image=NEW_IMAGE, upgrade_policy=UpgradeMode.MANUAL)
    live = scale_set(1)
    rolling = replace(live, model=replace(live.model, upgrade_policy=UpgradeMode.ROLLING))
    written = replace(live, model=replace(live.model, image=NEW_IMAGE))

    def said(on: Any, **changes: Any) -> list[str | None]:
        made = rollout(on, model=wanted, **changes)
        return [step.no_way_back for step in made.steps if isinstance(step, SetModel)]

    assert said(rolling, missing_image=gone) == [None, gone]
    assert said(rolling) == [None, None]
    assert said(written, missing_image=gone) == [None, None]


def test_the_version_that_runs_is_listed() -> None:
    """Exact where it is known."""
    latest = replace(OLD_IMAGE, version="latest")
    [one] = rollout(scale_set([instance("0", image=latest)])).instances

    assert one.version == "1.9.0"


# Notes.


def notes(**changes: Any) -> tuple[str, ...]:
    """Return the notes of a Plan for ten that leaves nothing to us, but for these changes."""
    said: dict[str, Any] = {
        "strategy": strategy("fixedBatch", 2),
        "availability": at_most(2),
        "health": Health(source=HealthSource.INSTANCE_VIEW),
        "autoscale": Autoscale.PIN,
        "settings": (SETTING,),
    }
    live = changes.pop("live", scale_set(10))
    return rollout(live, **{**said, **changes}).notes


def test_what_the_plan_decides_is_not_noted() -> None:
    """Exact versions, whole numbers, a named source, a setting that is held."""
    assert notes() == ()
    assert notes(availability=Availability(min_in_service=amount(8))) == ()
    assert notes(model=ModelFields(vm_size="Standard_D4s_v5")) == ()
    assert notes(strategy=strategy("slidingWindow", 2)) == ()
    assert notes(strategy=strategy("slidingWindow", 1)) == ()
    assert notes(strategy=strategy("perZone"), availability=at_most(4)) == ()


def test_each_decision_left_to_us_is_noted() -> None:
    """One line each."""
    assert notes(availability=at_most("25%")) == ("maxUnavailable 25% of 10 is 2",)
    assert notes(settings=()) == ("no autoscale setting scales this set now",)
    assert notes(strategy=strategy("slidingWindow", 3)) == (
        "window 3 is larger than maxUnavailable: 2 at a time",
    )
    upgrading = replace(scale_set(10), platform=PlatformActions(os_upgrades=True))
    assert "automatic OS upgrades are on" in notes(live=upgrading)[0]


# What it holds, and how it is saved.


def test_a_model_that_changes_is_a_change_whoever_runs_it() -> None:
    """Also where no instance is to be upgraded."""
    assert rollout(CURRENT).has_changes
    assert rollout(scale_set(())).has_changes


def test_a_window_counts_as_one_batch() -> None:
    """However many it holds."""
    window = rollout(scale_set(5), strategy=strategy("slidingWindow", 2))

    assert window.batch_count == 1
    assert any(isinstance(step, UpgradeWindow) for step in window.steps)
    batches = rollout(scale_set(5), strategy=strategy("fixedBatch", 2))
    assert batches.batch_count == 3
    assert sum(isinstance(step, UpgradeBatch) for step in batches.steps) == 3


def test_the_saved_form_says_what_it_is() -> None:
    """Kind, tool and digest around the Rollout; an expiry where there is one."""
    made = rollout(scale_set(2))
    document = rollout_document(made, tool="vmssplan 7")
    soon = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)

    assert document == {
        "apiVersion": "vmssplan/v1",
        "kind": "Rollout",
        "tool": "vmssplan 7",
        "digest": digest(made),
        "rollout": to_document(made),
    }
    expiring = rollout_document(made, tool="vmssplan 7", expires_at=soon)
    assert expiring == {**document, "expiresAt": "2026-11-09T08:00:00+00:00"}


def test_what_an_older_rollout_does_not_say_is_what_was_true_then() -> None:
    """One operation at a time, instances that come are absorbed, and nothing is drained."""
    document = to_document(rollout(scale_set(2)))
    for name in ("onScale", "notes", "rollback", "noWayBack"):
        document.pop(name, None)
    document["bounds"].pop("maxConcurrentOperations", None)
    read = from_document(document, Rollout)

    assert read.on_scale is OnScale.ABSORB
    assert (read.notes, read.rollback, read.no_way_back) == ((), None, None)
    assert read.bounds == Bounds(2, 2, 1, 1, 1, 1)
