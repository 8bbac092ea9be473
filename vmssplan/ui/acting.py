"""The endpoints that change something, each by a command that a person could have typed."""

from __future__ import annotations

import hmac
import shlex
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from vmssplan.errors import NotFound, RolloutStale, UsageInvalid
from vmssplan.ui.answers import answer, guarded, refusal
from vmssplan.ui.asking import ROLLOUT, parse_ask, parse_body, text_of, whole_of
from vmssplan.ui.children import Children
from vmssplan.ui.live import Topic
from vmssplan.ui.previews import Previews
from vmssplan.ui.reading import find_target
from vmssplan.ui.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from vmssplan.ui.asking import Ask
    from vmssplan.ui.children import Child
    from vmssplan.ui.live import Version
    from vmssplan.ui.previews import Previewed
    from vmssplan.ui.reading import Sources
    from vmssplan.ui.runs import Kept

Document = dict[str, Any]
_MOST_STEPS = 100_000
_STAYING = frozenset({"upgrade", ROLLOUT})
"""Verbs of Runs that may ask for approvals, and then wait for them."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What carries out; `simulator` is None where there is none to be controlled.

    `previews` is None where there is no service, and Runs can only be told something.
    """

    previews: Previews | None
    children: Children
    simulator: Simulator | None = None


