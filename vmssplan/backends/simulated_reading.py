"""What the direct door reads of the world, in our words; read again only where it is another value.

The world's values are frozen, so whoever has not changed is the same object. A look at a thousand
instances then costs what has changed since the last one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.machines import host_name, host_prefix
from vmss_simulator.values import Instance as WorldInstance
from vmss_simulator.values import InstanceView
from vmss_simulator.values import ScaleSet as WorldScaleSet
from vmssplan.backends.arm_documents import (
    has_application_health,
    read_error,
    read_image,
    read_model,
    read_platform_actions,
)
from vmssplan.model import (
    AzureError,
    HealthState,
    ImageReference,
    Instance,
    OperationReport,
    OperationStatus,
    OrchestrationMode,
    ScaleSet,
    ScaleSetId,
)

if TYPE_CHECKING:
    from vmss_simulator.errors import ErrorDetail
    from vmss_simulator.values import Operation
    from vmss_simulator.world import World

Place = tuple[int, int, str]
BEFORE_ALL: Place = (-1, 0, "")
_HEALTH = {state.value: state for state in HealthState}


@dataclass(frozen=True, slots=True)
class Listing:
    """All instances of a set in the order of a list, read at one moment."""

    places: Sequence[Place]
    instances: Sequence[Instance]

    def page(self, after: Place, size: int) -> tuple[Sequence[Instance], Place, bool]:
        """Return the instances that come next, the place of the last one, and if it is the last."""
        start = bisect_right(self.places, after)
        page = self.instances[start : start + size]
        last = self.places[start + len(page) - 1] if page else after
        return page, last, start + len(page) == len(self.places)


@dataclass(frozen=True, slots=True)
class _Known:
    """A listing, and the world's own values it was read from."""

    source: Mapping[str, WorldInstance]
    fingerprint: str
    prefix: str
    ids: list[str]
    order: list[str]
    raws: list[WorldInstance]
    listing: Listing

    def is_of(self, raw: WorldScaleSet, fingerprint: str, prefix: str) -> bool:
        """Whether it would be read again just so."""
        return self.source is raw.instances and self.is_like(fingerprint, prefix)

    def is_like(self, fingerprint: str, prefix: str) -> bool:
        """Whether an instance that is the same value would be read again just so."""
        return self.fingerprint == fingerprint and self.prefix == prefix


class Beginnings:
    """Listings of sets as a scenario begins with them, for all the worlds of it."""

    def __init__(self, scale_sets: Iterable[WorldScaleSet]) -> None:
        self._sources = [one.instances for one in scale_sets]
        self._known: list[_Known] = []

    def find(self, raw: WorldScaleSet, fingerprint: str, prefix: str) -> _Known | None:
        """Return the listing, if it was read before."""
        return next((one for one in self._known if one.is_of(raw, fingerprint, prefix)), None)

    def keep(self, known: _Known) -> None:
        """Keep a listing, if the scenario begins with it."""
        if any(known.source is one for one in self._sources):
            self._known.append(known)


