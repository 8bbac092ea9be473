"""Every error vmssplan raises on purpose, split by what the operator does next.

    VmssplanError                   exit  what to do next
    ├── UsageInvalid                   1  correct the command
    ├── DocumentInvalid                1  correct the file (a Plan, a Rollout, a scenario)
    ├── StateUnreadable                1  look at the state folder
    ├── NotFound                       1  check the name, or create it
    ├── NotPermitted                   3  log in, or ask for the permission
    ├── RequestRejected                4  read Azure's own code and message
    ├── Refused                        5  change the Plan or the scale set
    ├── RolloutStale                  13  plan again
    ├── LockHeld                      14  wait for the holder
    └── Retryable                      9  wait (the executor does)
        ├── Conflict                   9  another operation runs on the scale set
        ├── Throttled                  9  the request budget is used up
        ├── EtagChanged                9  somebody wrote the model; look again
        ├── ServiceUnavailable         9  the service did not answer properly
        └── OutcomeUnknown             9  the request may have been carried out; look

Anything else that reaches the command line is a bug in vmssplan (exit 255).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

from vmssplan.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta


class ExitCode(IntEnum):
    """What the process answers with; a superset of Terraform's 0, 1 and 2."""

    SUCCESS = 0
    ERROR = 1
    CHANGES = 2
    NOT_PERMITTED = 3
    INSTANCE_FAILED = 4
    REFUSED = 5
    DRIFT = 7
    CANCELLED = 8
    DEADLINE = 9
    PAUSED = 10
    GATE = 11
    ROLLED_BACK = 12
    STALE = 13
    LOCKED = 14
    BUG = 255


class VmssplanError(Exception):
    """The root; `hint` says what to type or change next, where that is known.

    Messages repeat what others said, so no error of ours carries a text that was not redacted.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = redacted(message)
        super().__init__(self.message)
        self.hint = hint


class UsageInvalid(VmssplanError):
    """The command line asks for something that cannot be."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where (1-based line and column), at which key, and what."""

    message: str
    path: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    rule: str = ""
    suggestion: str | None = None

    def __str__(self) -> str:
        """Render as `file:line:column: key.path: message`."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        head = ": ".join(part for part in (place, self.path) if part)
        text = redacted(f"{head}: {self.message}" if head else self.message)
        return f"{text} ({self.suggestion})" if self.suggestion else text


class DocumentInvalid(VmssplanError):
    """A file does not say what it must; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint=hint)
        self.problems = tuple(problems)


class StateUnreadable(VmssplanError):
    """A journal, lock or saved state cannot be read or written."""


class NotFound(VmssplanError):
    """The scale set, image or Run does not exist."""


class NotPermitted(VmssplanError):
    """Authentication failed, or the identity lacks a permission."""

    exit_code = ExitCode.NOT_PERMITTED


class RequestRejected(VmssplanError):
    """Azure refused a request for good; `code` is Azure's own error code."""

    exit_code = ExitCode.INSTANCE_FAILED

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{code}: {message}", hint=hint)
        self.code = code
        self.reason = redacted(message)


class Refused(VmssplanError):
    """A lint, a policy or the availability floor forbids it."""

    exit_code = ExitCode.REFUSED


class RolloutStale(VmssplanError):
    """The live scale set is no longer what the Rollout was computed for."""

    exit_code = ExitCode.STALE


class LockHeld(VmssplanError):
    """Another Run holds the scale set."""

    exit_code = ExitCode.LOCKED


class Retryable(VmssplanError):
    """May succeed later without any change; `retry_after` is the service's own wish, if any."""

    exit_code = ExitCode.DEADLINE

    def __init__(self, code: str, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.reason = redacted(message)
        self.retry_after = retry_after


class Conflict(Retryable):
    """Another operation runs on the scale set (HTTP 409)."""


class Throttled(Retryable):
    """The request budget is used up for now (HTTP 429)."""


class EtagChanged(Retryable):
    """The model was written by somebody since it was read (HTTP 412)."""


class ServiceUnavailable(Retryable):
    """The service could not be reached or answered with a server error; nothing was done."""


class OutcomeUnknown(Retryable):
    """The connection broke after the request was sent: it may or may not have been done."""
