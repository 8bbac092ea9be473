"""Operation x what is live now -> what may be requested, and what has come of what was. Pure.

Asked again with every look, so that the floor is held by what is true now and not by what was
true when somebody looked at a preview.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from vmssplan.model import BUSY_STATES, FAILED
from vmssplan.operating.computing import (
    admitted,
    is_protected,
    leave_reason,
    touches_availability,
)
from vmssplan.operating.values import Left, Operation, Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.model import Instance, ScaleSet

GONE = "no longer in the scale set"


@dataclass(frozen=True, slots=True)
class Turn:
    """What of a batch may be requested now; `left` are those it is no longer for.

    `waits_for` says why nothing may; empty when something may, or nothing is left to do.
    `is_floor`: it is the floor that forbids it.
    """

    send: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    waits_for: str = ""
    is_floor: bool = False


class Verdict(StrEnum):
    """What has come of one instance."""

    REACHED = "reached"
    WORKED_ON = "workedOn"
    NOT_YET = "notYet"
    FAILED = "failed"


def next_turn(operation: Operation, pending: Sequence[str], live: ScaleSet) -> Turn:
    """Return what may be requested of these instances of the Operation, on the set as it is."""
    source, known = operation.health.source, live.by_id()
    left: list[Left] = []
    candidates: list[Instance] = []
    for instance_id in pending:
        one = known.get(instance_id)
        if one is None or one.vm_id != operation.by_id[instance_id].vm_id:
            left.append(Left(instance_id, GONE))
        elif not one.is_busy:
            reason = leave_reason(operation.verb, one, operation.protection)
            if reason is None:
                candidates.append(one)
            else:
                left.append(Left(instance_id, reason))
    is_waiting = len(pending) > len(left)
    if live.provisioning_state in BUSY_STATES:
        why = "another operation runs on the scale set" if is_waiting else ""
        return Turn(left=tuple(left), waits_for=why)
    serving = live.in_service_count(source)
    room = serving - operation.floor
    chosen = tuple(candidates)
    if touches_availability(operation.verb):
        chosen = admitted(candidates, len(candidates), room, source)
    send = tuple(one.instance_id for one in chosen)
    if send or not is_waiting:
        return Turn(send, tuple(left))
    if not candidates:
        return Turn(left=tuple(left), waits_for="another operation works on what is left to do")
    why = f"{serving} of {len(live.instances)} in service, and the floor is {operation.floor}"
    return Turn(left=tuple(left), waits_for=why, is_floor=True)


def verdict_of(operation: Operation, instance_id: str, live: ScaleSet) -> Verdict:
    """Tell how an instance stands that was operated on; of one that came back, that it serves."""
    one = live.by_id().get(instance_id)
    if one is None or one.vm_id != operation.by_id[instance_id].vm_id:
        return Verdict.REACHED if operation.verb is Verb.DELETE else Verdict.FAILED
    if one.is_busy:
        return Verdict.WORKED_ON
    if one.provisioning_state == FAILED:
        return Verdict.FAILED
    return Verdict.REACHED if _is_there(operation, one) else Verdict.NOT_YET


def _is_there(operation: Operation, one: Instance) -> bool:
    match operation.verb:
        case Verb.START | Verb.RESTART | Verb.REIMAGE | Verb.UPGRADE:
            return one.is_in_service(operation.health.source)
        case Verb.STOP:
            return one.power_state in ("stopped", "deallocated")
        case Verb.DEALLOCATE:
            return one.power_state == "deallocated"
        case Verb.PROTECT:
            return operation.protection is None or is_protected(one, operation.protection)
        case Verb.DELETE | Verb.SCALE | Verb.SET_MODEL:
            return False
    assert_never(operation.verb)
