"""An Operation as text: everything it will do, every instance by name, and two fixed last lines."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from vmssplan.operating import Verb, touches_availability
from vmssplan.report.listing import ROW_LIMIT
from vmssplan.report.paint import Tone
from vmssplan.report.wording import columns, counted, one_line, span_text, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.operating import Member, Operation, Protection
    from vmssplan.report.paint import Paint

_MEANINGS = {
    Verb.REIMAGE: ("-/+", "instance to reimage: its OS disk is replaced"),
    Verb.START: ("+", "instance to start"),
    Verb.STOP: ("-", "instance to stop: it goes out of service, and is still paid for"),
    Verb.RESTART: ("~", "instance to restart: it keeps its disks"),
    Verb.DEALLOCATE: ("-", "instance to deallocate: it goes out of service, and costs no more"),
    Verb.DELETE: ("-", "instance to delete, with its disks; the capacity falls by as many"),
    Verb.PROTECT: ("~", "instance whose protection changes; it runs on"),
}
_TONES = {"-/+": Tone.REMOVE, "-": Tone.REMOVE, "+": Tone.ADD, "~": Tone.CHANGE}


def operation_text(operation: Operation, *, paint: Paint, width: int) -> str:
    """Return the whole Operation, ending with what it comes to and what it means for service."""
    parts = [
        _legend(operation, paint),
        _target(operation, paint, width),
        _batches(operation, paint, width),
        _left_alone(operation, paint, width),
        _refusal(operation, paint, width),
        [f"Digest: {operation.digest}"],
        [paint(_sum(operation), Tone.HEADING), _service(operation)],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _legend(operation: Operation, paint: Paint) -> list[str]:
    meaning = _MEANINGS.get(operation.verb)
    if meaning is None or not operation.batches:
        return []
    _, text = meaning
    lines = [paint("Legend", Tone.HEADING), f"  {_symbol(operation.verb, paint)}  {text}"]
    if operation.skipped:
        lines.append(f"  {'!':>3}  instance left alone, with the reason")
    return lines


def _symbol(verb: Verb, paint: Paint) -> str:
    symbol, _ = _MEANINGS[verb]
    return " " * (3 - len(symbol)) + paint(symbol, _TONES[symbol])


def _target(operation: Operation, paint: Paint, width: int) -> list[str]:
    target, health = operation.target, operation.health
    rows = {
        "scale set": f"{target.name} in {target.resource_group}",
        "subscription": target.subscription_id,
        "instances": f"{operation.total}, {operation.in_service} in service now",
    }
    if operation.verb is Verb.SCALE:
        rows["capacity"] = f"{operation.total} -> {operation.capacity}"
    if operation.protection is not None:
        rows["protection"] = _protection_text(operation.protection)
    if operation.notes:
        rows["availability"] = "; ".join(operation.notes)
    if operation.pause:
        rows["pause"] = f"{span_text(operation.pause)} between batches"
    healthy, limit = span_text(health.min_healthy_time), span_text(health.deadline)
    rows["health"] = f"{health.source}, healthy for {healthy}, within {limit}"
    lines = [paint(f"Operation {operation.verb}", Tone.HEADING)]
    for name, value in rows.items():
        lines += wrapped(value, width, f"  {name:<12}  ", " " * 16)
    return lines


def _protection_text(protection: Protection) -> str:
    halves = {
        "scale in": protection.scale_in,
        "scale set actions": protection.scale_set_actions,
    }
    said = (
        f"from {name}: {'on' if value else 'off'}"
        for name, value in halves.items()
        if value is not None
    )
    return ", ".join(said)


def _batches(operation: Operation, paint: Paint, width: int) -> list[str]:
    if not operation.batches:
        return []
    lines = [paint("Batches", Tone.HEADING)]
    digits = len(str(len(operation.batches)))
    symbol = _symbol(operation.verb, paint)
    for number, batch in enumerate(operation.batches, start=1):
        members = [operation.by_id[instance_id] for instance_id in batch]
        lines.append(f"  {number:>{digits}}  {counted(len(members), 'instance')}")
        indent = " " * (digits + 4)
        if len(members) > ROW_LIMIT:
            names = [one_line(one.instance_id) for one in members]
            lines += columns(names, width, indent + "    ")
        else:
            lines += _rows(members, symbol, indent)
    return lines


def _rows(members: Sequence[Member], symbol: str, indent: str) -> list[str]:
    size = max(len(one_line(one.instance_id)) for one in members)
    return [
        f"{indent}{symbol} {one_line(one.instance_id):<{size}}  {member_text(one)}"
        for one in members
    ]


def member_text(one: Member) -> str:
    """Return where an instance is and how it stands."""
    places = [
        f"{word} {value}"
        for word, value in (
            ("zone", one.zone),
            ("UD", one.update_domain),
            ("FD", one.fault_domain),
        )
        if value is not None
    ]
    service = "in service" if one.in_service else "not in service"
    parts = [*places, ", ".join(one.states), service]
    return "  ".join(one_line(part) for part in parts)


def _left_alone(operation: Operation, paint: Paint, width: int) -> list[str]:
    if not operation.skipped:
        return []
    lines = [paint("Left alone", Tone.HEADING)]
    left = sorted(operation.skipped, key=lambda one: one.reason)
    for reason, group in groupby(left, key=lambda one: one.reason):
        ids = [one_line(one.instance_id) for one in group]
        lines += wrapped(f"{len(ids)} skipped: {reason}", width, "  ! ", "    ")
        lines += columns(ids, width, " " * 6)
    return lines


def _refusal(operation: Operation, paint: Paint, width: int) -> list[str]:
    if operation.refused is None:
        return []
    lines = [paint("Refused", Tone.BAD), *wrapped(operation.refused, width, "  ", "  ")]
    return [*lines, *wrapped(operation.hint, width, "  -> ", "     ")] if operation.hint else lines


def _sum(operation: Operation) -> str:
    verb = str(operation.verb).capitalize()
    if not operation.has_changes:
        also = f"; {len(operation.skipped)} skipped" if operation.skipped else ""
        return f"{verb}: nothing to do{also}."
    if operation.verb is Verb.SCALE:
        return f"{verb}: from {operation.total} to {operation.capacity} instances."
    members = counted(len(operation.members), "instance")
    batches = counted(len(operation.batches), "batch")
    return f"{verb}: {members} in {batches}, {len(operation.skipped)} skipped."


def _service(operation: Operation) -> str:
    if not touches_availability(operation.verb):
        return (
            f"In service: {operation.in_service} of {operation.total}; nobody leaves the service."
        )
    now = f"In service: {operation.in_service} of {operation.total} now"
    if operation.refused is not None:
        return f"{now}; the floor is {operation.floor}, so it is refused."
    return f"{now}, never below {operation.lowest}; the floor is {operation.floor}."
