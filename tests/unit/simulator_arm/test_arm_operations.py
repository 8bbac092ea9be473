"""What each operation of the wire answers: bodies, headers, paging, long-running operations."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.simulator_worlds import (
    GALLERY_IMAGE,
    JAMMY,
    KEY,
    NEW,
    OLD,
    START,
    SUBSCRIPTION,
    model,
    small_world,
)
from vmss_simulator.arm import Request, Response, Settings, handle
from vmss_simulator.effects import DelayReply, LoseReply, ThrottleRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.options import Options
from vmss_simulator.randomness import Latency

if TYPE_CHECKING:
    from vmss_simulator.world import World

HEADERS = {"authorization": "Bearer token", "host": "127.0.0.1:8443"}
API = "api-version=2026-04-01"
INSTANCES = f"{KEY.resource_id}/virtualMachines"
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"
NEW_IMAGE = {
    "properties": {
        "virtualMachineProfile": {"storageProfile": {"imageReference": {**JAMMY, "version": NEW}}}
    }
}


def ask(
    world: World,
    method: str = "GET",
    path: str = KEY.resource_id,
    query: str = "",
    body: Any = None,
    settings: Settings | None = None,
    **headers: str,
) -> Response:
    """Send one request; `if_match="x"` is the header `if-match: x`."""
    raw = b"" if body is None else json.dumps(body).encode()
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method, path, f"{API}&{query}" if query else API, HEADERS | more, raw)
    return handle(world, request, settings or Settings())


def follow(world: World, url: str, settings: Settings | None = None) -> Response:
    """Send a GET to an address that an answer gave."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == "https://127.0.0.1:8443"
    request = Request("GET", parts.path, parts.query, HEADERS)
    return handle(world, request, settings or Settings())


def document(response: Response) -> Any:
    """Return the JSON of a response that succeeded."""
    assert response.status == 200, response.body
    return json.loads(response.body)


def error(response: Response) -> Any:
    """Return the ARM error of a response."""
    return json.loads(response.body)["error"]


