"""Instances in a Rollout's text: one line each, or a block for many that are alike.

Every instance is named, whatever their number. The symbol says what becomes of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from vmssplan.model import Method, follows_latest, image_text, image_version
from vmssplan.report.paint import Tone
from vmssplan.report.wording import beginning, columns, counted, ending, one_line
from vmssplan.rollout import Disposition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.report.paint import Paint
    from vmssplan.rollout import PlannedInstance, Rollout

REPLACED, CHANGED, CURRENT, SKIPPED = "-/+", "~", "=", "!"
ROW_LIMIT = 20
"""A batch up to this size has a line for each instance; a larger one has blocks."""
_NARROW = 12


def symbol_of(rollout: Rollout, instance: PlannedInstance) -> str:
    """Return the symbol of the legend: what happens to the instance."""
    match instance.disposition:
        case Disposition.CURRENT:
            return CURRENT
        case Disposition.SKIPPED:
            return SKIPPED
        case Disposition.UPGRADE:
            return REPLACED if replaces_os_disk(rollout, instance) else CHANGED


def replaces_os_disk(rollout: Rollout, instance: PlannedInstance) -> bool:
    """Tell whether the operation gives the instance a new OS disk.

    A reimage always does, and so does any change of the image; a new size or policy does not.
    """
    if rollout.method is Method.REIMAGE:
        return True
    if any(change.path.startswith("model.image") for change in rollout.changes):
        return True
    image = rollout.model.image or rollout.fingerprint.model.image
    if image is None or follows_latest(image):
        return False
    wanted = image_version(image) or image_text(image)
    return instance.version.casefold() != wanted.casefold()


def painted_symbol(symbol: str, paint: Paint) -> str:
    """Return the symbol in its colours: what goes is red, what comes is green."""
    match symbol:
        case "-/+":
            return f"{paint('-', Tone.REMOVE)}/{paint('+', Tone.ADD)}"
        case "~":
            return paint(symbol, Tone.CHANGE)
        case "!":
            return paint(symbol, Tone.WARNING)
        case _:
            return paint(symbol, Tone.QUIET)


def name_width(rollout: Rollout) -> int:
    """Return how wide the names of the instances to upgrade are."""
    return max(
        (
            len(one_line(one.instance_id))
            for one in rollout.instances
            if one.disposition is Disposition.UPGRADE
        ),
        default=0,
    )


@dataclass(frozen=True, slots=True)
class Layout:
    """How instances are listed; `names` is the widest name, `in_order` that their order counts."""

    width: int
    indent: str
    names: int
    in_order: bool = False

    @property
    def room(self) -> int:
        """What is left of a line after indent and symbol."""
        return self.width - len(self.indent) - 4


def instance_lines(
    rollout: Rollout, instances: Sequence[PlannedInstance], paint: Paint, layout: Layout
) -> Iterator[str]:
    """Yield the lines that name these instances."""
    is_large = len(instances) > ROW_LIMIT
    key = _all_but_fault_domain if is_large and layout.in_order else _all_told
    if not layout.in_order:
        instances = _alike_together(instances)
    for _, alike in groupby(instances, key=key):
        members = list(alike)
        symbol = symbol_of(rollout, members[0])
        mark = layout.indent + " " * (3 - len(symbol)) + painted_symbol(symbol, paint) + " "
        if is_large and len(members) > 1:
            yield from _block(members, symbol, mark, layout)
        else:
            for one in members:
                name = one_line(one.instance_id).ljust(layout.names) + "  "
                yield mark + name + _told(one, symbol, layout.room - len(name))


def _alike_together(batch: Sequence[PlannedInstance]) -> list[PlannedInstance]:
    """Bring instances of the same place together, where the order means nothing."""
    first: dict[object, int] = {}
    for position, one in enumerate(batch):
        first.setdefault((one.update_domain, one.fault_domain, one.zone), position)
    return sorted(batch, key=lambda one: first[(one.update_domain, one.fault_domain, one.zone)])


def _all_told(one: PlannedInstance) -> tuple[object, ...]:
    """Return all that is told of an instance besides its name."""
    return (*_all_but_fault_domain(one), one.fault_domain)


def _all_but_fault_domain(one: PlannedInstance) -> tuple[object, ...]:
    return (one.update_domain, one.zone, one.in_service, one.version, one.reason)


def _block(
    members: Sequence[PlannedInstance], symbol: str, mark: str, layout: Layout
) -> Iterator[str]:
    """Say once what holds for all of them; a fault domain of its own goes beside each name."""
    head = f"{counted(len(members), 'instance')}  "
    common, names = members[0], [one_line(one.instance_id) for one in members]
    if len({one.fault_domain for one in members}) > 1:
        common = replace(common, fault_domain=None)
        names = [
            name if one.fault_domain is None else f"{name} (FD {one.fault_domain})"
            for name, one in zip(names, members, strict=True)
        ]
    yield mark + head + _told(common, symbol, layout.room - len(head))
    yield from columns(names, layout.width, layout.indent + " " * 6)


def _told(one: PlannedInstance, symbol: str, width: int) -> str:
    """Say where an instance is and what it runs; of one changed in place, why."""
    domains = (("UD", one.update_domain), ("FD", one.fault_domain), ("zone", one.zone))
    where = [f"{word} {one_line(str(value))}  " for word, value in domains if value is not None]
    health = "" if one.in_service else "not in service  "
    head = "".join(where) + health
    if symbol == CHANGED:
        return head + beginning(one_line(one.reason), max(_NARROW, width - len(head)))
    head += "runs "
    return head + ending(one_line(one.version), max(_NARROW, width - len(head)))
