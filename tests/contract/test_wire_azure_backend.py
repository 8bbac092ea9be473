"""The Azure backend over the simulator's wire doors sees and does what the direct door does."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.contract.backends import TARGET, in_process, over_https
from tests.contract.wire_clients import AsyncAnyToken
from tests.simulator_worlds import GALLERY_IMAGE, JAMMY, KEY, NEW, OLD, small_world
from vmss_simulator.effects import LoseReply, RefuseRequest, ThrottleRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.options import Options
from vmss_simulator.server import make_door, serving
from vmssplan.backends.azure import AzureBackend
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
    UsageInvalid,
    VmssplanError,
)
from vmssplan.model import (
    ModelFields,
    OperationStatus,
    PlatformImage,
    ResourceImage,
    ScaleSetId,
    SharedGalleryImage,
)
from vmssplan.ports import Allowance

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.contract.backends import OpenBackend
    from vmssplan.ports import OperationHandle

NOWHERE = ScaleSetId(KEY.subscription_id, KEY.resource_group, "nope")
WANTED = ModelFields(image=PlatformImage(**JAMMY, version=NEW), vm_size="Standard_D4s_v5")


@pytest.fixture(
    params=[pytest.param(in_process, id="in-process"), pytest.param(over_https, id="https")]
)
def open_backend(request: pytest.FixtureRequest, tmp_path: Path) -> OpenBackend:
    """Return how to open the backend on a world, one door after the other."""
    return lambda world: request.param(world, tmp_path)


async def test_it_observes_what_the_direct_door_observes(open_backend: OpenBackend) -> None:
    """The scale set read over the wire is equal to the one read directly, also half upgraded."""
    world = small_world(5)
    world.patch_scale_set(KEY, {"sku": {"name": "Standard_D4s_v5"}})
    world.advance_to(world.now + timedelta(minutes=10))
    world.upgrade(KEY, ["0", "1"])
    world.advance_to(world.now + timedelta(seconds=30))
    direct, _ = await SimulatedBackend(world).observe(TARGET)
    async with open_backend(world) as backend:
        over_the_wire, _ = await backend.observe(TARGET)
    assert over_the_wire == direct


async def test_a_rollout_by_hand_goes_through(open_backend: OpenBackend) -> None:
    """Model write, upgrade and reimage are handles whose reports end in success."""
    world = small_world()
    async with open_backend(world) as backend:
        live, _ = await backend.observe(TARGET)
        starts: list[Callable[[], Awaitable[OperationHandle | None]]] = [
            lambda: backend.write_model(TARGET, WANTED, live.etag),
            lambda: backend.upgrade_instances(TARGET, ["0", "2"]),
            lambda: backend.reimage_instances(TARGET, ["0"]),
        ]
        for start in starts:
            handle = await start()
            assert handle is not None
            assert handle.operation_id == world.operation(handle.operation_id).operation_id
            running, pacing = await backend.operation_report(handle)
            assert running.status is OperationStatus.IN_PROGRESS
            assert pacing.retry_after == timedelta(seconds=10)
            world.advance_to(world.now + timedelta(hours=1))
            ended, pacing = await backend.operation_report(handle)
            assert ended.status is OperationStatus.SUCCEEDED
            assert pacing.retry_after is None
        live, _ = await backend.observe(TARGET)
        assert not await backend.rolling_upgrade_in_progress(TARGET)
    assert WANTED.is_met_by(live.model)
    current = {each.instance_id for each in live.instances if each.is_current(WANTED)}
    assert current == {"0", "2"}


async def test_only_the_owned_fields_are_sent(open_backend: OpenBackend) -> None:
    """A model write changes the image and the size, and leaves everything else alone."""
    world = small_world()
    before = world.scale_set(KEY).body
    async with open_backend(world) as backend:
        live, _ = await backend.observe(TARGET)
        await backend.write_model(TARGET, WANTED, live.etag)
    after = world.scale_set(KEY).body
    assert after["sku"] == {**before["sku"], "name": "Standard_D4s_v5"}
    assert after["tags"] == before["tags"]
    old, new = (each["properties"]["virtualMachineProfile"] for each in (before, after))
    assert new["osProfile"] == old["osProfile"]
    assert new["storageProfile"]["osDisk"] == old["storageProfile"]["osDisk"]


async def test_versions_are_those_latest_may_mean(open_backend: OpenBackend) -> None:
    """Versions come oldest first, without those excluded from latest."""
    async with open_backend(small_world()) as backend:
        await backend.observe(TARGET)
        platform = await backend.image_versions(PlatformImage(**JAMMY), "westeurope")
        gallery = await backend.image_versions(ResourceImage(GALLERY_IMAGE), "westeurope")
        for missing in (
            PlatformImage("Canonical", "ubuntu-server", "99_04"),
            ResourceImage(GALLERY_IMAGE + "x"),
            SharedGalleryImage("/SharedGalleries/nobody/Images/none"),
        ):
            with pytest.raises(NotFound):
                await backend.image_versions(missing, "westeurope")
    assert (list(platform), list(gallery)) == ([OLD, NEW], ["1.0.0"])


async def test_remaining_requests_are_told(open_backend: OpenBackend) -> None:
    """What is left of every bucket, and how much of it the call took, is the pacing hint."""
    async with open_backend(small_world(options=Options())) as backend:
        _, first = await backend.observe(TARGET)
        _, second = await backend.observe(TARGET)
    assert first.allowances == (
        Allowance("GetVMScaleSetSubscriptionMaximum", 2399, 1),
        Allowance("GetVMScaleSetResource", 35, 1),
        Allowance("HighCostGetVMScaleSetSubscriptionMaximum", 1078, 2),
        Allowance("HighCostGetVMScaleSetResource", 28, 2),
    )
    assert [each.left for each in second.allowances][1] == 34


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        pytest.param(RefuseRequest(403, "AuthorizationFailed", "no"), NotPermitted, id="403"),
        pytest.param(RefuseRequest(401, "AuthenticationFailed", "no"), NotPermitted, id="401"),
        pytest.param(RefuseRequest(400, "InvalidParameter", "no"), RequestRejected, id="400"),
        pytest.param(RefuseRequest(409, "Conflict", "no"), Conflict, id="409"),
        pytest.param(ThrottleRequest(timedelta(seconds=7)), Throttled, id="429"),
        pytest.param(RefuseRequest(503, "ServerBusy", "no"), OutcomeUnknown, id="503"),
        pytest.param(LoseReply(), OutcomeUnknown, id="reply lost"),
    ],
)
async def test_failures_of_a_write_are_ours(
    open_backend: OpenBackend,
    effect: RefuseRequest | ThrottleRequest | LoseReply,
    expected: type[VmssplanError],
) -> None:
    """Each way a write can fail is the same error as at the direct door, from Azure's own."""
    world = small_world(faults=[FaultRule("fault", effect, operations=("upgrade",))])
    with pytest.raises(VmssplanError) as direct:
        await SimulatedBackend(world.fork()).upgrade_instances(TARGET, ["0"])
    async with open_backend(world) as backend:
        with pytest.raises(expected) as raised:
            await backend.upgrade_instances(TARGET, ["0"])
    assert type(raised.value) is type(direct.value)
    assert raised.value.__cause__ is not None
    if isinstance(raised.value, Throttled):
        assert raised.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("effect", [RefuseRequest(503, "ServerBusy", "no"), LoseReply()])
