"""The role is complete and minimal: each request needs an action of it, each action is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.contract.backends import TARGET
from tests.contract.test_wire_autoscale import PINNED, scaled_world
from tests.contract.wire_clients import AsyncAnyToken
from tests.simulator_worlds import GALLERY_IMAGE, JAMMY, NEW
from tests.support.in_process import logging_put_back
from vmss_simulator.door import Door
from vmss_simulator.roles import RoleAssignment, action_of
from vmss_simulator.transport import SimulatorTransport
from vmssplan import permissions
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.cli import run
from vmssplan.errors import NotFound, NotPermitted, RequestRejected
from vmssplan.model import (
    CommunityGalleryImage,
    ModelFields,
    PlatformImage,
    ResourceImage,
    SharedGalleryImage,
)
from vmssplan.operating import Protection, Switch
from vmssplan.permissions import NEEDS, WORK_NEEDS, Part, needs_of, role_document, scope_of
from vmssplan.planfile import load_plans
from vmssplan.ports import Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from vmss_simulator.world import World
    from vmssplan.model import ImageReference, Plan
    from vmssplan.permissions import Need

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "simulator" / "scenarios"
PLANS = ROOT / "plans"
EVERYTHING = (*NEEDS, *WORK_NEEDS)
MANAGED_IMAGE = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/images/providers"
    "/Microsoft.Compute/images/golden"
)


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Leave logging as it was."""
    with logging_put_back():
        yield


async def _follow(backend: Any) -> Any:
    live, _ = await backend.observe(TARGET)
    handle = await backend.write_model(TARGET, ModelFields(vm_size="Standard_D4s_v5"), live.etag)
    return await backend.operation_report(handle)


async def _write(backend: Any, image: ImageReference) -> Any:
    live, _ = await backend.observe(TARGET)
    return await backend.write_model(TARGET, ModelFields(image=image), live.etag)


async def _versions(backend: Any, image: ImageReference) -> Any:
    await backend.observe(TARGET)
    return await backend.image_versions(image, "westeurope")


USES: dict[Need, Callable[[Any], Awaitable[Any]]] = {
    permissions.LOOK: lambda backend: backend.observe(TARGET),
    permissions.LIST_INSTANCES: lambda backend: backend.observe(TARGET),
    permissions.ROLLING: lambda backend: backend.rolling_upgrade_in_progress(TARGET),
    permissions.WRITE: lambda backend: _write(backend, PlatformImage(**JAMMY, version=NEW)),
    permissions.UPGRADE: lambda backend: backend.upgrade_instances(TARGET, ["0"]),
    permissions.REIMAGE: lambda backend: backend.reimage_instances(TARGET, ["0"]),
    permissions.OPERATIONS: _follow,
    permissions.SIZES: lambda backend: backend.sizes(TARGET),
    permissions.MARKETPLACE: lambda backend: _versions(backend, PlatformImage(**JAMMY)),
    permissions.GALLERY: lambda backend: _versions(backend, ResourceImage(GALLERY_IMAGE)),
    permissions.SHARED: lambda backend: _versions(
        backend, SharedGalleryImage("/SharedGalleries/g/Images/i")
    ),
    permissions.COMMUNITY: lambda backend: _versions(
        backend, CommunityGalleryImage("/CommunityGalleries/g/Images/i")
    ),
    permissions.MANAGED: lambda backend: _write(backend, ResourceImage(MANAGED_IMAGE)),
    permissions.INTERFACES: lambda backend: backend.addresses(TARGET),
    permissions.SEE_AUTOSCALE: lambda backend: backend.autoscale_settings(TARGET),
    permissions.PIN_AUTOSCALE: lambda backend: backend.write_autoscale(PINNED),
    permissions.SEE_PERMISSIONS: lambda backend: backend.permissions(TARGET.resource_id),
    permissions.START: lambda backend: backend.switch_instances(TARGET, Switch.START, ["0"]),
    permissions.STOP: lambda backend: backend.switch_instances(TARGET, Switch.STOP, ["0"]),
    permissions.RESTART: lambda backend: backend.switch_instances(TARGET, Switch.RESTART, ["0"]),
    permissions.DEALLOCATE: lambda backend: backend.switch_instances(
        TARGET, Switch.DEALLOCATE, ["0"]
    ),
    permissions.DELETE: lambda backend: backend.delete_instances(TARGET, ["0"]),
    permissions.PROTECT: lambda backend: backend.protect_instance(
        TARGET, "0", Protection(scale_in=True)
    ),
}
"""What each action is for, by a call that needs it."""


def allowed(*actions: str) -> World:
    """Return a world in which these actions are allowed, each by an assignment of its own."""
    world = scaled_world()
    world._state.roles = tuple(RoleAssignment("/", (action,)) for action in actions)
    return world


def wired(world: World) -> tuple[AzureBackend, Door]:
    """Return the real SDK's backend on the world, and its door."""
    door = Door(world)
    transport = SimulatorTransport(door)
    endpoint = "https://simulator.invalid"
    return AzureBackend(AsyncAnyToken(), endpoint=endpoint, transport=transport), door


async def refusal(call: Callable[[Any], Awaitable[Any]], backend: Any) -> str | None:
    """Return what Azure says when the call is forbidden; None when it is not."""
    try:
        await call(backend)
    except NotPermitted as error:
        return error.message
    except (NotFound, RequestRejected):
        return None
    return None


