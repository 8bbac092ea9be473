"""Image references, in every form Azure has, and what can be said of one without asking Azure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import assert_never

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """A marketplace image; `version` is Major.Minor.Build or `latest`."""

    publisher: str
    offer: str
    sku: str
    version: str = LATEST


@dataclass(frozen=True, slots=True)
class ResourceImage:
    """A managed image, or a compute gallery image with or without `/versions/X` (= latest)."""

    id: str


@dataclass(frozen=True, slots=True)
class SharedGalleryImage:
    """An image in a gallery shared directly with the subscription or tenant."""

    shared_gallery_image_id: str


@dataclass(frozen=True, slots=True)
class CommunityGalleryImage:
    """An image in a community gallery."""

    community_gallery_image_id: str


@dataclass(frozen=True, slots=True)
class UriImage:
    """A legacy custom image: a VHD blob (`storageProfile.osDisk.image.uri`)."""

    uri: str


@dataclass(frozen=True, slots=True)
class Deprecation:
    """What a publisher says of the end of an image version.

    `is_over`: nothing new is made of it any more. `at` is when that begins, and `instead` what to
    use, None where the publisher names neither.
    """

    is_over: bool
    at: datetime | None = None
    instead: str | None = None


ImageReference = (
    PlatformImage | ResourceImage | SharedGalleryImage | CommunityGalleryImage | UriImage
)


def image_fields(image: ImageReference) -> dict[str, str]:
    """Return the image as the Plan writes it: camelCase keys and their values."""
    match image:
        case PlatformImage(publisher, offer, sku, version):
            return {"publisher": publisher, "offer": offer, "sku": sku, "version": version}
        case ResourceImage(resource_id):
            return {"id": resource_id}
        case SharedGalleryImage(image_id):
            return {"sharedGalleryImageId": image_id}
        case CommunityGalleryImage(image_id):
            return {"communityGalleryImageId": image_id}
        case UriImage(uri):
            return {"uri": uri}
    assert_never(image)


def image_text(image: ImageReference | None) -> str:
    """Return the image in one line, for people."""
    match image:
        case None:
            return "(none)"
        case PlatformImage(publisher, offer, sku, version):
            return f"{publisher}:{offer}:{sku}:{version}"
        case ResourceImage(text) | SharedGalleryImage(text) | CommunityGalleryImage(text):
            return text
        case UriImage(text):
            return text
    assert_never(image)


def follows_latest(image: ImageReference) -> bool:
    """Tell whether the reference moves by itself when a newer version is published."""
    match image:
        case PlatformImage(version=version):
            return version.casefold() == LATEST
        case ResourceImage(text):
            return "/galleries/" in text.casefold() and "/versions/" not in text.casefold()
        case SharedGalleryImage(text) | CommunityGalleryImage(text):
            return _gallery_version(text) in (None, LATEST)
        case UriImage():
            return False
    assert_never(image)


def pinned(image: ImageReference, version: str) -> ImageReference:
    """Return the reference with `latest` replaced by that exact version."""
    match image:
        case PlatformImage():
            return replace(image, version=version)
        case ResourceImage(text):
            return ResourceImage(f"{text.rstrip('/')}/versions/{version}")
        case SharedGalleryImage(text):
            return SharedGalleryImage(_with_gallery_version(text, version))
        case CommunityGalleryImage(text):
            return CommunityGalleryImage(_with_gallery_version(text, version))
        case UriImage():
            return image
    assert_never(image)


@lru_cache(maxsize=256)
def image_version(image: ImageReference) -> str | None:
    """Return the exact version the reference names; None when it names none."""
    if follows_latest(image):
        return None
    match image:
        case PlatformImage(version=version):
            return version
        case ResourceImage(text) | SharedGalleryImage(text) | CommunityGalleryImage(text):
            return _gallery_version(text)
        case UriImage():
            return None
    assert_never(image)


def same_image(one: ImageReference | None, other: ImageReference | None) -> bool:
    """Compare as Azure does: ids and names without case; a blob URI as it stands."""
    if one is None or other is None:
        return one is other
    if isinstance(one, UriImage) or isinstance(other, UriImage):
        return one == other
    if isinstance(one, PlatformImage) and isinstance(other, PlatformImage):
        # The version first: it is what differs between what an instance runs and what it should.
        return (
            same_name(one.version, other.version)
            and same_name(one.sku, other.sku)
            and same_name(one.offer, other.offer)
            and same_name(one.publisher, other.publisher)
        )
    return type(one) is type(other) and image_text(one).casefold() == image_text(other).casefold()


def _gallery_version(text: str) -> str | None:
    head, separator, version = text.casefold().partition("/versions/")
    return version.strip("/") if head and separator else None


def _with_gallery_version(text: str, version: str) -> str:
    position = text.casefold().find("/versions/")
    stem = text if position < 0 else text[:position]
    return f"{stem.rstrip('/')}/versions/{version}"


def same_name(one: str | None, other: str) -> bool:
    """Compare names as Azure does, without case; None is no name."""
    return one is not None and (one == other or one.casefold() == other.casefold())
