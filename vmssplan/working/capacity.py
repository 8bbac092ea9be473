"""Carries a change of the capacity out: one write, and then the set has to get there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.engine.evidence import SETTLE_TIME
from vmssplan.errors import ExitCode
from vmssplan.model import BUSY_STATES, FAILED, AzureError, OperationStatus
from vmssplan.operating import scaling_refusal
from vmssplan.ports import InstanceWork
from vmssplan.working.asking import Asker, Sent
from vmssplan.working.values import Ended, NoteKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from vmssplan.model import Instance, OperationReport, ScaleSet

_NO_REASON = AzureError("ProvisioningFailed", "no reason was given")


@dataclass(slots=True)
class CapacityWork:
    """One change of the capacity; `waits` False: it is not followed."""

    asker: Asker
    service: InstanceWork
    capacity: int
    waits: bool = True
    done: list[str] = field(default_factory=list)
    failed: dict[str, AzureError] = field(default_factory=dict)

    async def run(self) -> None:
        """Do it; raises Ended where it ends before."""
        began = self.asker.clock.now()
        while True:
            self.asker.check_cancel()
            live = await self.asker.look()
            self._check(live)
            if live.provisioning_state in BUSY_STATES:
                await self.asker.wait_for("another operation runs on the scale set", began)
                continue
            sent = await self._send(live)
            if sent is None:
                continue
            if not self.waits and not sent.is_in_doubt:
                return
            if await self._follow({one.vm_id for one in live.instances}, sent):
                return

    def _check(self, live: ScaleSet) -> None:
        """End where the set is another by now, or the floor would not hold any more."""
        operation, count = self.asker.operation, len(live.instances)
        if count != operation.total:
            why = f"the set had {operation.total} instances, and has {count} now"
            raise Ended(ExitCode.STALE, why)
        source = operation.health.source
        refused = scaling_refusal(live, self.capacity, operation.floor, source)
        if refused is not None:
            raise Ended(ExitCode.REFUSED, refused)

    async def _send(self, live: ScaleSet) -> Sent | None:
        operation, etag = self.asker.operation, live.etag
        what = f"scale from {operation.total} to {self.capacity} instances"
        self.asker.note(NoteKind.REQUEST, what)
        return await self.asker.send(
            lambda: self.service.write_capacity(operation.target, self.capacity, etag)
        )

    async def _follow(self, known: set[str], sent: Sent) -> bool:
        """Wait until the set is as wanted; False when the request turns out never to have come."""
        asker, operation = self.asker, self.asker.operation
        report = await asker.until_over(sent.handle) if sent.handle else None
        over_at = asker.clock.now()
        since: Mapping[str, datetime] = {}
        while True:
            live = await asker.look()
            now, count = asker.clock.now(), len(live.instances)
            new = [one for one in live.instances if one.vm_id not in known]
            source = operation.health.source
            since = {
                one.vm_id: since.get(one.vm_id, now) for one in new if one.is_in_service(source)
            }
            if live.provisioning_state in BUSY_STATES:
                over_at = now
            elif count == self.capacity and self._are_well(new, since, now):
                self.done += [one.instance_id for one in new]
                ids = tuple(one.instance_id for one in new)
                told = f"; new and in service: {', '.join(ids)}" if ids else ""
                asker.note(NoteKind.DONE, f"the set has {count} instances{told}", None, ids)
                return True
            else:
                self._check_failed(new, report)
                is_unchanged = count == operation.total and not new
                if sent.is_in_doubt and is_unchanged and now >= sent.at + SETTLE_TIME:
                    return False
            asker.check_cancel()
            self._check_patience(now - over_at >= operation.health.deadline, count)
            await asker.rest()

    def _are_well(self, new: list[Instance], since: Mapping[str, datetime], now: datetime) -> bool:
        least = now - self.asker.operation.health.min_healthy_time
        return all(one.vm_id in since and since[one.vm_id] <= least for one in new)

    def _check_failed(self, new: list[Instance], report: OperationReport | None) -> None:
        for one in new:
            if one.provisioning_state == FAILED and one.instance_id not in self.failed:
                error = one.error or _NO_REASON
                self.failed[one.instance_id] = error
                text = f"{one.instance_id} failed: {error}"
                self.asker.note(NoteKind.FAILED, text, None, (one.instance_id,))
        if self.failed:
            names = ", ".join(self.failed)
            raise Ended(ExitCode.INSTANCE_FAILED, f"new instances failed: {names}")
        if report is not None and report.status is not OperationStatus.SUCCEEDED:
            raise Ended(
                ExitCode.INSTANCE_FAILED, f"scaling failed: {report.error or report.status}"
            )

    def _check_patience(self, is_too_late: bool, count: int) -> None:  # noqa: FBT001 - private
        if is_too_late:
            limit = format_duration(self.asker.operation.health.deadline)
            why = f"{count} instances instead of {self.capacity} in service, {limit} after it ended"
            raise Ended(ExitCode.GATE, why)
