"""Rules about what the service offers: whether the image and the size wanted are to be had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.lint.finding import Finding, error, warning
from vmssplan.model import Deprecation, ModelFields, PlatformImage, image_text, same_name

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMAGE = "model.image"
_FAMILY = len("Standard_D")


@dataclass(frozen=True, slots=True)
class Offered:
    """What the service was asked and said; None for what nobody had to ask."""

    deprecation: Deprecation | None = None
    sizes: tuple[str, ...] | None = None


def image_missing(image: object, message: str, hint: str | None) -> Finding:
    """Return the finding for an image, or a version of it, that the service does not have."""
    path = f"{_IMAGE}.version" if isinstance(image, PlatformImage) else _IMAGE
    return error("image-missing", path, message, hint or "use one that exists there")


def lint_service(wanted: ModelFields, offered: Offered) -> tuple[Finding, ...]:
    """Return what of the wanted fields, with `latest` pinned, the service has no good answer to."""
    return (*_deprecated(wanted, offered.deprecation), *_size(wanted, offered.sizes))


def _deprecated(wanted: ModelFields, found: Deprecation | None) -> Iterator[Finding]:
    if found is None:
        return
    name, path = image_text(wanted.image), f"{_IMAGE}.version"
    fix = f"its publisher names {found.instead} instead" if found.instead else "use another one"
    if found.is_over:
        message = f"{name} is deprecated, and Azure makes no new instances of it"
        yield error("image-deprecated", path, message, fix)
    else:
        when = f" on {found.at:%Y-%m-%d}" if found.at is not None else ""
        message = f"{name} will be deprecated{when}; then Azure makes no new instances of it"
        yield warning("image-deprecation-scheduled", path, message, fix)


def _size(wanted: ModelFields, sizes: tuple[str, ...] | None) -> Iterator[Finding]:
    size = wanted.vm_size
    if size is None or sizes is None or any(same_name(one, size) for one in sizes):
        return
    alike = [one for one in sizes if one[:_FAMILY].casefold() == size[:_FAMILY].casefold()]
    near = f"use one that it does, such as {', '.join((alike or list(sizes))[:3])}"
    yield error("size-not-available", "model.vmSize", f"Azure does not offer {size} to it", near)
