"""Who may do what: each request against the roles of the world, and the listing of them.

The listing is documented for resources and resource groups (Permissions, 2022-04-01), and for
subscriptions by example. Requests about tenants, subscriptions and groups are not checked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vmss_simulator import documents
from vmss_simulator.arm.call import COMPUTE_IN_GROUP, SUBSCRIPTION, ApiVersions, Route
from vmss_simulator.arm.messages import json_response
from vmss_simulator.roles import action_of, image_action
from vmss_simulator.values import OperationKind

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

_LISTING = "/providers/Microsoft.Authorization/permissions"
_READ = "Microsoft.Authorization/permissions/read"
_IMAGE = ("properties", "virtualMachineProfile", "storageProfile", "imageReference", "id")
_MODEL_WRITES = frozenset({OperationKind.PUT_SCALE_SET, OperationKind.PATCH_SCALE_SET})


def check(call: Call, route: Route) -> None:
    """Refuse a request that the roles of the world do not allow.

    Raises:
        ArmError: 403 AuthorizationFailed or LinkedAuthorizationFailed.

    """
    if call.world.allows_everything:
        return
    call.world.authorize(_action(route.method, route.template), _scope(call, route))
    image = documents.text(call.document, *_IMAGE) if route.kind in _MODEL_WRITES else None
    if image:
        call.world.authorize_link(image_action(image), image)


def permissions(call: Call) -> Response:
    """Answer what the caller may do at a scope: one entry an assignment that reaches it."""
    path = call.request.path
    scope = path[: path.casefold().rindex(_LISTING.casefold())]
    call.world.authorize(_READ, scope)
    found: list[dict[str, Any]] = [
        {
            "actions": list(each.actions),
            "notActions": list(each.not_actions),
            "dataActions": [],
            "notDataActions": [],
        }
        for each in call.world.roles
        if each.reaches(scope)
    ]
    return json_response({"value": found})


@lru_cache(maxsize=512)
def _action(method: str, template: str) -> str:
    return action_of(method, template)


def _scope(call: Call, route: Route) -> str:
    """Return what the request is about: a scale set, another resource, or the subscription."""
    subscription = f"/subscriptions/{call.subscription_id}"
    if route.kind is OperationKind.GET_OPERATION:
        # Who has rights on the resource's group may follow what goes on in it.
        key = route.key_of(call)
        return f"{subscription}/resourceGroups/{key.resource_group}" if key else subscription
    if call.key is not None:
        return call.key.resource_id
    path = call.request.path.rstrip("/")
    if "/resourcegroups/" not in path.casefold():
        return subscription
    resource = path.rpartition("/providers/")[2].split("/")[1:]
    # Types and names take turns: a list ends with a type.
    return path if len(resource) % 2 == 0 else path.rpartition("/")[0]


_VERSIONS = ApiVersions("permissions", "2015-07-01", "2022-04-01", ("2018-01-01-preview",))
_GROUP = SUBSCRIPTION + "/resourceGroups/{resourceGroup}"
_RESOURCE = COMPUTE_IN_GROUP + "/{resourceType}/{resourceName}"

ROUTES: tuple[Route, ...] = tuple(
    Route("GET", scope + _LISTING, permissions, None, _VERSIONS)
    for scope in (SUBSCRIPTION, _GROUP, _RESOURCE)
)
