"""Runs as the page reads them: from their journals, read again only when somebody looks on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from vmssplan.engine import Phase, RunState
from vmssplan.engine.events import RollbackStarted
from vmssplan.errors import NotFound
from vmssplan.report.as_json import event_json, outcome_json, rollout_json
from vmssplan.report.happening import happening
from vmssplan.report.run import awaits_approval, headline, held_up_by
from vmssplan.report.status import RunRecord, state_word
from vmssplan.report.steps import batch_of_step, step_title
from vmssplan.rollout import Approval, digest, rollback_of
from vmssplan.ui.picture import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.engine import Event
    from vmssplan.model import ScaleSet, ScaleSetId
    from vmssplan.ports import StateStore
    from vmssplan.rollout import Rollout

Document = dict[str, Any]
FRESH_SECONDS = 0.4
FAR_SECONDS = 2.0
SETTLED_SECONDS = 30.0
"""How long a Run is taken to be what it was: in a folder, elsewhere, there once it has ended."""
_MOST_TOLD = 50


@runtime_checkable
class Stamped(Protocol):
    """A store that can tell without reading whether a journal is still the same."""

    def stamp(self, run: str) -> object:
        """Return what is another one whenever the journal of a Run is; raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A Run as it was read, at that moment of the monotonic clock.

    `stamp` is another one whenever its journal is; None where only reading tells.
    """

    record: RunRecord
    state: RunState
    read_at: float
    stamp: object | None = None


class Runs:
    """Reads the store for all pages together, in a thread: a long journal takes a while."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._kept: dict[str, Kept] = {}
        self._reading = asyncio.Lock()

    async def all(self) -> tuple[Kept, ...]:
        """Return all Runs, oldest first."""
        async with self._reading:
            return await asyncio.to_thread(self._read_all)

    async def one(self, run: str) -> Kept:
        """Return one Run; raises NotFound."""
        async with self._reading:
            return await asyncio.to_thread(self._read, run)

    async def going_on(self, target: ScaleSetId) -> tuple[Kept, ...]:
        """Return the Runs on that set, oldest first."""
        wanted = target.resource_id.casefold()
        return tuple(
            one
            for one in await self.all()
            if one.record.rollout.target.resource_id.casefold() == wanted
        )

    def forget(self, run: str) -> None:
        """Read the Run again when it is next asked for: it was told something."""
        self._kept.pop(run, None)

    def _read_all(self) -> tuple[Kept, ...]:
        found = []
        for run in self._store.runs():
            try:
                found.append(self._read(run))
            except NotFound:
                # Its folder went away in between.
                self._kept.pop(run, None)
        return tuple(found)

    def _read(self, run: str) -> Kept:
        kept, now = self._kept.get(run), time.monotonic()
        if kept is not None and now - kept.read_at < _fresh_seconds(kept):
            return kept
        stamp = self._store.stamp(run) if isinstance(self._store, Stamped) else None
        is_same = kept is not None and stamp is not None and stamp == kept.stamp
        if kept is not None and is_same and _has_ended(kept):
            found = replace(kept, read_at=now)
        else:
            found = self._read_anew(run, kept if is_same else None, stamp)
        self._kept[run] = found
        return found

    def _read_anew(self, run: str, kept: Kept | None, stamp: object | None) -> Kept:
        """Read a Run; what was kept of it where its journal is the same."""
        rollout = kept.record.rollout if kept else self._store.rollout(run)
        holder = self._store.holder(rollout.target)
        is_held = holder is not None and holder.run == run
        events = kept.record.events if kept else self._store.events(run)
        record = RunRecord(run, rollout, events, is_held=is_held)
        return Kept(record, kept.state if kept else record.state, time.monotonic(), stamp)


def _has_ended(kept: Kept) -> bool:
    return kept.state.outcome is not None and not kept.record.is_held


def _fresh_seconds(kept: Kept) -> float:
    if kept.stamp is not None:
        return FRESH_SECONDS
    return SETTLED_SECONDS if _has_ended(kept) else FAR_SECONDS


