"""Instances in a Rollout's text: one line each, or a block for many that are alike.

Every instance is named, whatever their number. The symbol says what becomes of the machine.
"""

from __future__ import annotations

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


def instance_lines(
    rollout: Rollout,
    instances: Sequence[PlannedInstance],
    paint: Paint,
    width: int,
    indent: str,
    names: int,
) -> Iterator[str]:
    """Yield the lines that name these instances, in their order; `names` is the widest name."""
    alike = groupby(instances, key=lambda one: (symbol_of(rollout, one), _alike(one)))
    for (symbol, _), group in alike:
        members = list(group)
        mark = indent + " " * (3 - len(symbol)) + painted_symbol(symbol, paint) + " "
        room = width - len(indent) - 4
        if len(instances) <= ROW_LIMIT or len(members) == 1:
            for one in members:
                name = one_line(one.instance_id).ljust(names) + "  "
                yield mark + name + _told(one, symbol, room - len(name))
        else:
            head = f"{counted(len(members), 'instance')}  "
            yield mark + head + _told(members[0], symbol, room - len(head))
            ids = [one_line(one.instance_id) for one in members]
            yield from columns(ids, width, indent + " " * 6)


def _alike(one: PlannedInstance) -> tuple[object, ...]:
    """Return all that is told of an instance besides its name."""
    where = (one.update_domain, one.fault_domain, one.zone)
    return (*where, one.in_service, one.version, one.reason)


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
