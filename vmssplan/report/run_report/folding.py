"""From a Rollout and its journal to the chronicle: one pass over the Events, through `evolve`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from vmssplan.engine import Phase, RunState, evolve
from vmssplan.engine import events as ev
from vmssplan.report.happening import happening
from vmssplan.report.heatmap import CellState, heat_map
from vmssplan.report.run import Recap, headline
from vmssplan.report.run_report.calls import calls_of
from vmssplan.report.run_report.chronicle import (
    Chronicle,
    Count,
    FailureTale,
    InstanceTale,
    Line,
    Mark,
    Spell,
)
from vmssplan.report.run_report.deciding import decisions_of
from vmssplan.report.run_report.safe import safe
from vmssplan.report.run_report.serving import Serving
from vmssplan.report.run_report.stepping import Course, batches_of, steps_of
from vmssplan.report.told import Weight
from vmssplan.report.wording import span_text
from vmssplan.rollout import UpgradeBatch, UpgradeWindow, digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from vmssplan.engine import Event
    from vmssplan.rollout import PlannedInstance, Rollout

MEANWHILE = "came meanwhile"
"""The row of the heat map for what nobody had planned for."""
_STANDINGS = {
    Phase.OPERATING: CellState.OPERATING,
    Phase.AWAITING: CellState.AWAITING,
    Phase.READY: CellState.READY,
    Phase.FAILED: CellState.FAILED,
    Phase.SKIPPED: CellState.SKIPPED,
}


def chronicle_of(run: str, rollout: Rollout, events: Sequence[Event]) -> Chronicle:
    """Tell the Run; raises ValueError where nothing has happened yet."""
    if not events:
        raise ValueError("nothing has happened yet")
    state, serving = RunState.begin(rollout), Serving(rollout)
    spells = _Spells(rollout, events[0].at)
    counts = [Count(events[0].at, serving.count)]
    told: list[tuple[Event, Rollout]] = []
    turned: RunState | None = None
    for (at, _), group in groupby(events, key=_moment):
        together = list(group)
        turned = state if isinstance(together[0], ev.RollbackStarted) else turned
        told += [(event, state.rollout) for event in together]
        changes = [serving.happened(event) for event in together]
        state = evolve(state, *together)
        spells.stand(at, _touched(together, state), state, serving)
        if any(changes) and counts[-1].in_service != serving.count:
            counts = [one for one in counts if one.at != at or one is counts[0]]
            counts.append(Count(at, serving.count))
    course = Course(told, turned, state)
    return Chronicle(
        run=safe(run),
        rollout=rollout,
        state=state,
        started=events[0].at,
        last=events[-1].at,
        headline=safe(headline(state)),
        summary=tuple(_summary(rollout, state, events, counts)),
        steps=tuple(steps_of(course)),
        batches=tuple(batches_of(course)),
        instances=spells.tales(events[-1].at),
        counts=tuple(counts),
        decisions=tuple(decisions_of(told)),
        failures=tuple(_failures(events, state)),
        calls=tuple(calls_of(told)),
        marks=tuple(_marks(events)),
        lines=tuple(_lines(told)),
    )


def _moment(event: Event) -> tuple[datetime, object]:
    """Tell apart what is to be taken one by one: only what befalls instances goes together."""
    return event.at, "instances" if isinstance(event, ev.InstanceEvent) else id(event)


def _touched(events: Sequence[Event], state: RunState) -> Sequence[str]:
    """Return the instances whose standing these Events may have changed."""
    match events[0]:
        case ev.UpgradeIntended(instance_ids=ids):
            return ids
        case (
            ev.RequestDeferred()
            | ev.RequestRefused()
            | ev.RunResumed()
            | ev.RollbackStarted()
            | ev.InstanceAppeared()
        ):
            return (*state.progress, *(one.instance.instance_id for one in state.appeared.values()))
        case _:
            return [one.instance_id for one in events if isinstance(one, ev.InstanceEvent)]


class _Spells:
    """How every instance stands, from spell to spell."""

    def __init__(self, rollout: Rollout, start: datetime) -> None:
        self._rollout = rollout
        self._known: dict[str, PlannedInstance] = {o.instance_id: o for o in rollout.instances}
        begun = heat_map(RunState.begin(rollout))
        self._place = {
            cell.instance_id: place for place, cells in begun.cells.items() for cell in cells
        }
        self._first_column = begun.columns[0]
        self._open = {cell.instance_id: (cell.state, start) for cell in begun.all_cells}
        self._closed: dict[str, list[Spell]] = {one: [] for one in self._open}

    def stand(
        self, at: datetime, touched: Sequence[str], state: RunState, serving: Serving
    ) -> None:
        """Note how these stand now."""
        for one in touched:
            if one not in self._open:
                self._known[one] = _came(one, state)
                self._closed[one] = []
                self._open[one] = (self._standing(one, state, serving), at)
                continue
            before, since = self._open[one]
            now = self._standing(one, state, serving)
            if now is not before:
                self._turn(one, now, at, before, since)

    def _turn(
        self, one: str, now: CellState, at: datetime, before: CellState, since: datetime
    ) -> None:
        """Begin a spell; what lasted no time is forgotten, as if it had never been."""
        closed = self._closed[one]
        if at > since:
            closed.append(Spell(before, since, at))
        is_back = bool(closed) and closed[-1].state is now and closed[-1].end == at
        self._open[one] = (now, closed.pop().start if is_back else at)

    def _standing(self, one: str, state: RunState, serving: Serving) -> CellState:
        progress = state.progress.get(one)
        if progress is None:
            if one in self._open:
                return self._open[one][0]
            is_current = next(
                (a.is_current for a in state.appeared.values() if a.instance.instance_id == one),
                False,
            )
            return CellState.CURRENT if is_current else CellState.SKIPPED
        if progress.phase is Phase.PENDING:
            return CellState.PENDING if serving.serves(one) else CellState.SICK
        return _STANDINGS[progress.phase]

    def tales(self, last: datetime) -> tuple[InstanceTale, ...]:
        """Return all of them in the order of the steps; those left alone come last."""
        batches = _batches(self._rollout)
        order = {one: number for number, one in enumerate(batches)}
        ids = sorted(self._known, key=lambda one: order.get(one, len(order)))
        return tuple(self._tale(one, batches.get(one), last) for one in ids)

    def _tale(self, one: str, batch: int | None, last: datetime) -> InstanceTale:
        state, since = self._open[one]
        row, column = self._place.get(one, (MEANWHILE, self._first_column))
        return InstanceTale(
            safe(one),
            batch,
            safe(self._known[one].reason),
            row,
            column,
            (*self._closed[one], Spell(state, since, last)),
        )


def _came(instance_id: str, state: RunState) -> PlannedInstance:
    return next(
        one.instance for one in state.appeared.values() if one.instance.instance_id == instance_id
    )


def _batches(rollout: Rollout) -> Mapping[str, int | None]:
    """Return the batch of every instance that is worked on, None in a window, in their order."""
    found: dict[str, int | None] = {}
    for step in rollout.steps:
        match step:
            case UpgradeBatch(batch=number, instance_ids=ids):
                found.update(dict.fromkeys(ids, number))
            case UpgradeWindow(instance_ids=ids):
                found.update(dict.fromkeys(ids))
            case _:
                pass
    return found


def _summary(
    rollout: Rollout, state: RunState, events: Sequence[Event], counts: Sequence[Count]
) -> Iterator[tuple[str, str]]:
    target, bounds = rollout.target, rollout.bounds
    started, last = events[0].at, events[-1].at
    resumed = sum(isinstance(event, ev.RunResumed) for event in events)
    lowest = min(one.in_service for one in counts)
    yield "scale set", safe(f"{target.name} in {target.resource_group}, {rollout.location}")
    yield "subscription", safe(target.subscription_id)
    yield "started", f"{started:%Y-%m-%d %H:%M:%S} UTC"
    yield "last event", f"{last:%Y-%m-%d %H:%M:%S} UTC, after {span_text(last - started)}"
    if resumed:
        yield "resumed", f"{resumed} times" if resumed > 1 else "once"
    yield "instances", str(Recap.of(state)).replace(" ", ", ").replace("=", " ")
    yield "in service", f"never below {lowest} of {bounds.total}, the floor is {bounds.floor}"
    outcome = state.outcome
    yield "exit code", "none yet" if outcome is None else str(int(outcome.exit_code))
    approved = [event for event in events if isinstance(event, ev.ApprovalGiven)]
    if approved:
        yield "approved", safe(", ".join(f"step {one.step} by {one.by}" for one in approved))
    yield "way back", safe(_way_back(rollout, state))
    yield "digest", digest(rollout)


def _way_back(rollout: Rollout, state: RunState) -> str:
    if state.rollback is not None:
        return f"taken: {state.rollback.reason}"
    if rollout.rollback is None:
        return f"none: {rollout.no_way_back or 'no instance changes'}"
    return "there is one; not taken"


def _failures(events: Sequence[Event], state: RunState) -> Iterator[FailureTale]:
    standing = {(one.instance_id, one.at) for one in state.failures}
    failed = [event for event in events if isinstance(event, ev.InstanceFailed)]
    alike: dict[tuple[str, str, str], list[ev.InstanceFailed]] = {}
    for one in failed:
        alike.setdefault((one.phase.value, one.code, one.message), []).append(one)
    for (phase, code, message), members in alike.items():
        ids = tuple(dict.fromkeys(safe(one.instance_id) for one in members))
        stands = any((one.instance_id, one.at) in standing for one in members)
        yield FailureTale(members[0].at, ids, phase, safe(code), safe(message), stands)


def _marks(events: Sequence[Event]) -> Iterator[Mark]:
    for event in events:
        match event:
            case ev.ApprovalAwaited(step=step):
                yield Mark(event.at, f"step {step} waits for an approval", Weight.WARNING)
            case ev.ApprovalGiven(by=by):
                yield Mark(event.at, safe(f"approved by {by}"), Weight.INFO)
            case ev.ApprovalRefused(by=by):
                yield Mark(event.at, safe(f"not approved by {by}"), Weight.ERROR)
            case ev.RunHeld(reason=reason):
                yield Mark(event.at, safe(f"held: {reason}"), Weight.WARNING)
            case ev.RollbackStarted(reason=reason):
                yield Mark(event.at, safe(f"rolling back: {reason}"), Weight.WARNING)
            case ev.RunHalted(reason=reason):
                yield Mark(event.at, safe(f"halted: {reason}"), Weight.ERROR)
            case ev.RunResumed():
                yield Mark(event.at, "resumed", Weight.INFO)
            case _:
                pass


def _lines(told: Sequence[tuple[Event, Rollout]]) -> Iterator[Line]:
    """Yield what matters, one line for instances that the same befell at the same time."""
    shown = [(event.at, happening(event, rollout)) for event, rollout in told]
    shown = [(at, one) for at, one in shown if one.weight is not Weight.DETAIL]
    for (at, text, is_instance, batch, _), group in groupby(
        shown, key=lambda pair: (pair[0], pair[1].text, pair[1].instance is not None,
                                 pair[1].batch, pair[1].step)
    ):  # fmt: skip
        members = [one for _, one in group]
        for part in [members] if is_instance else [[one] for one in members]:
            ids = tuple(safe(one.instance) for one in part if one.instance is not None)
            yield Line(at, safe(text), part[0].weight, part[0].step, batch, ids)
