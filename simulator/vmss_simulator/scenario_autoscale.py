"""From the short form of autoscale in a scenario to a setting and what it will want when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.autoscale import AutoscalePlan
from vmss_simulator.durations import parse_duration
from vmss_simulator.scenario_text import KeyPath, Problem
from vmss_simulator.values import AutoscaleKey, AutoscaleSetting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.values import ScaleSet


def build_autoscale(
    raw: Mapping[str, Any], path: KeyPath, scale_set: ScaleSet
) -> tuple[AutoscalePlan, list[Problem]]:
    """Build the autoscale setting of a set, with what is wrong with it."""
    least, most = raw["minimum"], raw["maximum"]
    usual = raw.get("default", least)
    problems = []
    if least > most:
        problems.append(Problem((*path, "minimum"), f"is more than the maximum, {most}"))
    elif not least <= usual <= most:
        problems.append(Problem((*path, "default"), f"is not from {least} to {most}"))
    key = scale_set.key
    name = raw.get("name", f"{key.name}-autoscale")
    capacity = {"minimum": str(least), "maximum": str(most), "default": str(usual)}
    body = {
        "location": scale_set.body.get("location", ""),
        "tags": {},
        "properties": {
            "enabled": raw.get("enabled", True),
            "name": name,
            "targetResourceUri": key.resource_id,
            "profiles": [{"name": "default", "capacity": capacity, "rules": []}],
            "notifications": [],
        },
    }
    setting = AutoscaleSetting(AutoscaleKey(key.subscription_id, key.resource_group, name), body)
    actions = tuple(
        (parse_duration(each["at"]), each["capacity"]) for each in raw.get("actions", ())
    )
    return AutoscalePlan(setting, actions), problems