def test_scale_set_is_the_model_with_its_read_only_fields() -> None:
    """GET answers what was written, without an exact version, and the etag twice."""
    world = small_world()
    response = ask(world)
    found = document(response)
    assert found["etag"] == response.headers["etag"] == world.scale_set(KEY).etag
    assert found["id"] == KEY.resource_id
    assert found["type"] == "Microsoft.Compute/virtualMachineScaleSets"
    assert found["sku"] == model()["sku"]
    properties = found["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["timeCreated"] == "2026-11-01T08:00:00.0000000+00:00"
    reference = properties["virtualMachineProfile"]["storageProfile"]["imageReference"]
    assert reference == {**JAMMY, "version": OLD}


def test_missing_scale_set_is_404() -> None:
    """A scale set that is not there is ResourceNotFound."""
    response = ask(small_world(), path=KEY.resource_id + "x")
    assert (response.status, error(response)["code"]) == (404, "ResourceNotFound")


def test_user_data_is_shown_only_when_asked_for() -> None:
    """`$expand=userData` adds the user data, and nothing else can be expanded."""
    world = small_world()
    profile = {"virtualMachineProfile": {"userData": "c2VjcmV0"}}
    ask(world, "PATCH", body={"properties": profile})
    assert b"userData" not in ask(world).body
    assert b"c2VjcmV0" in ask(world, query="$expand=userData").body
    assert ask(world, query="$expand=instanceView").status == 400


def test_secrets_are_never_given_back() -> None:
    """A password that a client wrote is in no answer."""
    world = small_world()
    secret = {"osProfile": {"adminPassword": "hunter2", "customData": "hunter2"}}
    ask(world, "PATCH", body={"properties": {"virtualMachineProfile": secret}})
    for path in (KEY.resource_id, INSTANCES, f"{INSTANCES}/0"):
        assert b"hunter2" not in ask(world, path=path).body


def test_patch_answers_200_with_the_new_model_and_no_location() -> None:
    """A write of the model is announced by Azure-AsyncOperation alone, as recorded."""
    world = small_world()
    response = ask(world, "PATCH", body=NEW_IMAGE, if_match=world.scale_set(KEY).etag)
    found = document(response)
    profile = found["properties"]["virtualMachineProfile"]
    assert found["properties"]["provisioningState"] == "Updating"
    assert profile["storageProfile"]["imageReference"]["version"] == NEW
    assert response.headers["etag"] == found["etag"] == world.scale_set(KEY).etag
    assert "Location" not in response.headers
    assert document(follow(world, response.headers["Azure-AsyncOperation"]))["status"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_outdated_etag_is_412_and_changes_nothing(method: str) -> None:
    """If-Match guards a write of the model."""
    world = small_world()
    before = world.scale_set(KEY)
    response = ask(world, method, body=NEW_IMAGE, if_match='"99"')
    assert (response.status, error(response)["code"]) == (412, "PreconditionFailed")
    assert world.scale_set(KEY) is before


def test_put_merges_a_partial_body() -> None:
    """A PUT with only location and sku scales the set and keeps the rest, as recorded."""
    world = small_world()
    sku = {"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 4}
    found = document(ask(world, "PUT", body={"location": "westeurope", "sku": sku}))
    assert found["sku"]["capacity"] == 4
    assert "virtualMachineProfile" in found["properties"]


def test_put_refuses_a_name_that_no_scale_set_can_have() -> None:
    """A new scale set has a proper name."""
    response = ask(small_world(), "PUT", KEY.resource_id + "%20x", body=model())
    assert (response.status, error(response)["target"]) == (400, "vmScaleSetName")


def test_action_answers_202_with_both_addresses() -> None:
    """An upgrade runs to its end under both the addresses it is announced with."""
    world = small_world()
    ask(world, "PATCH", body=NEW_IMAGE)
    world.advance_to(world.now + timedelta(minutes=5))
    accepted = ask(world, "POST", f"{KEY.resource_id}/manualupgrade", body={"instanceIds": ["0"]})
    assert (accepted.status, accepted.body) == (202, b"")
    assert accepted.instance_ids == ("0",)
    status, monitor = (accepted.headers[name] for name in ("Azure-AsyncOperation", "Location"))
    assert monitor == status.replace("&api-version", "&monitor=true&api-version")

    running = follow(world, status)
    assert document(running)["status"] == "InProgress"
    assert running.headers["Retry-After"] == "10"
    assert "endTime" not in document(running)
    assert follow(world, monitor).status == 202

    world.advance_to(world.now + timedelta(hours=1))
    ended = document(follow(world, status))
    assert ended["status"] == "Succeeded"
    assert ended["endTime"].endswith("+00:00")
    done = follow(world, monitor)
    assert (done.status, done.body) == (200, b"")
    instance = document(ask(world, path=f"{INSTANCES}/0"))["properties"]
    assert instance["latestModelApplied"] is True
    assert instance["storageProfile"]["imageReference"]["exactVersion"] == NEW


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({}, "InvalidParameter", id="no ids"),
        pytest.param({"instanceIds": []}, "InvalidParameter", id="empty"),
        pytest.param({"instanceIds": "0"}, "InvalidRequestContent", id="not a list"),
        pytest.param({"instanceIds": [0]}, "InvalidRequestContent", id="not strings"),
        pytest.param({"instanceIds": ["99"]}, "InvalidParameter", id="no such instance"),
    ],
)
def test_upgrade_needs_existing_instances(body: dict[str, Any], code: str) -> None:
    """The ids of a manual upgrade are required and have to exist."""
    world = small_world()
    events = len(world.log)
    response = ask(world, "POST", f"{KEY.resource_id}/manualupgrade", body=body)
    assert (response.status, error(response)["code"]) == (400, code)
    assert len(world.log) == events


def test_reimage_without_ids_takes_all() -> None:
    """A reimage without a body reimages every instance."""
    world = small_world()
    accepted = ask(world, "POST", f"{KEY.resource_id}/reimage")
    assert accepted.status == 202
    busy = [each.busy_with for each in world.scale_set(KEY).instances.values()]
    assert all(busy)


def test_operation_is_404_elsewhere() -> None:
    """An operation is found only in its subscription and location, and only by its id."""
    world = small_world()
    accepted = ask(world, "POST", f"{KEY.resource_id}/reimage")
    url = accepted.headers["Azure-AsyncOperation"]
    assert follow(world, url.replace("westeurope", "eastus")).status == 404
    assert follow(world, url.replace("/operations/", "/operations/0")).status == 404


def test_lists_come_in_pages_that_join_to_the_whole() -> None:
    """Following nextLink gives every instance once, in order, and the last page has no link."""
    world = small_world(7)
    settings = Settings(page_size=3)
    response = ask(world, path=INSTANCES, query="$expand=instanceView", settings=settings)
    seen, pages = [], 0
    while True:
        page = document(response)
        seen += [each["instanceId"] for each in page["value"]]
        assert all("instanceView" in each["properties"] for each in page["value"])
        pages += 1
        if "nextLink" not in page:
            break
        response = follow(world, page["nextLink"], settings)
    assert (seen, pages) == (sorted(world.scale_set(KEY).instances, key=int), 3)


@pytest.mark.parametrize("token", ["x", "%7B%7D", "bnVsbA", "WzFd", "W1tdXQ", "é"])
def test_foreign_skip_tokens_are_refused(token: str) -> None:
    """A `$skiptoken` that no link carried is a 400, not a guess."""
    response = ask(small_world(), path=INSTANCES, query=f"$skiptoken={token}")
    assert response.status == 400


def test_scale_sets_are_listed_by_group_and_by_subscription() -> None:
    """Both lists are paged; the one by subscription has the group in upper case, as recorded."""
    world = small_world(others=["api", "batch"])
    settings = Settings(page_size=2)
    path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/myrg/providers/Microsoft.Compute"
    first = document(ask(world, path=f"{path}/virtualMachineScaleSets", settings=settings))
    second = document(follow(world, first["nextLink"], settings))
    names = [each["name"] for page in (first, second) for each in page["value"]]
    assert names == ["api", "batch", "web"]
    assert first["value"][0]["id"].split("/")[4] == "myrg"
    everywhere = document(ask(world, path=f"{COMPUTE}/virtualMachineScaleSets"))
    assert [each["id"].split("/")[4] for each in everywhere["value"]] == ["MYRG"] * 3
    other = path.replace("myrg", "other")
    assert document(ask(world, path=f"{other}/virtualMachineScaleSets")) == {"value": []}


def test_filter_takes_the_forms_the_service_knows() -> None:
    """`$filter` by the latest model works; anything else is refused."""
    world = small_world()
    ask(world, "PATCH", body=NEW_IMAGE)
    world.advance_to(world.now + timedelta(minutes=5))
    world.upgrade(KEY, ["1"])
    world.advance_to(world.now + timedelta(hours=1))

    def ids(text: str) -> list[str]:
        found = document(ask(world, path=INSTANCES, query=f"$filter={text}"))
        return [each["instanceId"] for each in found["value"]]

    assert ids("properties/latestModelApplied%20eq%20true") == ["1"]
    assert "1" not in ids("properties/latestModelApplied+eq+false")
    assert len(ids("startswith(instanceView/statuses/code,%20%27PowerState%27)%20eq%20true")) == 3
    assert ask(world, path=INSTANCES, query="$filter=instanceId eq 1").status == 400


def test_select_of_the_view_leaves_the_model_out() -> None:
    """`$select=instanceView` answers the views and who they belong to."""
    query = "$select=instanceView&$expand=instanceView"
    page = document(ask(small_world(), path=INSTANCES, query=query))
    assert {tuple(each["properties"]) for each in page["value"]} == {("instanceView",)}
    assert ask(small_world(), path=INSTANCES, query="$select=tags").status == 400


def test_instance_view_tells_power_health_agent_and_extensions() -> None:
    """The view of a healthy instance is as documented, also inside list and get."""
    world = small_world()
    view = document(ask(world, path=f"{INSTANCES}/0/instanceView"))
    assert [each["code"] for each in view["statuses"]] == [
        "ProvisioningState/succeeded",
        "PowerState/running",
    ]
    assert view["vmHealth"]["status"]["code"] == "HealthState/healthy"
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"
    assert view["extensions"][0]["type"] == "Microsoft.ManagedServices.ApplicationHealthLinux"
    assert {view["platformUpdateDomain"], view["platformFaultDomain"]} <= set(range(5))
    assert view["computerName"] == "web000000"
    inside = document(ask(world, path=f"{INSTANCES}/0", query="$expand=instanceView"))
    assert inside["properties"]["instanceView"] == view


def test_missing_instance_is_404() -> None:
    """An instance that is not there is not found."""
    assert ask(small_world(), path=f"{INSTANCES}/99").status == 404


def test_set_without_health_source_has_no_vm_health() -> None:
    """The vmHealth member is there only when the set has application health."""
    world = small_world()
    profile: dict[str, Any] = {"virtualMachineProfile": {"extensionProfile": {"extensions": []}}}
    ask(world, "PATCH", body={"properties": profile})
    world.advance_to(world.now + timedelta(minutes=5))
    world.upgrade(KEY, ["0"])
    world.advance_to(world.now + timedelta(hours=1))
    view = document(ask(world, path=f"{INSTANCES}/0/instanceView"))
    assert "vmHealth" not in view
    assert "extensions" not in view


def test_set_view_counts_states() -> None:
    """The instance view of the set is a summary."""
    view = document(ask(small_world(), path=f"{KEY.resource_id}/instanceView"))
    summary = [{"code": "ProvisioningState/succeeded", "count": 3}]
    assert view["virtualMachine"] == {"statusesSummary": summary}
    assert view["extensions"] == [{"name": "health", "statusesSummary": summary}]
    assert view["statuses"][0]["displayStatus"] == "Provisioning succeeded"


def test_no_rolling_upgrade_is_404() -> None:
    """A set that never had a rolling upgrade has no latest one."""
    response = ask(small_world(), path=f"{KEY.resource_id}/rollingUpgrades/latest")
    assert (response.status, error(response)["code"]) == (404, "NotFound")


VERSIONS = (
    f"{COMPUTE}/locations/westeurope/publishers/canonical/ArtifactTypes/vmimage"
    "/offers/ubuntu-server/skus/22_04-lts-gen2/versions"
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [OLD, NEW]),
        ("$orderby=name desc", [NEW, OLD]),
        ("$top=1&$orderby=name%20desc", [NEW]),
        ("$top=0", []),
    ],
)
def test_platform_images_are_a_bare_list(query: str, expected: list[str]) -> None:
    """The versions of a platform image come as a list without an envelope."""
    found = document(ask(small_world(), path=VERSIONS, query=query))
    assert [each["name"] for each in found] == expected


