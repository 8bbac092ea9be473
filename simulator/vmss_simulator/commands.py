"""What can be asked of a world beside writing models and upgrading: a closed union of values.

One command is one request that was let in. As values they can be recorded and replayed without
a line for each (`recording.py`), and a door needs one call (`World.perform`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vmss_simulator.values import AutoscaleKey, OperationKind, ScaleSetKey


@dataclass(frozen=True, slots=True)
class ActOnInstances:
    """A power verb or a reimage (`actions.ACTIONS`) of the named instances; `("*",)` is all.

    `hurry` does not wait for the guest to shut down (skipShutdown).
    """

    kind: OperationKind
    key: ScaleSetKey
    instance_ids: tuple[str, ...]
    hurry: bool = False
    hibernate: bool = False


@dataclass(frozen=True, slots=True)
class DeleteInstances:
    """Delete the named instances; `kind` is deleteInstances or deleteInstance."""

    kind: OperationKind
    key: ScaleSetKey
    instance_ids: tuple[str, ...]
    force: bool = False


@dataclass(frozen=True, slots=True)
class DeleteScaleSet:
    """Delete the set."""

    key: ScaleSetKey
    force: bool = False


@dataclass(frozen=True, slots=True)
class ScaleOut:
    """Add `capacity` machines, in one zone if it is named."""

    key: ScaleSetKey
    capacity: int
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class ConvertToSinglePlacementGroup:
    """Let the set have a single placement group again."""

    key: ScaleSetKey
    placement_group_id: str | None = None


@dataclass(frozen=True, slots=True)
class SetServiceState:
    """Suspend or resume an orchestration service."""

    key: ScaleSetKey
    service: str
    action: str


@dataclass(frozen=True, slots=True)
class WriteExtension:
    """Put an extension into the model; `merge` is a PATCH of one that is there."""

    key: ScaleSetKey
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)
    merge: bool = False


@dataclass(frozen=True, slots=True)
class DeleteExtension:
    """Take an extension out of the model."""

    key: ScaleSetKey
    name: str


@dataclass(frozen=True, slots=True)
class WriteInstance:
    """PUT one instance."""

    key: ScaleSetKey
    instance_id: str
    body: Mapping[str, Any] = field(default_factory=dict)
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class WriteInstanceExtension:
    """Add an extension to one instance, or change it there."""

    key: ScaleSetKey
    instance_id: str
    name: str
    body: Mapping[str, Any] = field(default_factory=dict)
    merge: bool = False


@dataclass(frozen=True, slots=True)
class DeleteInstanceExtension:
    """Remove an extension from one instance."""

    key: ScaleSetKey
    instance_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ChangeDisks:
    """Attach and detach managed data disks of one instance, as ARM's request names them."""

    key: ScaleSetKey
    instance_id: str
    attach: tuple[Mapping[str, Any], ...] = ()
    detach: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class SimulateEviction:
    """Have a spot instance evicted."""

    key: ScaleSetKey
    instance_id: str


@dataclass(frozen=True, slots=True)
class WriteAutoscale:
    """Create or replace an autoscale setting; `merge` is a PATCH of one that is there."""

    key: AutoscaleKey
    body: Mapping[str, Any] = field(default_factory=dict)
    merge: bool = False


@dataclass(frozen=True, slots=True)
class DeleteAutoscale:
    """Delete an autoscale setting."""

    key: AutoscaleKey


@dataclass(frozen=True, slots=True)
class WriteResourceGroup:
    """Make a resource group, or give it other tags."""

    subscription_id: str
    name: str
    location: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeleteResourceGroup:
    """Delete a resource group with all that is in it."""

    subscription_id: str
    name: str


Command = (
    ActOnInstances
    | DeleteInstances
    | DeleteScaleSet
    | ScaleOut
    | ConvertToSinglePlacementGroup
    | SetServiceState
    | WriteExtension
    | DeleteExtension
    | WriteInstance
    | WriteInstanceExtension
    | DeleteInstanceExtension
    | ChangeDisks
    | SimulateEviction
    | WriteAutoscale
    | DeleteAutoscale
    | WriteResourceGroup
    | DeleteResourceGroup
)
