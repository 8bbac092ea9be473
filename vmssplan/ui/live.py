"""What happens, as server-sent events: one stream a page, told only what has changed.

Streams do not look by themselves. They ask the same `Watch` and `Runs` as everybody, which answer
from memory as long as they must, so a hundred pages cost one look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import StreamingResponse

from vmssplan.errors import VmssplanError
from vmssplan.ui.answers import json_text
from vmssplan.ui.picture import problem_document
from vmssplan.ui.runs import event_documents, runs_document, status_document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from vmssplan.ui.runs import Kept, Runs
    from vmssplan.ui.watching import Watch

TURN_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15.0
MOST_STREAMS = 100
MOST_TEXTS = 50
_EVENTS_AT_ONCE = 500

Document = dict[str, Any]


Version = Hashable
"""What is another one whenever a document would be."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something a stream tells of: the event's name, what it is about, and how it is now.

    `ask` returns the version, and what makes the document of it; raises VmssplanError.
    """

    name: str
    about: str
    ask: Callable[[], Awaitable[tuple[Version, Callable[[], Document]]]]


@dataclass(slots=True)
class Streams:
    """All streams of the server; they end when it does."""

    is_closing: bool = False
    open_ones: int = 0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _texts: dict[tuple[str, str], tuple[Version, str]] = field(default_factory=dict)

    def text(self, topic: Topic, version: Version, make: Callable[[], Document]) -> str:
        """Return the document as it is sent, written once for all streams."""
        place = (topic.name, topic.about)
        known = self._texts.get(place)
        if known is None or known[0] != version:
            if len(self._texts) >= MOST_TEXTS:
                self._texts.clear()
            known = self._texts[place] = (version, json_text(make()))
        return known[1]

    def wake(self) -> None:
        """Let every stream look at once: something was changed from here."""
        self._woken.set()
        self._woken = asyncio.Event()

    def close(self) -> None:
        """Let all streams end."""
        self.is_closing = True
        self.wake()

    async def rest(self) -> None:
        """Return after a turn, or when woken."""
        try:
            await asyncio.wait_for(self._woken.wait(), TURN_SECONDS)
        except TimeoutError:
            return


class Told:
    """What one stream has told of one topic: it is told again when it is another."""

    def __init__(self, streams: Streams, topic: Topic) -> None:
        self._streams = streams
        self._topic = topic
        self._last: Version = None

    async def news(self) -> str:
        """Return the event, "" while there is nothing new; a problem is told once, too."""
        try:
            version, make = await self._topic.ask()
        except VmssplanError as error:
            problem = {"problem": problem_document(error)}
            version, make = json_text(problem), lambda: problem
        if version == self._last:
            return ""
        self._last = version
        return _event(self._topic.name, self._streams.text(self._topic, version, make))


class RunNews:
    """The Events of one Run that a stream has not told yet, and where the Run stands."""

    def __init__(
        self,
        streams: Streams,
        runs: Runs,
        watch: Watch | None,
        run: str,
        names: tuple[str, str] = ("run-event", "run-status"),
        start: int = 0,
    ) -> None:
        self._runs = runs
        self._watch = watch
        self._run = run
        self._event, status = names
        self._next = start
        self._status = Told(streams, Topic(status, run, self._stand))

    async def news(self) -> str:
        """Return the events, in order, then the status, if it has changed."""
        kept = await self._runs.one(self._run)
        texts: list[str] = []
        if len(kept.record.events) > self._next:
            for document in event_documents(kept.record, self._next):
                texts.append(_event(self._event, json_text(document), document["number"]))
                if len(texts) == _EVENTS_AT_ONCE:
                    break
            self._next += len(texts)
        texts.append(await self._status.news())
        return "".join(texts)

    async def _stand(self) -> tuple[Version, Callable[[], Document]]:
        kept = await self._runs.one(self._run)
        target, look = kept.record.rollout.target, None
        if self._watch is not None:
            is_going = kept.record.is_held
            look = await self._watch.look(target) if is_going else self._watch.seen(target)
        live = look.scale_set if look else None
        version = (len(kept.record.events), kept.record.is_held, look.number if look else 0)
        return version, lambda: status_document(kept, live)


def stream(streams: Streams, parts: Sequence[Told | RunNews]) -> StreamingResponse:
    """Return the answer that goes on until the page or the server is gone."""
    return StreamingResponse(_telling(streams, parts), media_type="text/event-stream")


async def _telling(streams: Streams, parts: Sequence[Told | RunNews]) -> AsyncIterator[str]:
    streams.open_ones += 1
    silent = 0.0
    try:
        yield "retry: 1000\n\n"
        while not streams.is_closing:
            for part in parts:
                try:
                    text = await part.news()
                except VmssplanError as error:
                    # A Run whose folder went away: nothing more will come of it.
                    yield _event("problem", json_text(problem_document(error)))
                    return
                if text:
                    silent = 0.0
                    yield text
            if silent >= KEEP_ALIVE_SECONDS:
                silent = 0.0
                yield ": here\n\n"
            await streams.rest()
            silent += TURN_SECONDS
    finally:
        streams.open_ones -= 1


def first_event(last_event_id: str | None) -> int:
    """Return the number of the first Event that a page has not heard."""
    known = last_event_id or ""
    return int(known) + 1 if known.isdecimal() else 0


def runs_topic(runs: Runs) -> Topic:
    """Return what tells of all Runs."""

    async def ask() -> tuple[Version, Callable[[], Document]]:
        found = await runs.all()
        return version_of_runs(found), lambda: runs_document(found)

    return Topic("runs", "", ask)


def version_of_runs(runs: Sequence[Kept]) -> Version:
    """Return what is another one whenever a line of a Run would be."""
    return tuple((one.record.run, len(one.record.events), one.record.is_held) for one in runs)


def _event(name: str, text: str, number: int | None = None) -> str:
    place = "" if number is None else f"id: {number}\n"
    return f"{place}event: {name}\ndata: {text}\n\n"