@pytest.mark.parametrize("query", ["$top=-1", "$top=x", "$top=99999999999", "$orderby=size"])
def test_odd_list_options_are_refused(query: str) -> None:
    """`$top` and `$orderby` take what the service takes."""
    assert ask(small_world(), path=VERSIONS, query=query).status == 400


def test_one_platform_image_has_its_properties() -> None:
    """A version is found by its exact name, and `latest` is none."""
    found = document(ask(small_world(), path=f"{VERSIONS}/{NEW}"))
    assert found["properties"]["osDiskImage"] == {"operatingSystem": "Linux"}
    assert ask(small_world(), path=f"{VERSIONS}/latest").status == 404


def test_gallery_versions_tell_what_latest_leaves_out() -> None:
    """The versions of a gallery image say which are excluded from latest."""
    found = document(ask(small_world(), path=f"{GALLERY_IMAGE}/versions"))
    excluded = {
        each["name"]: each["properties"]["publishingProfile"]["excludeFromLatest"]
        for each in found["value"]
    }
    assert excluded == {"1.0.0": False, "1.1.0": True}
    assert ask(small_world(), path=f"{GALLERY_IMAGE}x/versions").status == 404


def test_throttling_shows_and_refuses() -> None:
    """The buckets' remaining counts are in a header, and 429 says when to come back."""
    world = small_world(options=Options())
    response = ask(world)
    remaining = response.headers["x-ms-ratelimit-remaining-resource"]
    assert "Microsoft.Compute/GetVMScaleSetResource;35" in remaining.split(",")
    refused = next(r for r in (ask(world) for _ in range(40)) if r.status == 429)
    assert int(refused.headers["Retry-After"]) >= 1
    assert error(refused)["details"][0]["code"] == "TooManyRequests"


