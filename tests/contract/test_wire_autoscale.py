"""Autoscale settings are found and written alike at every door; nothing else of them changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.backends import TARGET, every_door
from tests.simulator_worlds import KEY, SUBSCRIPTION, small_world
from tests.support.copying import replace
from vmss_simulator.commands import DeleteAutoscale, WriteAutoscale
from vmss_simulator.effects import LoseReply, LoseRequest, RefuseRequest, ThrottleRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.values import AutoscaleKey, ScaleSetKey
from vmssplan.errors import (
    Conflict,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    ServiceUnavailable,
    Throttled,
    VmssplanError,
)
from vmssplan.model import AutoscaleProfile, AutoscaleSetting

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.backends import OpenDoor
    from vmss_simulator.effects import RequestEffect
    from vmss_simulator.world import World

ELSEWHERE = AutoscaleKey(SUBSCRIPTION, "monitoring", "web-autoscale")
NIGHT = {
    "name": "night",
    "capacity": {"minimum": "1", "maximum": "4", "default": "2"},
    "rules": [],
    "recurrence": {
        "frequency": "Week",
        "schedule": {"timeZone": "UTC", "days": ["Monday"], "hours": [22], "minutes": [0]},
    },
}
RULE = {
    "metricTrigger": {"metricName": "Percentage CPU", "threshold": 75},
    "scaleAction": {"direction": "Increase", "type": "ChangeCount", "value": "1"},
}
DAY = {
    "name": "day",
    "capacity": {"minimum": "2", "maximum": "10", "default": "3"},
    "rules": [RULE],
}
AS_FOUND = AutoscaleSetting(
    ELSEWHERE.resource_id,
    "web-autoscale",
    enabled=True,
    profiles=(AutoscaleProfile("day", 2, 10, 3), AutoscaleProfile("night", 1, 4, 2)),
)
PINNED = replace(
    AS_FOUND, profiles=tuple(AutoscaleProfile(each.name, 3, 3, 3) for each in AS_FOUND.profiles)
)


def setting(target: str, **properties: Any) -> dict[str, Any]:
    """Return the document of a setting that scales this resource by day and by night."""
    return {
        "location": "westeurope",
        "tags": {"team": "web"},
        "properties": {
            "enabled": True,
            "targetResourceUri": target,
            "profiles": [DAY, NIGHT],
            "notifications": [{"operation": "Scale", "webhooks": []}],
            **properties,
        },
    }


def scaled_world(*faults: FaultRule, **properties: Any) -> World:
    """Return a world of three sets; the setting of the one we want is in another group."""
    world = small_world(faults=faults, others=("api", "jobs"))
    for name in ("api", "jobs"):
        target = ScaleSetKey(SUBSCRIPTION, "myrg", name).resource_id
        key = AutoscaleKey(SUBSCRIPTION, "myrg", f"{name}-autoscale")
        world.perform(WriteAutoscale(key, setting(target)))
    # Azure tells the target as whoever wrote the setting spelled it.
    body = setting(KEY.resource_id.replace("resourceGroups/myrg", "resourcegroups/MYRG"))
    body["properties"].update(properties)
    world.perform(WriteAutoscale(ELSEWHERE, body))
    return world


@pytest.fixture(params=["direct", "in-process", "https"])
def open_door(request: pytest.FixtureRequest, tmp_path: Path) -> OpenDoor:
    """Return how to open the backend on a world, one door after the other."""
    return every_door(tmp_path)[request.param]


async def test_a_setting_is_found_by_what_it_scales(open_door: OpenDoor) -> None:
    """Case and resource group do not matter, and other sets' settings are not ours."""
    async with open_door(scaled_world()) as backend:
        assert list(await backend.autoscale_settings(TARGET)) == [AS_FOUND]


async def test_a_set_without_a_setting_has_none(open_door: OpenDoor) -> None:
    """No setting is an empty list, no error."""
    world = scaled_world()
    world.perform(DeleteAutoscale(ELSEWHERE))
    async with open_door(world) as backend:
        assert not await backend.autoscale_settings(TARGET)


async def test_a_disabled_setting_is_told_and_stays_disabled(open_door: OpenDoor) -> None:
    """A write of capacities does not switch autoscale on, or off."""
    for enabled in (False, True):
        world = scaled_world(enabled=enabled)
        async with open_door(world) as backend:
            (found,) = await backend.autoscale_settings(TARGET)
            assert found.enabled is enabled
            await backend.write_autoscale(PINNED)
        properties = world.autoscale_setting(ELSEWHERE).body["properties"]
        assert properties["enabled"] is enabled


