"""The gates every request passes before an operation: token, api-version, path, method, body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator_worlds import KEY, NEW, SUBSCRIPTION, model, small_world
from vmss_simulator.arm import MAX_BODY_BYTES, Request, Response, handle

if TYPE_CHECKING:
    from vmss_simulator.world import World

TOKEN = {"authorization": "Bearer some.token-of_any~kind", "host": "127.0.0.1:8443"}
API = "api-version=2026-04-01"


def ask(
    world: World,
    method: str = "GET",
    path: str = KEY.resource_id,
    query: str = API,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Send one request with a token."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return handle(world, Request(method, path, query, TOKEN if headers is None else headers, raw))


def code(response: Response) -> str:
    """Return the ARM error code of a response."""
    found: str = json.loads(response.body)["error"]["code"]
    return found


@pytest.fixture
def world() -> World:
    """Return a settled world with one scale set."""
    return small_world()


def test_missing_token_is_401_with_a_challenge(world: World) -> None:
    """A request without a token gets 401 AuthenticationFailed and says how to authenticate."""
    response = ask(world, headers={})
    assert (response.status, code(response)) == (401, "AuthenticationFailed")
    assert response.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


@pytest.mark.parametrize("value", ["Basic abc", "Bearer", "Bearer ", "Bearer a b", ""])
def test_malformed_token_is_401(world: World, value: str) -> None:
    """Anything but a well-formed bearer token is refused."""
    response = ask(world, headers={"authorization": value})
    assert (response.status, code(response)) == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", "MissingApiVersionParameter", id="missing"),
        pytest.param("api-version=", "MissingApiVersionParameter", id="empty"),
        pytest.param("api-version=latest", "InvalidApiVersionParameter", id="malformed"),
        pytest.param("api-version=2024-13-01", "InvalidApiVersionParameter", id="no such month"),
        pytest.param("api-version=2018-09-30", "NoRegisteredProviderFound", id="too old"),
        pytest.param("api-version=2026-04-02", "NoRegisteredProviderFound", id="too new"),
        pytest.param("api-version=2024-11-01-preview", "NoRegisteredProviderFound", id="preview"),
    ],
)
def test_bad_api_versions_are_refused_as_arm_does(world: World, query: str, expected: str) -> None:
    """A missing, malformed or unregistered api-version has ARM's own code each."""
    response = ask(world, query=query)
    assert (response.status, code(response)) == (400, expected)


@pytest.mark.parametrize("version", ["2018-10-01", "2023-09-01", "2024-11-01", "2026-04-01"])
def test_api_versions_in_the_range_are_accepted(world: World, version: str) -> None:
    """The versions that clients mix all work."""
    assert ask(world, query=f"API-Version={version}").status == 200


def test_provider_type_and_group_match_without_case(world: World) -> None:
    """Clients spell providers, types and groups in many ways, and Azure takes them all."""
    path = KEY.resource_id.replace("resourceGroups/myrg", "resourcegroups/MYRG")
    path = path.replace("Microsoft.Compute", "microsoft.compute").replace("/web", "/WEB")
    document = json.loads(ask(world, path=path).body)
    assert document["id"] == KEY.resource_id


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/nowhere", "NotFound", id="no provider"),
        pytest.param(f"{KEY.resource_id}/nothing", "InvalidResourceType", id="no such type"),
        pytest.param(f"{KEY.resource_id}//", "InvalidResourceType", id="empty segment"),
        pytest.param(
            f"/subscriptions/{SUBSCRIPTION}/providers/Contoso.Cars/cars",
            "InvalidResourceNamespace",
            id="no such provider",
        ),
        pytest.param(f"/subscriptions/{SUBSCRIPTION}/resources", "NotFound", id="short"),
    ],
)
def test_unknown_paths_are_404(world: World, path: str, expected: str) -> None:
    """A path no operation has is 404 with ARM's code for it."""
    response = ask(world, path=path)
    assert (response.status, code(response)) == (404, expected)


@pytest.mark.parametrize("path", ["relative", "*", "/%", "/%zz", "/a%2Fb", "/%ff", "/%00", "/\x07"])
def test_malformed_paths_are_400(world: World, path: str) -> None:
    """A path that no URL can have is refused before anything else."""
    assert ask(world, path=path).status == 400


