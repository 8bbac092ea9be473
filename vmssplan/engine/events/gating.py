"""Events between batches: gates, hooks, and the wait for an approval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vmssplan.gates import Verdict


@dataclass(frozen=True, slots=True)
class GateMeasured:
    """The gate of that step was measured once."""

    at: datetime
    step: int
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class HookStarted:
    """The program of that step is about to run; without an end in the journal it runs again."""

    at: datetime
    step: int


@dataclass(frozen=True, slots=True)
class HookEnded:
    """The program of that step ended; only Successful lets the Run go on."""

    at: datetime
    step: int
    verdict: Verdict
    detail: str


@dataclass(frozen=True, slots=True)
class ApprovalAwaited:
    """The Run waits for somebody to approve that step."""

    at: datetime
    step: int


GateEvent = GateMeasured | HookStarted | HookEnded | ApprovalAwaited
