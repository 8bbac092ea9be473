"""What the server answers, address by address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vmssplan import __version__
from vmssplan.errors import NotFound, UsageInvalid, VmssplanError
from vmssplan.planfile import LoadedPlan
from vmssplan.ports import Service
from vmssplan.ui.access import Access, Guard
from vmssplan.ui.answers import answer, guarded, refusal
from vmssplan.ui.picture import (
    listed_document,
    problem_document,
    scale_set_document,
    summary_document,
    told_document,
)
from vmssplan.ui.runs import Kept, Runs, history_document, run_document, runs_document
from vmssplan.ui.watching import CALM_SECONDS, Watch

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from vmssplan.model import ListedScaleSet, ScaleSetId
    from vmssplan.ui.watching import Look

Document = dict[str, Any]
STATIC = Path(__file__).parent / "static"
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
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


class Page:
    """The endpoints that read."""

    def __init__(self, access: Access, sources: Sources) -> None:
        self._access = access
        self._sources = sources

    def routes(self) -> list[Route | Mount]:
        """Return them with their addresses."""
        return [
            Route("/", guarded(self.index)),
            Route("/api/session", guarded(self.session)),
            Route("/api/scale-sets", guarded(self.scale_sets)),
            Route("/api/scale-set", guarded(self.scale_set)),
            Route("/api/instance", guarded(self.instance)),
            Route("/api/runs", guarded(self.runs)),
            Route("/api/run", guarded(self.run)),
        ]

    async def index(self, _request: Request) -> Response:
        """Answer the page itself."""
        return FileResponse(STATIC / "index.html", media_type="text/html")

    async def session(self, _request: Request) -> Response:
        """Answer what the page needs to know of the server."""
        shown = self._sources.shown
        return answer(
            {
                "csrf": self._access.keys.csrf,
                "readOnly": self._access.is_read_only,
                "service": {"kind": shown.kind, "name": shown.name},
                "version": __version__,
            }
        )

    async def scale_sets(self, _request: Request) -> Response:
        """Answer the overview."""
        return answer(await overview(self._sources))

    async def scale_set(self, request: Request) -> Response:
        """Answer one set with its instances."""
        return answer(await one_scale_set(self._sources, _wanted(request, "id")))

    async def instance(self, request: Request) -> Response:
        """Answer all that the service tells of one instance, and what Runs did to it."""
        target = await find_target(self._sources, _wanted(request, "id"))
        instance_id = _wanted(request, "instance")
        service = self._sources.service
        told = [] if service is None else await service.told(target, instance_id)
        runs = await self._sources.runs.going_on(target)
        history = history_document(runs, instance_id)
        return answer({"instanceId": instance_id, **told_document(told), "history": history})

    async def runs(self, _request: Request) -> Response:
        """Answer the Runs, newest first."""
        return answer(runs_document(await self._sources.runs.all()))

    async def run(self, request: Request) -> Response:
        """Answer one Run with all that happened in it."""
        return answer(await one_run(self._sources, _wanted(request, "name")))


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
    target = await find_target(sources, resource_id)
    if sources.watch is None:
        raise NotFound("there is no service, only journals", hint="look at its Runs")
    look = await sources.watch.look(target)
    return await scale_set_around(sources, look)


async def scale_set_around(sources: Sources, look: Look) -> Document:
    """Return a look as the page reads it, with the Runs and Plans of its set."""
    target = look.scale_set.id
    listed: ListedScaleSet | None = None
    if sources.watch is not None:
        try:
            listed = (await sources.watch.listed()).get(target.resource_id.casefold())
        except VmssplanError:
            # A set that a Plan names is shown to those who may not list.
            listed = None
    runs = await sources.runs.all()
    return scale_set_document(look, listed) | _around(sources, target, runs)


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


def _wanted(request: Request, name: str) -> str:
    """Return a parameter of the query; raises UsageInvalid where it is missing."""
    found = request.query_params.get(name, "")
    if not found:
        raise UsageInvalid(f"the address names no {name}", hint=f"add ?{name}=...")
    return found


async def _nothing_here(_request: Request, _error: Exception) -> Response:
    return refusal(HTTPStatus.NOT_FOUND, "there is nothing here", "go back to the page")


async def _wrong_method(_request: Request, _error: Exception) -> Response:
    return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "this address takes the other of GET and POST")


def create_app(access: Access, sources: Sources) -> ASGIApp:
    """Return the ASGI application, guarded."""
    page = Page(access, sources)
    app = Starlette(
        routes=[*page.routes(), Mount("/static", StaticFiles(directory=STATIC))],
        exception_handlers={404: _nothing_here, 405: _wrong_method},
    )
    return Guard(app, access)
