"""Request -> the command line that asks for the same: what every preview and every click shows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.operating.values import Verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.operating.values import ModelChange, Protection, Request, Selection


def command(request: Request, target: str) -> tuple[str, ...]:
    """Return the words to type; `target` is a Plan file, or the id of a scale set.

    Without options of the service, and without `--auto-approve` and `--require-digest`.
    """
    return ("vmssplan", *_verb(request, target), *_options(request))


def _verb(request: Request, target: str) -> tuple[str, ...]:
    match request.verb:
        case Verb.SCALE:
            return ("scale", target, str(request.capacity))
        case Verb.SET_MODEL:
            return ("instances", "set-model", target)
        case _:
            return ("instances", request.verb.value, target)


def _options(request: Request) -> Iterator[str]:
    if request.verb not in (Verb.SCALE, Verb.SET_MODEL):
        yield from _selected(request.selection)
    yield from _changes(request.change)
    if request.protection is not None:
        yield from _protections(request.protection)
    if request.batch_size is not None:
        yield from ("--batch-size", str(request.batch_size))
    if request.pause > timedelta(0):
        yield from ("--pause-between-batches", format_duration(request.pause))
    if request.max_unavailable is not None:
        yield from ("--max-unavailable", str(request.max_unavailable))


def _selected(selection: Selection) -> Iterator[str]:
    kinds = {
        "--ids": selection.ids,
        "--update-domain": selection.update_domains,
        "--fault-domain": selection.fault_domains,
        "--zone": selection.zones,
        "--state": selection.states,
    }
    for option, values in kinds.items():
        if values:
            yield from (option, ",".join(str(value) for value in values))
    if selection.everything:
        yield "--all"


def _changes(change: ModelChange) -> Iterator[str]:
    options = {
        "--image-version": change.image_version,
        "--image-sku": change.image_sku,
        "--image-id": change.image_id,
        "--image-uri": change.image_uri,
        "--vm-size": change.vm_size,
    }
    for option, value in options.items():
        if value is not None:
            yield from (option, value)


def _protections(protection: Protection) -> Iterator[str]:
    if protection.scale_in is not None:
        yield "--scale-in" if protection.scale_in else "--no-scale-in"
    if protection.scale_set_actions is not None:
        yield "--scale-set-actions" if protection.scale_set_actions else "--no-scale-set-actions"
