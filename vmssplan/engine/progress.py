"""How far each instance of a Run is, and what that comes to.

Instances that stand alike share one Progress, and what was worked out of all of them is brought up
to date rather than worked out anew: a Run asks hundreds of times of what may be a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.gates import HealthEvidence, next_verdict_at

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vmssplan.model import Health, ScaleSet


class Phase(StrEnum):
    """Where an instance to be upgraded stands."""

    PENDING = "pending"
    OPERATING = "operating"
    AWAITING = "awaiting"
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Progress:
    """One instance: its phase, the step that upgrades it, and what is known of it.

    `upgraded_at` is where its health deadline counts from; `healthy_since` is None while it is
    not healthy, and after a break in the observation; `falls` is how often it was ready, and sick
    again after that.
    """

    phase: Phase
    step: int
    upgraded_at: datetime | None = None
    healthy_since: datetime | None = None
    failure: ev.InstanceFailed | None = None
    skip_reason: str = ""
    falls: int = 0


class Standing:
    """What a progress comes to; worked out once, because many questions are asked of a state.

    Most instances stand where they stood before the last Events, so that it is brought up to date
    rather than worked out anew.
    """

    def __init__(self, progress: Mapping[str, Progress]) -> None:
        self._progress = progress
        self._members: dict[Phase, frozenset[str]] = {}
        self._pending: dict[int, Sequence[str]] = {}
        self._failures: tuple[ev.InstanceFailed, ...] | None = None
        self._all_well_in: frozenset[str] | None = None
        self._due: list[tuple[datetime, frozenset[str]]] | None = None
        self._learned: tuple[ScaleSet, int, datetime | None] | None = None

    def learned(self, scale_set: ScaleSet, step: int, until: datetime | None) -> None:
        """Take note that this look has nothing new for that step until then; None: ever."""
        self._learned = (scale_set, step, until)

    def has_learned(self, scale_set: ScaleSet, step: int, now: datetime) -> bool:
        """Tell whether it is known already that there is nothing new in this very look."""
        if self._learned is None:
            return False
        known, for_step, until = self._learned
        return known is scale_set and for_step == step and (until is None or now < until)

    def after(self, progress: Mapping[str, Progress]) -> Standing:
        """Return the standing of a later progress of the same instances, in the same order."""
        now, before = Standing(progress), self._progress
        # By identity, because whoever stands alike mostly shares one value.
        groups: dict[tuple[int, int], list[str]] = {}
        for instance_id in compress(progress, map(is_not, progress.values(), before.values())):
            pair = (id(before[instance_id]), id(progress[instance_id]))
            groups.setdefault(pair, []).append(instance_id)
        moves = [(before[ids[0]], progress[ids[0]], ids) for ids in groups.values()]
        now._members = members = dict(self._members)
        for old, new, ids in moves if members else ():
            members[old.phase] = members[old.phase].difference(ids)
            members[new.phase] = members[new.phase].union(ids)
        if not any(Phase.PENDING in (old.phase, new.phase) for old, new, _ in moves):
            now._pending = self._pending
        if all(old.failure is new.failure for old, new, _ in moves):
            now._failures = self._failures
        return now

    def members(self, phase: Phase) -> frozenset[str]:
        """Return the instances in that phase."""
        if not self._members:
            found: dict[Phase, list[str]] = {one: [] for one in Phase}
            for instance_id, one in self._progress.items():
                found[one.phase].append(instance_id)
            self._members = {one: frozenset(ids) for one, ids in found.items()}
        return self._members[phase]

    def in_order(self, instance_ids: Collection[str]) -> Sequence[str]:
        """Return these instances in the order of the steps."""
        return [i for i in self._progress if i in instance_ids] if instance_ids else ()

    def pending(self, step: int) -> Sequence[str]:
        """Return the instances of a step whose turn has not come."""
        if step not in self._pending:
            progress = self._progress
            pending = [i for i in self.members(Phase.PENDING) if progress[i].step == step]
            self._pending[step] = self.in_order(frozenset(pending))
        return self._pending[step]

    def fallen(self, serving: frozenset[str]) -> Sequence[str]:
        """Return the instances that were ready and are not among those that serve."""
        if self._all_well_in is not serving:
            fallen = self.members(Phase.READY) - serving
            if fallen:
                return self.in_order(fallen)
            self._all_well_in = serving
        return ()

    def due(self, health: Health) -> Sequence[tuple[datetime, frozenset[str]]]:
        """Return when time alone will settle the health of which instances."""
        if self._due is None:
            self._due = [
                (next_verdict_at(evidence, health), ids) for evidence, ids in self._awaiting.items()
            ]
        return self._due

    @cached_property
    def well(self) -> frozenset[str]:
        """The instances whose health is awaited, and was last seen to be good."""
        known = self._awaiting.items()
        return frozenset().union(*(ids for one, ids in known if one.healthy_since is not None))

    @cached_property
    def unwell(self) -> frozenset[str]:
        """The instances whose health is awaited, and was not last seen to be good."""
        return self.members(Phase.AWAITING) - self.well

    @cached_property
    def _awaiting(self) -> Mapping[HealthEvidence, frozenset[str]]:
        """The instances whose health is awaited, by what is known of it."""
        found: dict[tuple[datetime, datetime | None], list[str]] = {}
        for instance_id in self.members(Phase.AWAITING):
            one = self._progress[instance_id]
            if one.upgraded_at is None:
                raise ValueError(f"{instance_id} awaits health, and was never upgraded")
            found.setdefault((one.upgraded_at, one.healthy_since), []).append(instance_id)
        return {HealthEvidence(*times): frozenset(ids) for times, ids in found.items()}

    @property
    def failures(self) -> tuple[ev.InstanceFailed, ...]:
        """The failures that stand, in the order of the steps."""
        if self._failures is None:
            self._failures = tuple(one.failure for one in self._progress.values() if one.failure)
        return self._failures
