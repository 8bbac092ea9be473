"""The roles of a world: what they refuse, where they hold, and how they are listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.simulator_worlds import KEY, SUBSCRIPTION, small_world
from tests.unit.simulator_arm.test_arm_front import ask, code
from tests.worlds import scenario_text
from vmss_simulator.errors import ScenarioError
from vmss_simulator.roles import RoleAssignment, action_of
from vmss_simulator.saving import world_document
from vmss_simulator.scenario import parse_scenario
from vmss_simulator.yaml_text import yaml_text

if TYPE_CHECKING:
    from vmss_simulator.world import World

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/myrg"
LISTING = "/providers/Microsoft.Authorization/permissions"
VERSION = "api-version=2022-04-01"
READ = "Microsoft.Authorization/permissions/read"


def with_roles(*roles: RoleAssignment) -> World:
    """Return a world whose caller has these."""
    world = small_world()
    world._state.roles = roles
    return world


@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "/virtualMachineScaleSets/web", "virtualMachineScaleSets/read"),
        ("GET", "/virtualMachineScaleSets", "virtualMachineScaleSets/read"),
        ("PATCH", "/virtualMachineScaleSets/web", "virtualMachineScaleSets/write"),
        ("DELETE", "/virtualMachineScaleSets/web", "virtualMachineScaleSets/delete"),
        (
            "POST",
            "/virtualMachineScaleSets/web/manualupgrade",
            "virtualMachineScaleSets/manualUpgrade/action",
        ),
        (
            "POST",
            "/virtualMachineScaleSets/web/virtualMachines/1/restart",
            "virtualMachineScaleSets/virtualMachines/restart/action",
        ),
        (
            "GET",
            "/virtualMachineScaleSets/web/rollingUpgrades/latest",
            "virtualMachineScaleSets/rollingUpgrades/read",
        ),
        (
            "GET",
            "/locations/here/publishers/P/artifacttypes/vmimage/offers/O/skus/S/versions",
            "locations/publishers/artifacttypes/offers/skus/versions/read",
        ),
        ("GET", "/locations/here/operations/1?p=1", "locations/operations/read"),
    ],
)
def test_an_action_is_what_azure_calls_it(method: str, path: str, action: str) -> None:
    """Types make the name, names of resources do not."""
    full = f"{GROUP}/providers/Microsoft.Compute{path.partition('?')[0]}"
    assert action_of(method, full) == f"Microsoft.Compute/{action}"


def test_who_may_only_read_may_not_write() -> None:
    """A refused request says which action was missing where, and changes nothing."""
    world = with_roles(RoleAssignment("/", ("*/read",)))
    before = world.scale_set(KEY)
    assert ask(world).status == 200
    refused = ask(world, "PATCH", body={"tags": {"a": "b"}})
    assert (refused.status, code(refused)) == (403, "AuthorizationFailed")
    message = json.loads(refused.body)["error"]["message"]
    assert "'Microsoft.Compute/virtualMachineScaleSets/write'" in message
    assert f"'{KEY.resource_id}'" in message
    assert world.scale_set(KEY) == before


def test_a_role_holds_below_its_scope_and_nowhere_else() -> None:
    """Names that begin alike are other resources."""
    for scope, status in (
        ("/", 200),
        (f"/subscriptions/{SUBSCRIPTION}", 200),
        (GROUP.upper(), 200),
        (KEY.resource_id, 200),
        (KEY.resource_id[:-1], 403),
        (f"{GROUP}2", 403),
    ):
        assert ask(with_roles(RoleAssignment(scope, ("*",)))).status == status, scope


def test_the_listing_has_what_reaches_the_scope() -> None:
    """One entry an assignment, exclusions included; everything where nothing was said."""
    owner = json.loads(ask(small_world(), path=f"{GROUP}{LISTING}", query=VERSION).body)
    assert [each["actions"] for each in owner["value"]] == [["*"]]
    world = with_roles(
        RoleAssignment(GROUP, ("*/read",), ("*/secrets/*",)),
        RoleAssignment(KEY.resource_id, ("*/action",)),
        RoleAssignment("/subscriptions/other", ("*",)),
    )
    at_group, at_set = (
        json.loads(ask(world, path=f"{scope}{LISTING}", query=VERSION).body)["value"]
        for scope in (GROUP, KEY.resource_id)
    )
    assert at_group == [
        {
            "actions": ["*/read"],
            "notActions": ["*/secrets/*"],
            "dataActions": [],
            "notDataActions": [],
        }
    ]
    assert [each["actions"] for each in at_set] == [["*/read"], ["*/action"]]


def test_the_listing_needs_a_permission_of_its_own() -> None:
    """Who may do something else there may still not ask."""
    world = with_roles(RoleAssignment("/", ("Microsoft.Compute/*",)))
    assert ask(world, path=f"{GROUP}{LISTING}", query=VERSION).status == 403
    world = with_roles(RoleAssignment("/", (READ,)))
    assert ask(world, path=f"{GROUP}{LISTING}", query=VERSION).status == 200


def test_a_scenario_says_roles_and_a_saved_world_keeps_them() -> None:
    """They are part of the world; a role without actions is no role."""
    text = scenario_text().rstrip()[:-1] + ', "roles": [{"actions": ["*/read"]}]}'
    world = parse_scenario(text).world()
    assert world.roles == (RoleAssignment("/", ("*/read",)),)
    saved = yaml_text(world_document(world.snapshot()))
    assert parse_scenario(saved).world().roles == world.roles
    with pytest.raises(ScenarioError, match="actions"):
        parse_scenario(text.replace('"actions"', '"action"'))
