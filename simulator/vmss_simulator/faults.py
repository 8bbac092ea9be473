"""What goes wrong, as data: rules that match a request or an instance's work, and their effects.

Pure: a rule decides from the request, virtual time, how often it has matched, and a random
stream of its own, so that adding a rule shifts nothing else. A new effect is one more frozen
class in `RequestEffect` or `WorkEffect` and one more arm where the world acts on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from vmss_simulator.randomness import Latency, stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmss_simulator.values import OperationKind, ScaleSetKey


@dataclass(frozen=True, slots=True)
class RefuseRequest:
    """The request is answered with an ARM error and changes nothing."""

    status: int
    code: str
    message: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ThrottleRequest:
    """The request is answered with 429, whatever the token buckets hold."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The request is carried out, but its reply never arrives."""


@dataclass(frozen=True, slots=True)
class DelayReply:
    """The reply arrives late."""

    delay: Latency


@dataclass(frozen=True, slots=True)
class SlowWork:
    """The work on the instance takes `factor` times as long."""

    factor: float


@dataclass(frozen=True, slots=True)
class FailWork:
    """The operation fails on the instance; before its disk is replaced unless said otherwise."""

    code: str
    message: str
    disk_replaced: bool = False


@dataclass(frozen=True, slots=True)
class NeverEnd:
    """The work on the instance never ends, and so its operation does not."""


@dataclass(frozen=True, slots=True)
class NeverHealthy:
    """The instance boots, but turns unhealthy instead of healthy."""


@dataclass(frozen=True, slots=True)
class UnhealthyAfter:
    """The instance turns healthy, and unhealthy that long afterwards."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class BadImage:
    """An image version that breaks what boots from it; `version` is a glob.

    With application health the instance never turns healthy; without it, its operation fails
    with `OSProvisioningTimedOut`.
    """

    version: str


@dataclass(frozen=True, slots=True)
class ChangeModel:
    """Another actor patches the model, `at` that long after the start.

    When an operation holds the set it is refused like everybody, and tries again.
    """

    actor: str
    at: timedelta
    body: Mapping[str, Any]


RequestEffect = RefuseRequest | ThrottleRequest | LoseReply | DelayReply
WorkEffect = SlowWork | FailWork | NeverEnd | NeverHealthy | UnhealthyAfter | BadImage
Effect = RequestEffect | WorkEffect | ChangeModel


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One rule: what it matches, when it applies, and what it does.

    Nothing given matches everything. `operations` holds operation kinds (on work: `upgrade`,
    `reimage`, `patchScaleSet`, `putScaleSet`); `resource` is a glob over the scale set's name or
    ARM id, without case; `nth` applies to that one match only, counted from 1; `times` is how
    often it applies at most; `after` and `before` bound virtual time, counted from the start.
    """

    name: str
    effect: Effect
    operations: tuple[str, ...] = ()
    resource: str = "*"
    instance_ids: tuple[str, ...] = ()
    nth: int | None = None
    times: int | None = None
    after: timedelta | None = None
    before: timedelta | None = None
    probability: float = 1.0

    def covers(self, key: ScaleSetKey | None) -> bool:
        """Whether the rule is about this scale set; None is a request about no single one."""
        if key is None:
            return self.resource == "*"
        glob = self.resource.casefold()
        return fnmatchcase(key.name.casefold(), glob) or fnmatchcase(
            key.resource_id.casefold(), glob
        )

    def is_about(
        self, kind: OperationKind, key: ScaleSetKey | None, instance_ids: Sequence[str]
    ) -> bool:
        """Whether the rule is about this request, or about work on one of these instances."""
        if self.operations and kind.value not in self.operations:
            return False
        if self.instance_ids and not set(self.instance_ids) & set(instance_ids):
            return False
        return self.covers(key)


@dataclass(slots=True)
class Faults:
    """The rules of one world, and how often each has matched and applied, by its name."""

    rules: tuple[FaultRule, ...]
    seed: int
    start: datetime
    matched: dict[str, int] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)
    draws: dict[tuple[str, str], int] = field(default_factory=dict)

    def fork(self) -> Faults:
        """Return an independent copy."""
        return replace(
            self, matched=dict(self.matched), applied=dict(self.applied), draws=dict(self.draws)
        )

    def on_request(
        self,
        kind: OperationKind,
        key: ScaleSetKey | None,
        instance_ids: Sequence[str],
        now: datetime,
    ) -> Iterator[tuple[FaultRule, RequestEffect]]:
        """Yield what happens to this request, in the order of the rules.

        Counts as it goes: a rule after the last one taken has not seen the request.
        """
        for rule in self.rules:
            match rule.effect:
                case RefuseRequest() | ThrottleRequest() | LoseReply() | DelayReply() as effect:
                    if rule.is_about(kind, key, instance_ids) and self._applies(rule, key, "", now):
                        yield rule, effect
                case _:
                    continue

    def on_work(
        self,
        kind: OperationKind,
        key: ScaleSetKey,
        instance_id: str,
        exact_version: str | None,
        now: datetime,
    ) -> list[tuple[FaultRule, WorkEffect]]:
        """Return what happens to the work an operation does on one instance."""
        found: list[tuple[FaultRule, WorkEffect]] = []
        for rule in self.rules:
            match rule.effect:
                case BadImage(version=glob) if not fnmatchcase(exact_version or "", glob):
                    continue
                case (
                    SlowWork()
                    | FailWork()
                    | NeverEnd()
                    | NeverHealthy()
                    | UnhealthyAfter()
                    | BadImage()
                ) as effect:
                    if rule.is_about(kind, key, (instance_id,)) and self._applies(
                        rule, key, instance_id, now
                    ):
                        found.append((rule, effect))
                case _:
                    continue
        return found

    def actors(self) -> Iterator[tuple[FaultRule, ChangeModel]]:
        """Yield the rules by which others change a model."""
        for rule in self.rules:
            if isinstance(rule.effect, ChangeModel):
                yield rule, rule.effect

    def _applies(
        self, rule: FaultRule, key: ScaleSetKey | None, instance_id: str, now: datetime
    ) -> bool:
        name, elapsed = rule.name, now - self.start
        if rule.after is not None and elapsed < rule.after:
            return False
        if rule.before is not None and elapsed >= rule.before:
            return False
        self.matched[name] = self.matched.get(name, 0) + 1
        if rule.nth is not None and self.matched[name] != rule.nth:
            return False
        if rule.times is not None and self.applied.get(name, 0) >= rule.times:
            return False
        if rule.probability < 1 and not self._drawn(rule, key, instance_id):
            return False
        self.applied[name] = self.applied.get(name, 0) + 1
        return True

    def _drawn(self, rule: FaultRule, key: ScaleSetKey | None, instance_id: str) -> bool:
        target = f"{key.resource_id if key else ''}/{instance_id}"
        count = self.draws.get((rule.name, target), 0)
        self.draws[rule.name, target] = count + 1
        random = stream(self.seed, target, f"fault/{rule.name}", count)
        return random.random() < rule.probability
