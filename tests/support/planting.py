"""A door whose answers carry a planted secret in every place where Azure's could have one.

What the places are is read off the SDK's own models, so that a field the SDK learns of is planted
in by itself. Spared is only what a rollout is made of and shows by right (`SPARED`): names, ids,
versions, states. Texts that people write for people (`TOLD`) carry the secret as it would stand
in them: in an address, a header, an assignment.
"""

from __future__ import annotations

import json
import re
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Any

from azure.mgmt.compute import models as compute
from azure.mgmt.compute._utils.model_base import Model
from azure.mgmt.monitor import models as monitor

from tests.contract.sdk_shapes import fields_of
from tests.support.copying import replace
from vmss_simulator.arm.messages import json_bytes
from vmss_simulator.door import Door

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_simulator.arm import Request, Response
    from vmss_simulator.door import Address

MARK = "PLANTED"
"""Every planted secret begins with it."""

_SECRET = f"{MARK}0123456789abcdefABCDEF"
TOLD_TEXT = (
    f" See https://store.blob.core.windows.net/logs/a.txt?sv=2022-11-02&se=2026&sig={_SECRET}"
    f" and https://management.azure.com/operations/1?t=638603&c={_SECRET}&s={_SECRET}&h={_SECRET}"
    f" (Authorization: Bearer {_SECRET}; x-ms-token: eyJ{_SECRET}.{_SECRET}.{_SECRET});"
    f" AccountName=a;AccountKey={_SECRET}==; adminPassword='{_SECRET} {_SECRET}',"
    f' {{"protectedSettings": "{_SECRET}", "customData": "{_SECRET}"}}'
    f" https://user:{_SECRET}@example.com/"
)

_STATUSES = ("code",)
_IMAGE = tuple(
    f"imageReference.{name}"
    for name in (
        "publisher",
        "offer",
        "sku",
        "version",
        "exactVersion",
        "id",
        "sharedGalleryImageId",
        "communityGalleryImageId",
    )
)
_PROFILE = "properties.virtualMachineProfile"
SPARED: dict[str, frozenset[str]] = {
    "scaleSet": frozenset(
        {
            "location",
            "etag",
            "id",
            "zones",
            "sku.name",
            "properties.orchestrationMode",
            "properties.provisioningState",
            "properties.upgradePolicy.mode",
            *(f"{_PROFILE}.storageProfile.{name}" for name in _IMAGE),
            f"{_PROFILE}.storageProfile.osDisk.image.uri",
            f"{_PROFILE}.extensionProfile.extensions.properties.type",
            f"{_PROFILE}.networkProfile.healthProbe.id",
        }
    ),
    "instance": frozenset(
        {
            "name",
            "instanceId",
            "zones",
            "sku.name",
            "properties.vmId",
            "properties.hardwareProfile.vmSize",
            "properties.provisioningState",
            "properties.osProfile.computerName",
            *(f"properties.storageProfile.{name}" for name in _IMAGE),
            "properties.storageProfile.osDisk.image.uri",
            "properties.instanceView.placementGroupId",
            "properties.instanceView.statuses.code",
            "properties.instanceView.vmHealth.status.code",
            "properties.instanceView.extensions.name",
            "properties.instanceView.extensions.statuses.code",
        }
    ),
    "view": frozenset(
        f"properties.instanceView.{place}{name}"
        for place in (
            "",
            "statuses.",
            "vmAgent.statuses.",
            "vmHealth.status.",
            "extensions.",
            "extensions.statuses.",
            "extensions.substatuses.",
        )
        for name in ("name", "code", "level", "time")
    ),
    "rollingUpgrade": frozenset({"properties.runningStatus.code"}),
    "imageVersion": frozenset({"name"}),
    "galleryVersion": frozenset({"name", "properties.publishingProfile.targetRegions.name"}),
    "autoscale": frozenset(
        {
            "id",
            "name",
            "properties.targetResourceUri",
            "properties.profiles.name",
            "properties.profiles.capacity.minimum",
            "properties.profiles.capacity.maximum",
            "properties.profiles.capacity.default",
        }
    ),
    "interface": frozenset({"id", "properties.ipConfigurations.properties.privateIPAddress"}),
    "operation": frozenset(
        {"status", "name", "error.code", "error.details.code", "error.details.target"}
    ),
    "error": frozenset(
        {"error.code", "error.target", "error.details.code", "error.details.target"}
    ),
}
"""What is shown by right, by the kind of document; items of a list have the list's path."""

TOLD = frozenset({"message", "displayStatus"})
"""Keys whose texts are told to people."""

_MODELS: dict[str, Any] = {
    "scaleSet": compute.VirtualMachineScaleSet,
    "instance": compute.VirtualMachineScaleSetVM,
    "view": compute.VirtualMachineScaleSetVM,
    "rollingUpgrade": compute.RollingUpgradeStatusInfo,
    "imageVersion": compute.VirtualMachineImageResource,
    "galleryVersion": compute.GalleryImageVersion,
    "autoscale": monitor.AutoscaleSettingResource,
    "error": None,
    "operation": None,
    "interface": None,
}
_KINDS = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r".*/virtualMachineScaleSets(/[^/]+)?", "scaleSet"),
        (r".*/virtualMachineScaleSets/[^/]+/virtualMachines/[^/]+", "view"),
        (r".*/virtualMachineScaleSets/[^/]+/virtualMachines", "instance"),
        (r".*/rollingUpgrades/latest", "rollingUpgrade"),
        (r".*/artifacttypes/vmimage/.*/versions", "imageVersion"),
        (r".*/galleries/.*/versions", "galleryVersion"),
        (r".*/Microsoft\.Insights/autoscalesettings(/[^/]+)?", "autoscale"),
        (r".*/networkInterfaces", "interface"),
        (r".*/operations/[^/]+", "operation"),
    )
)


