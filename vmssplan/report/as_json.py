"""Rollouts, Runs and Events for machines: documents with camelCase keys, ready to be JSON.

A stream is a version line, one line an Event, and the outcome. Each line has the keys of
Terraform's (`@level`, `@message`, `@module`, `@timestamp`, `type`), so that a viewer of those shows
ours; our keys come beside them. A type that Terraform knows is used only where it means the same:
its `apply_start` is one resource's, so a Run has types of its own.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC
from typing import TYPE_CHECKING, Any

from vmssplan import __version__
from vmssplan.documents import to_document
from vmssplan.engine import Event, Phase
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.report.happening import happening
from vmssplan.report.run import Recap, headline
from vmssplan.report.status import state_word
from vmssplan.report.told import Weight
from vmssplan.rollout import digest, rollout_document

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.engine import RunState
    from vmssplan.report.status import RunRecord
    from vmssplan.rollout import Rollout

Document = dict[str, Any]
TOOL = f"vmssplan {__version__}"
MODULE = "vmssplan.ui"
STREAM_VERSION = "1.0"
LEVELS = {
    Weight.DETAIL: "debug",
    Weight.INFO: "info",
    Weight.WARNING: "warn",
    Weight.ERROR: "error",
}
EVENT_TYPES: dict[type, str] = {
    ev.RunStarted: "run_start",
    ev.RunResumed: "resumed",
    ev.StepStarted: "step_start",
    ev.StepCompleted: "step_complete",
    ev.ModelWriteIntended: "request",
    ev.UpgradeIntended: "request",
    ev.OperationAccepted: "request",
    ev.RequestDeferred: "deferred",
    ev.RequestRefused: "request",
    ev.OutcomeLost: "request",
    ev.OperationEnded: "request",
    ev.InstanceUpgraded: "instance_state",
    ev.InstanceNotStarted: "instance_state",
    ev.InstanceSkipped: "instance_state",
    ev.InstanceBecameHealthy: "instance_state",
    ev.InstanceBecameUnhealthy: "instance_state",
    ev.InstanceReady: "instance_state",
    ev.InstanceFailed: "instance_state",
    ev.FloorReached: "budget",
    ev.InstanceAppeared: "instance_appeared",
    ev.GateMeasured: "gate",
    ev.HookStarted: "hook_start",
    ev.HookEnded: "hook_complete",
    ev.AutoscalePinIntended: "autoscale",
    ev.AutoscalePinned: "autoscale",
    ev.AutoscaleRestored: "autoscale",
    ev.AutoscaleDeferred: "autoscale",
    ev.AutoscaleLeftPinned: "autoscale",
    ev.ApprovalAwaited: "approval_awaited",
    ev.ApprovalGiven: "approval",
    ev.ApprovalRefused: "approval",
    ev.RunHeld: "paused",
    ev.RunContinued: "continued",
    ev.CancelRequested: "cancelling",
    ev.RollbackRequested: "rollback",
    ev.InstructionIgnored: "instruction_ignored",
    ev.RollbackStarted: "rollback",
    ev.StopDecided: "stopping",
    ev.RunHalted: "halted",
    ev.RunCompleted: "run_complete",
}


def rollout_json(rollout: Rollout) -> Document:
    """Return the saved form of the Rollout (`schemas/rollout.v1.schema.json`)."""
    return rollout_document(rollout, tool=TOOL)


def status_json(records: Sequence[RunRecord]) -> Document:
    """Return the Runs, in the order given."""
    return {"runs": [_run_document(record) for record in records]}


def outcome_json(state: RunState, run: str) -> Document:
    """Return how the Run ended: the counters of the recap, and each failure in Azure's words."""
    rollout, outcome = state.rollout, state.outcome
    return {
        "run": run,
        "plan": rollout.plan,
        "scaleSet": rollout.target.resource_id,
        "exitCode": int(outcome.exit_code) if outcome else None,
        "reason": outcome.reason if outcome else None,
        "step": state.step,
        "steps": len(rollout.steps),
        "recap": asdict(Recap.of(state)),
        "failures": [to_document(failure) for failure in state.failures],
    }


def version_json(at: datetime) -> Document:
    """Return the first line of a stream: who writes it, in which version of the format."""
    return {
        **_head("info", TOOL, at, "version"),
        "vmssplan": __version__,
        "ui": STREAM_VERSION,
    }


def outcome_line_json(state: RunState, run: str, at: datetime) -> Document:
    """Return the last line of a stream: how the Run ended, for now."""
    outcome = state.outcome
    level = "info" if outcome and outcome.exit_code is ExitCode.SUCCESS else "error"
    return {
        **_head(level, headline(state), at, "outcome"),
        **outcome_json(state, run),
    }


def event_json(event: Event, run: str, rollout: Rollout) -> Document:
    """Return one line of the stream; every Event has one, also those no text log shows."""
    told = happening(event, rollout)
    message = told.text if told.instance is None else f"instance {told.instance}: {told.text}"
    document: Document = {
        **_head(LEVELS[told.weight], message, event.at, EVENT_TYPES[type(event)]),
        "run": run,
        "plan": rollout.plan,
        "scaleSet": rollout.target.resource_id,
        "steps": len(rollout.steps),
        "event": to_document(event, Event),
    }
    places = {"step": told.step, "batch": told.batch, "instance": told.instance}
    document.update({name: value for name, value in places.items() if value is not None})
    return document


def _head(level: str, message: str, at: datetime, line_type: str) -> Document:
    """Return the keys that every line of the stream has."""
    return {
        "@level": level,
        "@message": message,
        "@module": MODULE,
        "@timestamp": _timestamp(at),
        "type": line_type,
    }


def _run_document(record: RunRecord) -> Document:
    state = record.state
    last = record.events[-1] if record.events else None
    return {
        **outcome_json(state, record.run),
        "state": state_word(state, is_held=record.is_held),
        "digest": digest(record.rollout),
        "started": _timestamp(record.started) if record.started else None,
        "lastEvent": to_document(last, Event) if last else None,
        "instances": {phase.value: list(state.ids(phase)) for phase in Phase},
    }


def _timestamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
