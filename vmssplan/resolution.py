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
from vmssplan.rollout import previous_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import ImageReference, Instance
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


async def missing_image(
    live: ScaleSet, wanted: ModelFields, outdated: Sequence[Instance], backend: Backend
) -> str | None:
    """Say why the image to go back to cannot be had; None when it can, or nobody can tell.

    Only marketplace versions are looked up: they are withdrawn by their publishers, the others by
    whoever owns the scale set too.
    """
    if not outdated:
        return None
    before: ImageReference | None = previous_model(live, wanted, outdated).image
    if not isinstance(before, PlatformImage) or follows_latest(before):
        return None
    try:
        versions = await backend.image_versions(before, live.location)
    except NotFound:
        versions = ()
    if before.version in versions:
        return None
    return f"{image_text(before)} is no longer to be had in {live.location}"
