"""What the page reads: sets and Runs, put together from the service, Plans and journals."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vmssplan.errors import NotFound, VmssplanError
from vmssplan.ports import Service
from vmssplan.ui.answers import json_text
from vmssplan.ui.live import Streams, Version, version_of_runs
from vmssplan.ui.picture import (
    Sight,
    listed_document,
    problem_document,
    scale_set_document,
    summary_document,
    timestamp,
)
from vmssplan.ui.runs import Kept, Runs, run_document
from vmssplan.ui.watching import CALM_SECONDS, SECONDS_A_SET, Watch
from vmssplan.ui.wishes import Wishes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmssplan.model import ListedScaleSet, ScaleSetId
    from vmssplan.ui.watching import Look

Document = dict[str, Any]
_PATIENCE_SECONDS = 5.0
"""How long an overview waits for sets that nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page is about: `kind` is azure, simulator or journals, `name` says which."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Sources:
    """All that the page reads. `service` and `watch` are None where there are only journals.

    `lines` keeps what was worked out for the overview, by set, with the version it is of.
    """

    shown: Shown
    runs: Runs
    service: Service | None = None
    watch: Watch | None = None
    wishes: Wishes = field(default_factory=Wishes)
    streams: Streams = field(default_factory=Streams)
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    lines: dict[str, tuple[Version, Document]] = field(default_factory=dict)


async def overview_version(sources: Sources) -> tuple[Version, Callable[[], Document]]:
    """Return the overview, and what is another one whenever it would be."""
    document = await overview(sources)
    lines = [{**one, "observedAt": None} for one in document["scaleSets"]]
    return json_text([lines, document["problem"]]), lambda: document


async def overview(sources: Sources) -> Document:
    """Return the sets there are; one that was not seen in time has no counts yet."""
    watch = sources.watch
    if watch is None:
        return {"scaleSets": [], "problem": None}
    problem = None
    try:
        listed = await watch.listed()
        targets = await watch.targets()
    except VmssplanError as error:
        listed, targets, problem = {}, watch.named(), problem_document(error)
    await _look_at(sources, watch, targets)
    runs = await sources.runs.all()
    lines = [
        await _line(sources, watch.seen(one), listed.get(one.resource_id.casefold()), one, runs)
        for one in targets
    ]
    return {"scaleSets": lines, "problem": problem}


async def _line(
    sources: Sources,
    look: Look | None,
    listed: ListedScaleSet | None,
    target: ScaleSetId,
    runs: Sequence[Kept],
) -> Document:
    """Return the line of one set, worked out again only when it would be another."""
    mine = _on(target, runs)
    if look is None:
        problem = sources.watch.problem(target) if sources.watch else None
        told = {"drift": None, "problem": problem_document(problem) if problem else None}
        return listed_document(listed, target) | _around(sources, target, mine) | told
    key = target.resource_id.casefold()
    version = (look.number, listed, version_of_runs(mine))
    known = sources.lines.get(key)
    if known is None or known[0] != version:
        sight = await _sight(sources, look, listed)
        drift = await sources.wishes.drift(look.scale_set, mine)
        document = summary_document(sight) | _around(sources, target, mine) | {"drift": drift}
        known = sources.lines[key] = (version, document)
    return {**known[1], "observedAt": timestamp(look.at)}


async def scale_set_version(
    sources: Sources, resource_id: str
) -> tuple[Version, Callable[[], Document]]:
    """Return a set, and what is another one whenever its document would be."""
    target = await find_target(sources, resource_id)
    if sources.watch is None:
        raise NotFound("there is no service, only journals", hint="look at its Runs")
    look, runs = await sources.watch.look(target), await sources.runs.all()
    listed = await _listed(sources, target)
    line = await _line(sources, look, listed, target, runs)
    sight = await _sight(sources, look, listed)
    version = (look.number, sight.wanted, version_of_runs(_on(target, runs)))
    return version, lambda: line | scale_set_document(sight)


async def one_scale_set(sources: Sources, resource_id: str) -> Document:
    """Return one set with its instances; raises what the service raises, while it was not seen."""
    _, make = await scale_set_version(sources, resource_id)
    return make()


async def _sight(sources: Sources, look: Look, listed: ListedScaleSet | None) -> Sight:
    wishes, live = sources.wishes, look.scale_set
    return Sight(look, await wishes.wanted(live), wishes.health_source(live), listed)


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
    # A Run of a thousand instances has thousands of Events to be told.
    return await asyncio.to_thread(run_document, kept, look.scale_set if look else None)


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
    """Look at all of them, and wait a little for those that nobody has seen yet.

    Of many sets each is looked at more seldom: all share what the subscription allows.
    """
    oldest = max(CALM_SECONDS, len(targets) * SECONDS_A_SET)
    looking = [asyncio.create_task(_look(watch, one, oldest)) for one in targets]
    sources.tasks.update(looking)
    for task in looking:
        task.add_done_callback(sources.tasks.discard)
    unseen = [task for task, one in zip(looking, targets, strict=True) if watch.seen(one) is None]
    if unseen:
        await asyncio.wait(unseen, timeout=_PATIENCE_SECONDS)


async def _look(watch: Watch, target: ScaleSetId, oldest_seconds: float) -> None:
    try:
        await watch.look(target, oldest_seconds)
    except VmssplanError:
        # It has no counts in the overview; who opens it is told why.
        return


def _on(target: ScaleSetId, runs: Sequence[Kept]) -> tuple[Kept, ...]:
    """Return the Runs on that set, in their order."""
    key = target.resource_id.casefold()
    return tuple(one for one in runs if one.record.rollout.target.resource_id.casefold() == key)


def _around(sources: Sources, target: ScaleSetId, runs: Sequence[Kept]) -> Document:
    """Return what else there is of a set: Plans for it, and Runs that are not over."""
    going = [one.record.run for one in runs if one.record.is_held or one.state.outcome is None]
    return {"runs": going, "plans": [str(one.file) for one in sources.wishes.of(target)]}
