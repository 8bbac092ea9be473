"""How long things take here, learned from the journals of Runs. Pure.

Only what completed counts, and only what was watched all the time: what went on while a Run was
stopped, or could not see, is left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from vmssplan.engine import events as ev
from vmssplan.engine.waiting import POLL_INTERVAL
from vmssplan.forecast.lognormal import Curve, Observation, Second, Slowest, fit, one_of, sum_of
from vmssplan.model import SUCCEEDED, Method
from vmssplan.pacing import REFILL_PER_MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MODEL_UPDATE, HEALTH, BOOT = "modelUpdate", "health", "boot"
POLL_SECONDS = POLL_INTERVAL.total_seconds()
PAGE = 100
"""How many instances one request lists."""
SHORT_LOOK_SECONDS = 2.0
"""How long a look is put off at most where there are requests to spare: lists of one page."""
MOST_DISTINCT = 400
"""Of more different observations of one kind, as many are taken, evenly."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned of one latency, named as a scenario does; `samples` is from how many."""

    name: str
    median: timedelta
    p95: timedelta
    samples: int


@dataclass(frozen=True, slots=True)
class _Healthy:
    """An instance was seen healthy in those seconds after its operation began."""

    least: float
    most: float
    operation: Slowest


@dataclass(slots=True)
class Observed:
    """All that Runs have shown; `model_updates` and `operations` in ranges of seconds."""

    model_updates: list[Slowest] = field(default_factory=list)
    operations: dict[Method, list[Slowest]] = field(default_factory=dict)
    healthy: dict[Method, list[_Healthy]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to learn from."""
        return not (self.model_updates or self.operations)

    def add(self, events: Iterable[ev.Event], instances: int) -> None:
        """Take in the journal of one Run, on a set of so many instances."""
        _Reading(self, POLL_SECONDS + _look_seconds(instances)).read(events)


def _look_seconds(instances: int) -> float:
    """Return how long a look at the set may have to wait for its turn, at most.

    Long lists use up the budget of the set: they come as fast as that is refilled.
    """
    pages = max(1, -(-instances // PAGE))
    refill, _ = REFILL_PER_MINUTE["HighCostGetVMScaleSet"]
    return SHORT_LOOK_SECONDS if pages == 1 else 60 * pages / refill


@dataclass(slots=True)
class _Operation:
    begun: datetime
    method: Method | None  # None is a write of the model
    upgraded: dict[str, datetime] = field(default_factory=dict)
    took: Slowest | None = None


@dataclass(slots=True)
class _Reading:
    """One journal, read from its beginning; nobody looked away for more than `gap` seconds.

    `looked_at` is the last look that is known of, `looked_before` the one before it.
    """

    observed: Observed
    gap: float
    looked_at: datetime | None = None
    looked_before: datetime | None = None
    open: dict[int, _Operation] = field(default_factory=dict)
    worked_on: dict[str, _Operation] = field(default_factory=dict)

    def read(self, events: Iterable[ev.Event]) -> None:
        """Take in Event after Event."""
        for event in events:
            if isinstance(event, ev.InstanceEvent) and event.at != self.looked_at:
                self.looked_before, self.looked_at = self.looked_at, event.at
            match event:
                case ev.ModelWriteIntended(at=at, request=number):
                    self.open[number] = _Operation(at, None)
                case ev.UpgradeIntended(at=at, request=number, method=method, instance_ids=ids):
                    operation = self.open[number] = _Operation(at, method)
                    self.worked_on.update(dict.fromkeys(ids, operation))
                case ev.OperationAccepted(at=at, request=number) if number in self.open:
                    self.open[number].begun = at
                case ev.InstanceUpgraded(at=at, instance_id=i) if i in self.worked_on:
                    self.worked_on[i].upgraded[i] = at
                case ev.OperationEnded(at=at, request=number, status=status):
                    self._ended(self.open.pop(number, None), at, is_good=status == SUCCEEDED)
                case ev.InstanceBecameHealthy(at=at, instance_id=i):
                    self._became_healthy(i, at)
                case ev.InstanceFailed(instance_id=i) | ev.InstanceSkipped(instance_id=i):
                    self.worked_on.pop(i, None)
                case ev.RunResumed() | ev.OutcomeLost() | ev.RollbackStarted():
                    self._lose_sight()
                case ev.RequestDeferred(blind_since=datetime()):
                    self._lose_sight()
                case _:
                    continue

    def _lose_sight(self) -> None:
        """Forget what goes on: nobody can tell any more when it ends."""
        self.open.clear()
        self.worked_on.clear()

    def _ended(self, operation: _Operation | None, at: datetime, *, is_good: bool) -> None:
        if operation is None or not is_good:
            return
        seconds = _seconds(operation.begun, at)
        least = max(0.0, seconds - self.gap)
        took = Slowest(least, seconds, max(1, len(operation.upgraded)))
        if operation.method is None:
            self.observed.model_updates.append(took)
        elif operation.upgraded:
            operation.took = took
            self.observed.operations.setdefault(operation.method, []).append(took)

    def _became_healthy(self, instance_id: str, at: datetime) -> None:
        """Take the first time it was healthy after its operation; one Look may have seen both."""
        operation = self.worked_on.pop(instance_id, None)
        upgraded = operation.upgraded.get(instance_id) if operation else None
        if operation is None or upgraded is None or operation.method is None:
            return
        if operation.took is None:
            return
        most, least = _seconds(operation.begun, at), 0.0
        if at != upgraded:
            looked = max(upgraded, self.looked_before or upgraded)
            least = max(most - self.gap, _seconds(operation.begun, looked))
        known = self.observed.healthy.setdefault(operation.method, [])
        known.append(_Healthy(least, most, operation.took))


def _seconds(begun: datetime, ended: datetime) -> float:
    return (ended - begun).total_seconds()


def learn(observed: Observed, assumed: Mapping[str, Curve]) -> tuple[Learned, ...]:
    """Return what the observations say; `assumed` is what is thought of every latency before.

    An operation lasts until the instance has booted, and nobody sees when its disk was replaced:
    where one was learned, it has the boot in it, and `boot` is nought.
    """
    found: list[Learned] = []
    if observed.model_updates:
        curve = _fit(observed.model_updates, assumed[MODEL_UPDATE])
        found.append(_learned(MODEL_UPDATE, curve, len(observed.model_updates)))
    whole: dict[Method, Curve] = {}
    for method in Method:
        before = sum_of(assumed[method.value], assumed[BOOT])
        seen = observed.operations.get(method, ())
        whole[method] = _fit(seen, before) if seen else before
        if observed.operations:
            found.append(_learned(method.value, whole[method], sum(one.of for one in seen)))
    if observed.operations:
        found.append(Learned(BOOT, timedelta(0), timedelta(0), 0))
    healthy = [
        Second(each.least, each.most, one_of(whole[method], each.operation))
        for method, seen_healthy in observed.healthy.items()
        for each in seen_healthy
    ]
    if healthy:
        curve = fit(_counted(healthy), assumed[HEALTH], assumed[HEALTH])
        found.append(_learned(HEALTH, curve, len(healthy)))
    return tuple(found)


def _fit(seen: Sequence[Slowest], assumed: Curve) -> Curve:
    """Begin where the middle of what was seen would put the curve."""
    middle = median((one.least + one.most) / 2 for one in seen)
    of = median(one.of for one in seen)
    slowest_to_median = assumed.at(0.5 ** (1 / of)) / assumed.median
    start = Curve.through(middle / slowest_to_median, 1.0)
    return fit(_counted(seen), Curve(start.mu, assumed.sigma), assumed)


def _counted(seen: Sequence[Observation]) -> list[tuple[Observation, int]]:
    counts = list(Counter(seen).items())
    if len(counts) <= MOST_DISTINCT:
        return counts
    return counts[:: -(-len(counts) // MOST_DISTINCT)]


def _learned(name: str, curve: Curve, samples: int) -> Learned:
    return Learned(name, _tenths(curve.median), _tenths(max(curve.p95, curve.median)), samples)


def _tenths(seconds: float) -> timedelta:
    return timedelta(seconds=round(seconds, 1))
