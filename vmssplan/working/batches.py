"""Carries an Operation on instances out, batch by batch, request by request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.engine.evidence import SETTLE_TIME
from vmssplan.engine.stopping import OPERATION_DEADLINE
from vmssplan.errors import ExitCode
from vmssplan.model import AzureError, ScaleSet
from vmssplan.operating import (
    SWITCHES,
    Judging,
    Left,
    Protection,
    Turn,
    Verb,
    next_turn,
    whole_protection,
)
from vmssplan.ports import OperationHandle, WorkBackend
from vmssplan.working.asking import Asker, Sent
from vmssplan.working.values import Ended, NoteKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WANTED = {
    Verb.START: "in service",
    Verb.RESTART: "in service again",
    Verb.REIMAGE: "in service again",
    Verb.STOP: "stopped",
    Verb.DEALLOCATE: "deallocated",
    Verb.DELETE: "deleted",
    Verb.PROTECT: "protected as wanted",
}


@dataclass(slots=True)
class BatchWork:
    """The batches of one Operation; `waits` False: the last request is not followed."""

    asker: Asker
    service: WorkBackend
    waits: bool = True
    done: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    failed: dict[str, AzureError] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Do all of it; raises Ended where it ends before."""
        operation = self.asker.operation
        for number, batch in enumerate(operation.batches, start=1):
            if number > 1 and operation.pause:
                await self.asker.rest(operation.pause)
            await self._work_on(number, batch)

    async def _work_on(self, number: int, batch: Sequence[str]) -> None:
        """Request and follow, until nothing of the batch is left to do."""
        pending = set(batch)
        while pending:
            turn = await self._next_turn([i for i in batch if i in pending])
            for one in turn.left:
                self.left.append(one)
                pending.discard(one.instance_id)
                what = f"left alone: {one.reason}"
                self.asker.note(NoteKind.LEFT, what, number, (one.instance_id,))
            if not turn.send:
                continue
            # Protection is written one by one; everything else goes in one call.
            is_single = self.asker.operation.verb is Verb.PROTECT
            ids = turn.send[:1] if is_single else turn.send
            sent = await self._send(number, ids)
            if sent is None:
                continue
            self.waiting.update(ids)
            pending.difference_update(ids)
            if self._need_not_follow(number, sent, pending):
                continue
            pending |= await self._follow(number, ids, sent)

    def _need_not_follow(self, number: int, sent: Sent, pending: set[str]) -> bool:
        is_last = number == len(self.asker.operation.batches) and not pending
        return not self.waits and is_last and not sent.is_in_doubt

    async def _next_turn(self, pending: Sequence[str]) -> Turn:
        """Look until something may be requested, or nothing is left."""
        asker = self.asker
        began = asker.clock.now()
        while True:
            asker.check_cancel()
            turn = next_turn(asker.operation, pending, await asker.look())
            if not turn.waits_for:
                return turn
            deadline = asker.operation.health.deadline
            if turn.is_floor and asker.clock.now() - began >= deadline:
                why = f"{turn.waits_for}, for {format_duration(deadline)}"
                raise Ended(ExitCode.REFUSED, why)
            await asker.wait_for(turn.waits_for, began)

    async def _send(self, number: int, ids: tuple[str, ...]) -> Sent | None:
        operation, asker = self.asker.operation, self.asker
        protection = Protection()
        if operation.verb is Verb.PROTECT and operation.protection is not None:
            one = (await asker.look()).by_id().get(ids[0])
            if one is None:
                return None
            protection = whole_protection(operation.protection, one)
        what = f"{operation.verb} {', '.join(ids)}"
        asker.note(NoteKind.REQUEST, what, number, ids)
        return await asker.send(lambda: self._request(ids, protection))

    async def _request(
        self, ids: tuple[str, ...], protection: Protection
    ) -> OperationHandle | None:
        verb, target = self.asker.operation.verb, self.asker.operation.target
        if verb in SWITCHES:
            return await self.service.switch_instances(target, SWITCHES[verb], ids)
        if verb is Verb.REIMAGE:
            return await self.service.reimage_instances(target, ids)
        if verb is Verb.DELETE:
            return await self.service.delete_instances(target, ids)
        return await self.service.protect_instance(target, ids[0], protection)

    async def _follow(self, number: int, ids: tuple[str, ...], sent: Sent) -> frozenset[str]:
        """Wait until every instance is settled; return those the request never reached.

        A request whose reply was lost is settled by looking: whoever is seen at work was reached.
        """
        asker = self.asker
        report = await asker.until_over(sent.handle) if sent.handle else None
        is_in_doubt = sent.is_in_doubt or (sent.handle is not None and report is None)
        judging = Judging(asker.operation, set(ids), report, asker.clock.now())
        unreached: frozenset[str] = frozenset()
        while True:
            live = await asker.look()
            now = asker.clock.now()
            judging.see(live, now)
            if is_in_doubt and not judging.is_at_work and now >= sent.at + SETTLE_TIME:
                unreached = judging.take_unreached()
                self.waiting.difference_update(unreached)
                is_in_doubt = False
            if not is_in_doubt:
                self._settle(number, judging, live, now)
                if not judging.open:
                    return unreached
                self._check_patience(judging, now)
            elif now - sent.at >= OPERATION_DEADLINE:
                names = ", ".join(ids)
                raise Ended(ExitCode.DEADLINE, f"{names} are operated on, and it does not end")
            await asker.rest()

    def _settle(self, number: int, judging: Judging, live: ScaleSet, now: datetime) -> None:
        """Note who is as wanted and who failed; ends once somebody failed and nobody is at work."""
        verb = self.asker.operation.verb
        reached = judging.take_reached(now)
        if reached:
            self.done += reached
            self.waiting.difference_update(reached)
            self.asker.note(NoteKind.DONE, WANTED[verb], number, reached)
        for instance_id, error in judging.take_failed(live).items():
            self.failed[instance_id] = error
            self.waiting.discard(instance_id)
            self.asker.note(NoteKind.FAILED, f"failed: {error}", number, (instance_id,))
        if self.failed and not judging.is_at_work:
            names = ", ".join(self.failed)
            raise Ended(ExitCode.INSTANCE_FAILED, f"{verb} of {names} failed")

    def _check_patience(self, judging: Judging, now: datetime) -> None:
        self.asker.check_cancel()
        operation = self.asker.operation
        if now - judging.over_at >= operation.health.deadline:
            names, limit = (
                ", ".join(sorted(judging.open)),
                format_duration(operation.health.deadline),
            )
            raise Ended(ExitCode.GATE, f"{names} not {WANTED[operation.verb]} within {limit}")
