"""A counterexample as a scenario of the simulator, and what a RolloutTest expects there.

Not every story can be told there: nobody dies in a RolloutTest, and people say nothing in it but
yes or no to approvals. Whoever writes one runs it, and believes it only when it shows the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vmssplan.durations import format_duration
from vmssplan.engine import ReimageInstances, UpgradeInstances, WriteModel
from vmssplan.engine import events as ev
from vmssplan.verifying.moves import Kind
from vmssplan.verifying.scene import DEADLINE, PAUSE, PROOF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from vmssplan.model import Plan
    from vmssplan.verifying.moves import Move
    from vmssplan.verifying.story import Chapter

LATENCIES = {
    "modelUpdate": "PT5S",
    "upgrade": "PT3S",
    "reimage": "PT3S",
    "boot": "PT2S",
    "health": "PT1S",
    "delete": "PT1S",
    "create": "PT1S",
    "instanceUpdate": "PT1S",
    "nothingToDo": "PT1S",
}
"""Everything is done well before the next poll, as in a story where all goes well."""
WORK_SECONDS = 5
_REQUESTS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.CONFLICT: {"error": {"status": 409, "code": "Conflict", "message": "Another one runs."}},
    Kind.THROTTLED: {"throttle": {"retryAfter": "PT20S"}},
    Kind.REFUSED: {"error": {"status": 400, "code": "InvalidParameter", "message": "No."}},
    Kind.ETAG: {"error": {"status": 412, "code": "PreconditionFailed", "message": "Changed."}},
    Kind.REPLY_LOST: {"replyLost": {}},
    Kind.REQUEST_LOST: {"requestLost": {}},
}
_FREE = (
    Kind.TIME,
    Kind.ACCEPTED,
    Kind.PASSES,
    Kind.APPROVE,
    Kind.RECOVERS,
    Kind.ENDS,
)
_ANSWERS = {
    Kind.PASSES: "Successful",
    Kind.ANSWERS_FAILED: "Failed",
    Kind.ANSWERS_INCONCLUSIVE: "Inconclusive",
    Kind.ANSWERS_ERROR: "Error",
}


class CannotBeToldError(Exception):
    """A RolloutTest has no words for this move."""


@dataclass
class Told:
    """What a RolloutTest has beside its Plan and scenario, as it is found in a story."""

    faults: list[dict[str, Any]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    is_approved: bool = False
    requests: int = 0

    def fault(self, effect: Mapping[str, Any], ids: Sequence[str] = (), nth: int = 0) -> None:
        """Add a fault; `nth` is which of the writes it is, 0 for any."""
        fault: dict[str, Any] = {"name": f"{len(self.faults) + 1}", "effect": dict(effect)}
        match: dict[str, Any] = {}
        if ids:
            match["instanceIds"] = list(ids)
        if nth:
            match["operations"] = ["patchScaleSet", "upgrade", "reimage"]
            fault["when"] = {"nth": nth}
        if match:
            fault["match"] = match
        self.faults.append(fault)


def rollout_test_document(
    chapters: Sequence[Chapter], plan: Plan, name: str, overrides: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the RolloutTest without its `plan` and `scenario`; raises CannotBeToldError."""
    told = Told()
    for number, chapter in enumerate(chapters):
        if chapter.move is not None:
            _tell(told, chapter.move, chapter.at, chapters, number)
    document: dict[str, Any] = {
        "apiVersion": "vmssplan/v1",
        "kind": "RolloutTest",
        "metadata": {"name": name},
        "with": {**overrides, **_short_times(plan), "autoscale": "ignore"},
        "latencies": LATENCIES,
        "approvals": "given" if told.is_approved else "missing",
        "expect": {"never": [_offence(chapters)]},
    }
    if told.faults:
        document["faults"] = told.faults
    if told.answers:
        document["answers"] = told.answers
    return document


def _short_times(plan: Plan) -> dict[str, Any]:
    times: dict[str, timedelta] = {
        "health.minHealthyTime": min(plan.health.min_healthy_time, PROOF),
        "health.deadline": DEADLINE,
        "strategy.pauseTimeBetweenBatches": min(plan.strategy.pause_time_between_batches, PAUSE),
    }
    return {key: format_duration(span) for key, span in times.items()}


