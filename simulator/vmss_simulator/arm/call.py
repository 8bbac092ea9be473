"""What an operation is (`Route`) and what it is given (`Call`).

A family of operations (`scale_sets.py`, `instances.py`, ...) is a tuple of routes and the
functions they name. To add an operation, add a route there; `routes.py` picks it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from vmss_simulator.arm.memo import Memo
from vmss_simulator.arm.messages import Request, Response
from vmss_simulator.arm.settings import Settings
from vmss_simulator.values import OperationKind, ScaleSetKey
from vmss_simulator.world import World

SUBSCRIPTION = "/subscriptions/{subscriptionId}"
COMPUTE = SUBSCRIPTION + "/providers/Microsoft.Compute"
COMPUTE_IN_GROUP = SUBSCRIPTION + "/resourceGroups/{resourceGroup}/providers/Microsoft.Compute"
SCALE_SET = COMPUTE_IN_GROUP + "/virtualMachineScaleSets/{scaleSet}"
INSTANCE = SCALE_SET + "/virtualMachines/{instanceId}"


class BodyRule(Enum):
    """What a request of an operation has to carry."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class ApiVersions:
    """The api-versions a resource type answers to, first and last, both included.

    Of the previews only those named.
    """

    resource_type: str
    first: str = "2018-10-01"
    last: str = "2026-04-01"
    previews: tuple[str, ...] = ()


SCALE_SETS = ApiVersions("virtualMachineScaleSets")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was let in, taken apart.

    `parameters` are the percent-decoded variable parts of the path, `query` has lower-case
    names, `document` is the JSON body, empty when there is none.
    """

    world: World
    request: Request
    settings: Settings
    memo: Memo
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subscription_id(self) -> str:
        """The subscription in the path, or an empty string."""
        return self.parameters.get("subscriptionId", "")

    @property
    def api_version(self) -> str:
        """The api-version of the request; links in the answer repeat it."""
        return self.query["api-version"]

    @property
    def key(self) -> ScaleSetKey | None:
        """The scale set in the path, or None where the path names none."""
        if "scaleSet" not in self.parameters:
            return None
        return self.scale_set_key

    @property
    def scale_set_key(self) -> ScaleSetKey:
        """The scale set in the path of an operation on one."""
        return ScaleSetKey(
            self.subscription_id, self.parameters["resourceGroup"], self.parameters["scaleSet"]
        )

    @property
    def instance_ids(self) -> tuple[str, ...]:
        """The instances the request names, in its path or its body, unchecked."""
        if "instanceId" in self.parameters:
            return (self.parameters["instanceId"],)
        named = self.document.get("instanceIds")
        if not isinstance(named, list):
            return ()
        return tuple(item for item in named if isinstance(item, str))


Handler = Callable[[Call], Response]


def _key_in_path(call: Call) -> ScaleSetKey | None:
    return call.key


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    `kind` is None for what costs no allowance and meets no fault. `versions` is None where
    the path is open to everybody: no bearer token, no api-version. `key_of` finds the scale
    set whose allowance a request counts to, where its path does not name one.
    """

    method: str
    template: str
    handler: Handler
    kind: OperationKind | None
    versions: ApiVersions | None = SCALE_SETS
    body: BodyRule = BodyRule.NONE
    key_of: Callable[[Call], ScaleSetKey | None] = _key_in_path
