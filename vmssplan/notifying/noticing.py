"""Which Events are worth telling others, and what to say then. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.notifying.values import Failed, Kind, Notification
from vmssplan.report.happening import happening
from vmssplan.report.run import ADVICE, Advice, Recap, awaits_approval, headline
from vmssplan.report.run_report.safe import safe
from vmssplan.report.steps import batch_of_step, place_text
from vmssplan.report.wording import counted
from vmssplan.rollout import Approval

if TYPE_CHECKING:
    from vmssplan.engine import Event, RunState

MOST_FAILURES = 10
MOST_NAMED = 20
_TO_APPROVE = Advice(
    "look whether all is well, then:", ("approve {run} {step}", "reject {run} {step}")
)
_TO_APPROVE_AND_GO_ON = Advice(
    "look whether all is well, then approve, and go on:", ("approve {run} {step}", "resume {run}")
)
_NOTHING = Advice("", ())


def notice_of(event: Event, state: RunState, run: str) -> Notification | None:
    """Return what to tell of an Event; `state` is the one after it. None: nothing."""
    match event:
        case ev.RunStarted():
            return _notice(event, state, run, Kind.STARTED, happening(event, state.rollout).text)
        case ev.RunResumed():
            return _notice(event, state, run, Kind.STARTED, f"Run {run} resumed")
        case ev.ApprovalAwaited():
            return _waiting(event, state, run, _TO_APPROVE)
        case ev.RunHalted() if _is_an_approval(state):
            return _waiting(event, state, run, _TO_APPROVE_AND_GO_ON)
        case ev.RunHalted():
            advice = ADVICE.get(ExitCode(event.exit_code), Advice("mend the cause; then:"))
            return _notice(event, state, run, Kind.HALTED, headline(state), advice)
        case ev.RunCompleted() if state.rollback is not None:
            advice = ADVICE[ExitCode.ROLLED_BACK]
            return _notice(event, state, run, Kind.ROLLED_BACK, headline(state), advice)
        case ev.RunCompleted():
            upgraded = counted(Recap.of(state).upgraded, "instance")
            text = f"Run {run} is complete: {upgraded} upgraded"
            return _notice(event, state, run, Kind.COMPLETED, text)
        case _:
            return None


def _is_an_approval(state: RunState) -> bool:
    """Tell whether the Run has ended only to wait for a person."""
    is_paused = state.outcome is not None and state.outcome.exit_code is ExitCode.PAUSED
    return is_paused and awaits_approval(state)


def _waiting(event: Event, state: RunState, run: str, advice: Advice) -> Notification:
    step = state.rollout.steps[state.step - 1]
    asked = f": {step.message}" if isinstance(step, Approval) and step.message else ""
    text = f"Run {run} waits for an approval at {place_text(state.rollout, state.step)}{asked}"
    return _notice(event, state, run, Kind.WAITING_FOR_APPROVAL, text, advice)


def _notice(
    event: Event, state: RunState, run: str, kind: Kind, message: str, advice: Advice = _NOTHING
) -> Notification:
    rollout, outcome = state.rollout, state.outcome
    target = rollout.target
    told = f"{run}\n{state.digest}\n{kind}\n{event.at.isoformat()}\n{state.step}"
    return Notification(
        message_id="msg_" + hashlib.sha256(told.encode()).hexdigest()[:32],
        kind=kind,
        at=event.at,
        run=safe(run),
        plan=safe(rollout.plan),
        scale_set=safe(f"{target.name} in {target.resource_group}, {rollout.location}"),
        scale_set_id=target.resource_id,
        digest=state.digest,
        message=safe(message),
        is_resumed=isinstance(event, ev.RunResumed),
        is_way_back=state.rollback is not None,
        step=state.step or None,
        steps=len(rollout.steps),
        batch=batch_of_step(rollout, state.step) if state.step else None,
        exit_code=outcome.exit_code if outcome else None,
        reason=safe(outcome.reason) if outcome else "",
        recap=Recap.of(state),
        floor=rollout.bounds.floor,
        failures=_failures(state),
        advice=advice.text,
        commands=tuple(
            safe(f"vmssplan {one.format(run=run, step=state.step)}") for one in advice.commands
        ),
    )


def _failures(state: RunState) -> tuple[Failed, ...]:
    alike: dict[tuple[str, str], list[str]] = {}
    for one in state.failures:
        alike.setdefault((safe(one.code), safe(one.message)), []).append(safe(one.instance_id))
    return tuple(
        Failed(tuple(ids[:MOST_NAMED]), code, message)
        for (code, message), ids in list(alike.items())[:MOST_FAILURES]
    )