class PlantingDoor(Door):
    """A door that plants; `tokens` are the access tokens it has given away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.tokens: list[str] = []

    def answer_here(self, request: Request, address: Address) -> Response:
        """Answer as the door does, with secrets in the answer."""
        response = super().answer_here(request, address)
        if address.path.startswith("/_sim"):
            return response
        if address.path.endswith("/token") and response.status == 200:
            self.tokens.append(json.loads(response.body)["access_token"])
            return response
        return planted_response(address.path, response)


def planted_response(path: str, response: Response) -> Response:
    """Return the response with secrets in its headers and its body."""
    signed = f"&t=638603&c={_SECRET}&s={_SECRET}&h={_SECRET}"
    headers = {"x-ms-secret": _SECRET, "set-cookie": f"session={_SECRET}"}
    for name, value in response.headers.items():
        folded = name.casefold()
        is_address = folded in ("azure-asyncoperation", "location")
        headers[name] = value + signed if is_address and "?" in value else value
    if response.status >= 400:
        headers["WWW-Authenticate"] = f'Bearer realm="x", error_description="token={_SECRET}"'
    kind = "error" if response.status >= 400 else _kind_of(path)
    if kind is None or not response.body:
        return replace(response, headers=headers)
    body = json_bytes(planted(json.loads(response.body), kind))
    headers = (
        {**headers, "content-length": str(len(body))} if "content-length" in headers else headers
    )
    return replace(response, headers=headers, body=body)


def _kind_of(path: str) -> str | None:
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(path.rstrip("/"))), None)


def planted(document: Any, kind: str) -> Any:
    """Return the document with a secret in every place but those spared."""
    if isinstance(document, list):
        return [planted(each, kind) for each in document]
    if isinstance(document.get("value"), list):
        return {**document, "value": planted(document["value"], kind)}
    model = _MODELS[kind]
    everywhere = {} if model is None else _full(model)
    return _merged(document, everywhere, "", SPARED[kind])


def _merged(real: Any, full: Any, path: str, spared: frozenset[str]) -> Any:
    """Return the real value with what is planted; None of both is nothing."""
    if isinstance(real, dict) or (real is None and isinstance(full, dict)):
        return _merged_object(real or {}, full if isinstance(full, dict) else {}, path, spared)
    if isinstance(real, list) or (real is None and isinstance(full, list)):
        item = full[0] if isinstance(full, list) and full else None
        found = [_merged(each, item, path, spared) for each in real or [None]]
        return [each for each in found if each is not None]
    if path in spared:
        return real
    if path.rpartition(".")[2] in TOLD:
        return f"{real or 'Something happened.'}{TOLD_TEXT}"
    if isinstance(real, str) or (real is None and isinstance(full, str)):
        return f"{MARK}/{path}"
    return real


def _merged_object(
    real: dict[str, Any], full: dict[str, Any], path: str, spared: frozenset[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {"unknownToAll": f"{MARK}/{path}/unknown"}
    for name in {**real, **full}:
        inner = f"{path}.{name}" if path else name
        value = _merged(real.get(name), full.get(name), inner, spared)
        if value is not None:
            found[name] = value
    return found


@cache
def _full(model: Any) -> Any:
    """Return the document of a model with every text it can have."""
    return _full_model(model, ())


def _full_model(model: Any, above: tuple[Any, ...]) -> Any:
    if model in above:
        return None
    if hasattr(model, "_attribute_map"):
        return _full_mapped(model, (*above, model))
    fields: Iterable[tuple[str, Any]] = fields_of(model).items()
    made = {name: _full_value(kind, (*above, model)) for name, kind in fields}
    return {name: value for name, value in made.items() if value is not None}


def _full_value(annotation: Any, above: tuple[Any, ...]) -> Any:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _full_value(next(a for a in arguments if a is not types.NoneType), above)
    if origin is list:
        item = _full_value(arguments[0], above)
        return None if item is None else [item]
    if origin is dict:
        value = _full_value(arguments[1], above)
        return None if value is None else {"key": value}
    if annotation is Any:
        return {"key": MARK}
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return _full_model(annotation, above)
    return MARK if annotation is str else None


def _full_mapped(model: Any, above: tuple[Any, ...]) -> dict[str, Any]:
    """Return the same of a model that describes itself by a map of its attributes."""
    found: dict[str, Any] = {}
    for attribute in model._attribute_map.values():
        value = _full_kind(attribute["type"], above)
        if value is None:
            continue
        place = found
        *outer, name = attribute["key"].split(".")
        for each in outer:
            place = place.setdefault(each, {})
        place[name] = value
    return found


def _full_kind(kind: str, above: tuple[Any, ...]) -> Any:
    if kind.startswith("["):
        item = _full_kind(kind[1:-1], above)
        return None if item is None else [item]
    if kind.startswith("{"):
        value = _full_kind(kind[1:-1], above)
        return None if value is None else {"key": value}
    if kind == "str":
        return MARK
    if kind == "object":
        return {"key": MARK}
    model = getattr(monitor, kind, None)
    return None if model is None else _full_model(model, above)
