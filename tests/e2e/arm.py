"""Somebody else: who changes what a Plan owns, over HTTPS, without vmssplan."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from tests.e2e.program import Simulator

WEB_SET = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/myrg"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
)
API_VERSION = "2024-11-01"


@dataclass(frozen=True, slots=True)
class SomebodyElse:
    """A client of a simulator that takes any token (`--any-token`)."""

    simulator: Simulator

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Make one request about the scale set `web`, and let what it starts come to its end."""
        request = Request(  # noqa: S310 - loopback
            f"{self.simulator.ready['endpoint']}{WEB_SET}{path}?api-version={API_VERSION}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Bearer somebody.else.here",
                "content-type": "application/json",
            },
            method=method,
        )
        tls = ssl.create_default_context(cafile=self.simulator.ready["caFile"])
        with urlopen(request, context=tls, timeout=10) as reply:  # noqa: S310 - loopback
            text = reply.read()
        self.wait(hours=1)
        return json.loads(text) if text else None

    def wait(self, *, hours: float) -> None:
        """Let virtual time pass."""
        self.simulator.ask("/clock/advance", {"seconds": hours * 3600})

    def set_version(self, version: str) -> None:
        """Write the version of the image into the model."""
        profile = {"storageProfile": {"imageReference": {"version": version}}}
        self.send("PATCH", "", {"properties": {"virtualMachineProfile": profile}})

    def upgrade(self, *instance_ids: str) -> None:
        """Bring instances to the model."""
        self.send("POST", "/manualupgrade", {"instanceIds": list(instance_ids)})

    def delete(self, *instance_ids: str) -> None:
        """Delete instances."""
        self.send("POST", "/delete", {"instanceIds": list(instance_ids)})

    def scale(self, capacity: int) -> None:
        """Set the number of instances."""
        now = self.send("GET", "")
        self.send("PATCH", "", {"sku": {**now["sku"], "capacity": capacity}})

    def protect(self, instance_id: str) -> None:
        """Protect an instance from scale set actions."""
        path = f"/virtualMachines/{instance_id}"
        now = self.send("GET", path)
        policy = {"protectFromScaleSetActions": True}
        body = {"location": now["location"], "properties": {"protectionPolicy": policy}}
        self.send("PUT", path, body)
