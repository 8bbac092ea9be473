"""The instances of a set as they are: a table for people, a list for machines."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from vmssplan.model import image_text
from vmssplan.operating import StateWord, main_state, state_words
from vmssplan.report.paint import Tone
from vmssplan.report.wording import counted, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import HealthSource, Instance, ModelFields, ScaleSet
    from vmssplan.report.paint import Paint

Document = dict[str, Any]
TONES = {
    StateWord.OPERATING: Tone.ACTIVE,
    StateWord.FAILED: Tone.BAD,
    StateWord.DEALLOCATED: Tone.QUIET,
    StateWord.STOPPED: Tone.QUIET,
    StateWord.UNHEALTHY: Tone.REMOVE,
    StateWord.OUTDATED: Tone.WARNING,
    StateWord.CURRENT: Tone.GOOD,
}


def instance_json(one: Instance, wanted: ModelFields, source: HealthSource) -> Document:
    """Return one instance, with its state words."""
    words = state_words(one, wanted, source)
    return {
        "instanceId": one.instance_id,
        "name": one.computer_name or one.instance_id,
        "updateDomain": one.update_domain,
        "faultDomain": one.fault_domain,
        "zone": one.zone,
        "power": one.power_state,
        "health": one.health_text(source),
        "provisioning": one.provisioning_state,
        "image": one.exact_version or image_text(one.image),
        "size": one.vm_size,
        "latestModelApplied": one.latest_model_applied,
        "protection": {
            "scaleIn": one.protected_from_scale_in,
            "scaleSetActions": one.protected_from_scale_set_actions,
        },
        "inService": one.is_in_service(source),
        "state": main_state(words).value,
        "states": [word.value for word in words],
        "error": str(one.error) if one.error else None,
    }


def instances_json(
    live: ScaleSet, chosen: Sequence[Instance], wanted: ModelFields, source: HealthSource
) -> Document:
    """Return the chosen instances of a set."""
    return {
        "target": live.id.resource_id,
        "total": len(live.instances),
        "inService": live.in_service_count(source),
        "instances": [instance_json(one, wanted, source) for one in chosen],
    }


def instances_text(
    live: ScaleSet,
    chosen: Sequence[Instance],
    wanted: ModelFields,
    source: HealthSource,
    paint: Paint,
) -> str:
    """Return a line an instance, and the counts by state at the end."""
    words = {one.instance_id: state_words(one, wanted, source) for one in chosen}
    rows = [("ID", "UD", "FD", "ZONE", "POWER", "IMAGE", "STATE")]
    rows += [
        (
            one.instance_id,
            _or_dash(one.update_domain),
            _or_dash(one.fault_domain),
            _or_dash(one.zone),
            one.power_state,
            one.exact_version or image_text(one.image),
            ", ".join(words[one.instance_id]),
        )
        for one in chosen
    ]
    rows = [tuple(one_line(cell) for cell in row) for row in rows]  # type: ignore[misc]
    sizes = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(c.ljust(s) for c, s in zip(row, sizes, strict=True)).rstrip() for row in rows
    ]
    painted = [paint(lines[0], Tone.HEADING)]
    for one, text in zip(chosen, lines[1:], strict=True):
        state = ", ".join(words[one.instance_id])
        tone = TONES[main_state(words[one.instance_id])]
        painted.append(text[: len(text) - len(state)] + paint(state, tone))
    counts = Counter(main_state(each) for each in words.values())
    told = ", ".join(f"{counts[word]} {word}" for word in StateWord if counts[word])
    serving, total = live.in_service_count(source), len(live.instances)
    listed = counted(len(chosen), "instance") if len(chosen) != total else "all"
    end = f"{listed} of {total}: {told or 'none'}; {serving} of {total} in service."
    return "\n".join([*painted, "", end]) + "\n"


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)
