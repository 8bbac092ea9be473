"""Around the scale sets: subscriptions, tenants, locations, groups, providers, images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator_worlds import GALLERY_IMAGE, KEY, SUBSCRIPTION, model, small_world
from vmss_simulator.arm import Request, Response, Settings, handle
from vmss_simulator.values import ScaleSetKey

if TYPE_CHECKING:
    from vmss_simulator.world import World

SUB = f"/subscriptions/{SUBSCRIPTION}"
GROUP = f"{SUB}/resourceGroups"
OTHER = "00000000-0000-0000-0000-00000000000a"
HEADERS = {"authorization": "Bearer x", "host": "127.0.0.1:8443"}


def ask(world: World, method: str, path: str, body: Any = None, query: str = "") -> Response:
    """Send one request."""
    raw = b"" if body is None else json.dumps(body).encode()
    path, _, own = path.partition("?")
    query = "&".join(filter(None, (own or "api-version=2021-04-01", query)))
    return handle(world, Request(method, path, query, HEADERS, raw))


def read(world: World, path: str, query: str = "") -> Any:
    """Return the JSON of a path that there is."""
    response = ask(world, "GET", path, query=query)
    assert response.status == 200, response.body
    return json.loads(response.body)


def refusal(response: Response) -> tuple[int, str]:
    """Return status and code of an error."""
    return response.status, json.loads(response.body)["error"]["code"]


@pytest.fixture
def world() -> World:
    """Return a settled world with one scale set in `myrg`."""
    return small_world()


def test_the_one_tenant_is_listed(world: World) -> None:
    """There is one tenant, the one that logs in."""
    (tenant,) = read(world, "/tenants")["value"]
    assert tenant["tenantId"] == Settings().tenant_id


def test_subscriptions_with_scale_sets_are_listed(world: World) -> None:
    """The subscriptions of a door are listed, and those that own a scale set."""
    world.put_scale_set(ScaleSetKey(OTHER.upper(), "far", "away"), model(1))
    found = [each["subscriptionId"] for each in read(world, "/subscriptions")["value"]]
    assert found == [SUBSCRIPTION, OTHER]
    assert read(world, f"/subscriptions/{OTHER}")["state"] == "Enabled"
    assert refusal(ask(world, "GET", f"/subscriptions/{OTHER[:-1]}b")) == (
        404,
        "SubscriptionNotFound",
    )


def test_locations_in_use_are_listed(world: World) -> None:
    """The well-known regions are listed by name, and one in use that is not among them."""
    elsewhere = {**model(1), "location": "moonbase"}
    world.put_scale_set(ScaleSetKey(SUBSCRIPTION, "myrg", "lunar"), elsewhere)
    found = {each["name"]: each for each in read(world, f"{SUB}/locations")["value"]}
    assert found["westeurope"]["displayName"] == "West Europe"
    assert len(found["westeurope"]["availabilityZoneMappings"]) == 3
    assert "availabilityZoneMappings" not in found["moonbase"]
    assert list(found) == sorted(found)


def test_a_group_is_there_as_soon_as_a_scale_set_is_in_it(world: World) -> None:
    """A scale set's group exists, in the set's location, and can be asked for in any case."""
    (group,) = read(world, GROUP)["value"]
    assert (group["name"], group["location"]) == ("myrg", "westeurope")
    assert read(world, f"{SUB}/resourcegroups/MYRG") == group
    assert ask(world, "HEAD", f"{GROUP}/myrg").status == 204
    assert ask(world, "HEAD", f"{GROUP}/other").status == 404
    assert refusal(ask(world, "GET", f"{GROUP}/other")) == (404, "ResourceGroupNotFound")


def test_a_group_is_made_tagged_and_found(world: World) -> None:
    """PUT makes a group, 201, then changes its tags, 200, as PATCH does; its location stays."""
    path = f"{GROUP}/new"
    made = ask(world, "PUT", path, {"location": "westus", "tags": {"a": "b"}})
    assert (made.status, json.loads(made.body)["properties"]) == (
        201,
        {"provisioningState": "Succeeded"},
    )
    assert ask(world, "PUT", path.upper(), {"location": "westus"}).status == 200
    assert read(world, path)["tags"] == {}
    assert ask(world, "PATCH", path, {"tags": {"c": "d"}}).status == 200
    assert ask(world, "PATCH", path, {}).status == 200
    assert read(world, path)["tags"] == {"c": "d"}
    for query, names in (
        ("$filter=tagName eq 'c'", ["new"]),
        ("$filter=tagName eq 'c' and tagValue eq 'd'", ["new"]),
        ("$filter=tagName eq 'c' and tagValue eq 'x'", []),
        ("", ["myrg", "new"]),
    ):
        found = read(world, GROUP, query.replace(" ", "%20"))["value"]
        assert [each["name"] for each in found] == names
    moved = ask(world, "PUT", path, {"location": "eastus"})
    assert refusal(moved) == (409, "InvalidResourceGroupLocation")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PUT", "new", {}, (400, "LocationRequired")),
        ("PUT", "new", {"location": 5}, (400, "LocationRequired")),
        ("PUT", "new.", {"location": "westus"}, (400, "InvalidParameter")),
        ("PUT", "new", {"location": "westus", "tags": ["a"]}, (400, "InvalidRequestContent")),
        (
            "PUT",
            "new",
            {"location": "westus", "tags": {str(each): "x" for each in range(51)}},
            (400, "InvalidTags"),
        ),
        ("PATCH", "nowhere", {}, (404, "ResourceGroupNotFound")),
        ("DELETE", "nowhere", None, (404, "ResourceGroupNotFound")),
        ("GET", "?api-version=2021-04-01&$filter=x", None, (400, "InvalidParameter")),
    ],
)
def test_refused_groups_change_nothing(
    world: World, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    """What is wrong with a group is said, and no group is made or changed."""
    before = read(world, GROUP)
    assert refusal(ask(world, method, f"{GROUP}/{path}", body)) == expected
    assert read(world, GROUP) == before


def test_a_deleted_group_takes_its_scale_sets_along(world: World) -> None:
    """Deletion is polled until the last set is gone; meanwhile nothing is made in the group."""
    accepted = ask(world, "DELETE", f"{GROUP}/myrg")
    assert accepted.status == 202
    poll = accepted.headers["Location"].removeprefix("https://127.0.0.1:8443")
    assert ask(world, "GET", poll).status == 202
    assert ask(world, "DELETE", f"{GROUP}/myrg").status == 202
    assert read(world, f"{GROUP}/myrg")["properties"] == {"provisioningState": "Deleting"}
    new = f"{GROUP}/myrg/providers/Microsoft.Compute/virtualMachineScaleSets/new"
    refused = ask(world, "PUT", f"{new}?api-version=2026-04-01", model(1))
    assert refusal(refused) == (409, "ResourceGroupBeingDeleted")
    while (due := world.next_event_at()) is not None and world.scale_sets(SUBSCRIPTION):
        world.advance_to(due)
    assert ask(world, "GET", poll).status == 200
    assert refusal(ask(world, "GET", f"{GROUP}/myrg")) == (404, "ResourceGroupNotFound")
    assert read(world, GROUP)["value"] == []
    assert ask(world, "PUT", f"{new}?api-version=2026-04-01", model(1)).status in (200, 201)
    assert read(world, f"{GROUP}/myrg")["properties"] == {"provisioningState": "Succeeded"}


def test_a_busy_group_is_not_deleted(world: World) -> None:
    """A group whose scale set is being worked on is refused, and nothing in it is touched."""
    world.upgrade(KEY, ["*"])
    before = world.scale_set(KEY)
    refused = ask(world, "DELETE", f"{GROUP}/myrg")
    assert refused.status == 409
    assert world.scale_set(KEY) == before
    assert read(world, f"{GROUP}/myrg")["properties"] == {"provisioningState": "Succeeded"}


def test_an_unknown_deletion_is_404(world: World) -> None:
    """What no deletion answered with cannot be polled."""
    assert refusal(ask(world, "GET", f"{SUB}/operationresults/!!")) == (404, "NotFound")
    blocked = ask(world, "GET", f"{SUB}/operationresults/bXlyZw")
    assert refusal(blocked) == (409, "ResourceGroupDeletionBlocked")


def test_providers_are_registered(world: World) -> None:
    """The providers there are say so, with the api-versions of each type."""
    found = read(world, f"{SUB}/providers")["value"]
    assert "Microsoft.Compute" in [each["namespace"] for each in found]
    compute = read(world, f"{SUB}/providers/microsoft.compute")
    assert compute["registrationState"] == "Registered"
    types = {each["resourceType"]: each["apiVersions"] for each in compute["resourceTypes"]}
    newest = types["virtualMachineScaleSets"][0]
    assert read(world, f"{KEY.resource_id}?api-version={newest}")["name"] == "web"
    registered = ask(world, "POST", f"{SUB}/providers/Microsoft.Compute/register")
    assert json.loads(registered.body) == compute
    assert refusal(ask(world, "GET", f"{SUB}/providers/Contoso.Cars")) == (
        404,
        "InvalidResourceNamespace",
    )


def test_operations_are_named_as_roles_name_them(world: World) -> None:
    """The provider's operations are those a role definition permits."""
    found = read(world, "/providers/Microsoft.Compute/operations?api-version=2026-04-01")["value"]
    names = [each["name"] for each in found]
    assert "Microsoft.Compute/virtualMachineScaleSets/manualUpgrade/action" in names
    assert "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/manualUpgrade/action" not in (
        names
    )
    assert len(set(names)) == len(names)


def test_gallery_images_and_versions_are_found(world: World) -> None:
    """An image definition and its versions can be read one by one."""
    definition = read(world, f"{GALLERY_IMAGE}?api-version=2024-03-03")
    assert (definition["name"], definition["location"]) == ("web", "westeurope")
    version = read(world, f"{GALLERY_IMAGE}/versions/1.1.0?api-version=2024-03-03")
    listed = read(world, f"{GALLERY_IMAGE}/versions?api-version=2024-03-03")["value"]
    assert version in listed
    for missing in (f"{GALLERY_IMAGE}/versions/9.9.9", f"{GALLERY_IMAGE}x"):
        refused = ask(world, "GET", f"{missing}?api-version=2024-03-03")
        assert refusal(refused) == (404, "ResourceNotFound")


def test_unknown_managed_images_are_404(world: World) -> None:
    """A managed image that no catalogue has is not there."""
    path = f"{GROUP}/myrg/providers/Microsoft.Compute/images/none?api-version=2024-11-01"
    assert refusal(ask(world, "GET", path)) == (404, "ResourceNotFound")
