"""Plan and service -> Rollout: what is live, what `latest` means today, what is to be had.

The exact version is pinned here, so that what was reviewed is what is applied.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmssplan.errors import NotFound
from vmssplan.lint import Offered, image_missing, lint_rollout, lint_service, lint_target
from vmssplan.model import (
    Autoscale,
    ModelFields,
    PlatformImage,
    ScaleSet,
    follows_latest,
    image_text,
    pinned,
    same_image,
    same_name,
)
from vmssplan.rollout import compute_rollout, previous_model, to_upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from vmssplan.lint import Finding
    from vmssplan.model import ImageReference, Instance, Plan
    from vmssplan.ports import Backend
    from vmssplan.rollout import Rollout


async def compute(
    plan: Plan,
    backend: Backend,
    report: Callable[[Sequence[Finding]], None],
    boot: timedelta | None = None,
    live: ScaleSet | None = None,
) -> tuple[Rollout, ScaleSet]:
    """Observe, lint, pin `latest`, and compute; return the live set beside the Rollout.

    `report` is told what the lint found, about the set and then about the Rollout, and raises
    where that refuses the Plan; `boot` is as in `lint_rollout`. `live` is the set as it was seen
    just now, None where nobody has looked yet.
    Raises what the backend and `compute_rollout` raise.
    """
    if live is None:
        live, _ = await backend.observe(plan.target)
    findings = lint_target(plan, live)
    try:
        wanted = await resolve(plan.model, live, backend)
    except NotFound as error:
        report((*findings, image_missing(plan.model.image, error.message, error.hint)))
        raise
    report((*findings, *lint_service(wanted, await _offered(live, wanted, backend))))
    is_blind = plan.autoscale is Autoscale.IGNORE
    settings = () if is_blind else await backend.autoscale_settings(plan.target)
    missing = await missing_image(live, wanted, to_upgrade(plan, live, wanted), backend)
    rollout = compute_rollout(plan, live, wanted, settings, missing)
    report(lint_rollout(rollout, boot, sum(one.is_busy for one in live.instances)))
    return rollout, live


async def _offered(live: ScaleSet, wanted: ModelFields, backend: Backend) -> Offered:
    """Ask about what is to be written and is not in force yet."""
    image, size = wanted.image, wanted.vm_size
    deprecation = None
    if isinstance(image, PlatformImage) and not same_image(image, live.model.image):
        deprecation = await backend.image_deprecation(image, live.location)
    is_new = size is not None and not same_name(live.model.vm_size, size)
    return Offered(deprecation, tuple(await backend.sizes(live.id)) if is_new else None)


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
