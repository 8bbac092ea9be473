"""What the page reads: sets and Runs, put together from the service, Plans and journals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vmssplan.errors import NotFound, VmssplanError
from vmssplan.planfile import LoadedPlan
from vmssplan.ports import Service
from vmssplan.ui.answers import json_text
from vmssplan.ui.live import Streams, Version
from vmssplan.ui.picture import (
    listed_document,
    problem_document,
    scale_set_document,
    summary_document,
)
from vmssplan.ui.runs import Kept, Runs, run_document
from vmssplan.ui.watching import CALM_SECONDS, Watch

if TYPE_CHECKING:
    from vmssplan.model import ListedScaleSet, ScaleSetId

Document = dict[str, Any]
_PATIENCE_SECONDS = 5.0
"""How long an overview waits for sets that nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page is about: `kind` is azure, simulator or journals, `name` says which."""

    kind: str
    name: str
    plans: Sequence[LoadedPlan] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """All that the page reads. `service` and `watch` are None where there are only journals."""

    shown: Shown
    runs: Runs
    service: Service | None = None
    watch: Watch | None = None
    streams: Streams = field(default_factory=Streams)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


async def overview_version(sources: Sources) -> tuple[Version, Callable[[], Document]]:
    """Return the overview, and what is another one whenever it would be."""
    document = await overview(sources)
    lines = [{**one, "observedAt": None} for one in document["scaleSets"]]
    return json_text([lines, document["problem"]]), lambda: document


async def scale_set_version(
    sources: Sources, resource_id: str
) -> tuple[Version, Callable[[], Document]]:
    """Return a set, and what is another one whenever its document would be."""
    target = await find_target(sources, resource_id)
    if sources.watch is None:
        raise NotFound("there is no service, only journals", hint="look at its Runs")
    look = await sources.watch.look(target)
    listed = await _listed(sources, target)
    around = _around(sources, target, await sources.runs.all())
    version = (look.number, json_text(around))
    return version, lambda: scale_set_document(look, listed) | around


async def overview(sources: Sources) -> Document:
    """Return the sets there are; one that was not seen in time has no counts yet."""
    watch = sources.watch
    if watch is None:
        return {"scaleSets": []}
    problem = None
    try:
        listed = await watch.listed()
        targets = await watch.targets()
    except VmssplanError as error:
        listed, targets, problem = {}, watch.named(), problem_document(error)
    await _look_at(sources, watch, targets)
    runs = await sources.runs.all()
    lines = []
    for target in targets:
        look, known = watch.seen(target), listed.get(target.resource_id.casefold())
        line = listed_document(known, target) if look is None else summary_document(look, known)
        lines.append(line | _around(sources, target, runs))
    return {"scaleSets": lines, "problem": problem}


async def one_scale_set(sources: Sources, resource_id: str) -> Document:
    """Return one set with its instances; raises what the service raises, while it was not seen."""
    _, make = await scale_set_version(sources, resource_id)
    return make()


async def _listed(sources: Sources, target: ScaleSetId) -> ListedScaleSet | None:
    """Return what the list says of a set; None where it may not be had."""
    if sources.watch is None:
        return None
    try:
        return (await sources.watch.listed()).get(target.resource_id.casefold())
    except VmssplanError:
        # A set that a Plan names is shown to those who may not list.
        return None


async def one_run(sources: Sources, name: str) -> Document:
    """Return one Run, with its set as it was seen last."""
    kept = await sources.runs.one(name)
    look = sources.watch.seen(kept.record.rollout.target) if sources.watch else None
    return run_document(kept, look.scale_set if look else None)


async def find_target(sources: Sources, resource_id: str) -> ScaleSetId:
    """Return the set with that id; raises NotFound for one that is not shown here."""
    wanted = resource_id.casefold()
    watch = sources.watch
    known: list[ScaleSetId] = []
    if watch is not None:
        known += watch.named()
        if not any(one.resource_id.casefold() == wanted for one in known):
            known += await watch.targets()
    known += [one.record.rollout.target for one in await sources.runs.all()]
    found = next((one for one in known if one.resource_id.casefold() == wanted), None)
    if found is None:
        raise NotFound(
            "there is no such scale set here", hint="the overview lists those that are watched"
        )
    return found


async def _look_at(sources: Sources, watch: Watch, targets: Sequence[ScaleSetId]) -> None:
    """Look at all of them, and wait a little for those that nobody has seen yet."""
    looking = [asyncio.create_task(_look(watch, one)) for one in targets]
    sources.tasks.update(looking)
    for task in looking:
        task.add_done_callback(sources.tasks.discard)
    unseen = [task for task, one in zip(looking, targets, strict=True) if watch.seen(one) is None]
    if unseen:
        await asyncio.wait(unseen, timeout=_PATIENCE_SECONDS)


async def _look(watch: Watch, target: ScaleSetId) -> None:
    try:
        await watch.look(target, CALM_SECONDS)
    except VmssplanError:
        # It has no counts in the overview; who opens it is told why.
        return


def _around(sources: Sources, target: ScaleSetId, runs: Sequence[Kept]) -> Document:
    """Return what else there is of a set: Plans for it, Runs that are not over, drift."""
    key = target.resource_id.casefold()
    mine = [one for one in runs if one.record.rollout.target.resource_id.casefold() == key]
    plans = [one for one in sources.shown.plans if one.plan.target.resource_id.casefold() == key]
    return {
        "runs": [one.record.run for one in mine if one.record.is_held or one.state.outcome is None],
        "plans": [str(one.file) for one in plans],
        "drift": None,
    }
