"""The report for machines (`schemas/runreport.v1.schema.json`): the chronicle as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from vmssplan.documents import document_key
from vmssplan.report.as_json import TOOL
from vmssplan.report.run import Recap
from vmssplan.report.run_report.safe import safe
from vmssplan.rollout import API_VERSION, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.report.run_report.chronicle import Chronicle

Document = dict[str, Any]


def report_json(chronicle: Chronicle) -> Document:
    """Return the whole report; times are ISO 8601, durations seconds."""
    rollout, state, outcome = chronicle.rollout, chronicle.state, chronicle.state.outcome
    recap = Recap.of(state)
    return {
        "apiVersion": API_VERSION,
        "kind": "RunReport",
        "tool": TOOL,
        "run": chronicle.run,
        "plan": safe(rollout.plan),
        "scaleSet": rollout.target.resource_id,
        "digest": digest(rollout),
        "started": _plain(chronicle.started),
        "lastEvent": _plain(chronicle.last),
        "durationSeconds": _plain(chronicle.duration),
        "headline": chronicle.headline,
        "exitCode": int(outcome.exit_code) if outcome else None,
        "reason": safe(outcome.reason) if outcome else None,
        "rolledBack": state.rollback is not None,
        "recap": {name: getattr(recap, name) for name in Recap.__slots__},
        "floor": chronicle.floor,
        "lowestInService": chronicle.lowest,
        "total": rollout.bounds.total,
        "changes": [
            {"path": one.path, "before": _safe(one.before), "after": _safe(one.after)}
            for one in rollout.changes
        ],
        "steps": _all(chronicle.steps),
        "batches": _all(chronicle.batches),
        "instances": _all(chronicle.instances),
        "inService": _all(chronicle.counts),
        "decisions": _all(chronicle.decisions),
        "failures": _all(chronicle.failures),
        "calls": _all(chronicle.calls),
        "events": _all(chronicle.lines),
    }


def _safe(text: str | None) -> str | None:
    return None if text is None else safe(text)


def _all(values: Sequence[Any]) -> list[Any]:
    return [_plain(one) for one in values]


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case tuple():
            return [_plain(one) for one in value]
        case str() | int() | None:
            return value
        case _:
            return {document_key(name): _plain(getattr(value, name)) for name in value.__slots__}
