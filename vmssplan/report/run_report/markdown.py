"""The report as markdown, for an incident page or the summary of a pipeline: never too long.

What does not fit is left out from the end, the events first, and it is said that it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.report.markup import code, plain
from vmssplan.report.run_report.page import step_name
from vmssplan.report.run_report.safe import safe
from vmssplan.report.text import plan_line
from vmssplan.report.wording import beginning, span_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from vmssplan.report.run_report.chronicle import Chronicle

LONGEST = 60_000
LONGEST_CELL, LONGEST_TITLE = 400, 160
MOST_EVENTS = 200
NAMED = 20
_RESERVE = 200
_LEFT_OUT = "_What followed did not fit: see the report as HTML._"


def report_markdown(chronicle: Chronicle) -> str:
    """Return the report, below 60,000 characters."""
    lines: list[str] = []
    room = LONGEST - _RESERVE
    for line in _all(chronicle):
        room -= len(line) + 1
        if room < 0:
            lines += ["", _LEFT_OUT]
            break
        lines.append(line)
    return "\n".join(lines).rstrip("\n") + "\n"


def _all(chronicle: Chronicle) -> Iterator[str]:
    rollout = chronicle.rollout
    yield f"## Run {plain(chronicle.run)}: {plain(beginning(chronicle.headline, LONGEST_TITLE))}"
    yield ""
    yield from _table(("", ""), chronicle.summary)
    yield f"Plan {plain(rollout.plan)}: {plain(safe(plan_line(rollout).removeprefix('Plan: ')))}"
    yield ""
    for change in rollout.changes:
        before, after = safe(change.before or "(not set)"), safe(change.after or "(removed)")
        yield f"- {code(change.path)}: {_cell(before)} → {_cell(after)}"
    yield ""
    yield from _section(
        "Failures",
        ("time", "instances", "to the end", "code", "message"),
        [
            (
                _time(chronicle, one.at),
                _names(one.instance_ids),
                "failed" if one.stands else "went well later",
                one.code,
                one.message,
            )
            for one in chronicle.failures
        ],
    )
    yield from _section(
        "Gates and people",
        ("time", "step", "about", "by", "said"),
        [
            (
                _time(chronicle, one.at),
                "" if one.step is None else str(one.step),
                one.about,
                one.by,
                one.said + (f" ({one.times} times)" if one.times > 1 else ""),
            )
            for one in chronicle.decisions
        ],
    )
    yield from _section(
        "Batches",
        ("batch", "instances", "started", "took", "ready", "failed", "skipped"),
        [
            (
                f"way back, {one.name}" if one.is_way_back else one.name,
                _names(one.instance_ids),
                _time(chronicle, one.started),
                _took(one.started, one.ended),
                str(one.ready),
                str(one.failed),
                str(one.skipped),
            )
            for one in chronicle.batches
        ],
    )
    yield from _section(
        "Steps",
        ("step", "what", "started", "took", "note"),
        [
            (
                step_name(one),
                one.title,
                _time(chronicle, one.started),
                _took(one.started, one.ended),
                one.note,
            )
            for one in chronicle.steps
        ],
    )
    yield from _section(
        "API calls",
        ("time", "request", "took", "outcome"),
        [
            (_time(chronicle, one.at), one.what, _took(one.at, one.ended), one.outcome)
            for one in chronicle.calls
        ],
    )
    last = chronicle.lines[-MOST_EVENTS:]
    yield from _section(
        "Events" if len(last) == len(chronicle.lines) else f"Last {len(last)} events",
        ("time", "step", "instances", "what"),
        [
            (
                _time(chronicle, one.at),
                "" if one.step is None else str(one.step),
                _names(one.instance_ids),
                one.text,
            )
            for one in last
        ],
    )


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield f"### {title}"
        yield ""
        yield from _table(columns, rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(_cell(one) for one in row)} |"
    yield ""


def _cell(text: str) -> str:
    return plain(beginning(text, LONGEST_CELL))


def _names(instance_ids: Sequence[str]) -> str:
    named = ", ".join(instance_ids[:NAMED])
    left = len(instance_ids) - NAMED
    return f"{named} and {left} more" if left > 0 else named


def _time(chronicle: Chronicle, at: datetime | None) -> str:
    return "" if at is None else chronicle.clock(at)


def _took(start: datetime | None, end: datetime | None) -> str:
    return "" if start is None or end is None else span_text(end - start)
