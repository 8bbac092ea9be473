"""Deprecated versions and available sizes: the same answer at every door to the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.wire_clients import AsyncAnyToken
from tests.support.values import START, plan, scale_set
from vmss_simulator.door import Door
from vmss_simulator.scenario import scenario_of
from vmss_simulator.transport import SimulatorTransport
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.errors import Refused
from vmssplan.lint import Severity
from vmssplan.model import Deprecation, ModelFields, PlatformImage
from vmssplan.report.snapshot import snapshot_document
from vmssplan.resolution import compute

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.lint import Finding

LIVE = scale_set(2)
TARGET = LIVE.id
NAMES = {"publisher": "Contoso", "offer": "server", "sku": "gen2"}


@pytest.fixture(params=["direct", "sdk"])
def backend(request: pytest.FixtureRequest) -> Any:
    """Return a backend on a world whose newest version is going, and the one before it gone."""
    document = snapshot_document(LIVE, (), START)
    document["options"] = {"vmSizes": ["Standard_D4s_v5"]}
    versions = document["images"]["platform"][0]["versions"]
    versions += [
        {"version": "2.0.0", "deprecatedAt": START.isoformat(), "useInstead": "gen3"},
        {"version": "2.1.0", "deprecatedAt": "2027-01-01T00:00:00+00:00"},
    ]
    world = scenario_of(document).world()
    if request.param == "direct":
        return SimulatedBackend(world)
    transport = SimulatorTransport(Door(world))
    endpoint = "https://simulator.invalid"
    return AzureBackend(AsyncAnyToken(), endpoint=endpoint, transport=transport)


async def test_what_a_publisher_says_of_the_end_of_a_version(backend: Any) -> None:
    """Over, coming, or nothing said."""
    await backend.observe(TARGET)
    found = {
        version: await backend.image_deprecation(PlatformImage(**NAMES, version=version), "here")
        for version in ("1.9.0", "2.0.0", "2.1.0")
    }

    assert found["1.9.0"] is None
    assert found["2.0.0"] == Deprecation(is_over=True, at=START, instead="gen3")
    assert found["2.1.0"] == Deprecation(is_over=False, at=START.replace(2027, 1, 1, 0))
    await backend.aclose()


async def test_the_sizes_of_a_set_are_its_own_and_those_offered(backend: Any) -> None:
    """In that order."""
    assert list(await backend.sizes(TARGET)) == ["Standard_D2s_v5", "Standard_D4s_v5"]
    await backend.aclose()


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        (ModelFields(PlatformImage(**NAMES, version="2.0.0")), "image-deprecated"),
        (ModelFields(PlatformImage(**NAMES, version="2.1.0")), "image-deprecation-scheduled"),
        (ModelFields(PlatformImage(**NAMES, version="7.0.0")), "image-missing"),
        (ModelFields(PlatformImage("Contoso", "server", "none", "1.0.0")), "image-missing"),
        (ModelFields(vm_size="Standard_D8s_v5"), "size-not-available"),
        (ModelFields(vm_size="Standard_D4s_v5"), None),
    ],
)
async def test_planning_finds_what_is_not_to_be_had(
    backend: Any, fields: ModelFields, rule: str | None
) -> None:
    """Before anything is computed, as a finding that refuses or warns."""
    found: list[Finding] = []

    def report(findings: Sequence[Finding]) -> None:
        found.extend(findings)
        if any(one.severity is Severity.ERROR for one in findings):
            raise Refused("no")

    wanted = plan(model=fields)
    if rule in (None, "image-deprecation-scheduled"):
        await compute(wanted, backend, report)
    else:
        with pytest.raises(Refused):
            await compute(wanted, backend, report)
    assert [one.rule for one in found] == ([] if rule is None else [rule])
    await backend.aclose()
