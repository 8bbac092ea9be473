"""Who gets a token, what it says, and which tokens open the resource manager."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator_worlds import KEY, SUBSCRIPTION, small_world
from tests.support.copying import replace
from vmss_simulator.arm import Request, Response, Settings, handle
from vmss_simulator.arm.settings import (
    CLIENT_ID,
    CLIENT_SECRET,
    IDENTITY_HEADER,
    TENANT_ID,
    TokenPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

STRICT = Settings(tokens=TokenPolicy.ISSUED)
HOST = "127.0.0.1:8443"
MANAGEMENT = "https://management.azure.com"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORLD = small_world()
RIGHT = {
    "grant_type": "client_credentials",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "scope": f"{MANAGEMENT}/.default",
}
RESOURCE_ID = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/simulator"
    "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/simulator"
)


def send(
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    *,
    at: datetime | None = None,
    options: Settings = STRICT,
    **headers: str,
) -> Response:
    """Send one request to a door that takes its own tokens only."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method, path, query, {"host": HOST, **named}, body, received_at=at)
    return handle(WORLD, request, options)


def log_in(
    form: Mapping[str, str] = RIGHT,
    *,
    tenant: str = TENANT_ID,
    version: str = "/v2.0",
    at: datetime | None = None,
    options: Settings = STRICT,
) -> Any:
    """Ask the token endpoint; return its JSON."""
    path = f"/{tenant}/oauth2{version}/token"
    return document(send("POST", path, "", urlencode(form).encode(), at=at, options=options))


def read(token: str, *, at: datetime | None = None, options: Settings = STRICT) -> Response:
    """Read a scale set with a token."""
    return send(
        "GET",
        KEY.resource_id,
        "api-version=2026-04-01",
        at=at,
        options=options,
        authorization=f"Bearer {token}",
    )


def document(response: Response) -> Any:
    """Return the JSON of a response."""
    return json.loads(response.body)


def code(response: Response) -> str:
    """Return the ARM error code of a response."""
    found: str = document(response)["error"]["code"]
    return found


