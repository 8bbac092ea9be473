"""A first Plan: written from a live set, or from another tool's policy, with what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmssplan.model import UpgradeMode, image_fields, image_text
from vmssplan.report.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmssplan.importing import Imported, Tool
    from vmssplan.model import ScaleSet

SCHEMA_COMMENT = "# yaml-language-server: $schema=../schemas/plan.v1.schema.json"


def plan_from_live(live: ScaleSet) -> str:
    """Return a Plan that changes nothing yet: the image the set has, a careful strategy."""
    import yaml  # noqa: PLC0415 - only who writes a Plan needs it

    model: dict[str, Any] = {}
    if live.model.image is not None:
        model["image"] = image_fields(live.model.image)
    elif live.model.vm_size is not None:
        model["vmSize"] = live.model.vm_size
    mode = live.model.upgrade_policy
    if mode is not UpgradeMode.MANUAL:
        model["upgradePolicy"] = UpgradeMode.MANUAL.value
    document = {
        "apiVersion": "vmssplan/v1",
        "kind": "Plan",
        "metadata": {"name": live.id.name},
        "target": {
            "subscriptionId": live.id.subscription_id,
            "resourceGroup": live.id.resource_group,
            "scaleSet": live.id.name,
        },
        "model": model,
        "strategy": {"type": "fixedBatch", "batchSize": "20%"},
        "availability": {"maxUnavailable": "20%"},
        "health": {"minHealthyTime": "PT30S", "deadline": "PT10M"},
        "failure": {"onFailure": "freeze"},
        "autoscale": "pin",
    }
    head = [SCHEMA_COMMENT, f"# {live.id}: {len(live.instances)} instances in {live.location}."]
    if live.model.image is not None:
        head.append(f"# It has {one_line(image_text(live.model.image))}; write the new one below.")
    if mode is not UpgradeMode.MANUAL:
        head.append(
            f"# upgradePolicy is {mode or 'not set'} now. Owned and Manual, Azure replaces nothing"
            " by itself."
        )
    if not live.has_application_health:
        head.append("# It reports no application health: consider the extension, or health.http.")
    body = yaml.safe_dump(document, sort_keys=False, width=100)
    return "\n".join(head) + "\n" + body


def imported_text(tool: Tool, imported: Imported, rows: Sequence[tuple[str, str, int]]) -> str:
    """Return the part of a Plan, the integers it means, and what was lost, as YAML comments."""
    import yaml  # noqa: PLC0415 - only who writes a Plan needs it

    lines = [f"# From a policy of {tool}; put it into a Plan."]
    lines += [f"# - {one_line(note)}" for note in imported.notes]
    lines += [f"# {key}: {written} is {number}" for key, written, number in rows]
    plain: Mapping[str, Any] = imported.plan
    return "\n".join(lines) + "\n" + yaml.safe_dump(dict(plain), sort_keys=False, width=100)
