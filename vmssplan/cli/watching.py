"""How a Run is watched: a live picture on a terminal, plain lines in a log, JSON for machines.

Beside that, where they are asked for: the logs, and OpenTelemetry.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from vmssplan.cli import logs
from vmssplan.errors import UsageInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from vmssplan.cli.console import Console
    from vmssplan.cli.view.picture import RunView
    from vmssplan.engine import Event, RunState
    from vmssplan.executor import Watcher
    from vmssplan.model import ScaleSet
    from vmssplan.ports import StateStore
    from vmssplan.report.serving_line import Served
    from vmssplan.rollout import Rollout

RECENT_EVENTS = 1000
COLLECTORS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
"""The variables that name a collector."""


@contextmanager
def watching(
    run: str,
    rollout: Rollout,
    store: StateStore,
    console: Console,
    *,
    as_json: bool,
    otel: bool | None = None,
) -> Iterator[Watcher]:
    """Return the watcher that fits where the output goes, with those who look on beside it.

    `otel` None means: if the environment names a collector. Raises UsageInvalid when it is asked
    for and cannot be.
    """
    with ExitStack() as open_ones:
        beside: list[Watcher] = []
        if logs.are_wanted():
            from vmssplan.cli.run_log import RunLog

            beside.append(RunLog(run, rollout))
        if otel or (otel is None and _has_collector()):
            beside += _telemetry(run, rollout, console, open_ones, is_asked=bool(otel))
        shown = open_ones.enter_context(_shown(run, rollout, store, console, as_json=as_json))
        yield Several(shown, beside, console) if beside else shown


@contextmanager
def _shown(
    run: str, rollout: Rollout, store: StateStore, console: Console, *, as_json: bool
) -> Iterator[Watcher]:
    """Return the watcher for standard output."""
    from vmssplan.cli.view.screen import can_draw

    if as_json:
        yield JsonLines(run, console)
    elif console.wants_color(sys.stdout) and can_draw(sys.stdout):
        with _picture(run, rollout, store, console) as picture:
            yield picture
    else:
        yield PlainLines(rollout, console)


def _has_collector() -> bool:
    """Tell whether the standard variables of OpenTelemetry say where to send."""
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().casefold() == "true"
    return not is_disabled and any(os.environ.get(name) for name in COLLECTORS)


def _telemetry(
    run: str, rollout: Rollout, console: Console, open_ones: ExitStack, *, is_asked: bool
) -> list[Watcher]:
    """Return the watcher for OpenTelemetry.

    What keeps it from working is an error for who asked for it with an option. The variables are
    often set for every program of a machine, so then it is a warning.
    """
    try:
        check_telemetry()
    except UsageInvalid as error:
        if is_asked:
            raise
        hint = f" ({error.hint})" if error.hint else ""
        console.warning(f"nothing is sent to OpenTelemetry: {error.message}{hint}")
        return []
    from vmssplan.telemetry import exporting

    return [open_ones.enter_context(exporting(run, rollout))]


def check_telemetry() -> None:
    """Raise UsageInvalid where OpenTelemetry is not installed, or is to be what it cannot be."""
    try:
        from vmssplan.telemetry import check
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise UsageInvalid(
            "OpenTelemetry is not installed", hint="pip install 'vmssplan[otel]'"
        ) from error
    check()


class Several:
    """The watcher of standard output, and others beside it who must never stop a Run."""

    def __init__(self, shown: Watcher, beside: Sequence[Watcher], console: Console) -> None:
        self._shown = shown
        self._beside = list(beside)
        self._console = console

    def happened(self, event: Event, state: RunState) -> None:
        """Tell all of them."""
        self._shown.happened(event, state)
        for one in tuple(self._beside):
            with self._dropping(one):
                one.happened(event, state)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Tell all of them."""
        self._shown.looked(scale_set, state, now)
        for one in tuple(self._beside):
            with self._dropping(one):
                one.looked(scale_set, state, now)

    @contextmanager
    def _dropping(self, one: Watcher) -> Iterator[None]:
        """Go on without one that fails, and say so: the scale set matters more."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - nobody beside it may stop a Run
            self._beside.remove(one)
            what = f"{type(one).__name__} has stopped looking on"
            self._console.warning(f"{what}: {type(error).__name__}: {error}")


class PlainLines:
    """One line an Event that matters."""

    def __init__(self, rollout: Rollout, console: Console) -> None:
        self._rollout = rollout
        self._console = console

    def happened(self, event: Event, state: RunState) -> None:
        """Print the Event."""
        from vmssplan.report.run import event_line

        # What was in force before it: a RollbackStarted turns it round.
        line = event_line(event, self._rollout)
        self._rollout = state.rollout
        if line is not None:
            self._console.out(line)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note: an observation is no event."""


