"""What came of a rollout against what was expected: each difference in one line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmssplan.documents import to_document
from vmssplan.durations import format_duration
from vmssplan.engine import Event, Phase
from vmssplan.engine import events as ev
from vmssplan.errors import ExitCode
from vmssplan.rollout import UpgradeBatch, UpgradeWindow
from vmssplan.rollout_tests.values import Bounds, Expectation, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from vmssplan.engine import RunState
    from vmssplan.rehearsal import Rehearsal
    from vmssplan.rollout import Rollout
    from vmssplan.rollout_tests.values import EventPattern


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that does not hold: its key, what was expected, what came.

    `after` is the index of the last Event that went as expected, where order matters.
    """

    key: str
    expected: str
    got: str
    after: int | None = None

    def __str__(self) -> str:
        """Render for people."""
        return f"{self.key}: expected {self.expected}, got {self.got}"


def refused_as_expected(expect: Expectation, code: int, reason: str) -> tuple[Failure, ...]:
    """Judge a rollout that was not begun."""
    found = [_differs("outcome", expect.outcome, Outcome.REFUSED)]
    found.append(_differs("exitCode", expect.exit_code, code))
    if expect.reason is not None and expect.reason not in reason:
        found.append(Failure("reason", f"something with {expect.reason!r}", repr(reason)))
    if expect.outcome is not Outcome.REFUSED:
        found.append(Failure("refusal", "a rollout", reason))
    return tuple(one for one in found if one is not None)


def judge(expect: Expectation, rollout: Rollout, went: Rehearsal) -> tuple[Failure, ...]:
    """Return what does not hold, in the order of the keys; empty when all of it does."""
    return tuple(_failures(expect, rollout, went))


def _failures(expect: Expectation, rollout: Rollout, went: Rehearsal) -> Iterator[Failure]:
    state = went.state
    code = int(state.outcome.exit_code) if state.outcome else -1
    reason = state.outcome.reason if state.outcome else ""
    upgraded = _upgraded(state)
    touched = _touched(went.events)
    measured = sum(isinstance(event, ev.GateMeasured) for event in went.events)
    batches = sum(isinstance(step, UpgradeBatch | UpgradeWindow) for step in rollout.steps)
    found = (
        _differs("outcome", expect.outcome, outcome_of(state)),
        _differs("exitCode", expect.exit_code, code),
        _lacks("reason", expect.reason, reason),
        _other_instances("upgraded", expect.upgraded, upgraded),
        _other_instances("touched", expect.touched, touched),
        _outside("inService", expect.in_service, went.lowest_in_service),
        _differs("batches", expect.batches, batches),
        _outside_span("duration", expect.duration, went.makespan),
        _differs("gates", expect.gates, measured),
    )
    yield from (one for one in found if one is not None)
    documents = [to_document(event, Event) for event in went.events]
    yield from _out_of_order(expect.events, documents)
    yield from _came_all_the_same(expect.never, documents)


def outcome_of(state: RunState) -> Outcome:
    """Return how a rollout that was begun ended."""
    code = state.outcome.exit_code if state.outcome else None
    if code is ExitCode.SUCCESS:
        return Outcome.COMPLETE
    return Outcome.ROLLED_BACK if code is ExitCode.ROLLED_BACK else Outcome.HALTED


def _upgraded(state: RunState) -> frozenset[str]:
    """Return what was upgraded and proven healthy; nothing after a rollback."""
    return frozenset() if state.rollback else frozenset(state.ids(Phase.READY))


def _touched(events: Sequence[Event]) -> frozenset[str]:
    return frozenset(
        instance_id
        for event in events
        if isinstance(event, ev.UpgradeIntended)
        for instance_id in event.instance_ids
    )


def _differs(key: str, expected: object, got: object) -> Failure | None:
    if expected is None or expected == got:
        return None
    return Failure(key, str(expected), str(got))


def _lacks(key: str, expected: str | None, got: str) -> Failure | None:
    if expected is None or expected in got:
        return None
    return Failure(key, f"something with {expected!r}", repr(got))


def _other_instances(
    key: str, expected: int | frozenset[str] | None, got: frozenset[str]
) -> Failure | None:
    if isinstance(expected, int):
        return None if len(got) == expected else Failure(key, str(expected), _named(got))
    if expected is None or expected == got:
        return None
    return Failure(key, _named(expected), _named(got))


def _named(instance_ids: frozenset[str]) -> str:
    return f"{len(instance_ids)} ({', '.join(sorted(instance_ids)) or 'none'})"


def _outside(key: str, bounds: Bounds[int], got: int) -> Failure | None:
    if bounds.hold(got):
        return None
    return Failure(key, _between(bounds.at_least, bounds.at_most), str(got))


def _outside_span(key: str, bounds: Bounds[timedelta], got: timedelta) -> Failure | None:
    if bounds.hold(got):
        return None
    least = format_duration(bounds.at_least) if bounds.at_least is not None else None
    most = format_duration(bounds.at_most) if bounds.at_most is not None else None
    return Failure(key, _between(least, most), format_duration(got))


def _between(least: object, most: object) -> str:
    parts = [f"at least {least}"] if least is not None else []
    return " and ".join([*parts, *([f"at most {most}"] if most is not None else [])])


def _out_of_order(
    patterns: Sequence[EventPattern], documents: Sequence[Mapping[str, Any]]
) -> Iterator[Failure]:
    """Yield the first pattern that never comes after those before it."""
    position = 0
    for number, pattern in enumerate(patterns):
        found = next(
            (n for n in range(position, len(documents)) if pattern.matches(documents[n])), None
        )
        if found is None:
            came_before = any(pattern.matches(one) for one in documents[:position])
            got = "it only before that" if came_before else "none"
            behind = f" after {patterns[number - 1]}" if number else ""
            yield Failure(f"events[{number}]", f"{pattern}{behind}", got, max(0, position - 1))
            return
        position = found + 1


def _came_all_the_same(
    patterns: Sequence[EventPattern], documents: Sequence[Mapping[str, Any]]
) -> Iterator[Failure]:
    for number, pattern in enumerate(patterns):
        for position, document in enumerate(documents):
            if pattern.matches(document):
                when = document["at"]
                yield Failure(f"never[{number}]", f"no {pattern}", f"one at {when}", position)
                break