def runs_document(runs: Sequence[Kept]) -> Document:
    """Return the Runs, newest first."""
    return {"runs": [_line(one) for one in reversed(runs)]}


def run_document(one: Kept, live: ScaleSet | None = None) -> Document:
    """Return a Run with all that happened in it."""
    record = one.record
    return {
        **_line(one),
        "digest": digest(record.rollout),
        "rollout": rollout_json(record.rollout),
        "status": status_document(one, live),
        "events": list(event_documents(record)),
    }


def status_document(one: Kept, live: ScaleSet | None = None) -> Document:
    """Return where a Run stands; `live` is its scale set as it was seen last."""
    record, state = one.record, one.state
    rollout, number = state.rollout, state.step
    counts = state.counts()
    return {
        "step": number,
        "steps": len(rollout.steps),
        "title": step_title(rollout, rollout.steps[number - 1]) if number else "",
        "batch": batch_of_step(rollout, number) if number else None,
        "batches": rollout.batch_count,
        "outcome": None if state.outcome is None else headline(state),
        "exitCode": None if state.outcome is None else int(state.outcome.exit_code),
        "word": state_word(state, is_held=record.is_held),
        "isHeld": record.is_held,
        "paused": state.people.held is not None,
        "isRollingBack": state.rollback is not None,
        "canRollBack": state.rollback is None and rollout.rollback is not None,
        "noWayBack": rollout.no_way_back,
        "waitingForApproval": _approval(state),
        "note": held_up_by(state, record.run),
        "floor": rollout.bounds.floor,
        "inService": None if live is None else live.in_service_count(rollout.health.source),
        "counts": {phase.value: counts[phase] for phase in Phase},
        "recap": outcome_json(state, record.run)["recap"],
        "failures": outcome_json(state, record.run)["failures"],
    }


def event_documents(record: RunRecord, start: int = 0) -> Iterator[Document]:
    """Yield the Events from that one on, each with its number, its time and its line of text."""
    rollout: Rollout = record.rollout
    for number, event in enumerate(record.events):
        if isinstance(event, RollbackStarted):
            rollout = rollback_of(rollout, event.instance_ids, event.added, event.sick)
        if number >= start:
            line = event_json(event, record.run, rollout)
            for name in ("run", "plan", "scaleSet", "steps", "@module", "@timestamp"):
                line.pop(name, None)
            text = line.pop("@message")
            yield {"number": number, "at": timestamp(event.at), "text": text, **line}


def history_document(runs: Sequence[Kept], instance_id: str) -> list[Document]:
    """Return what Runs did to one instance, newest first."""
    found: list[tuple[Event, Document]] = []
    for one in runs:
        for event in one.record.events:
            ids = getattr(event, "instance_ids", ())
            if getattr(event, "instance_id", None) == instance_id or instance_id in ids:
                told = happening(event, one.record.rollout)
                line = {"at": timestamp(event.at), "what": told.text, "run": one.record.run}
                found.append((event, line))
    found.sort(key=lambda each: each[0].at, reverse=True)
    return [line for _, line in found[:_MOST_TOLD]]


def _approval(state: RunState) -> Document | None:
    if not awaits_approval(state):
        return None
    step = state.rollout.steps[state.step - 1]
    message = step.message if isinstance(step, Approval) else ""
    return {"step": state.step, "message": message}


def _line(one: Kept) -> Document:
    record, state = one.record, one.state
    last = record.events[-1] if record.events else None
    return {
        "run": record.run,
        "plan": record.rollout.plan,
        "target": record.rollout.target.resource_id,
        "word": state_word(state, is_held=record.is_held),
        "outcome": None if state.outcome is None else headline(state),
        "exitCode": None if state.outcome is None else int(state.outcome.exit_code),
        "startedAt": timestamp(record.started) if record.started else None,
        "lastAt": timestamp(last.at) if last else None,
        "step": state.step,
        "steps": len(state.rollout.steps),
        "waitingFor": held_up_by(state, record.run),
    }