@pytest.mark.parametrize("query", ["%", f"{API}&a=%fz", f"{API}&a=%ff", "&".join(["a=b"] * 200)])
def test_malformed_queries_are_400(world: World, query: str) -> None:
    """A query that no URL can have is refused."""
    assert ask(world, query=query).status == 400


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "TRACE"])
def test_wrong_methods_are_405(world: World, method: str) -> None:
    """A known path with a method it does not have is 405."""
    response = ask(world, method)
    assert (response.status, code(response)) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("subscription", "status"),
    [("not-a-guid", 400), ("00000000-0000-0000-0000-00000000ffff", 404)],
)
def test_unknown_subscriptions_are_refused(world: World, subscription: str, status: int) -> None:
    """A malformed subscription id is 400, one that does not exist 404."""
    assert ask(world, path=KEY.resource_id.replace(SUBSCRIPTION, subscription)).status == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"{", 400, id="not json"),
        pytest.param(b"[]", 400, id="not an object"),
        pytest.param(b'{"a":NaN}', 400, id="not a number"),
        pytest.param(b'{"a":1e999}', 400, id="infinite"),
        pytest.param(b"\xff\xfe{}", 400, id="not utf-8"),
        pytest.param(b'{"a":' * 3000 + b"1" + b"}" * 3000, 400, id="deep"),
        pytest.param(b'{"a":' + b"[" * 90 + b"]" * 90 + b"}", 400, id="rather deep"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", 400, id="long number"),
        pytest.param(b" " * (MAX_BODY_BYTES + 1), 413, id="too large"),
        pytest.param(b'{"sku":"big"}', 400, id="wrong type"),
        pytest.param(b'{"sku":{"capacity":true}}', 400, id="boolean capacity"),
        pytest.param(b'{"sku":{"capacity":-1}}', 400, id="negative capacity"),
        pytest.param(b'{"zones":[null]}', 400, id="null in a list"),
        pytest.param(b'{"properties":[]}', 400, id="list for an object"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_bad_bodies_are_refused_and_change_nothing(
    world: World, method: str, body: bytes, status: int
) -> None:
    """A body that cannot be used is a 4xx, and the scale set stays as it was."""
    before = world.scale_set(KEY)
    response = ask(world, method, body=body)
    assert response.status == status, response.body
    assert world.scale_set(KEY) is before


def test_other_media_types_are_415(world: World) -> None:
    """Only JSON is taken."""
    headers = {**TOKEN, "content-type": "application/xml"}
    response = ask(world, "PATCH", body=b"<a/>", headers=headers)
    assert (response.status, code(response)) == (415, "UnsupportedMediaType")


def test_answers_carry_the_common_headers(world: World) -> None:
    """Every answer has request ids, which the seed and the request's number decide."""
    first, again = (ask(world) for _ in range(2))
    assert first.headers == again.headers
    assert first.headers["cache-control"] == "no-cache"
    other = handle(world, Request("GET", KEY.resource_id, API, TOKEN, sequence=2))
    assert other.headers["x-ms-request-id"] != first.headers["x-ms-request-id"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
SEGMENTS = st.sampled_from(
    [
        *KEY.resource_id.strip("/").split("/"),
        "virtualMachines",
        "instanceView",
        "manualupgrade",
        "reimage",
        "rollingUpgrades",
        "latest",
        "0",
        "locations",
        "westeurope",
        "operations",
        "",
        "%2e",
        "%C3%A9",
        "..",
    ]
) | st.text(max_size=5)


@settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "PATCH", "POST", "DELETE"]),
    path=st.lists(SEGMENTS, max_size=12).map(lambda parts: "/" + "/".join(parts)),
    query=st.sampled_from([API, f"{API}&$skiptoken=x", f"{API}&$expand=y"]) | st.text(max_size=9),
    body=st.binary(max_size=20) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_no_request_is_a_server_error(method: str, path: str, query: str, body: bytes) -> None:
    """Whatever a client sends, the answer is a success or a 4xx, never a 5xx or an exception."""
    response = ask(WORLD.fork(), method, path, query, body)
    assert 200 <= response.status < 500


WORLD = small_world()
PLACES = st.sampled_from(
    [
        ("sku",),
        ("sku", "name"),
        ("sku", "capacity"),
        ("tags",),
        ("zones",),
        ("location",),
        ("properties",),
        ("properties", "upgradePolicy"),
        ("properties", "upgradePolicy", "mode"),
        ("properties", "virtualMachineProfile"),
        ("properties", "virtualMachineProfile", "storageProfile"),
        ("properties", "virtualMachineProfile", "storageProfile", "imageReference"),
        ("properties", "virtualMachineProfile", "storageProfile", "imageReference", "version"),
        ("properties", "virtualMachineProfile", "storageProfile", "osDisk"),
        ("properties", "virtualMachineProfile", "osProfile"),
        ("properties", "virtualMachineProfile", "networkProfile"),
        ("properties", "virtualMachineProfile", "extensionProfile", "extensions"),
        ("properties", "orchestrationMode"),
        ("properties", "singlePlacementGroup"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(method=st.sampled_from(["PUT", "PATCH"]), place=PLACES, value=JSON)
def test_odd_models_are_refused_whole_or_render(
    method: str, place: tuple[str, ...], value: object
) -> None:
    """A model with one odd member either changes nothing, or every read of it still works."""
    world = WORLD.fork()
    body: dict[str, Any] = model(version=NEW)
    inner = body
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    try:
        raw = json.dumps(body, allow_nan=False).encode()
    except ValueError:
        return
    before = world.scale_set(KEY)
    response = ask(world, method, body=raw)
    assert response.status < 500, response.body
    if response.status >= 400:
        assert world.scale_set(KEY) is before
    reads = ["", "/instanceView", "/virtualMachines", "/virtualMachines/0/instanceView"]
    for read in reads:
        assert ask(world, path=KEY.resource_id + read).status == 200
    expanded = f"{API}&$expand=instanceView"
    assert ask(world, path=f"{KEY.resource_id}/virtualMachines", query=expanded).status == 200
