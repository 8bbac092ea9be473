"""Tokens for a managed identity, the way an App Service and a virtual machine hand them out.

The libraries find the first by IDENTITY_ENDPOINT and IDENTITY_HEADER, the second by
AZURE_POD_IDENTITY_AUTHORITY_HOST. There is one identity, which is the simulator's one
application; it may be asked for by name or as whatever is assigned.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from vmss_simulator.arm import tokens
from vmss_simulator.arm.call import Route
from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

APP_SERVICE_PATH = "/msi/token"
_BY_ID = ("client_id", "object_id", "principal_id")
_BY_RESOURCE = ("mi_res_id", "msi_res_id")
_NO_IDENTITY = (
    "No User Assigned or Delegated Managed Identity found for specified "
    "ClientId/ResourceId/PrincipalId."
)


def app_service(call: Call) -> Response:
    """Give a token to who knows the header; errors are `{"statusCode", "message"}`."""
    header = call.request.headers.get("x-identity-header", "")
    if not hmac.compare_digest(header.encode(), call.settings.identity_header.encode()):
        return _app_service_error(401, "The X-IDENTITY-HEADER is missing or not the right one.")
    if not call.query.get("api-version"):
        return _app_service_error(400, "The api-version is missing.")
    resource = call.query.get("resource", "").strip()
    if not resource:
        return _app_service_error(400, "The resource is missing.")
    if not _is_assigned(call):
        return _app_service_error(400, _NO_IDENTITY)
    issued = tokens.issue(call, resource)
    return json_response(
        {
            "access_token": issued.text,
            "expires_on": str(issued.expires_on),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": call.settings.client_id,
        }
    )


def instance_metadata(call: Call) -> Response:
    """Give a token to a request that carries `Metadata: true`; all numbers are text."""
    if call.request.headers.get("metadata", "").casefold() != "true":
        return _metadata_error("Required metadata header not specified")
    if not call.query.get("api-version"):
        return _metadata_error("Required query variable 'api-version' is missing")
    resource = call.query.get("resource", "").strip()
    if not resource:
        return _metadata_error("Required audience parameter not specified")
    if not _is_assigned(call):
        return _metadata_error("Identity not found")
    issued = tokens.issue(call, resource)
    return json_response(
        {
            "access_token": issued.text,
            "client_id": call.settings.client_id,
            "expires_in": str(issued.lifetime),
            "expires_on": str(issued.expires_on),
            "ext_expires_in": str(issued.lifetime),
            "not_before": str(issued.not_before),
            "resource": resource,
            "token_type": "Bearer",
        }
    )


def _is_assigned(call: Call) -> bool:
    """Whether the identity asked for is the one there is; none asked for is that one, too."""
    settings = call.settings
    resource_id = (
        f"/subscriptions/{settings.subscription_ids[0]}/resourceGroups/simulator"
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/simulator"
    )
    return _all_are(call, _BY_ID, settings.client_id) and _all_are(call, _BY_RESOURCE, resource_id)


def _all_are(call: Call, names: Iterable[str], value: str) -> bool:
    return all(
        call.query[name].casefold() == value.casefold() for name in names if name in call.query
    )


def _app_service_error(status: int, message: str) -> Response:
    return json_response({"statusCode": status, "message": message}, status)


def _metadata_error(description: str) -> Response:
    return json_response({"error": "invalid_request", "error_description": description}, status=400)


ROUTES: tuple[Route, ...] = (
    Route("GET", APP_SERVICE_PATH, app_service, None, None),
    Route("GET", "/metadata/identity/oauth2/token", instance_metadata, None, None),
)
