"""`latest` -> the exact version it means today, so that what was reviewed is what is applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmssplan.errors import NotFound
from vmssplan.model import (
    ModelFields,
    PlatformImage,
    ScaleSet,
    follows_latest,
    image_text,
    pinned,
    same_image,
)

if TYPE_CHECKING:
    from vmssplan.ports import Backend


async def resolve(fields: ModelFields, live: ScaleSet, backend: Backend) -> ModelFields:
    """Return the fields with `latest` pinned.

    A marketplace version that is not in force yet is checked to exist. Raises NotFound when the
    image, or the version, is not there in the set's location.
    """
    image = fields.image
    if image is None:
        return fields
    if follows_latest(image):
        versions = await backend.image_versions(image, live.location)
        if not versions:
            raise NotFound(f"{image_text(image)} has no version in {live.location}")
        return replace(fields, image=pinned(image, versions[-1]))
    if isinstance(image, PlatformImage) and not same_image(image, live.model.image):
        versions = await backend.image_versions(image, live.location)
        if image.version not in versions:
            newest = ", ".join(versions[-3:]) or "none"
            raise NotFound(
                f"{image_text(image)} does not exist in {live.location}",
                hint=f"the newest versions there: {newest}",
            )
    return fields
