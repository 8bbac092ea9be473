"""What is told while an Operation is carried out, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from vmssplan.errors import ExitCode
from vmssplan.model import AzureError
from vmssplan.operating import Left


class NoteKind(StrEnum):
    """What a Note is about."""

    REQUEST = "request"
    WAITING = "waiting"
    LEFT = "left"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened. `batch` is None where it is about none."""

    at: datetime
    kind: NoteKind
    text: str
    batch: int | None = None
    instance_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkOutcome:
    """How it ended; `waiting` are those that were requested and not awaited to their end."""

    exit_code: ExitCode
    reason: str
    done: tuple[str, ...] = ()
    left: tuple[Left, ...] = ()
    failed: tuple[tuple[str, AzureError], ...] = ()
    waiting: tuple[str, ...] = ()


class Onlooker(Protocol):
    """Somebody who is told what happens."""

    def told(self, note: Note) -> None:
        """Take note."""
        ...


class Ended(Exception):
    """The work ends here; never leaves this package."""

    def __init__(self, code: ExitCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
