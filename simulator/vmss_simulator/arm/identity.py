"""Just enough of a token service for a client secret login.

The login libraries insist on it being there, over TLS, with a discovery document whose
endpoints name the tenant. The tokens it gives open nothing but a simulator.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from vmss_simulator.arm import tokens
from vmss_simulator.arm.call import Route
from vmss_simulator.arm.messages import json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

_UNAUTHORIZED = 401


def discovery(call: Call) -> Response:
    """Answer the OpenID configuration of the tenant, for the v2.0 endpoints."""
    return _discovery(call, "/v2.0")


def discovery_v1(call: Call) -> Response:
    """Answer the OpenID configuration of the tenant, for the older endpoints."""
    return _discovery(call, "")


def _discovery(call: Call, version: str) -> Response:
    if not _is_known_tenant(call):
        return _unknown_tenant(call)
    base = f"{call.request.base_url}/{call.parameters['tenant']}"
    return json_response(
        {
            "issuer": f"{base}{version or '/'}",
            "authorization_endpoint": f"{base}/oauth2{version}/authorize",
            "token_endpoint": f"{base}/oauth2{version}/token",
            "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
            "jwks_uri": f"{base}/discovery{version}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
            "tenant_region_scope": None,
            "cloud_instance_name": call.request.headers.get("host", ""),
        }
    )


def keys(call: Call) -> Response:
    """Answer no keys: what signs the tokens is public, but no key that anybody can verify with."""
    if not _is_known_tenant(call):
        return _unknown_tenant(call)
    return json_response({"keys": []})


def instance_discovery(call: Call) -> Response:
    """Answer that this host is a cloud of its own, to libraries that can be told to ask it.

    Most ask the public cloud instead, whatever their authority is, and have to be told not to.
    """
    host = call.request.headers.get("host", "")
    base = f"{call.request.base_url}/{call.settings.tenant_id}"
    return json_response(
        {
            "tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
    )


def token(call: Call) -> Response:
    """Give a token for the right client id and secret, for any scope; refuse as the service."""
    form = _form(call)
    refusal = _refusal(call, form, "scope")
    if refusal is not None:
        return refusal
    audience = form["scope"].split(maxsplit=1)[0].removesuffix("/.default")
    issued = tokens.issue(call, audience, version="2.0")
    return json_response(
        {
            "token_type": "Bearer",
            "expires_in": issued.lifetime,
            "ext_expires_in": issued.lifetime,
            "access_token": issued.text,
        }
    )


def token_v1(call: Call) -> Response:
    """Give the same for a `resource`; numbers are text in this version."""
    form = _form(call)
    refusal = _refusal(call, form, "resource")
    if refusal is not None:
        return refusal
    issued = tokens.issue(call, form["resource"].strip())
    return json_response(
        {
            "token_type": "Bearer",
            "expires_in": str(issued.lifetime),
            "ext_expires_in": str(issued.lifetime),
            "expires_on": str(issued.expires_on),
            "not_before": str(issued.not_before),
            "resource": form["resource"].strip(),
            "access_token": issued.text,
        }
    )


def _form(call: Call) -> dict[str, str]:
    try:
        return dict(parse_qsl(call.request.body.decode(), max_num_fields=100))
    except ValueError:
        return {}


def _refusal(call: Call, form: Mapping[str, str], required: str) -> Response | None:
    settings = call.settings
    client_id = form.get("client_id", "")
    secret = form.get("client_secret", "")
    if not _is_known_tenant(call):
        return _unknown_tenant(call)
    if form.get("grant_type") != "client_credentials":
        return _refused(
            400, "unsupported_grant_type", "AADSTS70003", "The grant type is not supported."
        )
    if not form.get(required, "").strip():
        return _refused(
            400,
            "invalid_request",
            "AADSTS900144",
            f"The request body must contain the following parameter: '{required}'.",
        )
    if client_id.casefold() != settings.client_id.casefold():
        return _refused(
            400,
            "unauthorized_client",
            "AADSTS700016",
            f"Application with identifier '{client_id}' was not found in the directory.",
        )
    if not hmac.compare_digest(secret.encode(), settings.client_secret.encode()):
        return _refused(
            _UNAUTHORIZED,
            "invalid_client",
            "AADSTS7000215",
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID.",
        )
    return None


def _is_known_tenant(call: Call) -> bool:
    return call.parameters["tenant"].casefold() == call.settings.tenant_id.casefold()


def _unknown_tenant(call: Call) -> Response:
    return _refused(
        400,
        "invalid_tenant",
        "AADSTS90002",
        f"Tenant '{call.parameters['tenant']}' not found.",
    )


def _refused(status: int, error: str, code: str, text: str) -> Response:
    return json_response(
        {
            "error": error,
            "error_description": f"{code}: {text}",
            "error_codes": [int(code.removeprefix("AADSTS"))],
        },
        status,
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", discovery, None, None),
    Route("GET", "/{tenant}/.well-known/openid-configuration", discovery_v1, None, None),
    Route("GET", "/{tenant}/discovery/v2.0/keys", keys, None, None),
    Route("GET", "/{tenant}/discovery/keys", keys, None, None),
    Route("GET", "/common/discovery/instance", instance_discovery, None, None),
    Route("POST", "/{tenant}/oauth2/v2.0/token", token, None, None),
    Route("POST", "/{tenant}/oauth2/token", token_v1, None, None),
)
