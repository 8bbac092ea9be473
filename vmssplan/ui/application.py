"""What the server answers, address by address."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vmssplan import __version__
from vmssplan.errors import UsageInvalid
from vmssplan.ui.access import Access, Guard
from vmssplan.ui.acting import Acting
from vmssplan.ui.answers import answer, guarded, refusal
from vmssplan.ui.live import MOST_STREAMS, RunNews, Told, Topic, first_event, runs_topic, stream
from vmssplan.ui.picture import told_document
from vmssplan.ui.reading import (
    Sources,
    find_target,
    one_run,
    one_scale_set,
    overview,
    overview_version,
    scale_set_version,
)
from vmssplan.ui.runs import history_document, runs_document

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from vmssplan.ui.acting import Hands

STATIC = Path(__file__).parent / "static"


class Page:
    """The endpoints that read."""

    def __init__(self, access: Access, sources: Sources, acting: Acting | None) -> None:
        self._access = access
        self._sources = sources
        self._acting = acting

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
            Route("/api/live", guarded(self.live)),
            Route("/api/live-run", guarded(self.live_run)),
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

    async def live(self, request: Request) -> Response:
        """Stream what the page is about: the overview, a set, a Run, and always all Runs."""
        asked, sources = request.query_params, self._sources
        told = self._told(asked.get("id"), is_overview="overview" in asked)
        parts: list[Told | RunNews] = [*told]
        if run := asked.get("run"):
            await sources.runs.one(run)
            start = first_event(request.headers.get("last-event-id") or asked.get("after"))
            parts.append(RunNews(sources.streams, sources.runs, sources.watch, run, start=start))
        return self._stream(parts)

    async def live_run(self, request: Request) -> Response:
        """Stream one Run."""
        run, sources = _wanted(request, "name"), self._sources
        await sources.runs.one(run)
        start = first_event(request.headers.get("last-event-id"))
        names = ("event", "status")
        news = RunNews(sources.streams, sources.runs, sources.watch, run, names, start)
        return self._stream([news])

    def _told(self, resource_id: str | None, *, is_overview: bool) -> list[Told]:
        sources = self._sources
        topics = [runs_topic(sources.runs)]
        if self._acting is not None:
            topics.append(self._acting.operations_topic())
        if is_overview:
            topics.append(Topic("scale-sets", "", partial(overview_version, sources)))
        if resource_id:
            ask = partial(scale_set_version, sources, resource_id)
            topics.append(Topic("scale-set", resource_id.casefold(), ask))
        return [Told(sources.streams, topic) for topic in topics]

    def _stream(self, parts: list[Told | RunNews]) -> Response:
        if self._sources.streams.open_ones >= MOST_STREAMS:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open", "close some of them"
            )
        return stream(self._sources.streams, parts)


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


def create_app(access: Access, sources: Sources, hands: Hands | None = None) -> ASGIApp:
    """Return the ASGI application, guarded; `hands` None means that it can only show."""
    acting = None if hands is None else Acting(sources, hands)
    page = Page(access, sources, acting)
    deeds = [] if acting is None else acting.routes()
    app = Starlette(
        routes=[*page.routes(), *deeds, Mount("/static", StaticFiles(directory=STATIC))],
        exception_handlers={404: _nothing_here, 405: _wrong_method},
    )
    return Guard(app, access)
