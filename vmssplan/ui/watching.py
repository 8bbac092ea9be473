"""What is known of the scale sets, looked at as seldom as those who look on allow.

However many pages are open, a set is looked at once, and no sooner again than the service's last
answer wished (`pacing`). A simulator tells free of charge whether anything has happened; while
nothing has, nobody looks.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from vmssplan.errors import VmssplanError
from vmssplan.model import ScaleSet
from vmssplan.pacing import pause_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vmssplan.model import ListedScaleSet, ScaleSetId
    from vmssplan.ports import Clock, Service

LISTING_SECONDS = 60.0
CALM_SECONDS = 30.0
"""How old a look may be for the overview, where nobody tells that something has happened."""
SECONDS_A_SET = 1.0
"""Of so many sets that this is more, by how much older for each of them."""
SHORTEST_SECONDS = 5.0
SHORTEST_SIMULATED_SECONDS = 0.5
MARK_SECONDS = 0.2
LEAST_REST = 2.0
"""How long to rest after a look, in looks."""
PATIENCE_SECONDS = 0.5
"""How long who has an older look waits for a newer one."""
_AT_ONCE = 4


class Change(Protocol):
    """Tells whether anything may have happened since."""

    async def mark(self) -> str | None:
        """Return what is another one whenever anything has happened; None: only a look tells."""
        ...


class Unknowing:
    """`Change` of a service that has to be looked at."""

    async def mark(self) -> str | None:
        """Return None: only a look tells."""
        return None


@dataclass(frozen=True, slots=True)
class Look:
    """A scale set as it was seen, and when, by the service's clock.

    `number` counts the looks that saw something else. `problem` is why the last look failed.
    """

    scale_set: ScaleSet
    at: datetime
    number: int
    problem: VmssplanError | None = None


@dataclass(slots=True)
class _Known:
    """What is kept of one set; `failed` is why it could not be seen, while it never was.

    `looked_at` and `next_at` are of the monotonic clock.
    """

    looking: asyncio.Task[None] | None = None
    look: Look | None = None
    failed: VmssplanError | None = None
    mark: str | None = None
    looked_at: float = 0.0
    next_at: float = 0.0


class Watch:
    """Looks at scale sets for all pages together."""

    def __init__(
        self,
        service: Service,
        clock: Clock,
        change: Change | None = None,
        *,
        subscriptions: Sequence[str] = (),
        targets: Iterable[ScaleSetId] = (),
    ) -> None:
        self._service = service
        self._clock = clock
        self._change = change or Unknowing()
        self.subscriptions = tuple(subscriptions)
        self._targets = {_key(one): one for one in targets}
        self._known: dict[str, _Known] = {}
        self._listed: tuple[ListedScaleSet, ...] = ()
        self._listed_at: float | None = None
        self._not_listed: VmssplanError | None = None
        self._listing = asyncio.Lock()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._marking = asyncio.Lock()
        self._last_mark: str | None = None
        self._marked_at = -MARK_SECONDS

    async def listed(self) -> Mapping[str, ListedScaleSet]:
        """Return the sets of the subscriptions by id without case, listed at most once a minute.

        Raises what the service raises; a list that was refused is not asked for sooner, either.
        """
        async with self._listing:
            if self._listed_at is None or time.monotonic() - self._listed_at > LISTING_SECONDS:
                self._listed_at = time.monotonic()
                try:
                    self._listed, self._not_listed = await self._list(), None
                except VmssplanError as error:
                    self._not_listed = error
        if self._not_listed is not None:
            raise self._not_listed.with_traceback(None)
        return {_key(one.id): one for one in self._listed}

    async def _list(self) -> tuple[ListedScaleSet, ...]:
        found: list[ListedScaleSet] = []
        for subscription_id in self.subscriptions:
            found += await self._service.scale_sets(subscription_id)
        return tuple(found)

    async def targets(self) -> tuple[ScaleSetId, ...]:
        """Return all sets there are: those of Plans in their spelling, then the listed ones."""
        found = dict(self._targets)
        for key, one in (await self.listed()).items():
            found.setdefault(key, one.id)
        return tuple(found.values())

    def named(self) -> tuple[ScaleSetId, ...]:
        """Return the sets that Plans name."""
        return tuple(self._targets.values())

    def forget(self) -> None:
        """Look again at everything that is asked for from here on: something was changed."""
        self._listed_at, self._marked_at = None, -MARK_SECONDS
        for known in self._known.values():
            known.mark, known.looked_at, known.next_at = None, 0.0, 0.0

    async def look(
        self,
        target: ScaleSetId,
        oldest_seconds: float = 0.0,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> Look:
        """Return how the set is: as it was seen last, where nothing newer may be had, or in time.

        `oldest_seconds` is how old a look may be in any case, `patience_seconds` how long to wait
        for a newer one; it is finished all the same. Raises what the service raises while the set
        was never seen.
        """
        known = self._known.setdefault(_key(target), _Known())
        now = time.monotonic()
        if known.looking is None or known.looking.done():
            # Where a mark tells whether anything has happened, asking again costs nothing.
            is_calm = known.mark is None and now - known.looked_at < oldest_seconds
            is_fresh = now < known.next_at or is_calm
            if known.look is not None and is_fresh:
                return known.look
            if known.failed is not None and now < known.next_at:
                raise known.failed.with_traceback(None)
            known.looking = asyncio.create_task(self._look(target, known))
        patience = None if known.look is None else patience_seconds
        done, _ = await asyncio.wait({known.looking}, timeout=patience)
        for looked in done:
            # A bug is raised here; what the service refuses is kept.
            looked.result()
        if known.look is not None:
            return known.look
        if known.failed is None:
            raise AssertionError
        raise known.failed.with_traceback(None)

    def seen(self, target: ScaleSetId) -> Look | None:
        """Return the last look; None when there was none."""
        known = self._known.get(_key(target))
        return known.look if known else None

    def problem(self, target: ScaleSetId) -> VmssplanError | None:
        """Return why the set could not be seen yet; None where it was, or nobody has looked."""
        known = self._known.get(_key(target))
        return known.failed if known else None

    async def _look(self, target: ScaleSetId, known: _Known) -> None:
        """Look, unless nothing has happened since, and keep what was seen, or what was wrong."""
        before, shortest, began = known.look, SHORTEST_SECONDS, time.monotonic()
        try:
            mark = await self._mark()
            if mark is not None:
                shortest = SHORTEST_SIMULATED_SECONDS
                if before is not None and before.problem is None and mark == known.mark:
                    return
            async with self._at_once:
                seen, pacing = await self._service.observe(target)
        except VmssplanError as error:
            known.next_at = time.monotonic() + 2 * shortest
            if before is None:
                known.failed = error
            else:
                is_known = before.problem is not None and before.problem.message == error.message
                number = before.number + (not is_known)
                known.look = Look(before.scale_set, before.at, number, error)
            return
        known.looked_at, known.failed = time.monotonic(), None
        # A simulator's pauses are of virtual time: there the mark says when to look.
        pause = timedelta(0) if mark is not None else pause_after([pacing])
        # A large set must not keep this process busy with nothing but looking at it.
        took = LEAST_REST * (known.looked_at - began)
        known.next_at = known.looked_at + max(shortest, pause.total_seconds(), took)
        known.mark = mark
        is_same = before is not None and before.problem is None and before.scale_set == seen
        number = 1 if before is None else before.number + (not is_same)
        known.look = Look(seen, self._clock.now(), number)

    async def _mark(self) -> str | None:
        """Ask whether anything has happened, once for all sets that are looked at together."""
        async with self._marking:
            if time.monotonic() - self._marked_at > MARK_SECONDS:
                self._last_mark = await self._change.mark()
                self._marked_at = time.monotonic()
            return self._last_mark


def _key(target: ScaleSetId) -> str:
    return target.resource_id.casefold()
