"""What was beside what would have been: two Runs of the same failure, in one small table."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.report.run import Recap, headline
from vmssplan.report.wording import one_line, roughly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.engine import RunState
    from vmssplan.rehearsal import Rehearsal


def what_if_text(state: RunState, events: Sequence[ev.Event], other: Rehearsal, asked: str) -> str:
    """Return the table, and how each of the two ended."""
    was, would = _column(state, events), _column(other.state, other.events)
    rows = [("", "as it was", asked), *((name, was[name], would[name]) for name in was)]
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    ends = [f"as it was: {headline(state)}", f"{one_line(asked)}: {headline(other.state)}"]
    note = "Rehearsed with the same failures of the same instances, and assumed latencies."
    return "\n".join([*lines, "", *ends, "", note]) + "\n"


def _column(state: RunState, events: Sequence[ev.Event]) -> dict[str, str]:
    touched = {
        instance_id
        for event in events
        if isinstance(event, ev.UpgradeIntended)
        for instance_id in event.instance_ids
    }
    failed = {event.instance_id for event in events if isinstance(event, ev.InstanceFailed)}
    span = events[-1].at - events[0].at if events else timedelta(0)
    outcome = state.outcome
    return {
        "exit code": str(int(outcome.exit_code)) if outcome else "-",
        "duration": roughly(span),
        "instances touched": str(len(touched)),
        "instances failed": str(len(failed)),
        "recap": str(Recap.of(state)),
    }
