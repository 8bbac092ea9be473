"""A Rollout as text, for a terminal, a pull request or a log: everything apply will do.

It reads like a Terraform plan: the legend first, then what changes, then every step with every
instance by name, and at the end two fixed lines that scripts may look for. Those two, the digest
and the values of fields are never broken; every other line keeps to the width.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from vmssplan.diff import owned_fields
from vmssplan.model import Method, OnFailure, OnScale, image_text
from vmssplan.report.forecast import foreseen_lines, predicted_line
from vmssplan.report.listing import (
    CHANGED,
    CURRENT,
    REPLACED,
    SKIPPED,
    Layout,
    instance_lines,
    name_width,
    painted_symbol,
    symbol_of,
)
from vmssplan.report.paint import Tone
from vmssplan.report.steps import health_rule, step_title
from vmssplan.report.wording import (
    columns,
    counted,
    one_line,
    portions_text,
    wrapped,
)
from vmssplan.rollout import (
    Disposition,
    PinAutoscale,
    UpgradeBatch,
    UpgradeWindow,
    digest,
    rollback_of,
)

if TYPE_CHECKING:
    from vmssplan.diff import Change
    from vmssplan.report.forecast import Foreseen
    from vmssplan.report.paint import Paint
    from vmssplan.rollout import Rollout


def rollout_text(
    rollout: Rollout, *, paint: Paint, width: int, foreseen: Foreseen | None = None
) -> str:
    """Return the whole Rollout, ending with the Plan line and the Predicted line."""
    if not rollout.has_changes:
        parts = [
            [paint(_no_changes(rollout), Tone.HEADING)],
            _left_alone(rollout, paint, width),
        ]
    else:
        parts = [
            _legend(rollout, paint),
            _target(rollout, paint, width),
            _model_changes(rollout, paint, width),
            _steps(rollout, paint, width),
            _way_back(rollout, paint, width),
            _left_alone(rollout, paint, width),
        ]
    parts += [
        _decisions(rollout, paint, width),
        foreseen_lines(rollout, foreseen, paint, width) if foreseen else [],
        [f"Digest: {digest(rollout)}"],
        [paint(plan_line(rollout), Tone.HEADING), predicted_line(rollout, foreseen)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def plan_line(rollout: Rollout) -> str:
    """Return the first fixed last line: what there is to do, in numbers."""
    verb = "upgrade" if rollout.method is Method.UPGRADE else "reimage"
    return (
        f"Plan: {counted(len(rollout.changes), 'model field')} to change;"
        f" {counted(rollout.count(Disposition.UPGRADE), 'instance')} to {verb}"
        f" in {portions_text(rollout)},"
        f" {rollout.count(Disposition.SKIPPED)} skipped,"
        f" {rollout.count(Disposition.CURRENT)} current."
    )


# --- the parts ------------------------------------------------------------------------------


def _no_changes(rollout: Rollout) -> str:
    current, skipped = rollout.count(Disposition.CURRENT), rollout.count(Disposition.SKIPPED)
    also = f", {skipped} skipped" if skipped else ""
    return f"No changes. {rollout.target.name}: {counted(current, 'instance')} current{also}."


def _legend(rollout: Rollout, paint: Paint) -> list[str]:
    """Explain the symbols that are used below, and no others."""
    used = {symbol_of(rollout, one) for one in rollout.instances}
    in_place = ["model field to change"] if rollout.changes else []
    if CHANGED in used:
        in_place.append("instance changed in place: it keeps its OS disk")
    if in_place:
        used.add(CHANGED)
    verb = "upgrade" if rollout.method is Method.UPGRADE else "reimage"
    meanings = {
        CHANGED: "; ".join(in_place),
        REPLACED: f"instance to {verb}: its OS disk is replaced",
        SKIPPED: "instance skipped, with the reason",
        CURRENT: "instance already current",
    }
    head = paint("Legend", Tone.HEADING)
    return [head] + [
        f"  {' ' * (3 - len(symbol))}{painted_symbol(symbol, paint)}  {meaning}"
        for symbol, meaning in meanings.items()
        if symbol in used
    ]


def target_rows(rollout: Rollout) -> dict[str, str]:
    """Return what is rolled out where, under which rules, as names and values."""
    bounds, failure, target = rollout.bounds, rollout.failure, rollout.target
    limit = failure.max_failed_instances
    tolerated = f"more than {counted(limit, 'instance')}" if limit else "an instance"
    answer = "freeze" if failure.on_failure is OnFailure.FREEZE else "roll back"
    return {
        "scale set": f"{target.name} in {target.resource_group}, {rollout.location}",
        "subscription": target.subscription_id,
        "instances": f"{bounds.total}, {bounds.in_service} in service now",
        "strategy": f"{rollout.strategy}, by {rollout.method}, {_operations(rollout)}",
        "availability": (
            f"at most {bounds.max_unavailable} of {bounds.total} out of service,"
            f" so the floor is {bounds.floor}"
        ),
        "health": f"{rollout.health.source}, {health_rule(rollout)}",
        "failure": f"{answer} when {tolerated} failed",
        "way back": _way_back_line(rollout),
        "autoscale": _autoscale(rollout),
        "scaling": "instances that come meanwhile "
        + ("stop the rollout" if rollout.on_scale is OnScale.REFUSE else "are absorbed"),
    }


def _target(rollout: Rollout, paint: Paint, width: int) -> list[str]:
    lines = [paint(f"Rollout {one_line(rollout.plan)}", Tone.HEADING)]
    for name, value in target_rows(rollout).items():
        lines += wrapped(value, width, f"  {name:<12}  ", " " * 16)
    return lines


def _model_changes(rollout: Rollout, paint: Paint, width: int) -> list[str]:
    if not rollout.changes:
        return []
    lines = [paint("Model", Tone.HEADING)]
    for change in rollout.changes:
        lines += _change_lines(change, paint, width)
    return lines


def _change_lines(change: Change, paint: Paint, width: int) -> list[str]:
    """Write a change on one line, or its values below it, whole, when they are long."""
    before = "(not set)" if change.before is None else one_line(change.before)
    after = "(removed)" if change.after is None else one_line(change.after)
    head = f"  {painted_symbol(CHANGED, paint)} {change.path}:"
    if len(f"  ~ {change.path}: {before} -> {after}") <= width:
        return [f"{head} {before} -> {after}"]
    return [head, f"         {before}", f"      -> {after}"]


def _steps(rollout: Rollout, paint: Paint, width: int) -> list[str]:
    known = {one.instance_id: one for one in rollout.instances}
    names = name_width(rollout)
    digits = len(str(len(rollout.steps)))
    indent = " " * (digits + 4)
    lines = [paint("Steps", Tone.HEADING)]
    for number, step in enumerate(rollout.steps, start=1):
        first = f"  {number:>{digits}}  "
        lines += wrapped(step_title(rollout, step), width, first, indent)
        if isinstance(step, UpgradeBatch | UpgradeWindow):
            chosen = [known[i] for i in step.instance_ids]
            layout = Layout(width, indent, names, in_order=isinstance(step, UpgradeWindow))
            lines += instance_lines(rollout, chosen, paint, layout)
    return lines


def _autoscale(rollout: Rollout) -> str:
    pins = [step for step in rollout.steps if isinstance(step, PinAutoscale)]
    settings = [one for pin in pins for one in pin.settings]
    held = "; ".join(
        f"{one_line(one.name)} ({one_line(', '.join(str(each) for each in one.profiles))})"
        for one in settings
    )
    return f"{rollout.autoscale}: {held}" if held else str(rollout.autoscale)


def _way_back_line(rollout: Rollout) -> str:
    if rollout.rollback is None:
        return f"none: {one_line(rollout.no_way_back or 'no instance changes')}"
    fields = owned_fields(rollout.rollback.model, rollout.rollback.model)
    image = rollout.rollback.model.image
    parts = [image_text(image)] if image is not None else []
    if "vmSize" in fields:
        parts.append(str(fields["vmSize"]))
    return f"to {one_line(', '.join(parts))}"


def _way_back(rollout: Rollout, paint: Paint, width: int) -> list[str]:
    """Write out the way back where it is gone by itself; otherwise the line above says enough."""
    if rollout.rollback is None or rollout.failure.on_failure is not OnFailure.ROLLBACK:
        return []
    touched = [one.instance_id for one in rollout.instances]
    back = rollback_of(rollout, touched)
    digits = len(str(len(back.steps)))
    lines = [paint("Way back, if it fails when all are upgraded", Tone.HEADING)]
    for number, step in enumerate(back.steps, start=1):
        text = step_title(back, step)
        if isinstance(step, UpgradeBatch | UpgradeWindow):
            text += f" ({', '.join(one_line(one) for one in step.instance_ids)})"
        lines += wrapped(text, width, f"  {number:>{digits}}  ", " " * (digits + 4))
    for note in back.notes:
        lines += wrapped(note, width, "  - ", "    ")
    return lines


def _left_alone(rollout: Rollout, paint: Paint, width: int) -> list[str]:
    """Name the instances nothing is done to, by reason; skipped ones first."""
    left = sorted(
        (one for one in rollout.instances if one.disposition is not Disposition.UPGRADE),
        key=lambda one: (one.disposition is Disposition.CURRENT, one.reason),
    )
    if not left:
        return []
    lines = [paint("Left alone", Tone.HEADING)]
    for (disposition, reason), group in groupby(left, key=lambda o: (o.disposition, o.reason)):
        members = list(group)
        symbol = painted_symbol(symbol_of(rollout, members[0]), paint)
        head, *more = wrapped(f"{len(members)} {disposition}: {reason}", width - 4, "", "    ")
        lines += [f"  {symbol} {head}", *more]
        lines += columns([one_line(one.instance_id) for one in members], width, " " * 6)
    return lines


def _decisions(rollout: Rollout, paint: Paint, width: int) -> list[str]:
    if not rollout.notes:
        return []
    lines = [paint("Decisions", Tone.HEADING)]
    for note in rollout.notes:
        lines += wrapped(note, width, "  - ", "    ")
    return lines


def _operations(rollout: Rollout) -> str:
    count = rollout.bounds.max_concurrent_operations
    return f"{counted(count, 'operation')} at a time"
