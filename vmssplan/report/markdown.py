"""Rollouts as the comment of a pull request: what a reviewer approves, folded up, never too long.

GitHub refuses comments of more than 65,536 characters and Azure DevOps of more than 150,000; this
keeps below 60,000 by leaving steps out at the end, and says how many.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.lint import Finding, Severity
from vmssplan.report.forecast import Foreseen, foreseen_rows, predicted_line
from vmssplan.report.listing import symbol_of
from vmssplan.report.steps import step_title
from vmssplan.report.text import plan_line, target_rows
from vmssplan.report.wording import counted, one_line
from vmssplan.rollout import Disposition, Rollout, UpgradeBatch, UpgradeWindow, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmssplan.rollout import Step

LONGEST = 60_000
MARKER = "<!-- vmssplan plan -->"
"""The first line: by it a pipeline finds the comment to renew instead of adding another."""
NAMED_IN_A_ROW = 40
LEGEND = (
    "`~` changed model field, or instance changed in place · `-/+` instance whose OS disk is"
    " replaced · `=` already current · `!` skipped"
)
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~])")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One Rollout with all that is told beside it."""

    rollout: Rollout
    findings: Sequence[Finding]
    foreseen: Foreseen | None


def plan_comment(sets: Sequence[Reviewed], apply_command: str = "") -> str:
    """Return the comment: a folded section a scale set, open where there are changes."""
    head = [MARKER, f"### vmssplan: {_headline(sets)}", ""]
    tail = ["", LEGEND, ""]
    if apply_command:
        tail += [f"Apply with `{apply_command}`.", ""]
    room = LONGEST - len("\n".join([*head, *tail])) - 200
    body: list[str] = []
    for number, one in enumerate(sets):
        share = room // (len(sets) - number)
        section = _section(one, share, is_open=len(sets) == 1 and one.rollout.has_changes)
        if len(section) > room:
            left = counted(len(sets) - number, "scale set")
            body.append(f"_{left} more did not fit into this comment._")
            break
        room -= len(section) + 1
        body.append(section)
    return "\n".join([*head, *body, *tail])


def _headline(sets: Sequence[Reviewed]) -> str:
    changed = [one for one in sets if one.rollout.has_changes]
    instances = sum(one.rollout.count(Disposition.UPGRADE) for one in changed)
    if not changed:
        return "no changes"
    return f"{counted(instances, 'instance')} of {counted(len(changed), 'scale set')} to upgrade"


def _section(one: Reviewed, room: int, *, is_open: bool) -> str:
    """Return the section of one set; steps that do not fit are counted instead."""
    rollout = one.rollout
    name = html.escape(one_line(f"{rollout.plan} → {rollout.target}"))
    line = plan_line(rollout).removeprefix("Plan: ")
    summary = html.escape(line) if rollout.has_changes else "no changes"
    state = " open" if is_open else ""
    head = [f"<details{state}><summary><b>{name}</b>: {summary}</summary>", ""]
    parts = [
        *_table(("", ""), target_rows(rollout).items()),
        *_model(rollout),
        *_lints(one.findings),
        *_forecast(one),
    ]
    tail = [
        *_left_alone(rollout),
        *_notes(rollout),
        f"**{escaped(predicted_line(rollout, one.foreseen))}**",
        "",
        f"Digest: `{digest(rollout)}`",
        "</details>",
    ]
    left = room - len("\n".join([*head, *parts, *tail]))
    return "\n".join([*head, *parts, *_steps(rollout, left), *tail])


def _table(columns: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    pairs = list(rows)
    if not pairs:
        return
    yield f"| {columns[0]} | {columns[1]} |"
    yield "| --- | --- |"
    for name, value in pairs:
        yield f"| {escaped(name)} | {escaped(value)} |"
    yield ""


def _model(rollout: Rollout) -> Iterator[str]:
    if not rollout.changes:
        return
    yield "```diff"
    for change in rollout.changes:
        path = fenced(change.path)
        if change.before is not None:
            yield f"- {path}: {fenced(change.before)}"
        if change.after is not None:
            yield f"+ {path}: {fenced(change.after)}"
    yield "```"
    yield ""


def _lints(findings: Sequence[Finding]) -> Iterator[str]:
    for one in findings:
        word = "**Error**" if one.severity is Severity.ERROR else "Warning"
        text = f"`{one.path}`: {escaped(one.message)} (`{one.rule}`): {escaped(one.fix)}"
        yield f"- {word} {text}"
    if findings:
        yield ""


def _forecast(one: Reviewed) -> Iterator[str]:
    if one.foreseen is not None:
        rows = foreseen_rows(one.rollout, one.foreseen)
        yield from _table(("forecast", ""), rows.items())


def _steps(rollout: Rollout, room: int) -> Iterator[str]:
    """Yield the table of steps, as many as fit, and how many are left out."""
    head = ["| step | what | instances |", "| ---: | --- | --- |"]
    rows = [_step_row(rollout, n, step) for n, step in enumerate(rollout.steps, start=1)]
    if not rows or not rollout.has_changes:
        return
    shown: list[str] = []
    used = len("\n".join(head)) + 100
    for row in rows:
        used += len(row) + 1
        if used > room:
            break
        shown.append(row)
    yield from head
    yield from shown
    if len(shown) < len(rows):
        yield f"| … | {counted(len(rows) - len(shown), 'more step')}, in the saved Rollout | |"
    yield ""


def _step_row(rollout: Rollout, number: int, step: Step) -> str:
    named = ""
    if isinstance(step, UpgradeBatch | UpgradeWindow):
        known = {one.instance_id: one for one in rollout.instances}
        ids = step.instance_ids
        symbols = {symbol_of(rollout, known[i]) for i in ids if i in known}
        symbol = f"`{symbols.pop()}` " if len(symbols) == 1 else ""
        more = f" and {len(ids) - NAMED_IN_A_ROW} more" if len(ids) > NAMED_IN_A_ROW else ""
        named = symbol + ", ".join(escaped(i) for i in ids[:NAMED_IN_A_ROW]) + more
    return f"| {number} | {escaped(step_title(rollout, step))} | {named} |"


def _left_alone(rollout: Rollout) -> Iterator[str]:
    reasons: dict[tuple[Disposition, str], list[str]] = {}
    for one in rollout.instances:
        if one.disposition is not Disposition.UPGRADE:
            reasons.setdefault((one.disposition, one.reason), []).append(one.instance_id)
    for (disposition, reason), ids in reasons.items():
        symbol = "!" if disposition is Disposition.SKIPPED else "="
        more = f" and {len(ids) - NAMED_IN_A_ROW} more" if len(ids) > NAMED_IN_A_ROW else ""
        names = ", ".join(escaped(i) for i in ids[:NAMED_IN_A_ROW]) + more
        yield f"- `{symbol}` {len(ids)} {disposition}: {escaped(reason)} ({names})"
    if reasons:
        yield ""


def _notes(rollout: Rollout) -> Iterator[str]:
    for note in rollout.notes:
        yield f"- {escaped(note)}"
    if rollout.notes:
        yield ""


def escaped(text: str) -> str:
    """Return the text so that markdown shows it as it is, on one line, in a table too."""
    return _SPECIAL.sub(r"\\\1", one_line(text)).replace("@", "@\u200b")


def fenced(text: str) -> str:
    """Return the text so that it can neither end the fence around it nor begin a line."""
    return one_line(text).replace("```", "'''")
