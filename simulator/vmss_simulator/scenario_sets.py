"""From the short form of a scale set in a scenario to the set and its instances.

A scenario's `model` is merged over the rendered document last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import structs

from vmss_simulator import documents, upgrade_policy
from vmss_simulator.errors import ArmError, ErrorDetail
from vmss_simulator.images import Catalogue
from vmss_simulator.options import Options
from vmss_simulator.randomness import draw_guid, stream
from vmss_simulator.scenario_model import render_body
from vmss_simulator.scenario_text import KeyPath, Problem
from vmss_simulator.tasks import Target
from vmss_simulator.topology import new_instance
from vmss_simulator.values import (
    CustomMetrics,
    HealthState,
    Instance,
    PowerState,
    Protection,
    ProvisioningState,
    ScaleSet,
    ScaleSetKey,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


DEFAULT_SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
_MADE_OF = ("image", "vmSize", "exactVersion", "latestModelApplied")


@dataclass(frozen=True, slots=True)
class Setting:
    """What all scale sets of a scenario have in common."""

    seed: int
    start: datetime
    options: Options
    images: Catalogue


def scale_set_key(raw: Mapping[str, Any]) -> ScaleSetKey:
    """Return which set this is."""
    subscription = raw.get("subscriptionId", DEFAULT_SUBSCRIPTION)
    return ScaleSetKey(subscription, raw["resourceGroup"], raw["name"])


def build_scale_set(
    raw: Mapping[str, Any], path: KeyPath, setting: Setting
) -> tuple[ScaleSet | None, list[Problem]]:
    """Build one scale set; None when its problems leave nothing to build."""
    key = scale_set_key(raw)
    try:
        merged = documents.merge(render_body(raw), raw.get("model", {}))
        body = upgrade_policy.completed(documents.accepted(merged))
        upgrade_policy.rolling_policy(body)
        upgrade_policy.automatic_os_policy(body)
        documents.capacity(body)
        target = _target(body, setting)
    except ArmError as error:
        place = "model" if "image" not in raw else "image" if _is_image(error) else "name"
        return None, [Problem((*path, place), error.message)]
    builder = _Instances(key, body, target, setting, raw.get("updateDomains"))
    instances, problems = builder.build(raw, path)
    unique_id = draw_guid(stream(setting.seed, key.resource_id, "uniqueId", 0))
    scale_set = ScaleSet(
        key=key,
        body=body,
        etag_number=raw.get("etag", 1),
        unique_id=unique_id,
        time_created=setting.start,
        instances=instances,
        provisioning=ProvisioningState(raw.get("provisioning", "Succeeded")),
    )
    return scale_set, problems


class _Instances:
    """Builds the instances of one set."""

    def __init__(
        self,
        key: ScaleSetKey,
        body: Mapping[str, Any],
        target: Target,
        setting: Setting,
        update_domains: int | None,
    ) -> None:
        self.key = key
        self.body = body
        self.target = target
        self.setting = setting
        self.update_domains = update_domains or setting.options.update_domain_count
        self._models: dict[str, Mapping[str, Any]] = {}

    def build(
        self, raw: Mapping[str, Any], path: KeyPath
    ) -> tuple[dict[str, Instance], list[Problem]]:
        """Build them all, from `instances` or `capacity`, with `overrides` on top."""
        problems: list[Problem] = []
        instances: dict[str, Instance] = {}
        overrides = dict(raw.get("overrides", {}))
        for place, number, fields in self._specified(raw, path):
            instance = self._base(number, fields.get("vmId"))
            instance_id = fields.get("instanceId", instance.instance_id)
            over = overrides.pop(instance_id, None) or overrides.pop(str(number), {})
            if instance_id in instances:
                problems.append(Problem((*place, "instanceId"), "the instance is given twice"))
                continue
            instance = self._renamed(instance, instance_id)
            try:
                instances[instance_id] = self._with_fields(instance, {**fields, **over})
            except ArmError as error:
                problems.append(Problem((*place, "image"), error.message))
        problems += [
            Problem((*path, "overrides", each), "there is no such instance") for each in overrides
        ]
        return instances, problems

    def _specified(
        self, raw: Mapping[str, Any], path: KeyPath
    ) -> Iterator[tuple[KeyPath, int, Mapping[str, Any]]]:
        if "instances" not in raw:
            for number in range(documents.capacity(self.body)):
                yield path, number, {}
            return
        for index, fields in enumerate(raw["instances"]):
            given = fields["instanceId"]
            number = int(given) if given.isascii() and given.isdecimal() else index
            yield (*path, "instances", index), number, fields

    def _base(self, number: int, vm_id: str | None) -> Instance:
        return new_instance(
            self.key,
            self.body,
            number,
            self.target,
            seed=self.setting.seed,
            update_domains=self.update_domains,
            now=self.setting.start,
            vm_id=vm_id,
        )

    def _renamed(self, instance: Instance, instance_id: str) -> Instance:
        if instance_id == instance.instance_id:
            return instance
        flexible = documents.is_flexible(self.body)
        name = instance_id if flexible else f"{self.key.name}_{instance_id}"
        return structs.replace(instance, instance_id=instance_id, name=name)

    def _with_fields(self, instance: Instance, fields: Mapping[str, Any]) -> Instance:
        """Return the instance with what the scenario says of it."""
        if not fields:
            return instance
        changes: dict[str, Any] = {
            name: fields[key]
            for key, name in (
                ("name", "name"),
                ("updateDomain", "update_domain"),
                ("faultDomain", "fault_domain"),
                ("zone", "zone"),
                ("placementGroupId", "placement_group_id"),
                ("vmSize", "vm_size"),
            )
            if key in fields
        }
        changes |= {**self._states(instance, fields), **self._model(instance, fields)}
        if "protection" in fields:
            changes["protection"] = Protection(
                from_scale_in=fields["protection"].get("fromScaleIn", False),
                from_scale_set_actions=fields["protection"].get("fromScaleSetActions", False),
            )
        if "customMetrics" in fields:
            metrics = fields["customMetrics"]
            changes["custom_metrics"] = CustomMetrics(
                metrics.get("phaseOrderingNumber"), metrics.get("skipUpgrade", False)
            )
        if "error" in fields:
            changes["error"] = ErrorDetail(fields["error"]["code"], fields["error"]["message"])
        if "timeCreated" in fields:
            changes["time_created"] = datetime.fromisoformat(fields["timeCreated"])
        return structs.replace(instance, **changes)

    def _states(self, instance: Instance, fields: Mapping[str, Any]) -> dict[str, Any]:
        power = PowerState(fields.get("power", "running"))
        health = instance.health
        if health is not None and power is not PowerState.RUNNING:
            health = HealthState.UNKNOWN
        if "health" in fields:
            health = None if fields["health"] is None else HealthState(fields["health"])
        return {
            "power": power,
            "provisioning": ProvisioningState(fields.get("provisioning", "Succeeded")),
            "health": health,
            "health_since": None if health is None else self.setting.start,
        }

    def _model(self, instance: Instance, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what it was made of; those that are alike share it, and it is worked out once."""
        said = {key: fields[key] for key in _MADE_OF if key in fields}
        alike = json.dumps(said, sort_keys=True)
        if alike not in self._models:
            self._models[alike] = self._made_of(instance, said)
        return self._models[alike]

    def _made_of(self, instance: Instance, fields: Mapping[str, Any]) -> dict[str, Any]:
        reference = fields.get("image", instance.image_reference)
        size = fields.get("vmSize", instance.vm_size)
        body = documents.with_image(self.body, reference)
        applied = documents.fingerprint(documents.merge(body, {"sku": {"name": size}}))
        if fields.get("latestModelApplied") is True:
            applied = self.target.fingerprint
        elif fields.get("latestModelApplied") is False and applied == self.target.fingerprint:
            applied = f"{applied}-before"
        exact_version = instance.exact_version
        if "exactVersion" in fields:
            exact_version = fields["exactVersion"]
        elif "image" in fields:
            location = documents.text(self.body, "location") or ""
            exact_version = self.setting.images.resolve(reference, location, self.setting.start)
        return {
            "image_reference": reference,
            "exact_version": exact_version,
            "applied_model": applied,
        }


def _target(body: Mapping[str, Any], setting: Setting) -> Target:
    reference = documents.image_reference(body)
    location = documents.text(body, "location") or ""
    return Target(
        image_reference=reference,
        exact_version=setting.images.resolve(reference, location, setting.start),
        vm_size=documents.vm_size(body),
        fingerprint=documents.fingerprint(body),
        extensions=documents.extensions(body),
        has_health=documents.has_application_health(body),
    )


def _is_image(error: ArmError) -> bool:
    return "image" in (error.target or "").casefold()
