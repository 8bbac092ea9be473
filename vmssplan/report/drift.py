"""Drift as text: what somebody changed, what is pending, and what is only told.

Every changed field comes with all its values, and every instance by name. Each set ends with a
line of its own, the whole with one more; scripts may look for those two.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, assert_never

from vmssplan.drift import DriftReport, FieldState, InstanceState, Trace
from vmssplan.errors import ExitCode, VmssplanError
from vmssplan.model import ScaleSetId
from vmssplan.ports import LockHolder
from vmssplan.report.paint import PLAIN, Paint, Tone
from vmssplan.report.wording import columns, counted, one_line, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.drift import FieldFinding, InstanceFinding, KnownModel, UnfinishedRun


@dataclass(frozen=True, slots=True)
class RunInProgress:
    """A Run holds the set, so nothing was compared; None where the holder does not say."""

    plan: str
    target: ScaleSetId
    holder: LockHolder | None


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Something went wrong with this set."""

    plan: str
    target: ScaleSetId
    error: VmssplanError


Result = DriftReport | RunInProgress | NotCompared


def exit_code_of(result: Result) -> ExitCode:
    """Return what the process would answer for this set alone."""
    match result:
        case DriftReport():
            return ExitCode.DRIFT if result.has_drift else ExitCode.SUCCESS
        case RunInProgress():
            return ExitCode.LOCKED
        case NotCompared(error=error):
            return error.exit_code
    assert_never(result)


class Standing(StrEnum):
    """How a set stands, worst first."""

    NOT_COMPARED = "notCompared"
    DRIFTED = "drifted"
    RUN_IN_PROGRESS = "runInProgress"
    PENDING = "pending"
    IN_SYNC = "inSync"

    @property
    def words(self) -> str:
        """The same for people, after a number or a name."""
        return _WORDS[self]


_WORDS = {
    Standing.NOT_COMPARED: "not compared",
    Standing.DRIFTED: "drifted",
    Standing.RUN_IN_PROGRESS: "with a Run in progress",
    Standing.PENDING: "with changes pending",
    Standing.IN_SYNC: "in sync",
}


def standing(result: Result) -> Standing:
    """Return how a set stands."""
    match result:
        case DriftReport():
            if result.has_drift:
                return Standing.DRIFTED
            return Standing.PENDING if result.has_pending else Standing.IN_SYNC
        case RunInProgress():
            return Standing.RUN_IN_PROGRESS
        case NotCompared():
            return Standing.NOT_COMPARED
    assert_never(result)


def drift_text(result: Result, *, paint: Paint = PLAIN, width: int = 100) -> str:
    """Return all that is to be told of one set; nothing for an error, which is told elsewhere."""
    match result:
        case DriftReport():
            return _report_text(result, paint, width)
        case RunInProgress(plan=plan, target=target, holder=holder):
            head = paint(f"Drift of {one_line(plan)}: {target}", Tone.HEADING)
            who = f"A Run is in progress, so nothing was compared: {holder or 'another process'}."
            return "\n".join([head, "", *wrapped(who, width, "", "")]) + "\n"
        case NotCompared():
            return ""
    assert_never(result)


def summary_line(results: Sequence[Result]) -> str:
    """Return the last line: how many sets stand how."""
    counts = Counter(standing(one) for one in results)
    told = [f"{counts[one]} {one.words}" for one in Standing if counts[one]]
    return f"Summary: {counted(len(results), 'scale set')}: {', '.join(told)}."


def drift_line(report: DriftReport) -> str:
    """Return the last line of one set: what drifted, in numbers."""
    name = one_line(report.target.name)
    if not report.has_drift:
        since = f"since {report.baseline.run}" if report.baseline.run else "from the Plan"
        pending = " Changes of the Plan are pending." if report.has_pending else ""
        return f"No drift of {name} {since}.{pending}"
    instances = len({one.instance_id for one in report.drifted_instances})
    return (
        f"Drift: {counted(len(report.drifted_fields), 'model field')}"
        f" and {counted(instances, 'instance')} of {name}."
    )


# --- one set --------------------------------------------------------------------------------


