"""The image catalogue: which versions exist when, and what an image reference resolves to.

Knows the five forms of an image reference (platform, gallery, shared and community gallery,
managed image) and the legacy disk image by URI, which has no version at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vmss_simulator.errors import ArmError
from vmss_simulator.values import ImageVersion

if TYPE_CHECKING:
    from datetime import datetime


LATEST = "latest"
_PLATFORM_PARTS = ("publisher", "offer", "sku")
_ID_KEYS = ("id", "sharedGalleryImageId", "communityGalleryImageId")
_VERSION_SEGMENT = re.compile(r"(?P<definition>.+)/versions/(?P<version>[^/]+)", re.IGNORECASE)
_STORAGE_PROFILE_HELP = (
    "Verify that all fields in the storage profile are correct. For more details about storage"
    " profile information, please refer to https://aka.ms/storageprofile"
)


@dataclass(frozen=True, slots=True)
class Image:
    """One image: its versions (none for a managed image), and where it may be used.

    `name` is `publisher:offer:sku` of a platform image, the ARM id of any other;
    no `locations` means everywhere.
    """

    name: str
    versions: tuple[ImageVersion, ...] = ()
    locations: frozenset[str] = frozenset()

    def without(self, version: str) -> Image:
        """Return the image after versions that match this glob were taken back."""
        left = tuple(each for each in self.versions if not fnmatchcase(each.version, version))
        return replace(self, versions=left)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All images of a world, by folded name."""

    images: Mapping[str, Image] = field(default_factory=dict)

    def versions(
        self, reference: Mapping[str, Any], location: str, now: datetime
    ) -> tuple[ImageVersion, ...]:
        """List the published versions of the image, ascending; ArmError 404 if there is none."""
        name, _ = split_reference(reference)
        image = self._find(name, location)
        if image is None:
            raise ArmError(404, "NotFound", "Artifact: VMImage was not found.")
        return _published(image, now)

    def resolve(self, reference: Mapping[str, Any], location: str, now: datetime) -> str | None:
        """Return the exact version a new disk gets; None for an image without versions.

        ArmError 404 `PlatformImageNotFound`, `GalleryImageNotFound` or `NotFound` when the image
        or the version does not exist in that location at that time; 400 when it is malformed.
        """
        if "uri" in reference:
            _check_uri(reference["uri"])
            return None
        name, version = split_reference(reference)
        image = self._find(name, location)
        if image is None:
            raise _not_found(reference, location)
        if not image.versions:
            return None
        published = _published(image, now)
        if version == LATEST:
            candidates = [each.version for each in published if not each.exclude_from_latest]
        else:
            candidates = [each.version for each in published if each.version == version]
        if not candidates:
            raise _not_found(reference, location)
        return candidates[-1]

    def publications(
        self, reference: Mapping[str, Any], location: str, now: datetime
    ) -> tuple[datetime, ...]:
        """Return when further versions of the image will be published, after now, ascending."""
        if "uri" in reference:
            return ()
        image = self._find(split_reference(reference)[0], location)
        dates = {each.published_at for each in image.versions} if image is not None else set()
        return tuple(sorted(each for each in dates if each is not None and each > now))

    def without(self, version: str) -> Catalogue:
        """Return the catalogue after versions that match this glob were taken back."""
        left = {name: image.without(version) for name, image in self.images.items()}
        # An image whose versions are all gone must not pass for one that never had any.
        kept = {n: each for n, each in left.items() if each.versions or not self.images[n].versions}
        return Catalogue(kept)

    def _find(self, name: str, location: str) -> Image | None:
        image = self.images.get(name.casefold())
        if image is None or not image.locations or fold_location(location) in image.locations:
            return image
        return None


def split_reference(reference: Mapping[str, Any]) -> tuple[str, str]:
    """Return the image's name and the version asked for; ArmError 400 when it is no reference."""
    forms = [key for key in _ID_KEYS if key in reference]
    platform = [key for key in _PLATFORM_PARTS if key in reference]
    if any(not isinstance(reference[key], str) for key in (*forms, *platform)):
        raise invalid_image("The image reference has a field that is not text.")
    if len(forms) == 1 and not platform:
        found = _VERSION_SEGMENT.fullmatch(reference[forms[0]])
        if found is None:
            return reference[forms[0]], LATEST
        return found["definition"], found["version"]
    if not forms and len(platform) == len(_PLATFORM_PARTS):
        version = reference.get("version", LATEST)
        if not isinstance(version, str):
            raise invalid_image("The image version is not text.")
        return ":".join(reference[key] for key in _PLATFORM_PARTS), version
    raise invalid_image(
        "An image reference must have publisher, offer, sku and version, or exactly one of id,"
        " sharedGalleryImageId and communityGalleryImageId."
    )


def version_order(version: str) -> tuple[tuple[int, str], ...]:
    """Sort key by which 4.0.20160229 comes before 10.0.1: numbers by value, text after them."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in version.split("."))


def fold_location(location: str) -> str:
    """Return `westeurope` for `West Europe`."""
    return location.replace(" ", "").casefold()


def invalid_image(message: str) -> ArmError:
    """Return the error for an image reference that cannot be read."""
    return ArmError(400, "InvalidParameter", message, target="imageReference")


def _published(image: Image, now: datetime) -> tuple[ImageVersion, ...]:
    out = [each for each in image.versions if each.published_at is None or each.published_at <= now]
    return tuple(sorted(out, key=lambda each: version_order(each.version)))


def _check_uri(uri: object) -> None:
    if not isinstance(uri, str) or urlsplit(uri).scheme not in ("http", "https"):
        raise ArmError(
            400,
            "InvalidParameter",
            f"The source blob '{uri}' is not a valid URI of a virtual hard disk.",
            target="osDisk.image.uri",
        )


def _not_found(reference: Mapping[str, Any], location: str) -> ArmError:
    if "publisher" in reference:
        parts = (*_PLATFORM_PARTS, "version")
        name = ":".join(str(reference.get(part, LATEST)) for part in parts)
        message = f"The platform image '{name}' is not available. {_STORAGE_PROFILE_HELP}"
        return ArmError(404, "PlatformImageNotFound", message, target="imageReference")
    image_id = next(str(reference[key]) for key in _ID_KEYS if key in reference)
    if "galleries/" in image_id.casefold():
        message = (
            f"The gallery image {image_id} is not available in {location} region. Please contact"
            " image owner to replicate to this region, or change your requested region."
        )
        return ArmError(404, "GalleryImageNotFound", message, target="imageReference")
    message = f"The Image '{image_id}' cannot be found in '{location}' region."
    return ArmError(404, "NotFound", message, target="imageReference")
