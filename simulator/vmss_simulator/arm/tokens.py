"""Access tokens: JSON web tokens that say who asked, signed so that the simulator knows its own.

The key is public, as the client secret is: a token opens nothing but a simulator. It is the
same in every process, so that a login outlives a restart of the server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.messages import json_bytes
from vmss_simulator.arm.settings import TokenPolicy
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call
    from vmss_simulator.arm.messages import Request
    from vmss_simulator.arm.settings import Settings

_BEARER = re.compile(r"(?i)bearer\s+([A-Za-z0-9._~+/-]+=*)\s*")
_AUDIENCES = ("https://management.core.windows.net", "https://management.azure.com")
_HEADER = {"typ": "JWT", "alg": "HS256", "kid": "vmss-simulator"}


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token, and from when to when it is good (whole seconds since 1970)."""

    text: str
    not_before: int
    expires_on: int

    @property
    def lifetime(self) -> int:
        """How many seconds it is good for."""
        return self.expires_on - self.not_before


def issue(call: Call, audience: str, *, version: str = "1.0") -> IssuedToken:
    """Return a token for an audience, given to the simulator's one application."""
    settings = call.settings
    now = int((call.request.received_at or call.world.now).timestamp())
    until = now + int(settings.token_lifetime.total_seconds())
    claims = {
        "aud": audience,
        "iss": f"{call.request.base_url}/{settings.tenant_id}/",
        "iat": now,
        "nbf": now,
        "exp": until,
        "appid": settings.client_id,
        "idtyp": "app",
        "oid": settings.client_id,
        "sub": settings.client_id,
        "tid": settings.tenant_id,
        "ver": version,
    }
    signed = f"{_segment(json_bytes(_HEADER))}.{_segment(json_bytes(claims))}"
    signature = _signature(signed, _key(settings))
    return IssuedToken(f"{signed}.{signature}", now, until)


def check(request: Request, settings: Settings) -> None:
    """Refuse a request without a bearer token that the settings' policy accepts.

    Raises:
        ArmError: 401 AuthenticationFailed, InvalidAuthenticationToken,
            InvalidAuthenticationTokenAudience or ExpiredAuthenticationToken.

    """
    value = request.headers.get("authorization")
    if value is None:
        raise ArmError(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    match = _BEARER.fullmatch(value)
    if match is None:
        raise _invalid()
    if settings.tokens is TokenPolicy.ANY:
        return
    known = _verified(match[1], _key(settings))
    if known is None:
        raise _invalid()
    audience, expires_on = known
    if audience.rstrip("/") not in (*_AUDIENCES, request.base_url):
        allowed = ", ".join(f"'{each}/'" for each in (*_AUDIENCES, request.base_url))
        raise ArmError(
            401,
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource "
            f"'{audience}'. It should exactly match with one of the allowed audiences {allowed}.",
        )
    now = request.received_at
    # None: no wall clock, in which a token could come to its end.
    if now is not None and now.timestamp() >= expires_on:
        raise ArmError(
            401,
            "ExpiredAuthenticationToken",
            f"The access token expiry UTC time '{_moment(expires_on)}' is earlier than current "
            f"UTC time '{_moment(now.timestamp())}'.",
        )


def _invalid() -> ArmError:
    return ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"


@lru_cache(maxsize=1024)
def _verified(token: str, key: bytes) -> tuple[str, int] | None:
    """Return audience and expiry of a token of this key; None for any other."""
    signed, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _signature(signed, key)):
        return None
    # Signed with our key, hence written by `issue`; or by somebody who took the public key.
    try:
        claims = json.loads(_decoded(signed.rpartition(".")[2]))
        return str(claims["aud"]), max(0, int(claims["exp"]))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None


def _key(settings: Settings) -> bytes:
    return f"{settings.tenant_id}/{settings.client_secret}".encode()


def _signature(signed: str, key: bytes) -> str:
    return _segment(hmac.new(key, signed.encode(), hashlib.sha256).digest())


def _segment(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _decoded(segment: str) -> Any:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