class Acting:
    """The endpoints that change something, and those that show what it would change."""

    def __init__(self, sources: Sources, hands: Hands) -> None:
        self._sources = sources
        self._hands = hands

    def routes(self) -> list[Route]:
        """Return them with their addresses."""
        deeds = {
            "/api/preview": self.preview,
            "/api/operations": self.start,
            "/api/run/approve": self.approve,
            "/api/run/reject": self.reject,
            "/api/run/pause": self.pause,
            "/api/run/abort": self.abort,
            "/api/run/resume": self.resume,
            "/api/run/rollback": self.rollback,
            "/api/simulator/clock": self.clock,
            "/api/simulator/faults": self.faults,
            "/api/simulator/checkpoint": self.checkpoint,
            "/api/simulator/restore": self.restore,
        }
        return [
            Route("/api/operations", guarded(self.operations), methods=["GET"]),
            Route("/api/simulator", guarded(self.simulator), methods=["GET"]),
            *(Route(path, guarded(deed), methods=["POST"]) for path, deed in deeds.items()),
        ]

    # --- previews and what is started after them ------------------------------------------

    async def preview(self, request: Request) -> Response:
        """Answer what a request would do now, and the command that does it."""
        ask = parse_ask(parse_body(await request.body()))
        return answer(self._shown(await self._previewed(ask)))

    async def start(self, request: Request) -> Response:
        """Carry out what was previewed; 409 when it would be something else by now."""
        ask = parse_ask(parse_body(await request.body()))
        if ask.digest is None:
            raise UsageInvalid("nothing was confirmed: digest is missing", hint="preview it first")
        now = await self._previewed(ask)
        if not hmac.compare_digest(now.digest.encode(), ask.digest.encode()):
            raise RolloutStale(
                f"it would be something else by now: {now.digest[:19]}, and {ask.digest[:19]}"
                " was confirmed",
                hint="look at the new preview, and confirm that",
            )
        if now.refused is not None:
            return refusal(HTTPStatus.CONFLICT, now.refused, now.document.get("hint") or "")
        if not now.has_changes:
            return refusal(HTTPStatus.CONFLICT, "there is nothing to do")
        target = await find_target(self._sources, ask.target)
        runs = frozenset(one.record.run for one in await self._sources.runs.all())
        words = (*now.words, "--auto-approve", "--require-digest", now.digest)
        if now.document["verb"] in _STAYING:
            words = (*words, "--wait")
        child = self._hands.children.start(words, target, runs)
        self._sources.streams.wake()
        return answer({"operation": child.name, "command": child.command}, HTTPStatus.ACCEPTED)

    async def operations(self, _request: Request) -> Response:
        """Answer what was started from here, newest first."""
        return answer(await self._operations())

    def operations_topic(self) -> Topic:
        """Return what tells streams of the operations."""

        async def ask() -> tuple[Version, Callable[[], Document]]:
            document = await self._operations()
            version = tuple(
                (one["operation"], one["run"], one["exitCode"], one["output"])
                for one in document["operations"]
            )
            return version, lambda: document

        return Topic("operations", "", ask)

    async def _operations(self) -> Document:
        children = self._hands.children.all()
        if any(one.run is None for one in children):
            runs = await self._sources.runs.all()
            for one in children:
                one.run = one.run or _run_of(one, runs)
        for one in children:
            if one.exit_code is not None and not one.is_noted:
                one.is_noted = True
                # It has changed something, and nobody should wait for the next look to see that.
                if self._sources.watch is not None:
                    self._sources.watch.forget()
        return {"operations": [one.document() for one in children]}

    async def _previewed(self, ask: Ask) -> Previewed:
        previews = self._hands.previews
        if previews is None:
            raise NotFound("there is no service, only journals")
        return await previews.preview(ask, await find_target(self._sources, ask.target))

    def _shown(self, previewed: Previewed) -> Document:
        words = self._hands.children.words(previewed.words)
        return {**previewed.document, "command": ["vmssplan", *words]}

    # --- people tell Runs -----------------------------------------------------------------

    async def approve(self, request: Request) -> Response:
        """Let a Run pass an approval."""
        body, run = await self._told(request)
        words = ("approve", run, *_step(body))
        if digest := text_of(body, "digest"):
            words = (*words, "--digest", digest)
        return await self._carried_out(run, words)

    async def reject(self, request: Request) -> Response:
        """Say no at an approval."""
        body, run = await self._told(request)
        words = ("reject", run, *_step(body))
        if reason := text_of(body, "reason"):
            words = (*words, "--reason", reason)
        return await self._carried_out(run, words)

    async def pause(self, request: Request) -> Response:
        """Let a Run start nothing more."""
        _, run = await self._told(request)
        return await self._carried_out(run, ("pause", run))

    async def abort(self, request: Request) -> Response:
        """End a Run after what is in flight."""
        _, run = await self._told(request)
        return await self._carried_out(run, ("abort", run))

    async def resume(self, request: Request) -> Response:
        """Go on with a Run: tell it so where a process waits, else carry it on from here."""
        _, run = await self._told(request)
        return await self._carried_on(run, ("resume", run, "--wait"))

    async def rollback(self, request: Request) -> Response:
        """Turn a Run round, or bring back what one that has ended has changed."""
        _, run = await self._told(request)
        return await self._carried_on(run, ("rollback", run, "--auto-approve"))

    async def _told(self, request: Request) -> tuple[Document, str]:
        body = parse_body(await request.body())
        run = text_of(body, "run")
        if not run:
            raise UsageInvalid("the request names no Run: run is missing")
        await self._sources.runs.one(run)
        return body, run

    async def _carried_out(self, run: str, words: tuple[str, ...]) -> Response:
        """Carry a command out that ends at once; 409 with its own words when it refuses."""
        code, said = await self._hands.children.carry_out(words)
        self._sources.runs.forget(run)
        self._sources.streams.wake()
        if code:
            what, _, then = said.strip().removeprefix("Error: ").partition("\n")
            return refusal(HTTPStatus.CONFLICT, what, then.strip().removeprefix("-> "))
        command = shlex.join(("vmssplan", *self._hands.children.words(words)))
        return answer({"text": said.strip(), "command": command})

    async def _carried_on(self, run: str, words: tuple[str, ...]) -> Response:
        """Carry a command out that goes on as long as the Run does, unless a process has it."""
        kept = await self._sources.runs.one(run)
        if kept.record.is_held:
            return await self._carried_out(run, words)
        if self._sources.watch is None:
            raise NotFound("there is no service to carry it on with, only journals")
        child = self._hands.children.start(words, kept.record.rollout.target)
        child.run = run
        self._sources.runs.forget(run)
        self._sources.streams.wake()
        return answer({"operation": child.name, "command": child.command}, HTTPStatus.ACCEPTED)

    # --- the simulator --------------------------------------------------------------------

    async def simulator(self, _request: Request) -> Response:
        """Answer the simulator's clock, faults and checkpoints; null where there is none."""
        simulator = self._hands.simulator
        return answer(None if simulator is None else await simulator.show())

    async def clock(self, request: Request) -> Response:
        """Move virtual time, or set how fast it goes."""
        return await self._controlled(request, lambda simulator: simulator.clock)

    async def faults(self, request: Request) -> Response:
        """Add faults, or take them away."""
        return await self._controlled(request, lambda simulator: simulator.faults)

    async def checkpoint(self, request: Request) -> Response:
        """Keep the world as it is."""
        return await self._controlled(request, lambda simulator: simulator.checkpoint)

    async def restore(self, request: Request) -> Response:
        """Go back to a checkpoint."""
        return await self._controlled(request, lambda simulator: simulator.restore)

    async def _controlled(
        self, request: Request, which: Callable[[Simulator], Callable[[Document], Any]]
    ) -> Response:
        simulator = self._hands.simulator
        if simulator is None:
            raise NotFound("this is no simulator")
        said = await which(simulator)(parse_body(await request.body()))
        if self._sources.watch is not None:
            self._sources.watch.forget()
        self._sources.streams.wake()
        return answer(said)


def _run_of(child: Child, runs: tuple[Kept, ...]) -> str | None:
    """Return the Run that a command has begun: the first new one on its set."""
    key = child.target.resource_id.casefold()
    for one in runs:
        is_there = one.record.rollout.target.resource_id.casefold() == key
        if is_there and one.record.run not in child.runs_before:
            return one.record.run
    return None


def _step(body: Document) -> tuple[str, ...]:
    step = whole_of(body, "step", _MOST_STEPS)
    return () if step is None else (str(step),)