class JsonLines:
    """One JSON object an Event."""

    def __init__(self, run: str, console: Console) -> None:
        self._run = run
        self._console = console
        self._has_begun = False

    def happened(self, event: Event, state: RunState) -> None:
        """Print the Event, before the first one the version of the stream."""
        from vmssplan.documents import canonical_json
        from vmssplan.report.as_json import event_json, version_json

        if not self._has_begun:
            self._has_begun = True
            self._console.out(canonical_json(version_json(event.at)))
        self._console.out(canonical_json(event_json(event, self._run, state.rollout)))

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Take no note: an observation is no event."""


class Picture:
    """The heat map, redrawn in place as often as the eye can follow, whatever happens between."""

    def __init__(self, rollout: Rollout, view: RunView) -> None:
        self._rollout = rollout
        self._view = view
        self._seen: ScaleSet | None = None
        self._started_at: datetime | None = None
        self._recent: deque[Event] = deque(maxlen=RECENT_EVENTS)
        self._served: Served = ()

    def happened(self, event: Event, state: RunState) -> None:
        """Remember the Event for the next frame."""
        from vmssplan.engine.events import UpgradeIntended

        self._recent.append(event)
        if isinstance(event, UpgradeIntended):
            self._count(state, event.at)
        self._show(state, event.at)

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Remember what was seen for the next frame."""
        self._seen = scale_set
        self._count(state, now)
        self._show(state, now)

    def _count(self, state: RunState, now: datetime) -> None:
        from vmssplan.report.live import in_service

        count = in_service(state, self._seen)
        if not self._served or self._served[-1][1] != count:
            self._served = (*self._served, (now, count))

    def _show(self, state: RunState, now: datetime) -> None:
        from vmssplan.cli.view.picture import Sight

        self._started_at = self._started_at or now
        self._view.sight = Sight(
            state,
            self._seen,
            now,
            self._started_at,
            tuple(self._recent),
            self._rollout,
            self._served,
        )


@contextmanager
def _picture(run: str, rollout: Rollout, store: StateStore, console: Console) -> Iterator[Picture]:
    """Draw while the context lasts, and leave the last picture among the output."""
    from vmssplan.cli.view.picture import RunView
    from vmssplan.cli.view.screen import Screen, can_read_keys, size_of

    view = RunView(run, store, is_ours=True, why_no_keys=why_no_keys(run))
    screen = Screen(view, console.paint(), reads_keys=can_read_keys())
    try:
        with screen:
            yield Picture(rollout, view)
    finally:
        with suppress(OSError):
            console.out(view.last_picture(*size_of(sys.stdout), console.paint()))
        if screen.failure is not None:
            what = f"{type(screen.failure).__name__}: {screen.failure}"
            console.warning(f"the picture was lost on the way, not the Run: {what}")


def why_no_keys(run: str) -> str:
    """Say why no keys are read here, and what does the same; nothing where they are."""
    from vmssplan.cli.view.screen import can_read_keys

    if can_read_keys():
        return ""
    what = "Windows has no keys here" if os.name == "nt" else "no keys: the input is no terminal"
    return f"{what}; elsewhere: vmssplan pause {run}" if run else what
