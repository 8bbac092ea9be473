"""What the further operations answer on the wire: statuses, headers, refusals, autoscale."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.simulator_worlds import JAMMY, KEY, OLD, SUBSCRIPTION, model, small_world
from tests.unit.simulator_arm.test_arm_operations import INSTANCES, ask, document, error, follow
from vmss_simulator.arm import Request, Response, handle
from vmss_simulator.options import Options

if TYPE_CHECKING:
    from vmss_simulator.world import World

GROUP = KEY.resource_id.partition("/providers/")[0]
ONE = f"{INSTANCES}/1"
INSIGHTS = f"{GROUP}/providers/microsoft.insights/autoscaleSettings"
IDS = {"instanceIds": ["1"]}
SCRIPT = {"properties": {"publisher": "p", "type": "CustomScript", "typeHandlerVersion": "2.1"}}
# As the most used infrastructure-as-code client writes one: everything spelled out.
SPELLED_OUT = {
    "location": "westeurope",
    "identity": {"type": "SystemAssigned"},
    "sku": {"name": "Standard_D2s_v5", "tier": "Standard", "capacity": 2},
    "tags": {"env": "test"},
    "zones": ["1", "2"],
    "properties": {
        "additionalCapabilities": {"ultraSSDEnabled": False},
        "automaticRepairsPolicy": {"enabled": False, "gracePeriod": "PT30M"},
        "doNotRunExtensionsOnOverprovisionedVMs": False,
        "orchestrationMode": "Uniform",
        "overprovision": True,
        "scaleInPolicy": {"forceDeletion": False, "rules": ["Default"]},
        "singlePlacementGroup": True,
        "upgradePolicy": {"mode": "Manual"},
        "virtualMachineProfile": {
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": False, "storageUri": ""}},
            "extensionProfile": {"extensions": []},
            "networkProfile": {
                "networkInterfaceConfigurations": [
                    {
                        "name": "nic",
                        "properties": {
                            "primary": True,
                            "enableAcceleratedNetworking": False,
                            "ipConfigurations": [
                                {"name": "ip", "properties": {"subnet": {"id": "/s"}}}
                            ],
                        },
                    }
                ]
            },
            "osProfile": {
                "adminPassword": "hunter2",
                "adminUsername": "ops",
                "computerNamePrefix": "fresh",
                "linuxConfiguration": {"disablePasswordAuthentication": False, "ssh": {}},
                "secrets": [],
            },
            "priority": "Regular",
            "storageProfile": {
                "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 10}],
                "imageReference": {**JAMMY, "version": OLD},
                "osDisk": {
                    "caching": "ReadWrite",
                    "createOption": "FromImage",
                    "managedDisk": {"storageAccountType": "Standard_LRS"},
                    "osType": "Linux",
                    "writeAcceleratorEnabled": False,
                },
            },
        },
    },
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (KEY.resource_id + "/start", None),
        (KEY.resource_id + "/restart", IDS),
        (KEY.resource_id + "/poweroff", IDS),
        (KEY.resource_id + "/powerOff", {}),
        (KEY.resource_id + "/deallocate", IDS),
        (KEY.resource_id + "/redeploy", IDS),
        (KEY.resource_id + "/reapply", None),
        (KEY.resource_id + "/reimageall", IDS),
        (KEY.resource_id + "/delete", IDS),
        (KEY.resource_id + "/scaleOut", {"capacity": 1}),
        (ONE + "/start", None),
        (ONE + "/powerOff", None),
        (ONE + "/deallocate", None),
        (ONE + "/restart", None),
        (ONE + "/redeploy", None),
        (ONE + "/reimage", {"tempDisk": False}),
        (ONE + "/reimageall", None),
    ],
)
def test_actions_answer_202_with_both_addresses(path: str, body: Any) -> None:
    """No body; the operation and, with `monitor=true`, its outcome, to poll."""
    world = small_world()
    response = ask(world, "POST", path, body=body)
    assert (response.status, response.body) == (202, b"")
    assert response.headers["Location"] == response.headers["Azure-AsyncOperation"].replace(
        "&api-version", "&monitor=true&api-version"
    )
    assert follow(world, response.headers["Location"]).status == 202
    finish(world)
    assert document(follow(world, response.headers["Azure-AsyncOperation"]))["status"] == (
        "Succeeded"
    )
    assert follow(world, response.headers["Location"]).status == 200


def finish(world: World) -> None:
    """Let everything happen that will happen by itself."""
    while (due := world.next_event_at()) is not None:
        world.advance_to(due)


@pytest.mark.parametrize("path", [KEY.resource_id, ONE])
def test_deletions_are_202_and_then_204(path: str) -> None:
    """A deletion is accepted; of what is gone it is 204 at once."""
    world = small_world()
    first = ask(world, "DELETE", path, query="forceDeletion=true")
    assert first.status == 202
    assert "Location" in first.headers
    if path == KEY.resource_id:
        assert document(ask(world))["properties"]["provisioningState"] == "Deleting"
        refused = ask(world, "PATCH", body={"tags": {}})
        assert (refused.status, error(refused)["code"]) == (409, "OperationNotAllowed")
        assert "marked for deletion" in error(refused)["message"]
    finish(world)
    assert ask(world, path=path).status == 404
    assert ask(world, "DELETE", path).status == 204
    assert follow(world, first.headers["Location"]).status == 200


def test_a_new_set_is_201_and_an_old_one_200() -> None:
    """A body with everything spelled out makes a set, and the same body leaves it as it is."""
    world = small_world()
    path = KEY.resource_id[: -len(KEY.name)] + "fresh"
    made = ask(world, "PUT", path, body=SPELLED_OUT)
    assert made.status == 201
    assert "Location" not in made.headers
    assert json.loads(made.body)["properties"]["provisioningState"] == "Creating"
    assert b"hunter2" not in made.body
    finish(world)
    found = document(ask(world, path=path))
    assert found["identity"] == {"type": "SystemAssigned"}
    listed = document(ask(world, path=f"{path}/virtualMachines"))["value"]
    assert len(listed) == 2
    (disk,) = listed[0]["properties"]["storageProfile"]["dataDisks"]
    assert (disk["lun"], disk["diskSizeGB"]) == (0, 10)
    assert disk["name"].startswith("fresh_")
    assert ask(world, "PUT", path, body=SPELLED_OUT).status == 200
    finish(world)
    listed = document(ask(world, path=f"{path}/virtualMachines"))["value"]
    assert all(each["properties"]["latestModelApplied"] for each in listed)


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"scaleInPolicy": {"rules": ["Any"]}}, "scaleInPolicy.rules"),
        ({"automaticRepairsPolicy": {"gracePeriod": "PT1M"}}, "automaticRepairsPolicy.gracePeriod"),
        ({"virtualMachineProfile": {"priority": "Urgent"}}, "priority"),
    ],
)
def test_a_new_set_is_validated(change: dict[str, Any], target: str) -> None:
    """A policy without such a value is InvalidParameter, and no set is made."""
    world = small_world()
    path = KEY.resource_id[: -len(KEY.name)] + "fresh"
    body = model(2)
    for name, value in change.items():
        held = body["properties"].get(name)
        body["properties"][name] = {**held, **value} if held else value
    response = ask(world, "PUT", path, body=body)
    assert (response.status, error(response)["code"]) == (400, "InvalidParameter")
    assert error(response)["target"] == target
    assert ask(world, path=path).status == 404


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "status"),
    [
        ("POST", KEY.resource_id + "/delete", "", {}, 400),
        ("POST", KEY.resource_id + "/delete", "", None, 400),
        ("POST", KEY.resource_id + "/restart", "", {"instanceIds": "1"}, 400),
        ("POST", KEY.resource_id + "/poweroff", "skipShutdown=maybe", None, 400),
        ("POST", KEY.resource_id + "/deallocate", "hibernate=true", None, 409),
        ("POST", KEY.resource_id + "/scaleOut", "", {"capacity": "1"}, 400),
        ("POST", KEY.resource_id + "/scaleOut", "", {"capacity": 1, "properties": 1}, 400),
        ("POST", KEY.resource_id + "/scaleOut", "", {"capacity": 100}, 400),
        ("POST", KEY.resource_id + "/setOrchestrationServiceState", "", {}, 400),
        ("POST", KEY.resource_id + "/performMaintenance", "", None, 409),
        (
            "POST",
            KEY.resource_id + "/forceRecoveryServiceFabricPlatformUpdateDomainWalk",
            "platformUpdateDomain=99999999999999",
            None,
            400,
        ),
        ("POST", ONE + "/simulateEviction", "", None, 409),
        ("POST", ONE + "/attachDetachDataDisks", "", {"dataDisksToAttach": [1]}, 400),
        ("POST", ONE + "/attachDetachDataDisks", "", {}, 400),
        ("POST", ONE + "/runCommand", "", {"commandId": "x"}, 501),
        ("POST", ONE + "/retrieveBootDiagnosticsData", "", None, 409),
        (
            "POST",
            ONE + "/retrieveBootDiagnosticsData",
            "sasUriExpirationTimeInMinutes=0",
            None,
            400,
        ),
        ("POST", INSTANCES + "/77/restart", "", None, 400),
        ("PUT", INSTANCES + "/77", "", {"properties": {}}, 400),
        ("PUT", ONE, "", {"properties": 1}, 400),
        ("PUT", ONE, "", {"properties": {"protectionPolicy": 1}}, 400),
        ("PUT", KEY.resource_id + "/extensions/x", "", {}, 400),
        ("PUT", ONE + "/extensions/x", "", {"properties": {"settings": 1}}, 400),
        ("PATCH", ONE + "/extensions/x", "", SCRIPT, 404),
        ("GET", ONE + "/extensions/x", "", None, 404),
        ("GET", INSTANCES + "/77/extensions", "", None, 400),
        ("PUT", INSIGHTS + "/a", "", {}, 400),
        ("GET", INSIGHTS + "/a", "", None, 404),
        ("PATCH", INSIGHTS + "/a", "", {}, 404),
    ],
)
def test_refusals_are_arm_errors_and_change_nothing(
    method: str, path: str, query: str, body: Any, status: int
) -> None:
    """Whatever is wrong, the answer has a code and a text, and the world is as it was."""
    world = small_world()
    if path.startswith(INSIGHTS):
        response = insights(world, method, path, body)
    else:
        log = world.log.copy()
        response = ask(world, method, path, query, body)
        assert world.log == log
    assert response.status == status, response.body
    assert error(response)["code"]
    assert error(response)["message"]


def test_an_instance_put_is_200_with_one_address() -> None:
    """As a write of a model; the etag moves, and If-Match holds."""
    world = small_world()
    body = {"properties": {"protectionPolicy": {"protectFromScaleSetActions": True}}}
    response = ask(world, "PUT", ONE, body=body)
    found = document(response)
    assert "Azure-AsyncOperation" in response.headers
    assert "Location" not in response.headers
    assert found["properties"]["provisioningState"] == "Updating"
    assert found["properties"]["protectionPolicy"] == {
        "protectFromScaleIn": True,
        "protectFromScaleSetActions": True,
    }
    assert found["etag"] == response.headers["etag"] == '"2"'
    finish(world)
    assert ask(world, "PUT", ONE, body=body, if_match='"1"').status == 412


def test_the_probe_is_shown_until_an_instance_has_its_own_model() -> None:
    """What a whole document written back drops is the probe of the load balancer."""
    world = small_world()
    probe = {"id": "/subscriptions/s/providers/Microsoft.Network/loadBalancers/l/probes/p"}
    network = {"virtualMachineProfile": {"networkProfile": {"healthProbe": probe}}}
    ask(world, "PATCH", body={"properties": network})
    finish(world)
    ask(world, "POST", KEY.resource_id + "/manualupgrade", body={"instanceIds": ["*"]})
    finish(world)
    before = document(ask(world, path=ONE))
    assert before["properties"]["networkProfileConfiguration"]["healthProbe"] == probe
    after = document(ask(world, "PUT", ONE, body=before))
    assert "healthProbe" not in after["properties"]["networkProfileConfiguration"]
    assert after["properties"]["latestModelApplied"] is False


def test_extensions_are_201_then_200_then_204() -> None:
    """In the model and on an instance alike."""
    for where in (KEY.resource_id, ONE):
        world = small_world()
        path = f"{where}/extensions/script"
        assert ask(world, "PUT", path, body=SCRIPT).status == 201
        finish(world)
        assert ask(world, "PUT", path, body=SCRIPT).status == 200
        finish(world)
        assert document(ask(world, path=path))["properties"]["provisioningState"] == "Succeeded"
        assert ask(world, "DELETE", path).status == 202
        finish(world)
        assert ask(world, "DELETE", path).status == 204


def test_the_view_tells_of_services() -> None:
    """Not enabled is NotRunning; without a policy nothing is said."""
    world = small_world()
    view = KEY.resource_id + "/instanceView"
    assert "orchestrationServices" not in document(ask(world, path=view))
    ask(world, "PATCH", body={"properties": {"automaticRepairsPolicy": {"enabled": False}}})
    (service,) = document(ask(world, path=view))["orchestrationServices"]
    assert service == {"serviceName": "AutomaticRepairs", "serviceState": "NotRunning"}


def test_a_service_fabric_walk_names_the_next_domain() -> None:
    """Only where the instances have the extension of a Service Fabric cluster."""
    world = small_world()
    fabric = {"properties": {"publisher": "Microsoft.Azure.ServiceFabric", "type": "x"}}
    fabric["properties"]["typeHandlerVersion"] = "1.0"
    ask(world, "PUT", f"{ONE}/extensions/fabric", body=fabric)
    finish(world)
    path = KEY.resource_id + "/forceRecoveryServiceFabricPlatformUpdateDomainWalk"
    walked = [
        document(ask(world, "POST", path, query=f"platformUpdateDomain={domain}"))
        for domain in (0, 2)
    ]
    assert walked == [
        {"walkPerformed": True, "nextPlatformUpdateDomain": 1},
        {"walkPerformed": True},
    ]


def test_verbs_are_throttled_by_their_policies() -> None:
    """The header names the buckets of the request."""
    world = small_world(options=Options())
    response = ask(world, "POST", ONE + "/restart")
    header = response.headers["x-ms-ratelimit-remaining-resource"]
    assert "Microsoft.Compute/VMScaleSetVMActionsResource;11" in header


def insights(world: World, method: str, path: str, body: Any = None) -> Response:
    """Send a request to the autoscale provider, with an api-version of its own."""
    raw = b"" if body is None else json.dumps(body).encode()
    headers = {"authorization": "Bearer token", "host": "127.0.0.1:8443"}
    return handle(world, Request(method, path, "api-version=2022-10-01", headers, raw))


def setting(least: int, most: int) -> dict[str, Any]:
    """Return an autoscale setting of the set."""
    capacity = {"minimum": str(least), "maximum": str(most), "default": str(least)}
    return {
        "location": "westeurope",
        "tags": {"team": "web"},
        "properties": {
            "enabled": True,
            "targetResourceUri": KEY.resource_id,
            "profiles": [{"name": "default", "capacity": capacity, "rules": []}],
        },
    }


def test_autoscale_settings_are_kept_and_given_back() -> None:
    """201, 200, 200, 204; a PATCH merges; lists of the group and the subscription."""
    world = small_world()
    path = f"{INSIGHTS}/pin"
    made = insights(world, "PUT", path, setting(3, 9))
    assert made.status == 201
    found = json.loads(made.body)
    assert found["type"] == "Microsoft.Insights/autoscalesettings"
    assert found["properties"]["name"] == "pin"
    assert insights(world, "PUT", path, setting(3, 8)).status == 200
    patched = document(insights(world, "PATCH", path, {"tags": {"a": "b"}}))
    assert patched["tags"] == {"a": "b"}
    for listing in (
        INSIGHTS,
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/autoscalesettings",
    ):
        assert document(insights(world, "GET", listing))["value"] == [patched]
    assert document(insights(world, "GET", path)) == patched
    assert insights(world, "DELETE", path).status == 200
    assert insights(world, "DELETE", path).status == 204


def test_autoscale_brings_the_set_into_its_bounds() -> None:
    """A setting above the capacity makes the set grow."""
    world = small_world()
    insights(world, "PUT", f"{INSIGHTS}/pin", setting(5, 9))
    finish(world)
    assert document(ask(world))["sku"]["capacity"] == 5
