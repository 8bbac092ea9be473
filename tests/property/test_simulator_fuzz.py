"""Odd requests to every route: no server error, no change by what was refused, no world stuck.

Bodies start from what real clients send and are broken in one to three places, because a body of
pure noise is refused at the door and tries nothing behind it.
"""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator_worlds import JAMMY, KEY, NEW, SUBSCRIPTION, model, small_world
from vmss_simulator.arm import Request, Response, handle
from vmss_simulator.arm.routes import ROUTES

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Route
    from vmss_simulator.world import World

WORLD = small_world(4)
HEADERS = {"authorization": "Bearer some.token-of_any~kind", "host": "127.0.0.1:8443"}
NAMES = {
    "subscriptionId": SUBSCRIPTION,
    "resourceGroup": KEY.resource_group,
    "scaleSet": KEY.name,
    "instanceId": "1",
    "location": "westeurope",
    "publisher": JAMMY["publisher"],
    "offer": JAMMY["offer"],
    "sku": JAMMY["sku"],
}
IMAGE = {"virtualMachineProfile": {"storageProfile": {"imageReference": {**JAMMY, "version": NEW}}}}
BODIES: tuple[dict[str, Any], ...] = (
    {},
    model(4, NEW),
    {"properties": IMAGE},
    {"sku": {"name": "Standard_D4s_v5", "capacity": 6}},
    {"properties": {"upgradePolicy": {"mode": "Rolling", "rollingUpgradePolicy": {}}}},
    {"properties": {"automaticRepairsPolicy": {"enabled": True, "gracePeriod": "PT30M"}}},
    {"instanceIds": ["1", "2"]},
    {"instanceIds": ["*"]},
    {"instanceIds": ["1"], "tempDisk": False, "exactVersion": NEW},
    {"properties": {"protectionPolicy": {"protectFromScaleSetActions": True}}},
    {"serviceName": "AutomaticRepairs", "action": "Suspend"},
    {"capacity": 2, "properties": {"zone": "1"}},
    {"dataDisksToAttach": [{"diskId": "/subscriptions/x/disks/d", "lun": 0}]},
    {
        "location": "westeurope",
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": "2.1",
            "settings": {},
        },
    },
    {
        "location": "westeurope",
        "properties": {
            "targetResourceUri": KEY.resource_id,
            "enabled": True,
            "profiles": [
                {
                    "name": "p",
                    "capacity": {"minimum": "2", "maximum": "5", "default": "3"},
                    "rules": [],
                }
            ],
        },
    },
)
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False),
    st.text(max_size=6),
    st.sampled_from(["Rolling", "PT-1S", "P1000Y", "*", "2.0", "latest", "\x00", "é" * 300]),
    st.just([]),
    st.just({}),
    st.lists(st.none() | st.text(max_size=3) | st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers() | st.none(), max_size=3),
)
SEGMENTS = st.sampled_from(["0", "1", "99", "WEB", "web_1", "-1", "%00", "%2e%2e", "ü", "a" * 300])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every member of a document."""
    found: list[tuple[Any, ...]] = []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        found.append((*path, key))
        if isinstance(inner, dict | list):
            found.extend(places(inner, (*path, key)))
    return found


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """Draw a body of a real client, broken in up to three places."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 3))):
        found = places(body)
        if not found:
            break
        *way, last = draw(st.sampled_from(found))
        inner: Any = body
        for key in way:
            inner = inner[key]
        if isinstance(inner, dict) and draw(st.booleans()):
            del inner[last]
        else:
            inner[last] = draw(ODD)
    return body


@st.composite
def paths(draw: st.DrawFn, route: Route) -> str:
    """Draw a path of the route: its own names, or now and then an odd one."""
    parts = []
    for part in route.template.split("/"):
        name = part[1:-1] if part.startswith("{") else ""
        odd = name and draw(st.integers(0, 9)) == 0
        parts.append(draw(SEGMENTS) if odd else NAMES.get(name, name or part))
    return "/".join(parts)


def ask(world: World, route: Route, path: str, query: str, body: Any) -> Response:
    """Send the request with a token."""
    raw = b"" if body is None else json.dumps(body).encode()
    return handle(world, Request(route.method, path, query, HEADERS, raw))


def picture(world: World) -> tuple[Any, ...]:
    """Return all that a refused request must leave alone."""
    return (len(world.log), tuple(world.scale_sets(SUBSCRIPTION)))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.template}")
@settings(max_examples=25)
@given(data=st.data())
def test_no_route_can_be_broken(route: Route, data: st.DataObject) -> None:
    """An odd request is answered or refused; refused it changes nothing; time still passes."""
    world = WORLD.fork()
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(paths(route))
        query = data.draw(
            st.sampled_from(
                [
                    "api-version=2026-04-01",
                    "api-version=2019-03-01",
                    "api-version=2026-04-01&$expand=instanceView&$filter=x&$select=y",
                    "api-version=2026-04-01&forceDeletion=maybe&hibernate=2&skipShutdown=%00",
                    "api-version=nonsense",
                    "",
                ]
            )
        )
        before = picture(world)
        response = ask(world, route, path, query, data.draw(st.none() | bodies()))

        assert response.status < 500 or response.status == 501, response.body
        if response.status >= 400:
            assert picture(world) == before
        world.advance_to(world.now + timedelta(seconds=data.draw(st.integers(0, 600))))
    world.advance_to(world.now + timedelta(days=1))
