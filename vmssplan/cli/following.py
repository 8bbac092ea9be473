"""`status --watch`: Runs that other processes carry out, seen through where their state is kept.

No service is asked. On a terminal it is a picture with keys, elsewhere a line an Event. It ends
with the Run, and with the exit code of its outcome.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from vmssplan.cli.watching import RECENT_EVENTS, JsonLines, PlainLines, why_no_keys
from vmssplan.engine import RunState, evolve
from vmssplan.engine.events import RunCompleted, RunHalted
from vmssplan.errors import ExitCode, StateUnreadable
from vmssplan.report.run_report.serving import Serving
from vmssplan.report.status import RunRecord, run_text, status_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmssplan.cli.console import Console
    from vmssplan.cli.view.picture import RunsView, RunView, Sight
    from vmssplan.executor import Watcher
    from vmssplan.model import ScaleSetId
    from vmssplan.ports import StateStore
    from vmssplan.rollout import Rollout

LEAST_SECONDS, LEAST_SHARED_SECONDS, MOST_SECONDS = 1.0, 5.0, 30.0
"""Between two looks at a folder, and at a place that others pay for or wait for."""
COST_FACTOR = 10
"""Looking takes at most a tenth of the time."""
UNHELD_LOOKS = 2
"""A Run that nobody holds at so many looks in a row has stopped; at one, somebody may take it."""
REREAD_AT = 10
WALL_CLOCK = timedelta(days=1)
"""An Event no older than this was written by a process that lives by the wall clock."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look: `least` seconds apart, longer where a look takes long."""

    least: float

    def after(self, took: float) -> float:
        """Return how long to wait after a look that took so many seconds."""
        return min(MOST_SECONDS, max(self.least, COST_FACTOR * took))


class Follower:
    """One Run, its journal read again and again; only what is new is evolved."""

    def __init__(self, run: str, store: StateStore) -> None:
        self.run = run
        self._store = store
        self.rollout: Rollout = store.rollout(run)
        self.state = RunState.begin(self.rollout)
        self.record = RunRecord(run, self.rollout, ())
        self._serving = Serving(self.rollout)
        self._served: list[tuple[datetime, int]] = []
        self._unheld = 0
        self._changed_at = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Tell whether nobody carries it out, and nobody is about to."""
        has_ended = self.state.outcome is not None and self._unheld > 0
        return has_ended or self._unheld >= UNHELD_LOOKS

    @property
    def exit_code(self) -> int:
        """The exit code of its outcome; of one that has stopped without any, 1."""
        return self.state.outcome.exit_code if self.state.outcome else ExitCode.ERROR

    def look(self, *watchers: Watcher) -> None:
        """Read what is new, and tell it; raises StateUnreadable, NotPermitted."""
        # The holder first: read after its last Event, it would seem to have stopped without one.
        holder = self._store.holder(self.rollout.target)
        is_held = holder is not None and holder.run == self.run
        events = self._store.events(self.run)
        new = events[len(self.record.events) :]
        if new:
            self._changed_at = time.monotonic()
        for event in new:
            self.state = evolve(self.state, event)
            if self._serving.happened(event) or not self._served:
                self._served.append((event.at, self._serving.count))
            for one in watchers:
                one.happened(event, self.state)
        self._unheld = 0 if is_held else self._unheld + 1
        self.record = RunRecord(self.run, self.rollout, events, is_held=is_held)

    def sight(self) -> Sight | None:
        """Return what is to be seen of it now; None before its first Event."""
        from vmssplan.cli.view.picture import Sight

        events = self.record.events
        if not events:
            return None
        recent = events[-RECENT_EVENTS:]
        return Sight(
            self.state,
            None,
            self._now(events[-1].at),
            events[0].at,
            recent,
            self.rollout,
            tuple(self._served),
            is_running=self.record.is_held,
        )

    def _now(self, last: datetime) -> datetime:
        """Return the time as the Run lives it, which may be a simulator's."""
        if self.state.outcome is not None:
            return last
        wall = datetime.now(UTC)
        if timedelta(0) <= wall - last <= WALL_CLOCK:
            return wall
        return last + timedelta(seconds=time.monotonic() - self._changed_at)


def watch_run(
    run: str, store: StateStore, console: Console, *, is_shared: bool, as_json: bool
) -> int:
    """Follow a Run to its end, and say how it stands then; 8 when it is left before."""
    from vmssplan.cli.view.screen import can_draw

    pace = Pace(LEAST_SHARED_SECONDS if is_shared else LEAST_SECONDS)
    follower = Follower(run, store)
    if as_json or not can_draw(sys.stdout):
        shown: Watcher = (
            JsonLines(run, console) if as_json else PlainLines(follower.rollout, console)
        )
        _in_lines(follower, shown, pace, console)
    elif not _on_screen(follower, store, pace, console):
        return ExitCode.CANCELLED
    if as_json:
        _say_outcome_json(follower, console)
    else:
        console.out(run_text(follower.record, paint=console.paint(), width=console.width))
    return follower.exit_code


def watch_runs(store: StateStore, console: Console, *, is_shared: bool, as_json: bool) -> int:
    """Keep the table of Runs current until it is left."""
    from vmssplan.cli.view.screen import can_draw

    pace = Pace(LEAST_SHARED_SECONDS if is_shared else LEAST_SECONDS)
    table = Table(store)
    if as_json or not can_draw(sys.stdout):
        _tables_in_lines(table, pace, console, as_json=as_json)
    else:
        _tables_on_screen(table, pace, console)
    return ExitCode.SUCCESS


