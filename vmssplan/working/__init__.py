"""Carries an Operation out. The shell around `operating`, where all the rules are.

What may be requested is asked of a fresh look before every single request. There is no journal,
because nothing has to be remembered: after a stop or a kill the same command computes anew what is
left to do. `carry_out` never raises for what the service says; that is in the outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.errors import ExitCode, LockHeld, VmssplanError
from vmssplan.operating import Verb
from vmssplan.working.asking import PATIENCE, Asker
from vmssplan.working.batches import BatchWork
from vmssplan.working.capacity import CapacityWork
from vmssplan.working.values import Ended, Note, NoteKind, Onlooker, WorkOutcome

if TYPE_CHECKING:
    from vmssplan.ports import WorkBackend

__all__ = ["PATIENCE", "Asker", "Note", "NoteKind", "Onlooker", "WorkOutcome", "carry_out"]


async def carry_out(asker: Asker, service: WorkBackend, *, waits: bool = True) -> WorkOutcome:
    """Carry the asker's Operation out; raises LockHeld when the set is another's meanwhile.

    `waits` False: it ends once the last request is accepted.
    """
    operation = asker.operation
    capacity = operation.total if operation.capacity is None else operation.capacity
    scaling = CapacityWork(asker, service, capacity, waits)
    batches = BatchWork(asker, service, waits)
    is_scaling = operation.verb is Verb.SCALE
    code, reason = ExitCode.SUCCESS, ""
    try:
        await (scaling.run() if is_scaling else batches.run())
    except Ended as ended:
        code, reason = ended.code, ended.reason
    except LockHeld:
        raise
    except VmssplanError as error:
        code, reason = error.exit_code, error.message
    failed = scaling.failed if is_scaling else batches.failed
    return WorkOutcome(
        code,
        reason,
        tuple(scaling.done if is_scaling else batches.done),
        tuple(batches.left),
        tuple(failed.items()),
        tuple(sorted(batches.waiting)),
    )
