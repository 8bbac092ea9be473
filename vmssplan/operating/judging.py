"""One request and the looks after it -> who is as wanted, who failed, who was never reached.

Pure but for its memory of earlier looks: time is an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vmssplan.batching import natural_order
from vmssplan.model import BUSY_STATES, AzureError, OperationReport, OperationStatus
from vmssplan.operating.deciding import GONE, Verdict, verdict_of
from vmssplan.operating.values import COMING_BACK, Operation

if TYPE_CHECKING:
    from vmssplan.model import ScaleSet

_NO_REASON = AzureError("NotDone", "the operation ended without it, and gave no reason")


@dataclass(slots=True)
class Judging:
    """The instances of one request, until each of them is settled.

    `over_at` is when none was at work any more, as far as was seen. `report` is how the operation
    ended; None when nobody knows.
    """

    operation: Operation
    open: set[str]
    report: OperationReport | None
    over_at: datetime
    _verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    _at_work: set[str] = field(default_factory=set)
    _since: dict[str, datetime] = field(default_factory=dict)

    def see(self, live: ScaleSet, now: datetime) -> None:
        """Take in a look."""
        ids = sorted(self.open, key=natural_order)
        self._verdicts = {i: verdict_of(self.operation, i, live) for i in ids}
        working = {i for i, verdict in self._verdicts.items() if verdict is Verdict.WORKED_ON}
        self._at_work |= working
        if working or live.provisioning_state in BUSY_STATES:
            self.over_at = now
        for instance_id, verdict in self._verdicts.items():
            if verdict is Verdict.REACHED:
                self._since.setdefault(instance_id, now)
            else:
                self._since.pop(instance_id, None)

    @property
    def is_at_work(self) -> bool:
        """True while any of them is being operated on."""
        return Verdict.WORKED_ON in self._verdicts.values()

    def take_unreached(self) -> frozenset[str]:
        """Let go of those the request never reached, for all that was seen, and return them.

        For a request whose reply was lost. Who serves as before may not have been restarted, so
        being as wanted proves nothing where instances come back.
        """
        proves = self.operation.verb not in COMING_BACK
        unreached = frozenset(
            i
            for i, verdict in self._verdicts.items()
            if i not in self._at_work and not (proves and verdict is Verdict.REACHED)
        )
        self._let_go(unreached)
        return unreached

    def take_reached(self, now: datetime) -> tuple[str, ...]:
        """Let go of those that are as wanted, for long enough where they have to serve again."""
        least = timedelta(0)
        if self.operation.verb in COMING_BACK:
            least = self.operation.health.min_healthy_time
        done = (i for i, since in self._since.items() if now - since >= least)
        reached = tuple(sorted(done, key=natural_order))
        self._let_go(reached)
        return reached

    def take_failed(self, live: ScaleSet) -> Mapping[str, AzureError]:
        """Let go of those that failed, each with Azure's error for it."""
        is_good = self.report is None or self.report.status is OperationStatus.SUCCEEDED
        errors = dict(self.report.instance_errors) if self.report else {}
        general = self.report.error if self.report else None
        failed: dict[str, AzureError] = {}
        for instance_id, verdict in self._verdicts.items():
            is_left = verdict is Verdict.NOT_YET and not is_good
            if instance_id not in self.open or not (verdict is Verdict.FAILED or is_left):
                continue
            one = live.by_id().get(instance_id)
            seen = one.error if one else AzureError("Gone", GONE)
            failed[instance_id] = errors.get(instance_id) or seen or general or _NO_REASON
        self._let_go(failed)
        return failed

    def _let_go(self, ids: frozenset[str] | tuple[str, ...] | Mapping[str, AzureError]) -> None:
        self.open.difference_update(ids)
        self._verdicts = {i: one for i, one in self._verdicts.items() if i in self.open}
        for instance_id in ids:
            self._since.pop(instance_id, None)