def test_every_use_is_tried() -> None:
    """The table of needs and the calls below are the same, and so are the calls and the port."""
    assert set(USES) == set(EVERYTHING)
    assert len(EVERYTHING) == len({need.action.casefold() for need in EVERYTHING})
    asked = {"observe", "operation_report", "rolling_upgrade_in_progress", "image_versions"}
    asked |= {"write_model", "upgrade_instances", "reimage_instances", "addresses"}
    asked |= {"image_deprecation", "sizes", "scale_sets", "told"}
    asked |= {"switch_instances", "delete_instances", "protect_instance", "write_capacity"}
    asked |= {"autoscale_settings", "write_autoscale", "permissions", "aclose"}
    assert {name for name in dir(Service) if not name.startswith("_")} == asked


async def test_requests_and_actions_are_the_same_set() -> None:
    """All that a backend can ask of Azure is in the role, and all of the role is asked for.

    But for one action that no request of ours names: Azure itself looks whether whoever writes a
    managed image into a model may read it.
    """
    asked = set()
    for call in USES.values():
        backend, door = wired(allowed(*(need.action for need in EVERYTHING)))
        assert await refusal(call, backend) is None
        await backend.aclose()
        asked |= {action_of(each.method, each.path).casefold() for each in door.requests}
    linked = {permissions.MANAGED.action.casefold()}
    assert asked == {need.action.casefold() for need in EVERYTHING} - linked


@pytest.mark.parametrize("need", EVERYTHING, ids=lambda need: need.action)
async def test_each_action_has_its_use_at_both_doors(need: Need) -> None:
    """Without it, and with all others, the call is forbidden alike over the wire and directly."""
    others = [each.action for each in EVERYTHING if each is not need]
    backend, _ = wired(allowed(*others))
    over_the_wire = await refusal(USES[need], backend)
    await backend.aclose()
    directly = await refusal(USES[need], SimulatedBackend(allowed(*others)))
    assert over_the_wire is not None
    assert directly is not None
    assert need.action in over_the_wire
    assert over_the_wire.casefold() == directly.casefold()


def plan_of(path: Path) -> Plan:
    """Return the one Plan of a file."""
    return load_plans([path], {})[0].plan


def pinned(folder: Path) -> tuple[Path, Path]:
    """Return a Plan that upgrades to a marketplace image and holds autoscale, and its scenario."""
    document = yaml.safe_load((PLANS / "web-jammy.yaml").read_text("utf-8"))
    document["autoscale"] = "pin"
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path, SCENARIOS / "autoscale.yaml"


def reimaged(folder: Path) -> tuple[Path, Path]:
    """Return a Plan that reimages from a gallery, and its scenario."""
    document = yaml.safe_load((PLANS / "gallery-image.yaml").read_text("utf-8"))
    document["strategy"]["method"] = "reimage"
    document["autoscale"] = "ignore"
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(document), "utf-8")
    return path, SCENARIOS / "gallery.yaml"


def narrowed(scenario: Path, folder: Path, roles: list[dict[str, Any]]) -> Path:
    """Write the scenario with roles instead of everything."""
    document = yaml.safe_load(scenario.read_text("utf-8"))
    path = folder / f"{len(list(folder.iterdir()))}.yaml"
    path.write_text(yaml.safe_dump({**document, "roles": roles}), "utf-8")
    return path


def assigned(plan: Plan, leave_out: str = "") -> list[dict[str, Any]]:
    """Return both parts of the role where `init` says to assign them."""
    needs = [need for need in needs_of(plan) if need.action != leave_out]
    return [
        {"scope": scope, "actions": role_document(needs, [], part)["Actions"]}
        for part in (Part.GROUP, Part.SUBSCRIPTION)
        for scope in {_place(scope_of(need, plan), part) for need in needs if part.holds(need)}
    ]


def _place(scope: str, part: Part) -> str:
    return scope.partition("/providers/")[0] if part is Part.GROUP else scope


def test_with_its_role_a_plan_goes_through(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plan, apply and another apply need nothing else; the check says so before."""
    for make in (pinned, reimaged):
        folder = tmp_path / make.__name__
        folder.mkdir()
        plan, scenario = make(folder)
        simulator = narrowed(scenario, folder, assigned(plan_of(plan)))
        options = ["--simulator", str(simulator), "--state-dir", str(folder / "state")]
        assert run(["init", "--check-permissions", str(plan), *options]) == 0
        assert run(["apply", str(plan), "--auto-approve", *options]) == 0
        assert run(["plan", str(plan), "--detailed-exitcode", *options]) == 0
        assert "Apply complete!" in capsys.readouterr().out


@pytest.mark.parametrize("make", [pinned, reimaged])
def test_without_any_one_of_its_actions_it_does_not(
    make: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each action is needed: without it the rollout meets 403, and the check names just it."""
    plan, scenario = make(tmp_path)
    for need in needs_of(plan_of(plan)):
        simulator = narrowed(scenario, tmp_path, assigned(plan_of(plan), need.action))
        options = ["--simulator", str(simulator), "--state-dir", str(tmp_path / simulator.stem)]
        assert run(["init", "--check-permissions", str(plan), "--json", *options]) == 3
        (found,) = json.loads(capsys.readouterr().out)["plans"]
        missing = [each["action"] for each in found["permissions"] if not each["allowed"]]
        assert missing == [need.action]
        assert run(["apply", str(plan), "--auto-approve", *options]) != 0, need.action
        said = capsys.readouterr()
        assert "AuthorizationFailed" in said.out + said.err, need.action
        assert need.action in said.out + said.err
