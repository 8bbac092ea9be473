"""Drift for machines, as JSON, and for the comment of an issue, as markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from vmssplan.drift import DriftReport, FieldState
from vmssplan.report.drift import (
    NotCompared,
    Result,
    RunInProgress,
    base_name,
    basis_text,
    drift_line,
    exit_code_of,
    field_sentence,
    instance_groups,
    standing,
    summary_line,
    told_notes,
    value_text,
)
from vmssplan.report.markup import code, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.drift import FieldFinding, InstanceFinding, LeftPinned, UnfinishedRun
    from vmssplan.errors import ExitCode

Document = dict[str, Any]
MARKER = "<!-- vmssplan drift -->"
"""The first line of the markdown: by it a pipeline finds the comment to renew."""


def drift_json(results: Sequence[Result], exit_code: ExitCode) -> Document:
    """Return all results, in the order given."""
    return {
        "exitCode": int(exit_code),
        "scaleSets": [
            {
                "plan": one.plan,
                "scaleSet": one.target.resource_id,
                "state": standing(one).value,
                "exitCode": int(exit_code_of(one)),
                **_details(one),
            }
            for one in results
        ],
    }


def _details(result: Result) -> Document:
    match result:
        case DriftReport():
            return {
                "baseRun": result.baseline.run,
                "fields": [_field(one) for one in result.fields],
                "instances": [_instance(one) for one in result.instances],
                "total": result.total,
                "outdated": result.outdated,
                "newerVersion": result.newer_version,
                "unfinishedRuns": [_unfinished(one) for one in result.baseline.unfinished],
                "pinnedAutoscale": [_pinned(one) for one in result.baseline.pinned],
                "notes": list(result.notes),
            }
        case RunInProgress(holder=holder):
            return {
                "run": holder.run if holder else None,
                "holder": str(holder) if holder else None,
            }
        case NotCompared(error=error):
            return {"error": error.message, "hint": error.hint}
    assert_never(result)


def _field(one: FieldFinding) -> Document:
    return {
        "path": one.path,
        "state": one.state.value,
        "isDrift": one.state.is_drift,
        "base": one.base,
        "live": one.live,
        "desired": one.desired,
        "run": one.known.run if one.known else None,
    }


def _instance(one: InstanceFinding) -> Document:
    return {
        "instanceId": one.instance_id,
        "state": one.state.value,
        "isDrift": one.state.is_drift,
        "was": one.was,
        "now": one.now,
        "run": one.run,
    }


def _unfinished(one: UnfinishedRun) -> Document:
    return {
        "run": one.run,
        "exitCode": one.exit_code,
        "reason": one.reason,
    }


def _pinned(one: LeftPinned) -> Document:
    return {"run": one.run, "settings": list(one.settings), "count": one.count}


def drift_markdown(results: Sequence[Result]) -> str:
    """Return one comment for all results; it begins with the marker."""
    lines = [MARKER, f"**{summary_line(results)}**"]
    for one in results:
        lines += [
            "",
            f"### {plain(one.plan)}: {plain(str(one.target))}, {standing(one).words}",
            "",
        ]
        lines += _section(one)
    return "\n".join(lines) + "\n"


def _section(result: Result) -> Iterator[str]:
    match result:
        case DriftReport():
            yield from _report_section(result)
        case RunInProgress(holder=holder):
            who = code(str(holder)) if holder else "another process"
            yield f"A Run is in progress, so nothing was compared: {who}"
        case NotCompared(error=error):
            yield f"Error: {code(error.message)}"
        case _:
            assert_never(result)


def _report_section(report: DriftReport) -> Iterator[str]:
    yield f"{drift_line(report)} {basis_text(report)}"
    shown = [one for one in report.fields if one.state is not FieldState.IN_SYNC]
    if shown:
        yield from ("", "| field | | base | live | Plan |", "|---|---|---|---|---|")
        for one in shown:
            base = f"{code(value_text(one.base))} ({base_name(one.known)})" if one.known else ""
            values = (code(value_text(value)) for value in (one.live, one.desired))
            yield f"| `{one.path}` | {field_sentence(one)} | {base} | {' | '.join(values)} |"
    for title, is_drift in (("Instances", True), ("Told, and no drift", False)):
        told = [
            f"- {plain(sentence)}: {', '.join(code(name) for name in names)}"
            for _, sentence, names in instance_groups(report, is_drift=is_drift)
        ]
        if not is_drift:
            told += [f"- {plain(note)}" for note in told_notes(report)]
        if told:
            yield from ("", f"{title}:", "", *told)