async def test_only_the_capacities_of_named_profiles_change(open_door: OpenDoor) -> None:
    """Rules, recurrences, notifications, tags and other profiles are as they were."""
    world = scaled_world()
    async with open_door(world) as backend:
        await backend.write_autoscale(replace(PINNED, profiles=PINNED.profiles[:1]))
    body = world.autoscale_setting(ELSEWHERE).body
    held = {"minimum": "3", "maximum": "3", "default": "3"}
    before = setting(body["properties"]["targetResourceUri"])
    assert body["properties"]["profiles"] == [{**DAY, "capacity": held}, NIGHT]
    before["properties"]["profiles"] = body["properties"]["profiles"]
    assert body == before


async def test_what_was_pinned_can_be_given_back(open_door: OpenDoor) -> None:
    """Writing the setting as it was found undoes the pin; writing it again is no request at all."""
    world = scaled_world()
    before = world.autoscale_setting(ELSEWHERE).body
    async with open_door(world) as backend:
        await backend.write_autoscale(PINNED)
        assert list(await backend.autoscale_settings(TARGET)) == [PINNED]
        await backend.write_autoscale(AS_FOUND)
        await backend.write_autoscale(AS_FOUND)
    assert world.autoscale_setting(ELSEWHERE).body == before
    writes = [each for each in world.log if each.type == "autoscaleSet"]
    assert len(writes) == 5


async def test_what_is_gone_is_not_found(open_door: OpenDoor) -> None:
    """A setting or a profile that somebody deleted is named, and nothing is made in its place."""
    world = scaled_world()
    async with open_door(world) as backend:
        evening = replace(AS_FOUND, profiles=(AutoscaleProfile("evening", 1, 1, 1),))
        with pytest.raises(NotFound, match="no longer has the profile evening"):
            await backend.write_autoscale(evening)
        world.perform(DeleteAutoscale(ELSEWHERE))
        with pytest.raises(NotFound):
            await backend.write_autoscale(AS_FOUND)
        with pytest.raises(NotFound, match="not the id of an autoscale setting"):
            await backend.write_autoscale(replace(AS_FOUND, resource_id=KEY.resource_id))


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        pytest.param(RefuseRequest(403, "AuthorizationFailed", "no"), NotPermitted, id="403"),
        pytest.param(RefuseRequest(409, "Conflict", "no"), Conflict, id="409"),
        pytest.param(ThrottleRequest(timedelta(seconds=7)), Throttled, id="429"),
        pytest.param(RefuseRequest(503, "ServerBusy", "no"), OutcomeUnknown, id="503"),
        pytest.param(LoseReply(), OutcomeUnknown, id="reply lost"),
        pytest.param(LoseRequest(), OutcomeUnknown, id="request lost"),
    ],
)
async def test_failures_of_a_write_are_ours(
    open_door: OpenDoor, effect: RequestEffect, expected: type[VmssplanError]
) -> None:
    """Each way the write can fail is an error of ours; a missing permission is named."""
    world = scaled_world(FaultRule("fault", effect, operations=("putAutoscale",)))
    async with open_door(world) as backend:
        with pytest.raises(expected) as raised:
            await backend.write_autoscale(PINNED)
    if isinstance(raised.value, NotPermitted):
        assert "Microsoft.Insights/autoscaleSettings/write" in (raised.value.hint or "")
        assert "autoscale: ignore" in (raised.value.hint or "")
    if isinstance(raised.value, Throttled):
        assert raised.value.retry_after == timedelta(seconds=7)
    is_done = world.autoscale_setting(ELSEWHERE).body["properties"]["profiles"][0] != DAY
    assert is_done is (effect == LoseReply())


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        pytest.param(RefuseRequest(403, "AuthorizationFailed", "no"), NotPermitted, id="403"),
        pytest.param(ThrottleRequest(timedelta(seconds=7)), Throttled, id="429"),
        pytest.param(RefuseRequest(503, "ServerBusy", "no"), ServiceUnavailable, id="503"),
        pytest.param(LoseReply(), ServiceUnavailable, id="reply lost"),
    ],
)
async def test_failures_of_a_read_are_ours(
    open_door: OpenDoor, effect: RequestEffect, expected: type[VmssplanError]
) -> None:
    """A list that fails did no harm, nor does a write whose reading fails."""
    world = scaled_world(FaultRule("fault", effect, operations=("getAutoscale",)))
    async with open_door(world) as backend:
        with pytest.raises(expected) as raised:
            await backend.autoscale_settings(TARGET)
        with pytest.raises(expected):
            await backend.write_autoscale(PINNED)
    if isinstance(raised.value, NotPermitted):
        assert "Microsoft.Insights/autoscaleSettings/read" in (raised.value.hint or "")
