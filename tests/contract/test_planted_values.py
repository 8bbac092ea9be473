"""No value that a backend makes of Azure's answers holds a planted secret, and no error does."""

from __future__ import annotations

import logging
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backends import TARGET
from tests.contract.test_wire_autoscale import AS_FOUND, PINNED, scaled_world
from tests.contract.wire_clients import AsyncAnyToken
from tests.simulator_worlds import GALLERY_IMAGE, JAMMY, NEW
from tests.support.planting import MARK, PlantingDoor
from vmss_simulator.effects import FailWork, RefuseRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.transport import SimulatorTransport
from vmssplan.backends.arm_documents import read_image
from vmssplan.backends.azure import AzureBackend
from vmssplan.errors import VmssplanError
from vmssplan.model import ModelFields, PlatformImage, ResourceImage, UriImage
from vmssplan.ports import Backend, Directory
from vmssplan.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vmss_simulator.world import World

FAILURE = FaultRule(
    "fail", FailWork("VMExtensionProvisioningError", "Failed."), ("upgrade",), instance_ids=("1",)
)
JAMMY_NEW = PlatformImage(**JAMMY, version=NEW)


async def _operation_report(backend: AzureBackend, world: World) -> Any:
    await _write_model(backend, world)
    world.advance_to(world.now + timedelta(minutes=10))
    handle = await backend.upgrade_instances(TARGET, ["0", "1"])
    assert handle is not None
    assert "https://" in handle.address
    world.advance_to(world.now + timedelta(hours=3))
    report, _ = await backend.operation_report(handle)
    assert report.instance_errors["1"].message.count("***") > 5
    live, _ = await backend.observe(TARGET)
    assert live.by_id()["1"].error is not None
    return handle, report, live


async def _write_model(backend: AzureBackend, _world: World) -> Any:
    live, _ = await backend.observe(TARGET)
    return await backend.write_model(TARGET, ModelFields(image=JAMMY_NEW), live.etag)


async def _images(backend: AzureBackend, _world: World) -> Any:
    await backend.observe(TARGET)
    return [
        await backend.image_versions(JAMMY_NEW, "westeurope"),
        await backend.image_versions(ResourceImage(GALLERY_IMAGE), "westeurope"),
    ]


async def _deprecation(backend: AzureBackend, _world: World) -> Any:
    await backend.observe(TARGET)
    return await backend.image_deprecation(JAMMY_NEW, "westeurope")


async def _autoscale(backend: AzureBackend, _world: World) -> Any:
    found = await backend.autoscale_settings(TARGET)
    assert list(found) == [AS_FOUND]
    return found


CALLS: dict[str, Callable[[AzureBackend, World], Awaitable[Any]]] = {
    "observe": lambda backend, _: backend.observe(TARGET),
    "operation_report": _operation_report,
    "rolling_upgrade_in_progress": lambda backend, _: backend.rolling_upgrade_in_progress(TARGET),
    "image_versions": _images,
    "image_deprecation": _deprecation,
    "sizes": lambda backend, _: backend.sizes(TARGET),
    "write_model": _write_model,
    "upgrade_instances": lambda backend, _: backend.upgrade_instances(TARGET, ["0"]),
    "reimage_instances": lambda backend, _: backend.reimage_instances(TARGET, ["0"]),
    "autoscale_settings": _autoscale,
    "write_autoscale": lambda backend, _: backend.write_autoscale(PINNED),
    "addresses": lambda backend, _: backend.addresses(TARGET),
    "scale_sets": lambda backend, _: backend.scale_sets(TARGET.subscription_id),
    "told": lambda backend, _: backend.told(TARGET, "0"),
}
NONE_IS_NO_ERROR = {("rolling_upgrade_in_progress", 404), ("addresses", 404)}


def _opened(world: World) -> AzureBackend:
    return AzureBackend(
        AsyncAnyToken(),
        endpoint="https://simulator.invalid",
        transport=SimulatorTransport(PlantingDoor(world)),
    )


def test_every_way_to_ask_is_tried() -> None:
    """A method that the port learns of needs its call here."""
    ports = (*vars(Backend), *vars(Directory))
    methods = {name for name in ports if not name.startswith("_")}
    assert set(CALLS) == methods - {"aclose"}


@pytest.mark.parametrize("name", CALLS)
async def test_no_value_holds_a_secret(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither what the method returns nor what the libraries log meanwhile."""
    world = scaled_world(FAILURE)
    backend = _opened(world)
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "azure"):
        try:
            value = await CALLS[name](backend, world)
        except VmssplanError as error:
            # Written back as it was read, what was planted may be refused; cleanly, then.
            assert name == "write_autoscale"
            value = error
    await backend.aclose()
    assert MARK not in repr(value)
    assert MARK not in caplog.text
    assert "Request URL" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 429, 500, 503])
@pytest.mark.parametrize("name", CALLS)
async def test_no_error_holds_a_secret(
    name: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Message, reason, hint and log are clean, and a traceback is once it was redacted."""
    refusal = FaultRule("refuse", RefuseRequest(status, "SomeCode", "Something is wrong."))
    backend = _opened(scaled_world(refusal))
    raised: VmssplanError | None = None
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "azure"):
        try:
            await CALLS[name](backend, scaled_world())
        except VmssplanError as error:
            raised = error
    if raised is None:
        assert (name, status) in NONE_IS_NO_ERROR
    else:
        said = [str(raised), raised.message, raised.hint, repr(raised), repr(vars(raised))]
        assert MARK not in repr(said)
        assert MARK not in redacted("".join(traceback.format_exception(raised)))
    await backend.aclose()
    assert MARK not in caplog.text


def test_the_address_of_a_custom_image_is_kept_without_its_signature() -> None:
    """A blob is told by its path; what grants access to it stays with Azure."""
    uri = f"https://me:{MARK}@store.blob.core.windows.net/vhds/a.vhd"
    storage = {"osDisk": {"image": {"uri": f"{uri}?sv=2022&sig={MARK}"}}}
    assert read_image(storage) == UriImage("https://store.blob.core.windows.net/vhds/a.vhd")
