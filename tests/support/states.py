"""States of a Run as tests want them: what has happened so far, and the set as it is then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.service import with_model
from tests.support.values import NEW_IMAGE, START, at_most, scale_set, strategy
from vmssplan.engine import RunState, replay
from vmssplan.engine import events as ev
from vmssplan.model import Method, ScaleSet

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout

LIVE = scale_set(4)
WINDOW: dict[str, Any] = {
    "strategy": strategy("slidingWindow", 2),
    "availability": at_most(2, operations=2),
}


def written(live: ScaleSet = LIVE) -> ScaleSet:
    """Return the set with the new model, which no instance runs yet."""
    return with_model(live, image=NEW_IMAGE)


def upgrading(made: Rollout, *more: Event) -> RunState:
    """Return the state in which the first upgrade step is open, and what happened since."""
    begun: list[Event] = [
        ev.RunStarted(START, "web-1", "sha256:0"),
        ev.StepStarted(START, 1),
        ev.StepCompleted(START, 1),
        ev.StepStarted(START, 2),
    ]
    return replay(made, [*begun, *more])


def at_step(made: Rollout, step: int, *more: Event) -> RunState:
    """Return the state in which that step is open, and what happened since."""
    return replay(
        made, [ev.RunStarted(START, "web-1", "sha256:0"), ev.StepStarted(START, step), *more]
    )


def started(request: int, *ids: str) -> tuple[Event, Event]:
    """Return an upgrade intended and accepted at the start."""
    return (
        ev.UpgradeIntended(START, request, 2, Method.UPGRADE, ids),
        ev.OperationAccepted(START, request, f"operation-{request}"),
    )


def put_off(until: datetime, at: datetime = START) -> ev.RequestDeferred:
    """Return a request put off until then."""
    return ev.RequestDeferred(at, ev.DeferralReason.CONFLICT, until, "Conflict", "Another one.")
