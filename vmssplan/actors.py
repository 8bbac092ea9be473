"""What Azure does to a scale set by itself, in words: for plans, warnings and refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.model import AutomaticRepairs, ScaleSet, ScaleSetId

OS_UPGRADES_ARE_ON = (
    "automatic OS upgrades are on: Azure rolls out every new image by itself, by batches of its own"
)
_REPAIRS = {
    "Replace": "replaces it, and the new machine has the model as it is then",
    "Restart": "restarts it",
    "Reimage": "reimages it, to the model as it is then",
}


def os_upgrades_off(target: ScaleSetId) -> str:
    """Return the command that switches automatic OS upgrades off."""
    return (
        f"az vmss update --subscription {target.subscription_id}"
        f" --resource-group {target.resource_group} --name {target.name}"
        " --enable-auto-os-upgrade false"
    )


def rolling_upgrade_text(target: ScaleSetId) -> str:
    """Say that Azure's own rolling upgrade is at work, and what to do about it."""
    return (
        "a rolling upgrade of Azure's own is in progress; wait for it, or cancel it with: az vmss"
        f" rolling-upgrade cancel --subscription {target.subscription_id}"
        f" --resource-group {target.resource_group} --name {target.name}"
    )


def repair_text(repairs: AutomaticRepairs) -> str:
    """Say what becomes of an instance, after how long."""
    done = _REPAIRS.get(repairs.action, f"repairs it ({repairs.action})")
    return f"{format_duration(repairs.grace_period)} after its last change, Azure {done}"


def platform_notes(live: ScaleSet) -> Iterator[str]:
    """Say what Azure may do meanwhile, one sentence each; nothing where it leaves the set alone."""
    actions = live.platform
    if actions.os_upgrades:
        yield OS_UPGRADES_ARE_ON
    if actions.repairs is not None:
        yield (
            "automatic repairs are on (unless suspended): where an instance is unhealthy"
            f" {repair_text(actions.repairs)}"
        )
    if actions.spot:
        yield "these are Spot machines: Azure may evict any of them at any time"
    if actions.zone_rebalancing:
        yield (
            "automatic zone rebalancing is on: Azure may add an instance in one zone and delete"
            " one in another"
        )
    if actions.guest_patching:
        yield "the platform patches the guests: Azure may restart instances"
