"""What people and other jobs tell a Run from outside: closed, small, and kept with the Run.

An instruction is put beside the journal by whoever gives it, and takes effect when the Run reads
it and writes it into its journal. `key` makes it count once, however often it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Approve:
    """Let the Run pass this approval; `digest` is the Rollout that was approved."""

    key: str
    by: str
    at: datetime
    step: int
    digest: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Say no at this approval."""

    key: str
    by: str
    at: datetime
    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Start nothing more until told to go on."""

    key: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GoOn:
    """Go on after a Hold."""

    key: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Abort:
    """Stop after what is in flight."""

    key: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RollBack:
    """Bring what this Run has changed back to what it was."""

    key: str
    by: str
    at: datetime


Instruction = Approve | Reject | Hold | GoOn | Abort | RollBack
