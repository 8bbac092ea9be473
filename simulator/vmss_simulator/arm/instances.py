"""Operations on the virtual machines of a scale set: list, get, instance view."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_simulator.arm.call import INSTANCE, SCALE_SET, Route
from vmss_simulator.arm.documents import instance_document
from vmss_simulator.arm.instance_views import instance_view_document
from vmss_simulator.arm.intake import invalid_parameter
from vmss_simulator.arm.messages import json_bytes, json_response, raw_json_response
from vmss_simulator.arm.paging import page
from vmss_simulator.errors import ArmError
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.arm.paging import SortKey
    from vmss_simulator.values import Instance, ScaleSet

_SPACE = re.compile(r"\s+")
_LATEST_MODEL = re.compile(r"properties/latestmodelapplied eq (true|false)")
_POWER_STATE = "startswith(instanceview/statuses/code,'powerstate') eq true"
_SELECTABLE = {"instanceview", "instanceview/statuses"}


def list_instances(call: Call) -> Response:
    """Answer a page of instances; `$filter`, `$select` and `$expand` as the service has them."""
    selects_view = _selects_view(call)
    with_view = _expands_view(call) or selects_view
    scale_set = call.world.scale_set(call.scale_set_key)
    chosen = _filtered(call, scale_set, list(scale_set.instances.values()))
    instances, next_link = page(call, chosen, _sort_key)
    render = _selected if selects_view else _rendered
    parts = [render(call, scale_set, instance, with_view) for instance in instances]
    body = b'{"value":[' + b",".join(parts) + b"]"
    # The last page has no such key at all.
    if next_link is not None:
        body += b',"nextLink":' + json_bytes(next_link)
    return raw_json_response(body + b"}")


def get(call: Call) -> Response:
    """Answer one instance; `$expand=instanceView` adds its view."""
    with_view = _expands_view(call)
    scale_set = call.world.scale_set(call.scale_set_key)
    instance = _instance(call, scale_set)
    return raw_json_response(_rendered(call, scale_set, instance, with_view))


def instance_view(call: Call) -> Response:
    """Answer the instance view of one instance."""
    scale_set = call.world.scale_set(call.scale_set_key)
    return json_response(instance_view_document(scale_set, _instance(call, scale_set)))


def _instance(call: Call, scale_set: ScaleSet) -> Instance:
    wanted = call.parameters["instanceId"]
    instance = scale_set.instances.get(wanted)
    if instance is None:
        # The ids of a Flexible set are names, and compare without case.
        folded = wanted.casefold()
        instance = next(
            (each for name, each in scale_set.instances.items() if name.casefold() == folded),
            None,
        )
    if instance is None:
        raise ArmError(
            404,
            "NotFound",
            f"The entity was not found. Instance id '{wanted}' of scale set "
            f"'{scale_set.key.name}' does not exist.",
        )
    return instance


def _rendered(call: Call, scale_set: ScaleSet, instance: Instance, with_view: bool) -> bytes:  # noqa: FBT001 - one of two renderers
    latest = call.world.latest_model_applied(scale_set, instance)
    return call.memo.rendered(
        ("instance", scale_set.key, instance.instance_id, with_view),
        (instance, scale_set.body, latest),
        lambda: json_bytes(
            instance_document(scale_set, instance, latest_model_applied=latest, with_view=with_view)
        ),
    )


def _selected(call: Call, scale_set: ScaleSet, instance: Instance, with_view: bool) -> bytes:  # noqa: ARG001, FBT001 - one of two renderers
    return call.memo.rendered(
        ("view", scale_set.key, instance.instance_id),
        (instance, scale_set.body),
        lambda: json_bytes(
            {
                "name": instance.name,
                "id": f"{scale_set.key.resource_id}/virtualMachines/{instance.instance_id}",
                "location": scale_set.body.get("location", ""),
                "instanceId": instance.instance_id,
                "properties": {"instanceView": instance_view_document(scale_set, instance)},
            }
        ),
    )


def _expands_view(call: Call) -> bool:
    value = call.query.get("$expand", "")
    if value and value.casefold() not in _SELECTABLE:
        raise invalid_parameter(f"The value '{value}' of parameter $expand is invalid.", "$expand")
    return bool(value)


def _selects_view(call: Call) -> bool:
    value = call.query.get("$select", "")
    if value and value.casefold() not in _SELECTABLE:
        raise invalid_parameter(f"The value '{value}' of parameter $select is invalid.", "$select")
    return bool(value)


def _filtered(call: Call, scale_set: ScaleSet, instances: list[Instance]) -> list[Instance]:
    """Apply `$filter`: the service knows only the forms tested for here."""
    text = _SPACE.sub(" ", call.query.get("$filter", "").strip()).casefold()
    if not text or text.replace(", ", ",") == _POWER_STATE:
        # Every instance has a power state; the second form only asks for it to be shown.
        return instances
    match = _LATEST_MODEL.fullmatch(text)
    if match is None:
        raise invalid_parameter(
            f"The value '{call.query['$filter']}' of parameter $filter is invalid.", "$filter"
        )
    wanted = match[1] == "true"
    applied: Callable[[ScaleSet, Instance], bool] = call.world.latest_model_applied
    return [each for each in instances if applied(scale_set, each) is wanted]


def _sort_key(instance: Instance) -> SortKey:
    if instance.instance_id.isdecimal():
        return (0, int(instance.instance_id), "")
    return (1, 0, instance.instance_id)


ROUTES: tuple[Route, ...] = (
    Route("GET", SCALE_SET + "/virtualMachines", list_instances, OperationKind.LIST_INSTANCES),
    Route("GET", INSTANCE, get, OperationKind.GET_INSTANCE),
    Route("GET", INSTANCE + "/instanceView", instance_view, OperationKind.GET_INSTANCE),
)
