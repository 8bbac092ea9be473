"""How a Run is watched: a live picture on a terminal, plain lines in a log, JSON for machines."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.text import Text

    from vmssplan.cli.console import Console
    from vmssplan.engine import Event, RunState
    from vmssplan.executor import Watcher
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

RECENT_EVENTS = 200


@contextmanager
def watching(run: str, rollout: Rollout, console: Console, *, as_json: bool) -> Iterator[Watcher]:
    """Return the watcher that fits where the output goes."""
    if as_json:
        yield JsonLines(run, rollout, console)
    elif sys.stdout.isatty() and console.wants_color(sys.stdout):
        picture = Picture(rollout)
        with _drawing(picture):
            yield picture
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
        self._has_begun = False

    def happened(self, event: Event, state: RunState) -> None:
        """Print the Event, before the first one the version of the stream."""
        from vmssplan.documents import canonical_json
        from vmssplan.report.as_json import event_json, version_json

        del state
        if not self._has_begun:
            self._has_begun = True
            self._console.out(canonical_json(version_json(event.at)))
        self._console.out(canonical_json(event_json(event, self._run, self._rollout)))

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note: an observation is no event."""


class Picture:
    """The heat map, redrawn in place as often as the eye can follow, whatever happens between."""

    def __init__(self, rollout: Rollout) -> None:
        self._rollout = rollout
        self._seen: ScaleSet | None = None
        self._state: RunState | None = None
        self._now: datetime | None = None
        self._started_at: datetime | None = None
        self._recent: deque[Event] = deque(maxlen=RECENT_EVENTS)

    def happened(self, event: Event, state: RunState) -> None:
        """Remember the Event for the next frame."""
        self._started_at = self._started_at or event.at
        self._recent.append(event)
        self._state, self._now = state, event.at

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Remember what was seen for the next frame."""
        self._seen, self._state, self._now = scale_set, state, now

    def frame(self, width: int, height: int) -> Text:
        """Return the picture as it is now."""
        from rich.text import Text

        from vmssplan.report.heatmap import Symbols
        from vmssplan.report.live import live_view
        from vmssplan.report.run import event_lines

        if self._state is None or self._now is None or self._started_at is None:
            return Text("")
        is_utf8 = (sys.stdout.encoding or "").casefold().replace("-", "") == "utf8"
        return live_view(
            self._rollout,
            self._seen,
            self._state,
            self._now,
            self._started_at,
            width,
            height,
            recent=event_lines(tuple(self._recent), self._rollout),
            symbols=Symbols.unicode() if is_utf8 else Symbols.ascii(),
        )


@contextmanager
def _drawing(picture: Picture) -> Iterator[None]:
    from rich.console import Console as RichConsole
    from rich.live import Live

    screen = RichConsole()

    def frame() -> Text:
        # A frame of the full height would scroll when the cursor goes below it at the end.
        return picture.frame(screen.size.width, screen.size.height - 1)

    with Live(get_renderable=frame, console=screen, refresh_per_second=8, vertical_overflow="crop"):
        yield
