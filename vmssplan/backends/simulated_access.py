"""Permissions at the direct door: what each request needs, as it does over the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmss_simulator.values import OperationKind
from vmssplan import permissions
from vmssplan.model import (
    CommunityGalleryImage,
    PlatformImage,
    ResourceImage,
    SharedGalleryImage,
    UriImage,
)
from vmssplan.permissions import Permission

if TYPE_CHECKING:
    from vmss_simulator.values import ScaleSetKey
    from vmss_simulator.world import World
    from vmssplan.model import ImageReference

ACTIONS = {
    OperationKind.GET_SCALE_SET: permissions.LOOK.action,
    OperationKind.LIST_INSTANCES: permissions.LIST_INSTANCES.action,
    OperationKind.LIST_SCALE_SETS: permissions.LOOK.action,
    OperationKind.GET_INSTANCE: permissions.LIST_INSTANCES.action,
    OperationKind.GET_ROLLING_UPGRADE: permissions.ROLLING.action,
    OperationKind.LIST_NETWORK_INTERFACES: permissions.INTERFACES.action,
    OperationKind.LIST_SKUS: permissions.SIZES.action,
    OperationKind.PATCH_SCALE_SET: permissions.WRITE.action,
    OperationKind.UPGRADE: permissions.UPGRADE.action,
    OperationKind.REIMAGE: permissions.REIMAGE.action,
    OperationKind.START: permissions.START.action,
    OperationKind.POWER_OFF: permissions.STOP.action,
    OperationKind.RESTART: permissions.RESTART.action,
    OperationKind.DEALLOCATE: permissions.DEALLOCATE.action,
    OperationKind.DELETE_INSTANCES: permissions.DELETE.action,
    OperationKind.PUT_INSTANCE: permissions.PROTECT.action,
    OperationKind.GET_AUTOSCALE: permissions.SEE_AUTOSCALE.action,
    OperationKind.PUT_AUTOSCALE: permissions.PIN_AUTOSCALE.action,
}


def authorize(world: World, kind: OperationKind, scope: str) -> None:
    """Raise the world's 403 where its roles do not allow the request."""
    if not world.allows_everything:
        world.authorize(ACTIONS[kind], scope)


def authorize_following(world: World, key: ScaleSetKey) -> None:
    """Raise the same where operations on that set may not be followed."""
    if world.allows_everything:
        return
    group = f"/subscriptions/{key.subscription_id}/resourceGroups/{key.resource_group}"
    world.authorize(permissions.OPERATIONS.action, group)


def authorize_versions(world: World, image: ImageReference, subscription_id: str) -> None:
    """Raise the same where the versions of the image may not be listed."""
    subscription = f"/subscriptions/{subscription_id}"
    match image:
        case PlatformImage():
            world.authorize(permissions.MARKETPLACE.action, subscription)
        case ResourceImage(text) if "/galleries/" in text.casefold():
            definition = re.split("/versions/", text, maxsplit=1, flags=re.IGNORECASE)[0]
            world.authorize(permissions.GALLERY.action, definition.rstrip("/"))
        case SharedGalleryImage():
            world.authorize(permissions.SHARED.action, subscription)
        case CommunityGalleryImage():
            world.authorize(permissions.COMMUNITY.action, subscription)
        case ResourceImage() | UriImage():
            # A managed image has no versions that anybody would ask for.
            pass


def authorize_use(world: World, image: ImageReference | None) -> None:
    """Raise the world's 403 for a linked resource where the image may not be used."""
    if isinstance(image, ResourceImage):
        is_in_gallery = "/galleries/" in image.id.casefold()
        need = permissions.GALLERY if is_in_gallery else permissions.MANAGED
        world.authorize_link(need.action, image.id)


def list_permissions(world: World, scope: str) -> tuple[Permission, ...]:
    """List what the caller may do there; raises the world's 403 where that may not be asked."""
    world.authorize(permissions.SEE_PERMISSIONS.action, scope)
    return tuple(
        Permission(each.actions, each.not_actions) for each in world.roles if each.reaches(scope)
    )