@dataclass(slots=True)
class Reader:
    """Reads one world."""

    beginnings: Beginnings = field(default_factory=lambda: Beginnings(()))
    _known: _Known | None = None
    _frame: tuple[Mapping[str, Any], ScaleSet] | None = None
    # By identity, with what has that identity, so that nothing else can get it.
    _images: dict[int, tuple[Mapping[str, Any], ImageReference | None]] = field(
        default_factory=dict
    )

    def scale_set(
        self, raw: WorldScaleSet, target: ScaleSetId, instances: Sequence[Instance]
    ) -> ScaleSet:
        """Read a set; its instances are read already."""
        if self._frame is None or self._frame[0] is not raw.body:
            self._frame = (raw.body, _frame(raw.body, target))
        frame = self._frame[1]
        return ScaleSet(
            target,
            frame.location,
            raw.etag,
            frame.model,
            frame.orchestration_mode,
            raw.provisioning.value,
            frame.has_application_health,
            frame.platform,
            tuple(instances),
        )

    def listing(self, world: World, raw: WorldScaleSet) -> Listing:
        """Read the set's instances."""
        fingerprint, prefix = world.model_fingerprint(raw), host_prefix(raw)
        known = self._known
        if known is None or not known.is_of(raw, fingerprint, prefix):
            known = self.beginnings.find(raw, fingerprint, prefix)
            if known is None:
                known = self._read(raw, fingerprint, prefix)
                self.beginnings.keep(known)
            self._known = known
        return known.listing

    def _read(self, raw: WorldScaleSet, fingerprint: str, prefix: str) -> _Known:
        before, ids = self._known, list(raw.instances)
        if before is not None and before.ids == ids:
            order, places = before.order, before.listing.places
        else:
            order = sorted(ids, key=_place)
            places = [_place(one) for one in order]
        raws = [raw.instances[one] for one in order]
        if before is not None and before.order is order and before.is_like(fingerprint, prefix):
            found = list(before.listing.instances)
            for number in compress(range(len(raws)), map(is_not, raws, before.raws)):
                found[number] = self._instance(raws[number], fingerprint, prefix)
        else:
            found = [self._instance(one, fingerprint, prefix) for one in raws]
        listing = Listing(places, found)
        return _Known(raw.instances, fingerprint, prefix, ids, order, raws, listing)

    def _instance(self, raw: WorldInstance, fingerprint: str, prefix: str) -> Instance:
        """Read one instance; without an instance view, only what the list itself tells."""
        has_view = raw.view is not InstanceView.MISSING
        failed = tuple(each.name for each in raw.extensions if each.failed)
        return Instance(
            raw.instance_id,
            raw.vm_id,
            self._image(raw.image_reference),
            raw.exact_version,
            raw.vm_size,
            raw.applied_model == fingerprint,
            raw.provisioning._value_,
            raw.power._value_ if has_view else "unknown",
            _HEALTH[raw.health._value_] if has_view and raw.health else None,
            failed if has_view else (),
            raw.update_domain if has_view else None,
            raw.fault_domain if has_view else None,
            raw.zone,
            raw.protection.from_scale_set_actions,
            raw.protection.from_scale_in,
            azure_error(raw.error) if has_view and raw.error else None,
            host_name(prefix, raw.instance_id),
            placement_group=raw.placement_group_id if has_view else None,
        )

    def _image(self, raw: Mapping[str, Any]) -> ImageReference | None:
        known = self._images.get(id(raw))
        if known is None:
            storage: dict[str, Any] = {"imageReference": raw}
            if "uri" in raw:
                storage = {"osDisk": {"image": raw}}
            known = self._images[id(raw)] = (raw, read_image(storage))
        return known[1]


def read_operation(operation: Operation) -> OperationReport:
    """Read how a long-running operation stands."""
    return OperationReport(
        OperationStatus(operation.status.value),
        azure_error(operation.error) if operation.error else None,
        {each.target: azure_error(each) for each in operation.details if each.target},
    )


def azure_error(detail: ErrorDetail) -> AzureError:
    """Read an error."""
    return read_error({"code": detail.code, "message": detail.message})


def _frame(body: Mapping[str, Any], target: ScaleSetId) -> ScaleSet:
    """Read what the model of a set says, without its instances."""
    properties: dict[str, Any] = body.get("properties") or {}
    return ScaleSet(
        id=target,
        location=str(body.get("location") or ""),
        etag="",
        model=read_model(body),
        orchestration_mode=OrchestrationMode(properties.get("orchestrationMode", "Uniform")),
        has_application_health=has_application_health(body),
        platform=read_platform_actions(body),
    )


def _place(instance_id: str) -> Place:
    """Return where a list has the instance: by number, then by name."""
    if instance_id.isdecimal():
        return (0, int(instance_id), "")
    return (1, 0, instance_id)
