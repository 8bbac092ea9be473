"""Rollouts as the comment of a pull request: what a reviewer approves, folded up, never too long.

GitHub refuses comments of more than 65,536 characters and Azure DevOps of more than 150,000; this
keeps below 60,000 by leaving steps out at the end, then whole sections, and says how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from vmssplan.lint import Finding, Severity
from vmssplan.report.forecast import Foreseen, foreseen_rows, predicted_line
from vmssplan.report.listing import symbol_of
from vmssplan.report.markup import code, fenced, in_html, plain
from vmssplan.report.steps import step_title
from vmssplan.report.text import plan_line, target_rows
from vmssplan.report.wording import beginning, counted
from vmssplan.rollout import Disposition, Rollout, UpgradeBatch, UpgradeWindow, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmssplan.rollout import PlannedInstance, Step

LONGEST = 60_000
RESERVE = 200
"""Kept free for what tells how much was left out."""
MARKER = "<!-- vmssplan plan -->"
"""The first line: by it a pipeline finds the comment to renew instead of adding another."""
NAMED_IN_A_ROW = 40
LONGEST_NAME = 160
LEGEND = (
    "`~` changed model field, or instance changed in place · `-/+` instance whose OS disk is"
    " replaced · `=` already current · `!` skipped"
)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One Rollout with all that is told beside it."""

    rollout: Rollout
    findings: Sequence[Finding]
    foreseen: Foreseen | None


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the reviewed Rollout is kept, for the command that applies it; until when it may be."""

    file: str
    expires_at: datetime | None = None


def plan_comment(sets: Sequence[Reviewed], saved: Saved | None = None) -> str:
    """Return the comment: a folded section a scale set, open where there is only one."""
    head = [MARKER, f"### vmssplan: {_headline(sets)}", ""]
    tail = [LEGEND, *(_to_apply(sets[0].rollout, saved) if saved else ())]
    room = LONGEST - RESERVE - sum(len(line) + 1 for line in (*head, *tail))
    body: list[str] = []
    for number, one in enumerate(sets):
        share = room // (len(sets) - number)
        section = _section(one, share, is_open=len(sets) == 1 and one.rollout.has_changes)
        if len(section) + 1 > share:
            section = _short_section(one)
        if len(section) + 1 > room:
            left = counted(len(sets) - number, "more scale set")
            body.append(f"_{left} did not fit into this comment: see the log of the plan._\n")
            break
        room -= len(section) + 1
        body.append(section)
    return "\n".join([*head, *body, *tail]) + "\n"


def _headline(sets: Sequence[Reviewed]) -> str:
    changed = [one for one in sets if one.rollout.has_changes]
    instances = sum(one.rollout.count(Disposition.UPGRADE) for one in changed)
    if not changed:
        return "no changes"
    return f"{counted(instances, 'instance')} of {counted(len(changed), 'scale set')} to upgrade"


def _to_apply(rollout: Rollout, saved: Saved) -> Iterator[str]:
    if rollout.has_changes:
        command = f"vmssplan apply {saved.file} --require-digest {digest(rollout)[:23]}"
        until = f", until {saved.expires_at:%Y-%m-%d %H:%M} UTC" if saved.expires_at else ""
        yield ""
        yield f"Apply with {code(beginning(command, RESERVE))}{until}."


def _section(one: Reviewed, room: int, *, is_open: bool) -> str:
    """Return the section of one set; steps that do not fit are counted instead."""
    rollout = one.rollout
    head = [_summary(one, is_open=is_open), ""]
    parts = [*_predicted(one), *_model(rollout), *_lints(one.findings)]
    rules = target_rows(rollout).items() if rollout.has_changes else ()
    tail = [
        *_list("Left alone", _left_alone(rollout)),
        *_list("Decisions", (plain(note) for note in dict.fromkeys(rollout.notes))),
        *_forecast(one),
        *_table("rules", rules),
        *_end(one),
    ]
    left = room - sum(len(line) + 1 for line in (*head, *parts, *tail))
    return "\n".join([*head, *parts, *_steps(rollout, left), *tail])


def _short_section(one: Reviewed) -> str:
    """Return what a reviewer must have at least: what it is, and the digest of it."""
    head = [_summary(one, is_open=False), ""]
    errors = sum(finding.severity is Severity.ERROR for finding in one.findings)
    told = [f"{counted(errors, 'error')} and"] if errors else []
    told.append(f"{counted(len(one.findings) - errors, 'warning')} of the lint.")
    lints = [" ".join(told), ""] if one.findings else []
    return "\n".join(
        [*head, "_Too long for this comment._", "", *_predicted(one), *lints, *_end(one)]
    )


def _summary(one: Reviewed, *, is_open: bool) -> str:
    rollout = one.rollout
    name = in_html(beginning(f"{rollout.plan} → {rollout.target}", LONGEST_NAME))
    line = plan_line(rollout).removeprefix("Plan: ") if rollout.has_changes else "no changes."
    state = " open" if is_open else ""
    told = "".join(f" <b>{text}</b>." for text in _lint_counts(one.findings))
    return f"<details{state}><summary><b>{name}</b>: {in_html(line)}{told}</summary>"


def _lint_counts(findings: Sequence[Finding]) -> Iterator[str]:
    errors = sum(one.severity is Severity.ERROR for one in findings)
    if errors:
        yield counted(errors, "error")
    if len(findings) > errors:
        yield counted(len(findings) - errors, "warning")


def _predicted(one: Reviewed) -> Iterator[str]:
    if one.rollout.has_changes:
        yield f"**{plain(predicted_line(one.rollout, one.foreseen))}**"
        yield ""


def _end(one: Reviewed) -> Iterator[str]:
    yield f"Digest: `{digest(one.rollout)}`"
    yield "</details>"
    yield ""


def _table(name: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    pairs = list(rows)
    if not pairs:
        return
    yield f"| {name} |  |"
    yield "| --- | --- |"
    for key, value in pairs:
        yield f"| {plain(key)} | {plain(value)} |"
    yield ""


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"- {item}" for item in items]
    if lines:
        yield from (f"{title}:", "", *lines, "")


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
        word = "**Error**" if one.severity is Severity.ERROR else "**Warning**"
        what = f"{code(one.path)}: {plain(one.message)} ({code(one.rule)}): {plain(one.fix)}"
        yield f"- {word}: {what}"
    if findings:
        yield ""


def _forecast(one: Reviewed) -> Iterator[str]:
    if one.foreseen is not None:
        yield from _table("forecast", foreseen_rows(one.rollout, one.foreseen).items())


def _steps(rollout: Rollout, room: int) -> Iterator[str]:
    """Yield the table of steps, as many as fit, and how many are left out."""
    if not rollout.has_changes:
        return
    known = {one.instance_id: one for one in rollout.instances}
    rows = [_step_row(rollout, known, n, step) for n, step in enumerate(rollout.steps, start=1)]
    head = ["| step | what | instances |", "| ---: | --- | --- |"]
    shown: list[str] = []
    used = sum(len(line) + 1 for line in head) + RESERVE
    for row in rows:
        used += len(row) + 1
        if used > room:
            break
        shown.append(row)
    yield from head
    yield from shown
    if len(shown) < len(rows):
        left = counted(len(rows) - len(shown), "more step")
        yield f"| … | {left}, which did not fit into this comment | |"
    yield ""


def _step_row(rollout: Rollout, known: dict[str, PlannedInstance], number: int, step: Step) -> str:
    members = ""
    if isinstance(step, UpgradeBatch | UpgradeWindow):
        ids = step.instance_ids
        symbols = {symbol_of(rollout, known[i]) for i in ids}
        members = f"`{'` `'.join(sorted(symbols))}` {_named(ids)}"
    return f"| {number} | {_titled(step_title(rollout, step))} | {members} |"


def _titled(text: str) -> str:
    """Return the text with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return plain(text)
    return " ".join(
        code(part) if number % 2 else plain(part) for number, part in enumerate(parts) if part
    ).replace("` ,", "`,")


def _left_alone(rollout: Rollout) -> Iterator[str]:
    reasons: dict[tuple[Disposition, str], list[str]] = {}
    for one in rollout.instances:
        if one.disposition is not Disposition.UPGRADE:
            reasons.setdefault((one.disposition, one.reason), []).append(one.instance_id)
    for (disposition, reason), ids in sorted(
        reasons.items(), key=lambda item: item[0][0] is Disposition.CURRENT
    ):
        symbol = "!" if disposition is Disposition.SKIPPED else "="
        yield f"`{symbol}` {len(ids)} {disposition}: {plain(reason)} ({_named(ids)})"


def _named(instance_ids: Sequence[str]) -> str:
    names = ", ".join(plain(one) for one in instance_ids[:NAMED_IN_A_ROW])
    left = len(instance_ids) - NAMED_IN_A_ROW
    return f"{names} and {left} more" if left > 0 else names
