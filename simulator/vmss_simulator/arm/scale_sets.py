"""Operations on whole scale sets: read, list, write the model, upgrade, reimage."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm import lro
from vmss_simulator.arm.call import COMPUTE, COMPUTE_IN_GROUP, SCALE_SET, BodyRule, Route
from vmss_simulator.arm.documents import scale_set_document, scale_set_view_document
from vmss_simulator.arm.fields import instance_ids, required_ids
from vmss_simulator.arm.intake import invalid_parameter
from vmss_simulator.arm.messages import json_bytes, json_response, raw_json_response
from vmss_simulator.arm.model_shape import check_model
from vmss_simulator.arm.paging import page
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.arm.paging import SortKey
    from vmss_simulator.values import ScaleSet

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?", re.ASCII)
_ALL = ("*",)


def get(call: Call) -> Response:
    """Answer the model with its etag; `$expand=userData` adds the user data."""
    expand = _expand(call, "userData")
    scale_set = call.world.scale_set(call.scale_set_key)
    body = call.memo.rendered(
        ("scale set", scale_set.key, expand),
        (scale_set.body, scale_set.provisioning),
        lambda: json_bytes(scale_set_document(scale_set, with_user_data=expand)),
    )
    return raw_json_response(body, 200, {"etag": scale_set.etag})


def list_in_group(call: Call) -> Response:
    """Answer a page of the scale sets of a resource group."""
    found = call.world.scale_sets(call.subscription_id, call.parameters["resourceGroup"])
    return _list(call, found, upper_case_group=False)


def list_in_subscription(call: Call) -> Response:
    """Answer a page of all scale sets; their ids have the group in upper case, as recorded."""
    return _list(call, call.world.scale_sets(call.subscription_id), upper_case_group=True)


def _list(call: Call, found: Sequence[ScaleSet], *, upper_case_group: bool) -> Response:
    scale_sets, next_link = page(call, found, _sort_key)
    document: dict[str, Any] = {
        "value": [
            scale_set_document(scale_set, upper_case_group=upper_case_group)
            for scale_set in scale_sets
        ]
    }
    # The last page has no such key at all.
    if next_link is not None:
        document["nextLink"] = next_link
    return json_response(document)


def _sort_key(scale_set: ScaleSet) -> SortKey:
    key = scale_set.key.folded()
    return (key.resource_group, key.name)


def instance_view(call: Call) -> Response:
    """Answer counts of the instances' states."""
    return json_response(scale_set_view_document(call.world.scale_set(call.scale_set_key)))


def put(call: Call) -> Response:
    """Write the model; a partial body merges over the stored one, as recorded."""
    if not _NAME.fullmatch(call.parameters["scaleSet"]):
        raise invalid_parameter("The name of the scale set is invalid.", "vmScaleSetName")
    check_model(call.document)
    is_new = not call.world.has_scale_set(call.scale_set_key)
    operation = call.world.put_scale_set(
        call.scale_set_key,
        call.document,
        if_match=call.request.headers.get("if-match"),
        if_none_match=call.request.headers.get("if-none-match"),
    )
    return _written(call, lro.announcement(call, operation), 201 if is_new else 200)


def patch(call: Call) -> Response:
    """Change the fields of the model that the body has."""
    check_model(call.document)
    operation = call.world.patch_scale_set(
        call.scale_set_key,
        call.document,
        if_match=call.request.headers.get("if-match"),
    )
    return _written(call, lro.announcement(call, operation))


def _written(call: Call, headers: dict[str, str], status: int = 200) -> Response:
    scale_set = call.world.scale_set(call.scale_set_key)
    return json_response(scale_set_document(scale_set), status, {**headers, "etag": scale_set.etag})


def upgrade(call: Call) -> Response:
    """Bring the named instances to the model; the ids are required, `*` is all."""
    return lro.accepted(call, call.world.upgrade(call.scale_set_key, required_ids(call)))


def reimage(call: Call) -> Response:
    """Replace the OS disks of the named instances; without ids, of all."""
    ids = instance_ids(call) or _ALL
    return lro.accepted(call, call.world.reimage(call.scale_set_key, ids))


def _expand(call: Call, allowed: str) -> bool:
    """Whether the one thing that can be expanded is asked for; anything else is refused."""
    value = call.query.get("$expand", "")
    if value and value.casefold() != allowed.casefold():
        raise invalid_parameter(f"The value '{value}' of parameter $expand is invalid.", "$expand")
    return bool(value)


ROUTES: tuple[Route, ...] = (
    Route("GET", SCALE_SET, get, OperationKind.GET_SCALE_SET),
    Route("PUT", SCALE_SET, put, OperationKind.PUT_SCALE_SET, body=BodyRule.REQUIRED),
    Route("PATCH", SCALE_SET, patch, OperationKind.PATCH_SCALE_SET, body=BodyRule.REQUIRED),
    Route(
        "GET",
        COMPUTE_IN_GROUP + "/virtualMachineScaleSets",
        list_in_group,
        OperationKind.LIST_SCALE_SETS,
    ),
    Route(
        "GET",
        COMPUTE + "/virtualMachineScaleSets",
        list_in_subscription,
        OperationKind.LIST_SCALE_SETS,
    ),
    Route("GET", SCALE_SET + "/instanceView", instance_view, OperationKind.GET_INSTANCE_VIEW),
    Route(
        "POST",
        SCALE_SET + "/manualupgrade",
        upgrade,
        OperationKind.UPGRADE,
        body=BodyRule.REQUIRED,
    ),
    Route("POST", SCALE_SET + "/reimage", reimage, OperationKind.REIMAGE, body=BodyRule.OPTIONAL),
)
