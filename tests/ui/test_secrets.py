"""No secret that Azure's answers can carry reaches the page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.contract.wire_clients import AsyncAnyToken
from tests.support.planting import MARK, PlantingDoor
from tests.ui.serving import ASKED, TARGET, Served, served
from tests.worlds import make_world, model, run
from vmss_simulator.arm.settings import Settings, TokenPolicy
from vmss_simulator.effects import FailWork, RefuseRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.transport import SimulatorTransport
from vmssplan.backends.azure import AzureBackend
from vmssplan.clocks import WallClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmss_simulator.world import World

FAILS = FaultRule(
    "one fails",
    FailWork("VMExtensionProvisioningError", "It failed."),
    operations=("upgrade",),
    instance_ids=("3",),
)
PATHS = (
    "/",
    "/api/session",
    "/api/scale-sets",
    f"/api/scale-set?id={TARGET.resource_id}",
    *(f"/api/instance?id={TARGET.resource_id}&instance={n}" for n in range(4)),
    "/api/runs",
    "/api/operations",
)


@pytest.fixture
def world() -> World:
    """Make four instances, of which one has failed with an error that tells everything."""
    made = make_world()
    made.add_faults([FAILS])
    key = made.scale_sets(TARGET.subscription_id)[0].key
    made.patch_scale_set(key, model())
    run(made)
    made.upgrade(key, ["3"])
    run(made)
    return made


@pytest.fixture
def page(world: World, tmp_path: Path) -> Iterator[Served]:
    """Serve them through the real SDK and a door that plants secrets."""
    settings = Settings(subscription_ids=world.subscription_ids(), tokens=TokenPolicy.ANY)
    door = PlantingDoor(world, settings, wall_time=lambda: datetime.now(UTC))
    backend = AzureBackend(
        AsyncAnyToken(), endpoint="https://simulator.invalid", transport=SimulatorTransport(door)
    )
    with served(world, tmp_path, service=backend, clock=WallClock()) as running:
        yield running


def test_no_answer_holds_a_planted_secret(page: Served) -> None:
    """Neither an overview nor a detail, and the failed instance tells its error all the same."""
    for path in PATHS:
        found = page.get(path)
        assert found.status == 200, path
        assert MARK.encode() not in found.body, path
    told = page.get(PATHS[3]).document["instances"][3]
    assert told["statuses"][0]["code"] == "VMExtensionProvisioningError"
    assert "***" in told["statuses"][0]["message"]
    assert MARK.encode() not in page.post("/api/preview", ASKED).body


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500])
def test_no_refusal_holds_a_planted_secret(page: Served, world: World, status: int) -> None:
    """Whatever Azure refuses is told without what it repeats."""
    world.add_faults([FaultRule("refuse", RefuseRequest(status, "SomeCode", "It is wrong."))])
    for path in PATHS[2:5]:
        found = page.get(path)
        assert MARK.encode() not in found.body, path
    refused = page.post("/api/preview", ASKED)
    assert refused.status >= 400
    assert MARK.encode() not in refused.body