class Table:
    """All Runs; one that has ended is read again when somebody holds its set, or now and then."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._known: dict[str, RunRecord] = {}
        self._looks = 0

    def look(self) -> list[RunRecord]:
        """Read them; raises StateUnreadable, NotPermitted."""
        self._looks += 1
        reads_all = self._looks % REREAD_AT == 0
        holders: dict[ScaleSetId, str] = {}
        for run in self._store.runs():
            before = self._known.get(run)
            rollout = before.rollout if before else self._store.rollout(run)
            if rollout.target not in holders:
                holder = self._store.holder(rollout.target)
                holders[rollout.target] = holder.run if holder else ""
            is_held = holders[rollout.target] == run
            is_settled = before is not None and not before.is_held and _has_ended(before)
            if is_held or reads_all or not is_settled:
                events = self._store.events(run)
                self._known[run] = RunRecord(run, rollout, events, is_held=is_held)
        return list(self._known.values())


def _has_ended(record: RunRecord) -> bool:
    return bool(record.events) and isinstance(record.events[-1], RunCompleted | RunHalted)


# --- on a screen ----------------------------------------------------------------------------


def _on_screen(follower: Follower, store: StateStore, pace: Pace, console: Console) -> bool:
    """Show it until it ends; False when it was left before."""
    from vmssplan.cli.view.picture import RunView

    changed = threading.Event()
    view = RunView(
        follower.run,
        store,
        is_ours=False,
        why_no_keys=why_no_keys(follower.run),
        wake=changed.set,
    )

    def look() -> bool:
        follower.look()
        return follower.is_over

    def show() -> None:
        view.sight = follower.sight()

    _keep_looking(look, show, view, changed, pace, console)
    return follower.is_over


def _tables_on_screen(table: Table, pace: Pace, console: Console) -> None:
    from vmssplan.cli.view.picture import RunsView

    view = RunsView(why_no_keys=why_no_keys(""))
    found: list[RunRecord] = []

    def look() -> bool:
        found[:] = table.look()
        return False

    def show() -> None:
        view.records = tuple(found)

    _keep_looking(look, show, view, threading.Event(), pace, console)


def _keep_looking(
    look: Callable[[], bool],
    show: Callable[[], None],
    view: RunView | RunsView,
    changed: threading.Event,
    pace: Pace,
    console: Console,
) -> None:
    """Look until there is no more to see, or until the view is left.

    The first look is made before anything is drawn, so that a Run that is not there is told as by
    every verb. Later ones are made beside, so that a slow one keeps nobody from leaving.
    """
    from vmssplan.cli.view.screen import TICK_SECONDS, Screen, can_read_keys

    started = time.monotonic()
    if look():
        return
    show()
    over = threading.Event()
    failures: list[Exception] = []

    def go_on() -> None:
        took, done = time.monotonic() - started, False
        try:
            while not done and not view.left.is_set():
                pause = pace.after(took)
                view.next_look = time.monotonic() + pause
                changed.wait(pause)
                changed.clear()
                begun = time.monotonic()
                try:
                    done = look()
                    view.trouble = ""
                except StateUnreadable as error:
                    view.trouble = f"not current: {error.message}"
                took = time.monotonic() - begun
                show()
        except Exception as error:  # noqa: BLE001 - told by the main thread
            failures.append(error)
        over.set()

    screen = Screen(view, console.paint(), reads_keys=can_read_keys())
    with screen:
        threading.Thread(target=go_on, name="looks", daemon=True).start()
        # In short waits, because on Windows Ctrl-C does not end a long one.
        while not over.wait(TICK_SECONDS) and not view.left.is_set() and screen.failure is None:
            pass
    for failure in (*failures, screen.failure):
        # A terminal that is gone has nobody before it: the view was left.
        if failure is not None and not isinstance(failure, OSError):
            raise failure


# --- in lines -------------------------------------------------------------------------------


def _in_lines(follower: Follower, shown: Watcher, pace: Pace, console: Console) -> None:
    is_first = True
    while not follower.is_over:
        begun = time.monotonic()
        try:
            follower.look(shown)
        except StateUnreadable as error:
            if is_first:
                raise
            console.warning(f"not current: {error.message}")
        is_first = False
        if not follower.is_over:
            time.sleep(pace.after(time.monotonic() - begun))


def _tables_in_lines(table: Table, pace: Pace, console: Console, *, as_json: bool) -> None:
    """Print the table anew whenever it has changed, until somebody stops this."""
    from vmssplan.documents import canonical_json
    from vmssplan.report.as_json import status_json

    before = ""
    while True:
        begun = time.monotonic()
        records = table.look()
        text = (
            canonical_json(status_json(records))
            if as_json
            else status_text(records, paint=console.paint(), width=console.width)
        )
        if text != before:
            console.out(text if as_json or not before else f"\n{text}")
        before = text
        time.sleep(pace.after(time.monotonic() - begun))


def _say_outcome_json(follower: Follower, console: Console) -> None:
    from vmssplan.documents import canonical_json
    from vmssplan.report.as_json import outcome_line_json

    at = follower.record.events[-1].at if follower.record.events else datetime.now(UTC)
    console.out(canonical_json(outcome_line_json(follower.state, follower.run, at)))
