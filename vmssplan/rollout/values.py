"""What a Rollout is made of besides its Steps, and the digest that reviewers approve."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vmssplan.documents import canonical_json, to_document
from vmssplan.model import (
    Autoscale,
    Failure,
    Health,
    Method,
    ModelFields,
    OnScale,
    ScaleSetId,
    StrategyType,
)
from vmssplan.rollout.steps import SetModel, Step, UpgradeBatch, UpgradeWindow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vmssplan.diff import Change

API_VERSION = "vmssplan/v1"


class Disposition(StrEnum):
    """What happens to an instance. For machines; the reason beside it is for people only."""

    UPGRADE = "upgrade"
    CURRENT = "current"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class PlannedInstance:
    """One instance of the set as it was seen, and what happens to it."""

    instance_id: str
    vm_id: str
    disposition: Disposition
    reason: str
    version: str
    in_service: bool
    update_domain: int | None = None
    fault_domain: int | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """The Plan's availability in integers, for the set as it was seen."""

    total: int
    in_service: int
    max_unavailable: int
    floor: int
    lowest_in_service: int
    max_concurrent_operations: int = 1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the Rollout was computed for; with the instances, what staleness is judged by."""

    etag: str
    model: ModelFields


@dataclass(frozen=True, slots=True)
class Rollback:
    """The way back: what the model is to say again, and every Step there.

    Computed with the Rollout and reviewed with it, for the case that every instance has to go
    back; a real one goes back with those that were changed, in the same order.
    """

    model: ModelFields
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rollout:
    """Header, steps, instances and fingerprint; `notes` are the decisions taken, for people.

    `rollback` is None where there is no way back; `no_way_back` then says why.
    """

    plan: str
    target: ScaleSetId
    location: str
    model: ModelFields
    strategy: StrategyType
    method: Method
    health: Health
    failure: Failure
    autoscale: Autoscale
    bounds: Bounds
    fingerprint: Fingerprint
    steps: tuple[Step, ...]
    instances: tuple[PlannedInstance, ...]
    notes: tuple[str, ...] = ()
    on_scale: OnScale = OnScale.ABSORB
    rollback: Rollback | None = None
    no_way_back: str | None = None

    @cached_property
    def machines(self) -> Mapping[str, str]:
        """The vm ids by instance id: an instance id alone may be used again."""
        return {one.instance_id: one.vm_id for one in self.instances}

    @cached_property
    def digest(self) -> str:
        """`sha256:...` over the canonical JSON of all of it."""
        text = canonical_json(to_document(self))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """All changes of the model, over all steps."""
        return tuple(c for step in self.steps if isinstance(step, SetModel) for c in step.changes)

    @property
    def has_changes(self) -> bool:
        """True when apply would change anything."""
        return bool(self.changes) or bool(self.count(Disposition.UPGRADE))

    def count(self, disposition: Disposition) -> int:
        """Return how many instances have that disposition."""
        return Counter(one.disposition for one in self.instances)[disposition]

    @cached_property
    def batch_count(self) -> int:
        """Return how many batches there are; a sliding window counts as one."""
        return sum(isinstance(step, UpgradeBatch | UpgradeWindow) for step in self.steps)


def digest(rollout: Rollout) -> str:
    """Return `sha256:...` over the canonical JSON of the whole Rollout."""
    return rollout.digest


def rollout_document(
    rollout: Rollout, *, tool: str, expires_at: datetime | None = None
) -> dict[str, Any]:
    """Return the saved form (`schemas/rollout.v1.schema.json`); only `rollout` is digested."""
    document = {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "tool": tool,
        "digest": digest(rollout),
        "rollout": to_document(rollout),
    }
    return document if expires_at is None else {**document, "expiresAt": expires_at.isoformat()}
