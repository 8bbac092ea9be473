"""What vmssplan must be allowed to do in Azure, why, and whether a caller is. Pure.

One table, `NEEDS`, is the source of the custom role, of the check before a rollout, and of
docs/permissions.md; a test holds it against the requests that rollouts really send.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from vmssplan.model import (
    Autoscale,
    CommunityGalleryImage,
    HttpProbe,
    ImageReference,
    Method,
    Plan,
    PlatformImage,
    ResourceImage,
    SharedGalleryImage,
    placeholders,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

CHECK = "`vmssplan init --check-permissions PLAN` tells which permissions are missing"
ADDRESS = "privateIpAddress"
_ROLLOUTS = "Plan and apply rollouts of virtual machine scale sets with vmssplan."
_SETS = "Microsoft.Compute/virtualMachineScaleSets"
_GALLERY = re.compile(r"(?P<gallery>.*/galleries/[^/]+)/images/.*", re.IGNORECASE)


class Reach(StrEnum):
    """Where a permission has to hold: there or above."""

    SCALE_SET = "scale set"
    RESOURCE_GROUP = "resource group"
    SUBSCRIPTION = "subscription"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Need:
    """One action, where it has to be permitted, and what it is used for."""

    action: str
    reach: Reach
    purpose: str


LOOK = Need(f"{_SETS}/read", Reach.SCALE_SET, "read the scale set")
LIST_INSTANCES = Need(
    f"{_SETS}/virtualMachines/read", Reach.SCALE_SET, "list its instances and their health"
)
ROLLING = Need(
    f"{_SETS}/rollingUpgrades/read", Reach.SCALE_SET, "see a rolling upgrade of Azure's own"
)
WRITE = Need(f"{_SETS}/write", Reach.SCALE_SET, "write image, size, upgrade policy; scale")
UPGRADE = Need(f"{_SETS}/manualUpgrade/action", Reach.SCALE_SET, "upgrade instances")
REIMAGE = Need(f"{_SETS}/reimage/action", Reach.SCALE_SET, "reimage instances (method: reimage)")
INTERFACES = Need(
    f"{_SETS}/networkInterfaces/read",
    Reach.SCALE_SET,
    "find the address of an instance (probes with {privateIpAddress})",
)
OPERATIONS = Need(
    "Microsoft.Compute/locations/operations/read",
    Reach.RESOURCE_GROUP,
    "follow an upgrade until it has ended",
)
SIZES = Need(f"{_SETS}/skus/read", Reach.SCALE_SET, "list the sizes the set may have (vmSize)")
MARKETPLACE = Need(
    "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
    Reach.SUBSCRIPTION,
    "find the versions of a marketplace image",
)
SHARED = Need(
    "Microsoft.Compute/locations/sharedGalleries/images/versions/read",
    Reach.SUBSCRIPTION,
    "find the versions of an image in a shared gallery",
)
COMMUNITY = Need(
    "Microsoft.Compute/locations/communityGalleries/images/versions/read",
    Reach.SUBSCRIPTION,
    "find the versions of an image in a community gallery",
)
GALLERY = Need(
    "Microsoft.Compute/galleries/images/versions/read",
    Reach.IMAGE,
    "find the versions of an image in a gallery, and use one",
)
MANAGED = Need("Microsoft.Compute/images/read", Reach.IMAGE, "use a managed image")
SEE_AUTOSCALE = Need(
    "Microsoft.Insights/autoscaleSettings/read",
    Reach.SUBSCRIPTION,
    "find the autoscale settings of the scale set (autoscale: pin or refuse)",
)
PIN_AUTOSCALE = Need(
    "Microsoft.Insights/autoscaleSettings/write",
    Reach.RESOURCE_GROUP,
    "hold the instance count and let it go again (autoscale: pin)",
)
SEE_PERMISSIONS = Need(
    "Microsoft.Authorization/permissions/read",
    Reach.SCALE_SET,
    "check these permissions (init --check-permissions)",
)

START = Need(f"{_SETS}/start/action", Reach.SCALE_SET, "start instances")
STOP = Need(f"{_SETS}/powerOff/action", Reach.SCALE_SET, "stop instances")
RESTART = Need(f"{_SETS}/restart/action", Reach.SCALE_SET, "restart instances")
DEALLOCATE = Need(f"{_SETS}/deallocate/action", Reach.SCALE_SET, "deallocate instances")
DELETE = Need(f"{_SETS}/delete/action", Reach.SCALE_SET, "delete instances")
PROTECT = Need(
    f"{_SETS}/virtualMachines/write", Reach.SCALE_SET, "protect instances, and take that back"
)

NEEDS = (
    LOOK,
    LIST_INSTANCES,
    ROLLING,
    WRITE,
    UPGRADE,
    REIMAGE,
    OPERATIONS,
    SIZES,
    MARKETPLACE,
    GALLERY,
    SHARED,
    COMMUNITY,
    MANAGED,
    INTERFACES,
    SEE_AUTOSCALE,
    PIN_AUTOSCALE,
    SEE_PERMISSIONS,
)
"""Everything any Plan can need."""

WORK_NEEDS = (START, STOP, RESTART, DEALLOCATE, DELETE, PROTECT)
"""What `vmssplan instances` needs besides: a role of its own, that no rollout has to have."""


class Part(StrEnum):
    """Which needs a role holds: a rollout's, all or those of one place, or those of other work.

    INSTANCES is assigned beside GROUP, to who may also start, stop and delete instances.
    """

    ALL = "all"
    GROUP = "group"
    SUBSCRIPTION = "subscription"
    INSTANCES = "instances"

    @property
    def role_name(self) -> str:
        """What the custom role is called."""
        return {
            Part.SUBSCRIPTION: "vmssplan lookups",
            Part.INSTANCES: "vmssplan instances",
        }.get(self, "vmssplan rollouts")

    def holds(self, need: Need) -> bool:
        """Tell whether the need is met where a role of this part is assigned."""
        if self is Part.INSTANCES:
            return need in WORK_NEEDS
        if need in WORK_NEEDS:
            return False
        if self is Part.ALL or need is SEE_PERMISSIONS:
            return True
        is_in_group = need.reach in (Reach.SCALE_SET, Reach.RESOURCE_GROUP)
        return is_in_group == (self is Part.GROUP)


@dataclass(frozen=True, slots=True)
class Permission:
    """What one role assignment grants: its actions, less those taken out of them."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def grants(self, action: str) -> bool:
        """Tell whether the action is among those granted; case and wildcards as in Azure."""
        return _any_matches(self.actions, action) and not _any_matches(self.not_actions, action)