def _report_text(report: DriftReport, paint: Paint, width: int) -> str:
    head = paint(f"Drift of {one_line(report.plan)}: {report.target}", Tone.HEADING)
    parts = [
        [head, *wrapped(basis_text(report), width, "  ", "  ")],
        _fields(report, paint),
        _instances(report, paint, width, is_drift=True),
        _told(report, paint, width),
        [paint(drift_line(report), Tone.BAD if report.has_drift else Tone.GOOD)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def basis_text(report: DriftReport) -> str:
    """Say what the live set was compared with."""
    if report.baseline.run is not None:
        return f"Compared with what {report.baseline.run} left."
    if report.baseline.unfinished:
        return "No Run of it is complete: compared with what the unfinished ones found and set."
    return "No Run of it is known here, so every difference from the Plan counts as drift."


def _fields(report: DriftReport, paint: Paint) -> list[str]:
    shown = [one for one in report.fields if one.state is not FieldState.IN_SYNC]
    if not shown:
        return []
    lines = [paint("Model", Tone.HEADING)]
    for one in shown:
        symbol, tone = ("~", Tone.CHANGE) if one.state.is_drift else ("-", Tone.QUIET)
        lines.append(f"  {paint(symbol, tone)} {one.path}: {field_sentence(one)}")
        rows = {base_name(one.known): one.base} if one.known else {}
        rows |= {"live": one.live, "Plan": one.desired}
        size = max(len(name) for name in rows)
        lines += [f"      {name:<{size}}  {value_text(value)}" for name, value in rows.items()]
    return lines


def field_sentence(one: FieldFinding) -> str:
    """Say what became of a field."""
    run = one.known.run if one.known else ""
    match one.state:
        case FieldState.IN_SYNC:
            return "in sync"
        case FieldState.PENDING:
            return "pending: the Plan changed, and is not applied yet"
        case FieldState.CONVERGED:
            return f"changed outside since {run}, to exactly what the Plan wants: no drift"
        case FieldState.CHANGED_OUTSIDE:
            return f"changed outside since {run}"
        case FieldState.BOTH_CHANGED:
            return f"changed outside since {run}, and the Plan changed too"
        case FieldState.DIFFERENT:
            return "not what the Plan wants"
    assert_never(one.state)


def base_name(known: KnownModel) -> str:
    """Say whose value a base is, in two words."""
    verb = {Trace.LEFT: "left", Trace.SET: "set", Trace.FOUND: "found"}[known.trace]
    return f"{one_line(known.run)} {verb}"


def value_text(value: str | None) -> str:
    """Return a value for people; fields that are not there say so."""
    return "(not set)" if value is None else one_line(value)


def _instances(report: DriftReport, paint: Paint, width: int, *, is_drift: bool) -> list[str]:
    groups = list(instance_groups(report, is_drift=is_drift))
    if not groups:
        return []
    lines = [paint("Instances", Tone.HEADING)] if is_drift else []
    for state, sentence, names in groups:
        symbol, tone = _SYMBOLS.get(state, ("-", Tone.QUIET))
        mark = f"{symbol:>3}" if is_drift else f"  {symbol}"
        head, *more = wrapped(sentence, width - 4, "", "  ")
        lines.append(f"{mark.replace(symbol, paint(symbol, tone))} {head}")
        lines += [f"    {line}" for line in more]
        lines += columns([one_line(name) for name in names], width, " " * 6)
    return lines


_SYMBOLS = {
    InstanceState.CHANGED: ("~", Tone.CHANGE),
    InstanceState.OUTDATED: ("~", Tone.CHANGE),
    InstanceState.PROTECTION: ("~", Tone.CHANGE),
    InstanceState.DIFFERENT: ("~", Tone.CHANGE),
    InstanceState.REPLACED: ("-/+", Tone.CHANGE),
    InstanceState.NEW_OUTDATED: ("+", Tone.ADD),
}


def instance_groups(
    report: DriftReport, *, is_drift: bool
) -> Iterator[tuple[InstanceState, str, list[str]]]:
    """Yield what is told of instances, each sentence once, with all it is true of."""
    order = list(InstanceState)
    found = sorted(
        (one for one in report.instances if one.state.is_drift is is_drift),
        key=lambda one: (order.index(one.state), instance_sentence(one)),
    )
    for (state, sentence), alike in groupby(found, lambda one: (one.state, instance_sentence(one))):
        names = [one.instance_id for one in alike]
        yield state, f"{len(names)} {sentence}", names


def instance_sentence(one: InstanceFinding) -> str:
    """Say of an instance what is to be told, without its name; what goes before is a number."""
    match one.state:
        case InstanceState.CHANGED:
            return f"changed outside: runs {one.now}, {one.run} left {one.was}"
        case InstanceState.OUTDATED:
            return f"outdated: {one.now}, {one.run} left {one.was}"
        case InstanceState.REPLACED:
            return f"replaced: machine {one.now}, {one.run} left machine {one.was}"
        case InstanceState.NEW_OUTDATED:
            return f"new and outdated: runs {one.now}, expected {one.was}"
        case InstanceState.PROTECTION:
            return f"changed outside: {one.now}, {one.run} left it {one.was}"
        case InstanceState.DIFFERENT:
            return f"outdated: runs {one.now}, the Plan wants {one.was}"
        case InstanceState.NEW:
            return "new and current"
        case InstanceState.GONE:
            return f"gone since {one.run}"
        case InstanceState.CONVERGED:
            return f"changed outside to what is wanted: runs {one.now}, {one.run} left {one.was}"
        case InstanceState.UNFINISHED:
            return f"left unfinished by {one.run} ({one.was}): runs {one.now}"
        case InstanceState.UNHEALTHY:
            return f"not in service: {one.now}"
    assert_never(one.state)


def _told(report: DriftReport, paint: Paint, width: int) -> list[str]:
    lines = _instances(report, paint, width, is_drift=False)
    for note in told_notes(report):
        lines += wrapped(note, width, "  - ", "    ")
    return [paint("Told, and no drift", Tone.HEADING), *lines] if lines else []


def told_notes(report: DriftReport) -> Iterator[str]:
    """Yield what else is to be told of the set."""
    if report.newer_version is not None:
        yield f"a newer version is available: {report.newer_version}"
    for run in report.baseline.unfinished:
        yield unfinished_sentence(run)
    for pins in report.baseline.pinned:
        names = ", ".join(pins.settings)
        yield f"autoscale {names} is pinned to {pins.count} still, by {pins.run}; `recover` it"
    if report.outdated and not report.has_drift:
        counts = f"{report.outdated} of {counted(report.total, 'instance')}"
        yield f"outdated by the Plan: {counts}; `plan` says which, and what would be done"
    yield from report.notes


def unfinished_sentence(run: UnfinishedRun) -> str:
    """Say how a Run ended that nobody has resumed."""
    if run.exit_code is None:
        return f"{run.run} was interrupted, and nobody has resumed it"
    because = f": {run.reason}" if run.reason else ""
    return f"{run.run} is not finished (exit {run.exit_code}){because}"
