"""What goes wrong, as data: rules that match what happens in a world, and count as they do.

Pure: a rule decides from what it is asked about, virtual time, how often it has matched, and a
random stream of its own. Counts and streams are kept for each rule and scale set by itself, so
that one more rule, or one more scale set, shifts nothing else. What rules do is in `effects.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from vmss_simulator.effects import (
    BadImage,
    Effect,
    FailAgain,
    HideViews,
    OperationEffect,
    RequestEffect,
    StaleRead,
    TimedEffect,
    WorkEffect,
)
from vmss_simulator.images import fold_location
from vmss_simulator.randomness import draw_share
from vmss_simulator.values import Instance, OperationKind, ScaleSetKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule is asked about: a request, or an operation it started.

    `key` is None for a request about no single scale set. `named` are the instances it names,
    unchecked; `members` the set's instances, for rules that choose by their places.
    """

    kind: OperationKind
    key: ScaleSetKey | None
    subscription_id: str
    location: str
    named: tuple[str, ...] = ()
    members: Mapping[str, Instance] = field(default_factory=dict)

    @property
    def resource_id(self) -> str:
        """What counts and streams hang on; empty for no single scale set."""
        return self.key.folded().resource_id if self.key else ""


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule: what it matches, when it applies, and what it does.

    Nothing given matches everything. `operations` are operation kinds (on work: the kind of the
    request that set it off); `resource` is a glob over the scale set's name or ARM id, without
    case; an instance has to be among all of `instance_ids`, `zones`, `update_domains` and
    `fault_domains` that are given. `nth` applies to that one match only, counted from 1, `every`
    to each match whose number it divides; `times` is how often it applies at most, all for each
    scale set. `after` and `before` bound virtual time from when the rule came into the world.
    `document` is how a scenario wrote it; None when no scenario did.
    """

    name: str
    effect: Effect
    operations: tuple[str, ...] = ()
    resource: str = "*"
    subscription_id: str | None = None
    location: str | None = None
    instance_ids: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    update_domains: tuple[int, ...] = ()
    fault_domains: tuple[int, ...] = ()
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    after: timedelta | None = None
    before: timedelta | None = None
    probability: float = 1.0
    # As it came in a scenario or by the admin interface; None for a rule made in code.
    document: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def covers(self, key: ScaleSetKey | None, subscription_id: str, location: str) -> bool:
        """Whether the rule is about this scale set; None is a request about no single one."""
        if self.subscription_id is not None and (
            self.subscription_id.casefold() != subscription_id.casefold()
        ):
            return False
        if self.location is not None and fold_location(self.location) != fold_location(location):
            return False
        if key is None:
            return self.resource == "*"
        glob = self.resource.casefold()
        return fnmatchcase(key.name.casefold(), glob) or fnmatchcase(
            key.resource_id.casefold(), glob
        )

    @property
    def picks_instances(self) -> bool:
        """Whether the rule is about some instances only."""
        return bool(self.instance_ids or self.zones or self.update_domains or self.fault_domains)

    def picks(self, instance: Instance) -> bool:
        """Whether this instance is one of those the rule is about."""
        return (
            (not self.instance_ids or instance.instance_id in self.instance_ids)
            and (not self.zones or instance.zone in self.zones)
            and (not self.update_domains or instance.update_domain in self.update_domains)
            and (not self.fault_domains or instance.fault_domain in self.fault_domains)
        )

    def is_about(self, subject: Subject) -> bool:
        """Whether the rule is about this request or operation."""
        if self.operations and subject.kind.value not in self.operations:
            return False
        if not self.covers(subject.key, subject.subscription_id, subject.location):
            return False
        # Neither a list nor a write of the model names instances: the rule picks among them.
        if not self.picks_instances or isinstance(self.effect, HideViews | FailAgain):
            return True
        return any(self._picks_named(each, subject.members) for each in subject.named)

    def _picks_named(self, instance_id: str, members: Mapping[str, Instance]) -> bool:
        if instance_id == "*":
            return any(self.picks(each) for each in members.values())
        known = members.get(instance_id)
        if known is not None:
            return self.picks(known)
        # It is asked for, and not there: only its id can tell.
        by_place = self.zones or self.update_domains or self.fault_domains
        return not by_place and instance_id in self.instance_ids


@dataclass(slots=True)
class Faults:
    """The rules of one world, since when they are there, and how often each has applied.

    `matched`, `applied` and `draws` are by rule name and what it was about; `since` has the
    rules that came after the start.
    """

    rules: tuple[FaultRule, ...]
    seed: int
    start: datetime
    matched: dict[tuple[str, str], int] = field(default_factory=dict)
    applied: dict[tuple[str, str], int] = field(default_factory=dict)
    draws: dict[tuple[str, str], int] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)

    def fork(self) -> Faults:
        """Return an independent copy."""
        return replace(
            self,
            matched=dict(self.matched),
            applied=dict(self.applied),
            draws=dict(self.draws),
            since=dict(self.since),
        )

    def add(self, rules: Iterable[FaultRule], now: datetime) -> None:
        """Take in further rules; ValueError for a name that is taken."""
        for rule in rules:
            if any(each.name == rule.name for each in self.rules):
                raise ValueError(f"there is already a fault named {rule.name!r}")
            self.rules = (*self.rules, rule)
            self.since[rule.name] = now

    def remove(self, name: str) -> bool:
        """Forget a rule and its counts; False when there is none of that name."""
        kept = tuple(each for each in self.rules if each.name != name)
        found = len(kept) < len(self.rules)
        self.rules = kept
        self.since.pop(name, None)
        for counts in (self.matched, self.applied, self.draws):
            for place in [each for each in counts if each[0] == name]:
                del counts[place]
        return found

    def counts(self, name: str) -> tuple[int, int]:
        """Return how often the rule of this name has matched and applied, over all sets."""
        matched, applied = (
            sum(count for (rule, _), count in counts.items() if rule == name)
            for counts in (self.matched, self.applied)
        )
        return matched, applied

    def begins(self, rule: FaultRule) -> datetime:
        """Return the moment a rule's times count from."""
        return self.since.get(rule.name, self.start)

    @property
    def longest_staleness(self) -> timedelta:
        """How far back a read may have to look."""
        if not self.rules:
            return _NO_TIME
        spans = [each.effect.by for each in self.rules if isinstance(each.effect, StaleRead)]
        return max(spans, default=_NO_TIME)

    def on_request(
        self, subject: Subject, now: datetime
    ) -> Iterator[tuple[FaultRule, RequestEffect]]:
        """Yield what happens to this request, in the order of the rules.

        Counts as it goes: a rule after the last one taken has not seen the request.
        """
        for rule in self.rules:
            if (
                isinstance(rule.effect, RequestEffect)
                and rule.is_about(subject)
                and self._applies(rule, subject.resource_id, "", now)
            ):
                yield rule, rule.effect

    def on_operation(
        self, subject: Subject, now: datetime
    ) -> list[tuple[FaultRule, OperationEffect]]:
        """Return what happens to an operation that starts."""
        return [
            (rule, rule.effect)
            for rule in self.rules
            if isinstance(rule.effect, OperationEffect)
            and rule.is_about(subject)
            and self._applies(rule, subject.resource_id, "", now)
        ]

    def on_work(
        self, subject: Subject, instance: Instance, exact_version: str | None, now: datetime
    ) -> list[tuple[FaultRule, WorkEffect]]:
        """Return what happens to the work an operation does on one instance."""
        found: list[tuple[FaultRule, WorkEffect]] = []
        # A new instance is no member of its set yet.
        named, members = (instance.instance_id,), {instance.instance_id: instance}
        alone = replace(subject, named=named, members=members)
        for rule in self.rules:
            effect = rule.effect
            if not isinstance(effect, WorkEffect):
                continue
            if isinstance(effect, BadImage) and not fnmatchcase(
                exact_version or "", effect.version
            ):
                continue
            if rule.is_about(alone) and self._applies(
                rule, subject.resource_id, instance.instance_id, now
            ):
                found.append((rule, effect))
        return found

    def timed(self) -> Iterator[tuple[FaultRule, TimedEffect]]:
        """Yield the rules by which something happens at a time."""
        for rule in self.rules:
            if isinstance(rule.effect, TimedEffect):
                yield rule, rule.effect

    def _applies(self, rule: FaultRule, resource: str, instance_id: str, now: datetime) -> bool:
        elapsed = now - self.begins(rule)
        if rule.after is not None and elapsed < rule.after:
            return False
        if rule.before is not None and elapsed >= rule.before:
            return False
        place = (rule.name, resource)
        number = self.matched[place] = self.matched.get(place, 0) + 1
        if rule.nth is not None and number != rule.nth:
            return False
        if rule.every is not None and number % rule.every:
            return False
        if rule.times is not None and self.applied.get(place, 0) >= rule.times:
            return False
        if rule.probability < 1 and not self._drawn(rule, resource, instance_id):
            return False
        self.applied[place] = self.applied.get(place, 0) + 1
        return True

    def _drawn(self, rule: FaultRule, resource: str, instance_id: str) -> bool:
        target = f"{resource}/{instance_id}"
        count = self.draws.get((rule.name, target), 0)
        self.draws[rule.name, target] = count + 1
        share = draw_share(self.seed, target, f"fault/{rule.name}", count)
        return share < rule.probability