async def test_failures_of_a_read_did_no_harm(
    open_backend: OpenBackend, effect: RefuseRequest | LoseReply
) -> None:
    """A read that broke off is only unavailable: there is no outcome to doubt."""
    world = small_world(faults=[FaultRule("fault", effect, operations=("listInstances",))])
    async with open_backend(world) as backend:
        with pytest.raises(ServiceUnavailable):
            await backend.observe(TARGET)


async def test_missing_sets_and_old_etags_are_told_apart(open_backend: OpenBackend) -> None:
    """What is not there is NotFound, what somebody changed is EtagChanged."""
    async with open_backend(small_world()) as backend:
        with pytest.raises(NotFound):
            await backend.observe(NOWHERE)
        with pytest.raises(EtagChanged, match="PreconditionFailed"):
            await backend.write_model(TARGET, WANTED, '"99"')
        with pytest.raises(RequestRejected, match="InvalidParameter"):
            await backend.upgrade_instances(TARGET, ["99"])


async def test_failed_operation_names_the_instance(open_backend: OpenBackend) -> None:
    """The report of a failed operation has Azure's code, and the failed instances' own."""
    from vmss_simulator.effects import FailWork  # noqa: PLC0415 - only here

    failure = FailWork("VMExtensionProvisioningTimeout", "too slow")
    rule = FaultRule("fail", failure, operations=("upgrade",), instance_ids=("1",))
    world = small_world(faults=[rule])
    async with open_backend(world) as backend:
        live, _ = await backend.observe(TARGET)
        await backend.write_model(TARGET, WANTED, live.etag)
        world.advance_to(world.now + timedelta(minutes=10))
        handle = await backend.upgrade_instances(TARGET, ["0", "1"])
        world.advance_to(world.now + timedelta(hours=3))
        assert handle is not None
        report, _ = await backend.operation_report(handle)
        direct, _ = await SimulatedBackend(world).operation_report(handle)
    assert report.status is OperationStatus.FAILED
    assert report == direct
    assert report.instance_errors["1"].code == "VMExtensionProvisioningTimeout"


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


async def test_unreachable_endpoint_is_unavailable() -> None:
    """Nobody there: no request was sent, so not even a write is in doubt."""
    backend = AzureBackend(AsyncAnyToken(), endpoint=f"https://127.0.0.1:{free_port()}")
    with pytest.raises(ServiceUnavailable):
        await backend.upgrade_instances(TARGET, ["0"])
    await backend.aclose()


async def test_untrusted_certificate_asks_for_the_ca_file(tmp_path: Path) -> None:
    """A server whose authority is not trusted is a matter of options, not of waiting."""
    with serving(make_door(small_world()), folder=tmp_path) as running:
        backend = AzureBackend(AsyncAnyToken(), endpoint=running.endpoint.endpoint)
        with pytest.raises(UsageInvalid) as raised:
            await backend.observe(TARGET)
        await backend.aclose()
    assert raised.value.hint is not None
    assert "--ca-file" in raised.value.hint


async def test_refused_login_is_not_permitted(tmp_path: Path) -> None:
    """A wrong client secret is a matter of permission."""
    with serving(make_door(small_world()), folder=tmp_path) as running:
        end = running.endpoint
        backend = AzureBackend.connect_simulator(
            endpoint=end.endpoint,
            ca_file=tmp_path / "ca.pem",
            tenant_id=end.tenant_id,
            client_id=end.client_id,
            client_secret="guess",  # noqa: S106 - wrong on purpose
        )
        with pytest.raises(NotPermitted):
            await backend.observe(TARGET)
        await backend.aclose()


async def test_clouds_are_known_by_name() -> None:
    """The sovereign clouds have their own endpoints, and a name nobody knows is refused."""
    for cloud in ("AzureCloud", "AzureChinaCloud", "AzureUSGovernment"):
        await AzureBackend.connect(cloud=cloud).aclose()
    with pytest.raises(UsageInvalid, match="AzureChinaCloud"):
        AzureBackend.connect(cloud="AzureGermanCloud")
