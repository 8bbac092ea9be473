"""Resource groups, as much as a client needs around scale sets."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.call import SUBSCRIPTION, ApiVersions, BodyRule, Route
from vmss_simulator.arm.headers import poll_headers
from vmss_simulator.arm.intake import invalid_content, invalid_parameter
from vmss_simulator.arm.messages import empty_response, json_response
from vmss_simulator.commands import DeleteResourceGroup, WriteResourceGroup
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.resource_groups import ResourceGroup

_NOT_FOUND = 404
_NAME = re.compile(r"[\w().-]{0,89}[\w()-]")
_MOST_TAGS = 50


def list_groups(call: Call) -> Response:
    """Answer the groups of a subscription; `$filter=tagName eq 'x' [and tagValue eq 'y']`."""
    groups = call.world.resource_groups(call.subscription_id)
    wanted = _tag_filter(call.query.get("$filter", ""))
    if wanted is not None:
        name, value = wanted
        groups = [
            each
            for each in groups
            if name in each.tags and (value is None or each.tags[name] == value)
        ]
    return json_response({"value": [_document(each) for each in groups]})


_TAG_FILTER = re.compile(r"tagname eq '([^']*)'(?: and tagvalue eq '([^']*)')?", re.IGNORECASE)


def _tag_filter(text: str) -> tuple[str, str | None] | None:
    if not text:
        return None
    match = _TAG_FILTER.fullmatch(text.strip())
    if match is None:
        raise invalid_parameter(f"The $filter query parameter value '{text}' is invalid.", "filter")
    return match[1], match[2]


def get_group(call: Call) -> Response:
    """Answer one group, or 404 ResourceGroupNotFound."""
    return json_response(_document(_group(call)))


def has_group(call: Call) -> Response:
    """Answer 204 for a group that there is, 404 for another; `az group exists` asks."""
    try:
        _group(call)
    except ArmError:
        return empty_response(_NOT_FOUND)
    return empty_response(204)


def put_group(call: Call) -> Response:
    """Make a group, 201, or give it other tags, 200."""
    name = call.parameters["resourceGroup"]
    if not _NAME.fullmatch(name):
        raise invalid_parameter(f"The provided resource group name '{name}' is invalid.", "name")
    location = call.document.get("location")
    if not isinstance(location, str) or not location:
        raise ArmError(
            400, "LocationRequired", "The location property is required for this definition."
        )
    tags = _tags(call.document)
    known = {each.name.casefold() for each in call.world.resource_groups(call.subscription_id)}
    call.world.perform(WriteResourceGroup(call.subscription_id, name, location, tags))
    return json_response(_document(_group(call)), 200 if name.casefold() in known else 201)


def patch_group(call: Call) -> Response:
    """Give a group other tags."""
    group = _group(call)
    tags = _tags(call.document) if "tags" in call.document else group.tags
    call.world.perform(WriteResourceGroup(call.subscription_id, group.name, group.location, tags))
    return json_response(_document(_group(call)))


def delete_group(call: Call) -> Response:
    """Delete a group with all that is in it: 202, and an address to poll."""
    name = _group(call).name
    call.world.perform(DeleteResourceGroup(call.subscription_id, name))
    return _deleting(call, _opaque(name))


def deletion(call: Call) -> Response:
    """Answer 202 as long as a group is being deleted, then 200; 409 when it was not deleted."""
    result = call.parameters["result"]
    name = _read_opaque(result)
    try:
        group = call.world.resource_group(call.subscription_id, name)
    except ArmError:
        return empty_response(200)
    if group.is_deleting:
        return _deleting(call, result)
    raise ArmError(
        409,
        "ResourceGroupDeletionBlocked",
        f"Deletion of resource group '{group.name}' failed as resources could not be deleted.",
    )


def _opaque(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def _read_opaque(result: str) -> str:
    try:
        name = base64.urlsafe_b64decode(result + "=" * (-len(result) % 4)).decode()
    except ValueError:
        name = ""
    # Decoding passes over what it does not know.
    if not name or _opaque(name) != result:
        raise ArmError(_NOT_FOUND, "NotFound", "The operation was not found.")
    return name


def _deleting(call: Call, result: str) -> Response:
    address = (
        f"{call.request.base_url}/subscriptions/{call.subscription_id}/operationresults/{result}"
        f"?api-version={call.api_version}"
    )
    return empty_response(202, {"Location": address, **poll_headers(call.world, call.settings)})


def _group(call: Call) -> ResourceGroup:
    return call.world.resource_group(call.subscription_id, call.parameters["resourceGroup"])


def _tags(document: Mapping[str, Any]) -> dict[str, str]:
    tags = document.get("tags")
    if tags is None:
        return {}
    if not isinstance(tags, dict) or not all(isinstance(each, str) for each in tags.values()):
        raise invalid_content("The member 'tags' is an object of texts.")
    if len(tags) > _MOST_TAGS:
        raise ArmError(400, "InvalidTags", f"A resource has at most {_MOST_TAGS} tags.")
    return tags


def _document(group: ResourceGroup) -> dict[str, Any]:
    return {
        "id": group.resource_id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": "Deleting" if group.is_deleting else "Succeeded"},
    }


_GROUPS = ApiVersions("resourceGroups", first="2014-04-01")
_GROUP = SUBSCRIPTION + "/resourceGroups/{resourceGroup}"

ROUTES: tuple[Route, ...] = (
    Route("GET", SUBSCRIPTION + "/resourceGroups", list_groups, None, _GROUPS),
    Route("GET", _GROUP, get_group, None, _GROUPS),
    Route("HEAD", _GROUP, has_group, None, _GROUPS),
    Route("PUT", _GROUP, put_group, None, _GROUPS, BodyRule.REQUIRED),
    Route("PATCH", _GROUP, patch_group, None, _GROUPS, BodyRule.REQUIRED),
    Route("DELETE", _GROUP, delete_group, None, _GROUPS),
    Route("GET", SUBSCRIPTION + "/operationresults/{result}", deletion, None, _GROUPS),
)