def test_scaled_time_asks_for_wall_time() -> None:
    """With time scaled, pollers are told milliseconds of wall time and no whole seconds."""
    world = small_world()
    settings = Settings(speed=100.0)
    accepted = ask(world, "POST", f"{KEY.resource_id}/reimage", settings=settings)
    assert accepted.headers["x-ms-retry-after-ms"] == "100"
    assert "Retry-After" not in accepted.headers


def test_scaled_throttling_still_says_retry_after() -> None:
    """A refusal always has Retry-After, counted in wall time: without it nobody tries again."""
    rule = FaultRule("busy", ThrottleRequest(timedelta(seconds=30)))
    refused = ask(small_world(faults=[rule]), settings=Settings(speed=60.0))
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["x-ms-retry-after-ms"] == "500"


def test_lost_reply_was_carried_out() -> None:
    """A fault may lose the reply of a write that happened."""
    rule = FaultRule("lost", LoseReply(), operations=("reimage",))
    world = small_world(faults=[rule])
    response = ask(world, "POST", f"{KEY.resource_id}/reimage", body={"instanceIds": ["1"]})
    assert response.is_lost
    assert response.operation == "reimage"
    assert world.scale_set(KEY).instances["1"].busy_with is not None


def test_late_reply_says_by_how_much() -> None:
    """A fault may delay a reply; the answer says how long its sender has to wait."""
    latency = Latency(timedelta(seconds=40), timedelta(seconds=40))
    rule = FaultRule("slow", DelayReply(latency))
    response = ask(small_world(faults=[rule]))
    assert (response.status, response.delay) == (200, timedelta(seconds=40))


def test_cloud_endpoints_need_no_token() -> None:
    """The metadata endpoint describes this door to everybody."""
    request = Request("GET", "/metadata/endpoints", "api-version=2022-09-01", {"host": "x:1"})
    found = document(handle(small_world(), request))
    assert found["resourceManager"] == found["authentication"]["loginEndpoint"] == "https://x:1"


def test_subscriptions_are_listed() -> None:
    """The simulated tenant has the subscriptions the door was told of."""
    found = document(ask(small_world(), path="/subscriptions"))
    assert [each["subscriptionId"] for each in found["value"]] == [SUBSCRIPTION]
    one = document(ask(small_world(), path=f"/subscriptions/{SUBSCRIPTION}"))
    assert one == found["value"][0]


def test_one_transcript_for_one_seed() -> None:
    """The same requests to the same world give the same bytes and headers."""

    def transcript() -> list[tuple[int, Any, bytes]]:
        world = small_world()
        asked = [
            ask(world),
            ask(world, "PATCH", body=NEW_IMAGE),
            ask(world, path=INSTANCES, query="$expand=instanceView"),
        ]
        return [(each.status, each.headers, each.body) for each in asked]

    assert transcript() == transcript()
    assert small_world().start == START
