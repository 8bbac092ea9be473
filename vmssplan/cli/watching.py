"""How a Run is watched: a live picture on a terminal, plain lines in a log, JSON for machines."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.live import Live as RichLive

    from vmssplan.cli.console import Console
    from vmssplan.engine import Event, RunState
    from vmssplan.executor import Watcher
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

RECENT_EVENTS = 8


@contextmanager
def watching(run: str, rollout: Rollout, console: Console, *, as_json: bool) -> Iterator[Watcher]:
    """Return the watcher that fits where the output goes."""
    if as_json:
        yield JsonLines(run, rollout, console)
    elif sys.stdout.isatty() and console.wants_color(sys.stdout):
        with _live() as live:
            yield Picture(rollout, live)
    else:
        yield PlainLines(rollout, console)


class PlainLines:
    """One line an Event that matters."""

    def __init__(self, rollout: Rollout, console: Console) -> None:
        self._rollout = rollout
        self._console = console

    def happened(self, event: Event, state: RunState) -> None:
        """Print the Event."""
        from vmssplan.report.run import event_line

        del state
        line = event_line(event, self._rollout)
        if line is not None:
            self._console.out(line)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note: an observation is no event."""


class JsonLines:
    """One JSON object an Event."""

    def __init__(self, run: str, rollout: Rollout, console: Console) -> None:
        self._run = run
        self._rollout = rollout
        self._console = console

    def happened(self, event: Event, state: RunState) -> None:
        """Print the Event."""
        from vmssplan.documents import canonical_json
        from vmssplan.report.as_json import event_json

        del state
        self._console.out(canonical_json(event_json(event, self._run, self._rollout)))

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note: an observation is no event."""


class Picture:
    """The heat map, redrawn in place."""

    def __init__(self, rollout: Rollout, live: RichLive) -> None:
        self._rollout = rollout
        self._live = live
        self._seen: ScaleSet | None = None
        self._started_at: datetime | None = None
        self._recent: deque[str] = deque(maxlen=RECENT_EVENTS)

    def happened(self, event: Event, state: RunState) -> None:
        """Add the Event to the last few, and redraw."""
        from vmssplan.report.run import event_line

        self._started_at = self._started_at or event.at
        line = event_line(event, self._rollout)
        if line is not None:
            self._recent.append(line)
        self._draw(state, event.at)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Redraw with what was seen."""
        self._seen = scale_set
        self._draw(state, now)

    def _draw(self, state: RunState, now: datetime) -> None:
        from vmssplan.report.live import live_view

        if self._seen is None:
            return
        size: Any = self._live.console.size
        self._live.update(
            live_view(
                self._rollout,
                self._seen,
                state,
                now=now,
                started_at=self._started_at or now,
                recent=tuple(self._recent),
                width=size.width,
                height=size.height,
            )
        )


@contextmanager
def _live() -> Iterator[RichLive]:
    from rich.live import Live

    with Live(refresh_per_second=8, vertical_overflow="crop", transient=False) as live:
        yield live
