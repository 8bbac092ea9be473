"""What happens while an Operation is carried out, and how it ended: lines of text, lines of JSON.

The JSON has the keys of the stream of a Run, so that what reads one reads the other.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from vmssplan.errors import ExitCode
from vmssplan.operating import Verb
from vmssplan.report.as_json import MODULE
from vmssplan.report.wording import counted, one_line
from vmssplan.working import NoteKind

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.operating import Operation
    from vmssplan.working import Note, WorkOutcome

Document = dict[str, Any]
_LEVELS = {NoteKind.WAITING: "warn", NoteKind.LEFT: "warn", NoteKind.FAILED: "error"}


def note_text(note: Note, operation: Operation) -> str:
    """Return one line of a log."""
    place = "" if note.batch is None else f"batch {note.batch} of {len(operation.batches)}: "
    who = ""
    is_in_text = note.kind is NoteKind.REQUEST or note.batch is None
    if note.instance_ids and not is_in_text:
        who = f"{', '.join(note.instance_ids)} "
    return f"{note.at:%H:%M:%S}  {one_line(place + who + note.text)}"


def note_json(note: Note, operation: Operation) -> Document:
    """Return one line of a stream."""
    return {
        **_head(_LEVELS.get(note.kind, "info"), note_text(note, operation), note.at),
        "type": f"operation_{note.kind}",
        "verb": operation.verb.value,
        "scaleSet": operation.target.resource_id,
        "batch": note.batch,
        "batches": len(operation.batches),
        "instances": list(note.instance_ids),
    }


def work_text(outcome: WorkOutcome, operation: Operation, again: str) -> str:
    """Return how it ended, the recap, and what to type when it did not end well."""
    verb = str(operation.verb).capitalize()
    is_good = outcome.exit_code is ExitCode.SUCCESS
    head = f"{verb} complete!" if is_good else f"{verb} ended: {one_line(outcome.reason)}"
    if is_good and outcome.waiting:
        head = f"{verb} requested; nobody waited for {counted(len(outcome.waiting), 'instance')}."
    lines = [head, *(f"  {i}: {error}" for i, error in outcome.failed)]
    counts = _counts(outcome, operation)
    lines.append(f"{operation.target}  " + " ".join(f"{k}={v}" for k, v in counts.items()))
    if not is_good:
        lines.append(f"To go on: {again}")
    return "\n".join(lines)


def work_json(outcome: WorkOutcome, operation: Operation, at: datetime) -> Document:
    """Return the last line of a stream."""
    level = "info" if outcome.exit_code is ExitCode.SUCCESS else "error"
    message = outcome.reason or f"{operation.verb} complete"
    return {
        **_head(level, message, at),
        "type": "outcome",
        "verb": operation.verb.value,
        "scaleSet": operation.target.resource_id,
        "exitCode": int(outcome.exit_code),
        "reason": outcome.reason or None,
        "recap": _counts(outcome, operation),
        "failures": [
            {"instanceId": i, "code": error.code, "message": error.message}
            for i, error in outcome.failed
        ],
    }


def _counts(outcome: WorkOutcome, operation: Operation) -> dict[str, int]:
    settled = len(outcome.done) + len(outcome.failed) + len(outcome.waiting) + len(outcome.left)
    pending = 0 if operation.verb is Verb.SCALE else len(operation.members) - settled
    return {
        "ok": len(outcome.done),
        "waiting": len(outcome.waiting),
        "skipped": len(operation.skipped) + len(outcome.left),
        "failed": len(outcome.failed),
        "pending": max(0, pending),
    }


def _head(level: str, message: str, at: datetime) -> Document:
    stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"@level": level, "@message": message, "@module": MODULE, "@timestamp": stamp}
