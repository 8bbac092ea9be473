"""What is logged of requests that the real SDK makes: what finds them again, and nothing secret."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backends import TARGET, in_process, over_https
from tests.contract.wire_clients import AsyncAnyToken
from tests.simulator_worlds import JAMMY, NEW, small_world
from vmss_simulator.effects import RefuseRequest
from vmss_simulator.faults import FaultRule
from vmssplan.errors import Conflict
from vmssplan.model import ModelFields, PlatformImage
from vmssplan.ports import OperationHandle

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.backends import OpenBackend

WANTED = ModelFields(image=PlatformImage(**JAMMY, version=NEW))
SIGNATURE = "bm8tc2VjcmV0LWJ1dC1sb29rZWQtZm9y"
HEARD = ("vmssplan.azure", "azure.core.pipeline.policies.http_logging_policy")


@pytest.fixture(
    params=[pytest.param(in_process, id="in-process"), pytest.param(over_https, id="https")]
)
def open_backend(request: pytest.FixtureRequest, tmp_path: Path) -> OpenBackend:
    """Return how to open the backend on a world, one door after the other."""
    return lambda world: request.param(world, tmp_path)


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return our records."""
    return [one for one in caplog.records if one.name == "vmssplan.azure"]


def fields(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the fields of our records, oldest first."""
    return [one.__dict__["fields"] for one in ours(caplog)]


async def test_requests_are_logged(
    open_backend: OpenBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request is one record with path, status, time and Azure's id; writes weigh more."""
    caplog.set_level(logging.DEBUG, "vmssplan.azure")
    world = small_world()
    async with open_backend(world) as backend:
        live, _ = await backend.observe(TARGET)
        handle = await backend.write_model(TARGET, WANTED, live.etag)
        assert handle is not None
        world.advance_to(world.now + timedelta(hours=1))
        await backend.operation_report(handle)

    told = fields(caplog)
    methods = [one["method"] for one in told]
    assert methods.count("PATCH") == 1
    assert set(methods) == {"GET", "PATCH"}
    for one in told:
        assert one["requestId"]
        assert one["clientRequestId"]
        assert one["path"].startswith("/subscriptions/")
        assert "?" not in one["path"]
        assert one["seconds"] >= 0
        assert one["status"] < 300
    levels = {one.__dict__["fields"]["method"]: one.levelname for one in ours(caplog)}
    assert levels == {"GET": "DEBUG", "PATCH": "INFO"}


async def test_refusals_are_logged(
    open_backend: OpenBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """A refused request has its status; what it means for the Run is the Run's to say."""
    caplog.set_level(logging.INFO, "vmssplan.azure")
    refusal = RefuseRequest(409, "Conflict", "Another one.")
    world = small_world(faults=[FaultRule("busy", refusal, operations=("patchScaleSet",))])
    async with open_backend(world) as backend:
        live, _ = await backend.observe(TARGET)
        with pytest.raises(Conflict):
            await backend.write_model(TARGET, WANTED, live.etag)

    [told] = fields(caplog)
    assert (told["method"], told["status"]) == ("PATCH", 409)


async def test_nothing_secret_is_logged(
    open_backend: OpenBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """No token, no body and no query that signs an address is in any record, ours or the SDK's."""
    for name in HEARD:
        caplog.set_level(logging.DEBUG, name)
    caplog.set_level(logging.INFO, "azure")
    world = small_world()
    async with open_backend(world) as backend:
        live, _ = await backend.observe(TARGET)
        handle = await backend.write_model(TARGET, WANTED, live.etag)
        assert handle is not None
        signed = f"{handle.address}&t=639&c={SIGNATURE}&s={SIGNATURE}"
        await backend.operation_report(OperationHandle(handle.operation_id, signed))

    text = "\n".join(f"{one.getMessage()} {one.__dict__.get('fields')}" for one in caplog.records)
    token = await AsyncAnyToken().get_token()
    assert {one.name for one in caplog.records} >= set(HEARD)
    assert handle.operation_id in text
    assert SIGNATURE not in text
    assert token.token not in text
    assert "Bearer" not in text
    assert NEW not in text