def _tell(told: Told, move: Move, at: int, chapters: Sequence[Chapter], number: int) -> None:
    kind, ids, moment = move.kind, move.ids, f"PT{at + 1}S"
    actor = {"actor": "somebody", "at": moment}
    if kind in (Kind.ACCEPTED, *_REQUESTS):
        told.requests += 1
    if kind in _REQUESTS:
        told.fault(_REQUESTS[kind], nth=told.requests)
        return
    match kind:
        case Kind.SICKENS:
            told.fault({"sick": {"at": moment, **_until_recovery(ids, at, chapters[number:])}}, ids)
        case Kind.FAILS | Kind.BREAKS:
            failed: dict[str, Any] = {"code": "OperationFailed", "message": "It failed there."}
            told.fault({"operationFailed": failed}, ids)
        case Kind.DELETED:
            told.fault({"changedBy": {**actor, "does": {"deleteInstances": list(ids)}}})
        case Kind.PROTECTED:
            told.fault({"changedBy": {**actor, "does": {"protectInstances": list(ids)}}})
        case Kind.UPGRADED:
            told.fault({"changedBy": {**actor, "does": {"upgradeInstances": list(ids)}}})
        case Kind.MODEL_CHANGED:
            image = {"id": "/images/somebody-else"}
            profile = {"storageProfile": {"imageReference": image}}
            patch = {"properties": {"virtualMachineProfile": profile}}
            told.fault({"modelChangedBy": {**actor, "patch": patch}})
        case Kind.MODEL_TOUCHED:
            told.fault({"modelChangedBy": {**actor, "patch": {"tags": {"touched": "yes"}}}})
        case _ if kind in _ANSWERS:
            told.answers.append(_ANSWERS[kind])
        case _ if kind in _FREE:
            told.is_approved = told.is_approved or kind is Kind.APPROVE
            _tell_slow(told, move, at, chapters[: number + 1], chapters[number:])
        case _:
            raise CannotBeToldError(str(move))


def _until_recovery(ids: Sequence[str], at: int, rest: Sequence[Chapter]) -> dict[str, str]:
    for chapter in rest:
        move = chapter.move
        if move is not None and move.kind is Kind.RECOVERS and move.ids == tuple(ids):
            return {"for": f"PT{max(1, chapter.at - at)}S"}
    return {}


def _tell_slow(
    told: Told, move: Move, at: int, before: Sequence[Chapter], rest: Sequence[Chapter]
) -> None:
    """Tell what takes longer than usual: an operation, or health that never comes."""
    if move.kind is not Kind.ENDS or not move.ids:
        return
    begun = [c.at for c in before if c.move is not None and c.move.kind is Kind.ACCEPTED]
    if begun and at > begun[-1]:
        factor = (at - begun[-1]) // WORK_SECONDS + 1
        told.fault({"slow": {"factor": factor}}, move.ids)
    recovered = {
        i
        for chapter in rest
        if chapter.move is not None and chapter.move.kind is Kind.RECOVERS
        for i in chapter.move.ids
    }
    ill = [i for i in move.ids if i not in recovered]
    if ill:
        told.fault({"neverHealthy": {}}, ill)


def _offence(chapters: Sequence[Chapter]) -> dict[str, Any]:
    """Return the pattern of the event that must not happen."""
    last = chapters[-1]
    match last.command:
        case (
            UpgradeInstances(step=step, instance_ids=ids)
            | ReimageInstances(step=step, instance_ids=ids)
        ):
            return {"event": "UpgradeIntended", "step": step, "instanceIds": list(ids)}
        case WriteModel(step=step):
            return {"event": "ModelWriteIntended", "step": step}
        case _:
            pass
    ended = [
        one
        for one in last.events
        if isinstance(one, ev.StepCompleted | ev.RunCompleted | ev.RunHalted)
    ]
    match ended[-1] if ended else None:
        case ev.StepCompleted(step=step):
            return {"event": "StepCompleted", "step": step}
        case ev.RunCompleted():
            return {"event": "RunCompleted"}
        case ev.RunHalted(exit_code=code):
            return {"event": "RunHalted", "exitCode": code}
        case _:
            raise CannotBeToldError("nothing happens that could be forbidden")
