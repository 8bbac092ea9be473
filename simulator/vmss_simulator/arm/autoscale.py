"""Autoscale settings of Microsoft.Insights: as much as pinning instance counts needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.call import SUBSCRIPTION, ApiVersions, BodyRule, Route
from vmss_simulator.arm.messages import empty_response, json_response
from vmss_simulator.arm.paging import page
from vmss_simulator.commands import DeleteAutoscale, WriteAutoscale
from vmss_simulator.errors import ArmError
from vmss_simulator.values import AutoscaleKey, OperationKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.arm.paging import SortKey
    from vmss_simulator.values import AutoscaleSetting

_TYPE = "Microsoft.Insights/autoscalesettings"
_VERSIONS = ApiVersions("autoscalesettings", "2014-04-01", "2022-10-01", ("2021-05-01-preview",))
_INSIGHTS = "/providers/Microsoft.Insights/autoscalesettings"
_IN_GROUP = SUBSCRIPTION + "/resourceGroups/{resourceGroup}" + _INSIGHTS
_ONE = _IN_GROUP + "/{setting}"


def list_in_group(call: Call) -> Response:
    """Answer a page of the settings of a resource group."""
    group = call.parameters["resourceGroup"]
    return _list(call, call.world.autoscale_settings(call.subscription_id, group))


def list_in_subscription(call: Call) -> Response:
    """Answer a page of all settings."""
    return _list(call, call.world.autoscale_settings(call.subscription_id))


def _list(call: Call, found: Sequence[AutoscaleSetting]) -> Response:
    settings, next_link = page(call, found, _sort_key)
    document: dict[str, Any] = {"value": [_document(each) for each in settings]}
    if next_link is not None:
        document["nextLink"] = next_link
    return json_response(document)


def _sort_key(setting: AutoscaleSetting) -> SortKey:
    return (setting.key.resource_group.casefold(), setting.key.name.casefold())


def get(call: Call) -> Response:
    """Answer one setting."""
    return json_response(_document(call.world.autoscale_setting(_key(call))))


def put(call: Call) -> Response:
    """Create or replace a setting: 201 or 200, done at once."""
    key = _key(call)
    try:
        call.world.autoscale_setting(key)
        status = 200
    except ArmError:
        status = 201
    call.world.perform(WriteAutoscale(key, call.document))
    return json_response(_document(call.world.autoscale_setting(key)), status)


def patch(call: Call) -> Response:
    """Change a setting."""
    key = _key(call)
    call.world.perform(WriteAutoscale(key, call.document, merge=True))
    return json_response(_document(call.world.autoscale_setting(key)))


def delete(call: Call) -> Response:
    """Delete a setting; 204 when there is none such."""
    key = _key(call)
    try:
        call.world.autoscale_setting(key)
    except ArmError:
        return empty_response(204)
    call.world.perform(DeleteAutoscale(key))
    return empty_response(200)


def _key(call: Call) -> AutoscaleKey:
    names = call.parameters
    return AutoscaleKey(call.subscription_id, names["resourceGroup"], names["setting"])


def _document(setting: AutoscaleSetting) -> dict[str, Any]:
    properties = {"enabled": True, "name": setting.key.name, **setting.body["properties"]}
    return {
        "id": setting.key.resource_id,
        "name": setting.key.name,
        "type": _TYPE,
        "tags": {},
        **setting.body,
        "properties": properties,
    }


_GET, _PUT = OperationKind.GET_AUTOSCALE, OperationKind.PUT_AUTOSCALE
_BODY = BodyRule.REQUIRED

ROUTES: tuple[Route, ...] = (
    Route("GET", SUBSCRIPTION + _INSIGHTS, list_in_subscription, _GET, _VERSIONS),
    Route("GET", _IN_GROUP, list_in_group, _GET, _VERSIONS),
    Route("GET", _ONE, get, _GET, _VERSIONS),
    Route("PUT", _ONE, put, _PUT, _VERSIONS, _BODY),
    Route("PATCH", _ONE, patch, _PUT, _VERSIONS, _BODY),
    Route("DELETE", _ONE, delete, OperationKind.DELETE_AUTOSCALE, _VERSIONS),
)
