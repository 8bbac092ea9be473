"""The versions of an image, wherever it is published."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vmssplan.errors import NotFound
from vmssplan.model import (
    CommunityGalleryImage,
    ImageReference,
    PlatformImage,
    ResourceImage,
    SharedGalleryImage,
    UriImage,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from azure.mgmt.compute.aio import ComputeManagementClient

_GALLERY_IMAGE = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)/providers"
    r"/Microsoft\.Compute/galleries/(?P<gallery>[^/]+)/images/(?P<image>[^/]+)(/versions/.*)?",
    re.IGNORECASE,
)
_PUBLIC_IMAGE = re.compile(
    r"/(Shared|Community)Galleries/(?P<gallery>[^/]+)/Images/(?P<image>[^/]+)(/Versions/.*)?",
    re.IGNORECASE,
)
ClientOf = Callable[[str], "ComputeManagementClient"]
"""Gives the client of a subscription."""


async def list_versions(
    client_of: ClientOf,
    latest_client: Callable[[], ComputeManagementClient],
    image: ImageReference,
    location: str,
) -> Sequence[str]:
    """List the versions that `latest` may mean, oldest first; raises what the SDK raises.

    `latest_client` is the one in whose subscription other people's images are asked for.
    """
    match image:
        case PlatformImage(publisher, offer, sku):
            listed = await latest_client().virtual_machine_images.list(
                location, publisher, offer, sku
            )
            names = [each.name for each in listed]
        case ResourceImage(image_id):
            names = await _gallery_versions(client_of, image_id, location)
        case SharedGalleryImage(image_id):
            shared = latest_client().shared_gallery_image_versions
            names = await _public_versions(shared.list, image_id, location)
        case CommunityGalleryImage(image_id):
            community = latest_client().community_gallery_image_versions
            names = await _public_versions(community.list, image_id, location)
        case UriImage():
            names = []
    return sorted(names, key=_version_order)


async def _gallery_versions(client_of: ClientOf, image_id: str, location: str) -> list[str]:
    found = _GALLERY_IMAGE.fullmatch(image_id.rstrip("/"))
    # A managed image has no versions.
    if found is None:
        return []
    versions = client_of(found["subscription"]).gallery_image_versions
    listed = versions.list_by_gallery_image(found["group"], found["gallery"], found["image"])
    return [
        each.name
        async for each in listed
        if each.name and not _is_left_out(each.properties, location)
    ]


async def _public_versions(
    list_versions: Callable[..., AsyncIterable[Any]], image_id: str, location: str
) -> list[str]:
    found = _PUBLIC_IMAGE.fullmatch(image_id.rstrip("/"))
    if found is None:
        raise NotFound(f"{image_id} is not the id of an image in such a gallery")
    listed = list_versions(location, found["gallery"], found["image"])
    return [
        each.name
        async for each in listed
        if each.name and not (each.properties and each.properties.exclude_from_latest)
    ]


def _is_left_out(properties: Any, location: str) -> bool:
    """Tell whether `latest` passes the version over, everywhere or in that region."""
    profile = properties.publishing_profile if properties else None
    if profile is None:
        return False
    return bool(profile.exclude_from_latest) or any(
        region.exclude_from_latest and _folded(region.name) == _folded(location)
        for region in profile.target_regions or []
    )


def _folded(location: str) -> str:
    return location.replace(" ", "").casefold()


def _version_order(version: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in version.split("."))
