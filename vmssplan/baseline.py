"""What the Runs of a scale set left there, read from where they are kept.

The last Run that came to its end is the base; Runs that began after it and did not end well say
what they had set by then, so that their half-done work is not taken for somebody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmssplan.batching import PROTECTED
from vmssplan.drift import (
    Baseline,
    KnownModel,
    LeftInstance,
    LeftPinned,
    Trace,
    UnfinishedRun,
    within,
)
from vmssplan.engine import Phase, RunState, replay
from vmssplan.engine.evidence import GONE
from vmssplan.errors import ExitCode
from vmssplan.model import ModelFields
from vmssplan.rollout import Disposition, Rollout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmssplan.engine import Pins, Progress
    from vmssplan.model import ScaleSetId
    from vmssplan.ports import StateStore
    from vmssplan.rollout import PlannedInstance


@dataclass(frozen=True, slots=True)
class _Ran:
    """A Run: what was to be done, and how far it came, be it on the way back."""

    run: str
    rollout: Rollout
    state: RunState

    @property
    def exit_code(self) -> ExitCode | None:
        return self.state.outcome.exit_code if self.state.outcome else None

    @property
    def is_settled(self) -> bool:
        return self.exit_code in (ExitCode.SUCCESS, ExitCode.ROLLED_BACK)

    @property
    def model_in_force(self) -> ModelFields:
        """What it wrote last; on the way back the upgrade policy stays as it was set."""
        return replace(self.state.rollout.model, upgrade_policy=self.rollout.model.upgrade_policy)


def find_baseline(store: StateStore, target: ScaleSetId) -> Baseline:
    """Return what the Runs of that set left; raises what the store raises."""
    runs: list[_Ran] = []
    for run in reversed(store.runs()):
        rollout = store.rollout(run)
        if rollout.target.resource_id.casefold() != target.resource_id.casefold():
            continue
        events = store.events(run)
        if events:
            runs.append(_Ran(run, rollout, replay(rollout, events)))
        if runs and runs[-1].is_settled:
            break
    return _baseline(runs)


def baseline_of(*runs: tuple[str, Rollout, RunState]) -> Baseline:
    """Put together the last Run that came to its end and those begun after it, newest first."""
    return _baseline([_Ran(*one) for one in runs])


def _baseline(runs: Sequence[_Ran]) -> Baseline:
    settled = next((one for one in runs if one.is_settled), None)
    unfinished = [one for one in runs if not one.is_settled]
    instances: dict[str, LeftInstance] = {}
    for one in reversed(runs):
        for instance_id, left in _instances(one):
            instances.pop(instance_id, None)
            if left is not None:
                instances[instance_id] = left
    return Baseline(
        run=settled.run if settled else None,
        models=tuple(_models(settled, unfinished)),
        instances=instances,
        unfinished=tuple(_unfinished_run(one) for one in unfinished),
        pinned=tuple(_left_pinned(one.run, one.state.pins) for one in runs if one.state.pins),
    )


def _models(settled: _Ran | None, unfinished: Sequence[_Ran]) -> Iterator[KnownModel]:
    for one in unfinished:
        yield KnownModel(one.run, Trace.SET, one.model_in_force)
        if one.state.rollback:
            yield KnownModel(one.run, Trace.SET, one.rollout.model)
    known = ModelFields()
    if settled is not None:
        known = settled.model_in_force
        yield KnownModel(settled.run, Trace.LEFT, known)
    if unfinished:
        # What it found was reviewed with it: the base of fields that no Run had left before.
        first = unfinished[-1]
        found = within(first.rollout.fingerprint.model, first.rollout.model)
        yield KnownModel(first.run, Trace.FOUND, _without(found, known))


def _unfinished_run(one: _Ran) -> UnfinishedRun:
    reason = one.state.outcome.reason if one.state.outcome else ""
    return UnfinishedRun(one.run, None if one.exit_code is None else int(one.exit_code), reason)


def _left_pinned(run: str, pins: Pins) -> LeftPinned:
    return LeftPinned(run, tuple(one.name for one in pins.settings), pins.count)


def _instances(ran: _Ran) -> Iterator[tuple[str, LeftInstance | None]]:
    """Yield every instance the Run knew; None for one that it saw leave.

    On the way back, its Rollout names the untouched ones as skipped: they run what they ran.
    """
    rollout, state = ran.state.rollout, ran.state
    for planned in rollout.instances:
        one = state.progress.get(planned.instance_id)
        left = LeftInstance(ran.run, planned.vm_id, planned.version)
        if one is None:
            yield planned.instance_id, _not_touched(left, planned, rollout)
        else:
            yield planned.instance_id, _touched(left, one, rollout)
    for appeared in state.appeared.values():
        seen = appeared.instance
        if rollout.machines.get(seen.instance_id) != seen.vm_id:
            fields = rollout.model if appeared.is_current else None
            yield seen.instance_id, LeftInstance(ran.run, seen.vm_id, seen.version, fields)


def _not_touched(left: LeftInstance, planned: PlannedInstance, rollout: Rollout) -> LeftInstance:
    if planned.disposition is Disposition.CURRENT:
        return replace(left, fields=rollout.model)
    return replace(left, is_protected=True if planned.reason == PROTECTED else None)


def _touched(left: LeftInstance, one: Progress, rollout: Rollout) -> LeftInstance | None:
    if one.phase is Phase.READY:
        return replace(left, fields=rollout.model, is_protected=False)
    if one.phase is Phase.SKIPPED:
        if one.skip_reason == GONE:
            return None
        is_protected = True if one.skip_reason == PROTECTED else None
        return replace(left, unfinished=one.skip_reason, is_protected=is_protected)
    return replace(left, unfinished=str(one.phase))


def _without(fields: ModelFields, owner: ModelFields) -> ModelFields:
    """Return the fields that the owner does not own."""
    return ModelFields(
        fields.image if owner.image is None else None,
        fields.vm_size if owner.vm_size is None else None,
        fields.upgrade_policy if owner.upgrade_policy is None else None,
    )