def is_allowed(action: str, permissions: Sequence[Permission]) -> bool:
    """Tell whether any assignment grants it: what one takes out of itself, another may give."""
    return any(permission.grants(action) for permission in permissions)


def matches(pattern: str, action: str) -> bool:
    """Tell whether the pattern means the action: `*` is any text, case does not matter."""
    wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(wanted, action, re.IGNORECASE | re.DOTALL) is not None


def needs_of(plan: Plan) -> Iterator[Need]:
    """Yield what this Plan needs, to be planned and applied."""
    yield from (LOOK, LIST_INSTANCES, ROLLING, WRITE)
    yield REIMAGE if plan.strategy.method is Method.REIMAGE else UPGRADE
    yield OPERATIONS
    if plan.model.vm_size is not None:
        yield SIZES
    image = None if plan.model.image is None else _image_need(plan.model.image)
    if image is not None:
        yield image
    if _asks_by_address(plan):
        yield INTERFACES
    if plan.autoscale is not Autoscale.IGNORE:
        yield SEE_AUTOSCALE
    if plan.autoscale is Autoscale.PIN:
        yield PIN_AUTOSCALE


def scope_of(need: Need, plan: Plan) -> str:
    """Return the id of what the permission has to hold for."""
    target = plan.target
    subscription = f"/subscriptions/{target.subscription_id}"
    match need.reach:
        case Reach.SCALE_SET:
            return target.resource_id
        case Reach.RESOURCE_GROUP:
            return f"{subscription}/resourceGroups/{target.resource_group}"
        case Reach.SUBSCRIPTION:
            return subscription
        case Reach.IMAGE:
            return _image_scope(plan)


_DESCRIPTIONS = {
    Part.INSTANCES: "Start, stop, delete and protect instances of scale sets with vmssplan."
}


def role_document(
    needs: Iterable[Need], scopes: Sequence[str], part: Part = Part.ALL
) -> Mapping[str, Any]:
    """Return the custom role, as `az role definition create --role-definition` takes it."""
    wanted = {*needs, *WORK_NEEDS, SEE_PERMISSIONS}
    return {
        "Name": part.role_name,
        "IsCustom": True,
        "Description": _DESCRIPTIONS.get(part, _ROLLOUTS),
        "Actions": [
            need.action for need in (*NEEDS, *WORK_NEEDS) if need in wanted and part.holds(need)
        ],
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": list(scopes),
    }


def _image_need(image: ImageReference) -> Need | None:
    """Return what using the image needs; None for a disk by its address."""
    match image:
        case PlatformImage():
            return MARKETPLACE
        case ResourceImage(text):
            return GALLERY if _GALLERY.fullmatch(text) else MANAGED
        case SharedGalleryImage():
            return SHARED
        case CommunityGalleryImage():
            return COMMUNITY
        case _:
            return None


def _image_scope(plan: Plan) -> str:
    """Return the gallery, where a role is assigned, or the managed image itself."""
    image = plan.model.image
    text = image.id if isinstance(image, ResourceImage) else plan.target.resource_id
    found = _GALLERY.fullmatch(text)
    return found["gallery"] if found else text


def _asks_by_address(plan: Plan) -> bool:
    probes = (plan.health.http, *(gate.check for gate in plan.gates))
    return any(
        isinstance(probe, HttpProbe) and ADDRESS in placeholders(probe.url) for probe in probes
    )


def _any_matches(patterns: Sequence[str], action: str) -> bool:
    return any(matches(pattern, action) for pattern in patterns)
