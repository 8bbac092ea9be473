"""Evidence -> Verdict: the pure judgements that let a rollout go on, or stop it.

No data is never healthy, and a verdict is never guessed: what cannot be told yet is `Running`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from vmssplan.durations import format_duration

if TYPE_CHECKING:
    from vmssplan.model import Counting, Health


class Verdict(StrEnum):
    """What a gate says."""

    RUNNING = "Running"
    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one measuring said; `detail` is one line for people, without anything secret.

    `Running` is no answer of a measurement.
    """

    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class HealthEvidence:
    """What is known of one upgraded instance: since when it is to become healthy, and is.

    `healthy_since` is None while it is not healthy, and after any break in the observation.
    """

    upgraded_at: datetime
    healthy_since: datetime | None


def health_verdict(evidence: HealthEvidence, health: Health, now: datetime) -> Verdict:
    """Judge one instance.

    Successful after `min_healthy_time` without a break; Failed when it is not healthy at the
    deadline. An instance that became healthy before the deadline may finish its time after it.
    """
    if evidence.healthy_since is not None:
        is_proven = now - evidence.healthy_since >= health.min_healthy_time
        return Verdict.SUCCESSFUL if is_proven else Verdict.RUNNING
    is_late = now >= evidence.upgraded_at + health.deadline
    return Verdict.FAILED if is_late else Verdict.RUNNING


def next_verdict_at(evidence: HealthEvidence, health: Health) -> datetime:
    """Return when the verdict can change by the passing of time alone."""
    if evidence.healthy_since is not None:
        return evidence.healthy_since + health.min_healthy_time
    return evidence.upgraded_at + health.deadline


@dataclass(frozen=True, slots=True)
class Tally:
    """All that has to be kept of what a gate measured since it began.

    `failures` and `inconclusives` are over the whole gate. A row of successes is broken by any
    other answer, a row of errors too. `first_at` and `last_at` are when the first and the last
    measuring ended, None before the first; `last_detail` is what the last one said.
    """

    successes_in_row: int = 0
    failures: int = 0
    inconclusives: int = 0
    errors_in_row: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    last_detail: str = ""

    def after(self, measurement: Measurement, at: datetime) -> Tally:
        """Return the Tally with one more measurement, which ended at that time.

        `Running` is no answer, so it counts as Inconclusive: it must never pass a gate.
        """
        past = replace(self, successes_in_row=0, errors_in_row=0, first_at=self.first_at or at)
        seen = replace(past, last_at=at, last_detail=measurement.detail)
        match measurement.verdict:
            case Verdict.SUCCESSFUL:
                return replace(seen, successes_in_row=self.successes_in_row + 1)
            case Verdict.FAILED:
                return replace(seen, failures=self.failures + 1)
            case Verdict.INCONCLUSIVE | Verdict.RUNNING:
                return replace(seen, inconclusives=self.inconclusives + 1)
            case Verdict.ERROR:
                return replace(seen, errors_in_row=self.errors_in_row + 1)
        assert_never(measurement.verdict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A Verdict, and why, in one line for people."""

    verdict: Verdict
    reason: str


def gate_verdict(tally: Tally, counting: Counting) -> Judgement:
    """Judge a gate by all it has measured.

    A limit is what is tolerated: one more stops the gate. Judged in this order, so that what
    stops comes before what passes: more than `failure_limit` failed is Failed; more than
    `consecutive_error_limit` errors in a row is Error; more than `inconclusive_limit` is
    Inconclusive; `consecutive_successes` in a row is Successful; when the next measurement would
    begin later than `deadline` after the first, it is Error, because what is known proves neither;
    anything else, also nothing measured at all, is Running.

    The first verdict other than Running is the gate's: it is not measured again. Whoever wants
    it asked afresh starts with an empty Tally.
    """
    stopped = (
        (Verdict.FAILED, "failed", tally.failures, counting.failure_limit),
        (Verdict.ERROR, "errors in a row", tally.errors_in_row, counting.consecutive_error_limit),
        (Verdict.INCONCLUSIVE, "inconclusive", tally.inconclusives, counting.inconclusive_limit),
    )
    for verdict, word, count, tolerated in stopped:
        if count > tolerated:
            allowed = f"at most {tolerated}" if tolerated else "none"
            return Judgement(verdict, f"{count} {word}, {allowed} tolerated: {tally.last_detail}")
    wanted = max(1, counting.consecutive_successes)  # nothing measured never passes
    if tally.successes_in_row >= wanted:
        in_row = " in a row" if wanted > 1 else ""
        reason = f"{tally.successes_in_row} successful{in_row}: {tally.last_detail}"
        return Judgement(Verdict.SUCCESSFUL, reason)
    if tally.first_at is None or tally.last_at is None:
        return Judgement(Verdict.RUNNING, "not measured yet")
    if tally.last_at + counting.interval > tally.first_at + counting.deadline:
        limit = format_duration(counting.deadline)
        return Judgement(Verdict.ERROR, f"not passed within {limit}: {tally.last_detail}")
    reason = f"{tally.successes_in_row} of {wanted} successful in a row: {tally.last_detail}"
    return Judgement(Verdict.RUNNING, reason)


def next_measurement_at(tally: Tally, counting: Counting, begun_at: datetime) -> datetime:
    """Return when a gate that is Running measures next.

    First `initial_delay` after the gate began, then `interval` after the end of the last one, so
    that a slow measuring never overlaps with the next.
    """
    if tally.last_at is None:
        return begun_at + counting.initial_delay
    return tally.last_at + counting.interval
