"""What is asked of instances, and what that comes to: an Operation, ready to be shown and done."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from vmssplan.documents import canonical_json, to_document
from vmssplan.model import Amount, Health, ScaleSetId
from vmssplan.operating.words import StateWord


class Verb(StrEnum):
    """What can be done to instances, and to the set. UPGRADE and SET_MODEL are Rollouts."""

    UPGRADE = "upgrade"
    REIMAGE = "reimage"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    DEALLOCATE = "deallocate"
    DELETE = "delete"
    PROTECT = "protect"
    SCALE = "scale"
    SET_MODEL = "setModel"


ROLLOUT_VERBS = frozenset({Verb.UPGRADE, Verb.SET_MODEL})
"""Carried out by the engine, as Rollouts; all others are Operations."""
ROLLING_VERBS = frozenset({Verb.REIMAGE, Verb.RESTART})
"""An instance leaves the service, and comes back."""
COMING_BACK = ROLLING_VERBS | {Verb.START}
"""An instance has to serve when it is over."""
ONE_WAY_VERBS = frozenset({Verb.STOP, Verb.DEALLOCATE, Verb.DELETE})
"""An instance leaves the service for good, as far as the Operation goes."""


class Switch(StrEnum):
    """What turns machines on and off."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    DEALLOCATE = "deallocate"


SWITCHES = {
    Verb.START: Switch.START,
    Verb.STOP: Switch.STOP,
    Verb.RESTART: Switch.RESTART,
    Verb.DEALLOCATE: Switch.DEALLOCATE,
}


@dataclass(frozen=True, slots=True)
class Selection:
    """Which instances: any value of a kind, and of every kind that is named.

    `everything` is all instances, and stands alone or beside kinds that narrow it.
    """

    ids: tuple[str, ...] = ()
    update_domains: tuple[int, ...] = ()
    fault_domains: tuple[int, ...] = ()
    zones: tuple[str, ...] = ()
    states: tuple[StateWord, ...] = ()
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """True when nothing is named, not even all."""
        return not self.everything and not self.narrows

    @property
    def narrows(self) -> bool:
        """True when any kind is named."""
        return bool(
            self.ids or self.update_domains or self.fault_domains or self.zones or self.states
        )


@dataclass(frozen=True, slots=True)
class Protection:
    """What is to be true of an instance's protection; None leaves that half as it is."""

    scale_in: bool | None = None
    scale_set_actions: bool | None = None


@dataclass(frozen=True, slots=True)
class ModelChange:
    """What of the model is to be another; None leaves it."""

    image_version: str | None = None
    image_sku: str | None = None
    image_id: str | None = None
    image_uri: str | None = None
    vm_size: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for, before anybody has looked at the set.

    `pause` is between batches. `capacity` goes with SCALE, `protection` with PROTECT, `change`
    with UPGRADE and SET_MODEL.
    """

    verb: Verb
    selection: Selection = Selection()
    batch_size: Amount | None = None
    pause: timedelta = timedelta(0)
    max_unavailable: Amount | None = None
    capacity: int | None = None
    protection: Protection | None = None
    change: ModelChange = ModelChange()


@dataclass(frozen=True, slots=True)
class Member:
    """An instance that the Operation is for, as it was seen."""

    instance_id: str
    vm_id: str
    states: tuple[StateWord, ...]
    in_service: bool
    version: str
    update_domain: int | None = None
    fault_domain: int | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """An instance that was selected and is left alone, with the reason."""

    instance_id: str
    reason: str


@dataclass(frozen=True)
class Operation:
    """What is to be done: batches of instance ids, one after the other, and who is left alone.

    `lowest` is the fewest in service while all goes well. `refused` says why it must not be done,
    with `hint` what to do instead; None when it may. `capacity` is what SCALE is to bring the set
    to from `total`.
    """

    verb: Verb
    target: ScaleSetId
    members: tuple[Member, ...]
    batches: tuple[tuple[str, ...], ...]
    skipped: tuple[Left, ...]
    total: int
    in_service: int
    floor: int
    lowest: int
    health: Health
    pause: timedelta = timedelta(0)
    capacity: int | None = None
    protection: Protection | None = None
    notes: tuple[str, ...] = ()
    refused: str | None = None
    hint: str | None = None

    @cached_property
    def digest(self) -> str:
        """`sha256:...` over the canonical JSON of all of it."""
        text = canonical_json(to_document(self))
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def by_id(self) -> dict[str, Member]:
        """The members by instance id."""
        return {one.instance_id: one for one in self.members}

    @property
    def has_changes(self) -> bool:
        """True when carrying it out would send any request."""
        return bool(self.batches) or (self.capacity is not None and self.capacity != self.total)
