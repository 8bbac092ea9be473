"""Just enough of a token service for a client secret login.

The login libraries insist on it being there, over TLS, with a discovery document whose
endpoints name the tenant. The tokens it gives open nothing but a simulator.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from vmss_simulator.arm.call import Route
from vmss_simulator.arm.messages import json_bytes, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Response

_LIFETIME_SECONDS = 3599
_UNAUTHORIZED = 401


def discovery(call: Call) -> Response:
    """Answer the OpenID configuration of the tenant."""
    if not _is_known_tenant(call):
        return _unknown_tenant(call)
    base = f"{call.request.base_url}/{call.parameters['tenant']}"
    return json_response(
        {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code", "id_token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
        }
    )


def token(call: Call) -> Response:
    """Give a token for the right client id and secret, for any scope; refuse as the service."""
    try:
        form = dict(parse_qsl(call.request.body.decode(), max_num_fields=100))
    except ValueError:
        form = {}
    refusal = _refusal(call, form)
    if refusal is not None:
        return refusal
    return json_response(
        {
            "token_type": "Bearer",
            "expires_in": _LIFETIME_SECONDS,
            "ext_expires_in": _LIFETIME_SECONDS,
            "access_token": _access_token(call, form["scope"]),
        }
    )


def _refusal(call: Call, form: Mapping[str, str]) -> Response | None:
    settings = call.settings
    client_id = form.get("client_id", "")
    secret = form.get("client_secret", "")
    if not _is_known_tenant(call):
        return _unknown_tenant(call)
    if form.get("grant_type") != "client_credentials":
        return _refused(
            400, "unsupported_grant_type", "AADSTS70003", "The grant type is not supported."
        )
    if not form.get("scope", "").strip():
        return _refused(
            400,
            "invalid_request",
            "AADSTS900144",
            "The request body must contain the following parameter: 'scope'.",
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


def _access_token(call: Call, scope: str) -> str:
    """Return an unsigned JSON web token; clients read its claims, nobody checks it."""
    now = int(call.world.now.timestamp())
    header = {"typ": "JWT", "alg": "none"}
    claims = {
        "aud": scope.split(maxsplit=1)[0].removesuffix(".default"),
        "iss": f"{call.request.base_url}/{call.settings.tenant_id}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + _LIFETIME_SECONDS,
        "appid": call.settings.client_id,
        "oid": call.settings.client_id,
        "sub": call.settings.client_id,
        "tid": call.settings.tenant_id,
        "ver": "1.0",
    }
    return f"{_segment(header)}.{_segment(claims)}.{_segment({})}"


def _segment(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json_bytes(part)).decode().rstrip("=")


ROUTES: tuple[Route, ...] = (
    Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", discovery, None, None),
    Route("POST", "/{tenant}/oauth2/v2.0/token", token, None, None),
)