def claims(token: str) -> Any:
    """Return what a token says."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_says_who_asked_and_until_when() -> None:
    """A token is a JSON web token with tenant, application, audience and lifetime."""
    answer = log_in(at=NOON)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    said = claims(answer["access_token"])
    assert (said["tid"], said["oid"], said["appid"]) == (TENANT_ID, CLIENT_ID, CLIENT_ID)
    assert said["aud"] == MANAGEMENT
    assert said["exp"] - said["iat"] == 3599
    assert said["iat"] == NOON.timestamp()


def test_an_issued_token_opens_the_resource_manager() -> None:
    """Tokens of both versions of the endpoint work, whichever name the audience has."""
    assert read(log_in()["access_token"]).status == 200
    for audience in (
        f"{MANAGEMENT}/",
        "https://management.core.windows.net//.default",
        f"https://{HOST}/.default",
    ):
        assert read(log_in({**RIGHT, "scope": audience})["access_token"]).status == 200
    old = {**RIGHT, "resource": "https://management.core.windows.net/"}
    answer = log_in(old, version="")
    assert read(answer["access_token"]).status == 200
    assert answer["expires_in"] == "3599"


def test_no_other_token_opens_it() -> None:
    """Made-up and altered tokens are refused where only issued ones are taken."""
    token = log_in()["access_token"]
    header, body, signature = token.split(".")
    secret = CLIENT_SECRET[::-1]
    other = log_in(
        {**RIGHT, "client_secret": secret}, options=replace(STRICT, client_secret=secret)
    )
    for bad in (
        "made.up.token",
        f"{header}.{body}.",
        f"{header}.{body[:-2]}AA.{signature}",
        other["access_token"],
    ):
        response = read(bad)
        assert (response.status, code(response)) == (401, "InvalidAuthenticationToken"), bad
    assert read("made.up.token", options=Settings()).status == 200


def test_a_token_for_another_resource_is_refused() -> None:
    """A token for a vault does not open the resource manager, and the answer says so."""
    token = log_in({**RIGHT, "scope": 'https://vault.azure.net"\\/.default'})["access_token"]
    response = read(token)
    assert (response.status, code(response)) == (401, "InvalidAuthenticationTokenAudience")
    assert response.headers["WWW-Authenticate"].count('"') == 6


def test_a_token_expires_by_the_wall_clock() -> None:
    """After its lifetime a token is refused, and the challenge says where to get another."""
    token = log_in(at=NOON)["access_token"]
    assert read(token, at=NOON + timedelta(seconds=3598)).status == 200
    response = read(token, at=NOON + timedelta(seconds=3599))
    assert (response.status, code(response)) == (401, "ExpiredAuthenticationToken")
    challenge = response.headers["WWW-Authenticate"]
    assert challenge.startswith(f'Bearer authorization_uri="https://{HOST}/{TENANT_ID}"')
    assert 'error="invalid_token"' in challenge


def test_a_token_never_expires_without_a_wall_clock() -> None:
    """In-process no request says when it came: a token lasts as long as the test."""
    assert read(log_in(at=NOON)["access_token"]).status == 200


def test_lifetime_is_an_option() -> None:
    """A shorter lifetime makes a client log in again sooner."""
    options = replace(STRICT, token_lifetime=timedelta(minutes=10))
    answer = log_in(at=NOON, options=options)
    assert answer["expires_in"] == 600
    late = read(answer["access_token"], at=NOON + timedelta(minutes=10), options=options)
    assert late.status == 401
    with pytest.raises(ValueError, match="at least a second"):
        Settings(token_lifetime=timedelta(0))


def test_a_login_outlives_the_server() -> None:
    """A token of one process is known to the next: nothing about it is drawn at random."""
    assert log_in(at=NOON) == log_in(at=NOON)


@pytest.mark.parametrize(
    ("form", "error", "number"),
    [
        pytest.param({"client_secret": "guess"}, "invalid_client", 7000215, id="secret"),
        pytest.param({"client_secret": "é"}, "invalid_client", 7000215, id="odd secret"),
        pytest.param({"client_id": "me"}, "unauthorized_client", 700016, id="client"),
        pytest.param({"grant_type": "password"}, "unsupported_grant_type", 70003, id="grant"),
        pytest.param({"resource": " "}, "invalid_request", 900144, id="resource"),
    ],
)
def test_the_older_token_endpoint_refuses_alike(
    form: dict[str, str], error: str, number: int
) -> None:
    """Everything wrong with a login has its own error and number in the older version, too."""
    answer = log_in({**RIGHT, "resource": MANAGEMENT, **form}, version="")
    assert (answer["error"], answer["error_codes"]) == (error, [number])


@pytest.mark.parametrize("version", ["", "/v2.0"])
def test_discovery_names_the_tenants_endpoints(version: str) -> None:
    """The OpenID configuration names endpoints of this door, whose path begins with the tenant."""
    path = f"/{TENANT_ID}{version}/.well-known/openid-configuration"
    found = document(send("GET", path))
    base = f"https://{HOST}/{TENANT_ID}"
    assert found["token_endpoint"] == f"{base}/oauth2{version}/token"
    assert found["authorization_endpoint"] == f"{base}/oauth2{version}/authorize"
    keys = found["jwks_uri"].removeprefix(f"https://{HOST}")
    assert document(send("GET", keys)) == {"keys": []}
    for unknown in (path, keys):
        refused = send("GET", unknown.replace(TENANT_ID, "contoso"))
        assert (refused.status, document(refused)["error"]) == (400, "invalid_tenant")


def test_instance_discovery_knows_this_cloud() -> None:
    """A library that asks this host whether it is a cloud is told so."""
    found = document(send("GET", "/common/discovery/instance", "api-version=1.1"))
    assert found["metadata"][0]["aliases"] == [HOST]
    path = found["tenant_discovery_endpoint"].removeprefix(f"https://{HOST}")
    assert send("GET", path).status == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"client_id={CLIENT_ID.upper()}",
        f"object_id={CLIENT_ID}",
        f"principal_id={CLIENT_ID}",
        f"mi_res_id={RESOURCE_ID}",
        f"msi_res_id={RESOURCE_ID.lower()}",
    ],
)
def test_managed_identity_in_both_flavours(query: str) -> None:
    """App Service and the instance metadata service both give tokens that work."""
    asked = f"api-version=2019-08-01&resource={MANAGEMENT}&{query}"
    service = send("GET", "/msi/token", asked, at=NOON, x_identity_header=IDENTITY_HEADER)
    answer = document(service)
    assert answer["expires_on"] == str(int(NOON.timestamp()) + 3599)
    assert read(answer["access_token"]).status == 200
    machine = send("GET", "/metadata/identity/oauth2/token", asked, metadata="True")
    answer = document(machine)
    assert answer["expires_in"] == "3599"
    assert read(answer["access_token"]).status == 200


@pytest.mark.parametrize(
    ("query", "header", "status"),
    [
        pytest.param(f"api-version=x&resource={MANAGEMENT}", "guess", 401, id="header"),
        pytest.param(f"resource={MANAGEMENT}", None, 400, id="api-version"),
        pytest.param("api-version=x", None, 400, id="resource"),
        pytest.param(f"api-version=x&resource={MANAGEMENT}&client_id=me", None, 400, id="client"),
        pytest.param(f"api-version=x&resource={MANAGEMENT}&mi_res_id=x", None, 400, id="id"),
    ],
)
def test_app_service_refuses(query: str, header: str | None, status: int) -> None:
    """What an App Service refuses has a status code and a message."""
    refused = send("GET", "/msi/token", query, x_identity_header=header or IDENTITY_HEADER)
    assert refused.status == status
    assert set(document(refused)) == {"statusCode", "message"}


@pytest.mark.parametrize(
    ("query", "header"),
    [
        pytest.param(f"api-version=x&resource={MANAGEMENT}", "no", id="header"),
        pytest.param(f"resource={MANAGEMENT}", "true", id="api-version"),
        pytest.param("api-version=x", "true", id="resource"),
        pytest.param(f"api-version=x&resource={MANAGEMENT}&client_id=me", "true", id="client"),
    ],
)
def test_instance_metadata_refuses(query: str, header: str) -> None:
    """The instance metadata service answers 400: that makes a library look elsewhere."""
    refused = send("GET", "/metadata/identity/oauth2/token", query, metadata=header)
    assert (refused.status, document(refused)["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("version", "form"),
    [("2022-09-01", dict), ("2024-01-01", dict), ("2019-05-01", list), ("", list)],
)
def test_cloud_is_described_as_each_version_expects(version: str, form: type) -> None:
    """One cloud since 2022-09-01, a list of clouds before and without a version."""
    found = document(send("GET", "/metadata/endpoints", f"api-version={version}"))
    assert isinstance(found, form)
    cloud: Any = found[0] if isinstance(found, list) else found
    assert cloud["authentication"]["loginEndpoint"] == f"https://{HOST}"
    assert cloud["authentication"]["audiences"][0] in read_audiences()


def read_audiences() -> list[str]:
    """Return the audiences the resource manager takes tokens for."""
    found = document(send("GET", "/metadata/endpoints", "api-version=2015-01-01"))
    audiences: list[str] = found["authentication"]["audiences"]
    assert all(
        read(log_in({**RIGHT, "scope": f"{each}/.default"})["access_token"]).status == 200
        for each in audiences
    )
    return audiences


@given(token=st.from_regex(r"[A-Za-z0-9._~+/-]{1,60}=?", fullmatch=True))
@settings(deadline=None)
def test_no_made_up_token_is_taken(token: str) -> None:
    """Whatever a client makes up is a 401, never a server error."""
    assert read(token).status == 401


@given(
    part=st.dictionaries(
        st.sampled_from(["aud", "exp", "tid"]),
        st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.just(MANAGEMENT),
    )
)
@settings(deadline=None)
def test_claims_of_who_took_the_public_key_are_read_with_care(part: dict[str, Any]) -> None:
    """Even a rightly signed token that no endpoint issued never breaks the server."""
    from vmss_simulator.arm import tokens  # noqa: PLC0415 - the signature is private to it

    body = base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    key = f"{TENANT_ID}/{CLIENT_SECRET}".encode()
    signature = tokens._signature(f"x.{body}", key)
    assert read(f"x.{body}.{signature}", at=NOON).status in (200, 401)
