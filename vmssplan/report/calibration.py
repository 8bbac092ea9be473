"""What was learned of how long things take: for people, and as the file that `plan` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.report.wording import counted, one_line, span_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.forecast.calibration import Learned

NAMES = {
    "modelUpdate": "model write",
    "upgrade": "upgrade, boot included",
    "reimage": "reimage, boot included",
    "health": "from there to healthy",
}


def calibration_text(learned: Sequence[Learned], runs: Sequence[str]) -> str:
    """Return a table: what, how long, and from how much that is known."""
    lines = [f"Learned from {counted(len(runs), 'Run')}:"]
    for one in learned:
        if one.name in NAMES:
            times = f"median {span_text(one.median)}, p95 {span_text(one.p95)}"
            basis = counted(one.samples, "sample") if one.samples else "never seen: as assumed"
            lines.append(f"  {NAMES[one.name]:<24}{times:<32}{basis}")
    return "\n".join(lines)


def latencies_text(learned: Sequence[Learned], runs: Sequence[str]) -> str:
    """Return the file: `latencies` as a scenario of the simulator has them."""
    lines = [
        "# How long things take here, as `vmssplan calibrate` learned it from",
        f"# {one_line(', '.join(runs))}.",
        "latencies:",
    ]
    for one in learned:
        if one.p95:
            span = f"{{median: {format_duration(one.median)}, p95: {format_duration(one.p95)}}}"
            lines.append(f"  {one.name}: {span}  # {counted(one.samples, 'sample')}")
        else:
            lines.append(f"  {one.name}: {format_duration(one.median)}  # part of the operation")
    return "\n".join(lines) + "\n"
