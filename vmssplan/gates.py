"""Evidence -> Verdict: the pure judgements that let a rollout go on, or stop it.

No data is never healthy, and a verdict is never guessed: what cannot be told yet is `Running`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmssplan.model import Health


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
