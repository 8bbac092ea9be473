"""Request x live scale set -> Plan: what upgrades chosen instances is an ordinary Rollout."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from vmssplan.errors import Refused, UsageInvalid
from vmssplan.model import (
    Availability,
    CommunityGalleryImage,
    ImageReference,
    ModelFields,
    Plan,
    PlatformImage,
    ResourceImage,
    Selector,
    SharedGalleryImage,
    StrategyType,
    UriImage,
    follows_latest,
    pinned,
)
from vmssplan.operating.computing import health_source
from vmssplan.operating.selecting import select
from vmssplan.operating.values import ModelChange, Request, Verb

if TYPE_CHECKING:
    from vmssplan.model import ScaleSet

_DISK = re.compile(r"https?://[^\s/@?#]+/[^\s?#]+")


def upgrade_plan(live: ScaleSet, request: Request, plan: Plan | None = None) -> Plan:
    """Return the Plan that brings exactly the chosen instances to the model, or to its change.

    SET_MODEL writes the model and upgrades nobody. Without a `plan` the model is the set's own.
    Raises what `select` raises, and UsageInvalid for a change that the image cannot take.
    """
    base = plan or Plan(name=live.id.name, target=live.id, model=_own_model(live))
    fields = changed_model(base.model, live.model, request.change)
    pause = request.pause or base.strategy.pause_time_between_batches
    strategy = replace(base.strategy, pause_time_between_batches=pause)
    if request.verb is Verb.SET_MODEL:
        _check_change(request.change)
        chosen: tuple[str, ...] = ()
    else:
        found = select(live, request.selection, fields, health_source(live, plan))
        chosen = tuple(one.instance_id for one in found)
    if chosen:
        strategy = replace(strategy, include=Selector(instance_ids=chosen))
    else:
        # An empty include selects everything, so nothing is said by excluding everything.
        everyone = tuple(one.instance_id for one in live.instances)
        strategy = replace(strategy, exclude=Selector(instance_ids=everyone))
    if request.batch_size is not None:
        strategy = replace(
            strategy, type=StrategyType.FIXED_BATCH, batch_sizes=(request.batch_size,)
        )
    return replace(
        base,
        model=fields,
        strategy=strategy,
        availability=_availability(base.availability, request, len(live.instances)),
    )


def _check_change(change: ModelChange) -> None:
    if not has_change(change):
        raise UsageInvalid(
            "there is nothing to write",
            hint="say what the model is to have: --image-version, --image-sku, --image-id,"
            " --image-uri or --vm-size",
        )


def has_change(change: ModelChange) -> bool:
    """Tell whether anything is to be another."""
    return change != ModelChange()


def changed_model(wanted: ModelFields, live: ModelFields, change: ModelChange) -> ModelFields:
    """Return the fields to own, with the change in them; raises UsageInvalid."""
    given = [one for one in (change.image_id, change.image_uri) if one is not None]
    is_edited = change.image_version is not None or change.image_sku is not None
    if len(given) + is_edited > 1:
        raise UsageInvalid(
            "the image can be changed in one way at a time",
            hint="give --image-version and --image-sku, or --image-id, or --image-uri",
        )
    image = wanted.image
    if change.image_uri is not None:
        image = UriImage(_address(change.image_uri))
    elif change.image_id is not None:
        image = ResourceImage(change.image_id)
    elif is_edited:
        image = _edited(wanted.image or live.image, change)
    return replace(wanted, image=image, vm_size=change.vm_size or wanted.vm_size)


def _address(text: str) -> str:
    """Return the address of a disk, where it is one, and has no secret in a query."""
    if _DISK.fullmatch(text) is None:
        raise UsageInvalid(
            "what was given is not the address of a disk",
            hint="--image-uri https://ACCOUNT.blob.core.windows.net/..., without a query",
        )
    return text


def _edited(image: ImageReference | None, change: ModelChange) -> ImageReference:
    """Return the image in another version, or of another sku."""
    match image:
        case PlatformImage():
            sku, version = change.image_sku or image.sku, change.image_version or image.version
            return replace(image, sku=sku, version=version)
        case ResourceImage() | SharedGalleryImage() | CommunityGalleryImage():
            if change.image_sku is None and change.image_version is not None:
                return _other_version(image, change.image_version)
            raise UsageInvalid("only a marketplace image has a sku", hint="give --image-id")
        case UriImage() | None:
            raise UsageInvalid(
                "the model's image has no version and no sku", hint="give --image-uri or --image-id"
            )
    assert_never(image)


def _other_version(
    image: ResourceImage | SharedGalleryImage | CommunityGalleryImage, version: str
) -> ImageReference:
    if not isinstance(image, ResourceImage):
        return pinned(image, version)
    if "/galleries/" not in image.id.casefold():
        raise UsageInvalid("a managed image has no versions", hint="give --image-id")
    place = image.id.casefold().find("/versions/")
    return pinned(ResourceImage(image.id if place < 0 else image.id[:place]), version)


def _own_model(live: ScaleSet) -> ModelFields:
    """Return what the set's model says, as fields to own.

    One that follows `latest` is not owned: a Rollout would pin it, which nobody asked for.
    """
    image = live.model.image
    if image is not None and follows_latest(image):
        image = None
    return ModelFields(image, live.model.vm_size)


def _availability(held: Availability, request: Request, total: int) -> Availability:
    """Return the stricter of the Plan's availability and the request's."""
    asked = request.max_unavailable
    if asked is None:
        return held
    if asked.of(total) < 1:
        raise Refused(
            f"the floor is {total} of {total}: no instance may ever be out of service",
            hint="raise --max-unavailable to at least 1",
        )
    allowed = held.max_unavailable
    if allowed is not None and allowed.of(total) < asked.of(total):
        return held
    least = held.min_in_service
    if least is not None and total - least.of(total) < asked.of(total):
        return held
    return replace(held, max_unavailable=asked, min_in_service=None)
