"""What is told to whom: notifications, the channels they go to, and the port they leave by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from vmssplan.errors import ExitCode
from vmssplan.report.run import Recap

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """What is told."""

    STARTED = "started"
    WAITING_FOR_APPROVAL = "waitingForApproval"
    HALTED = "halted"
    COMPLETED = "completed"
    ROLLED_BACK = "rolledBack"


class Shape(StrEnum):
    """How it is written."""

    GENERIC = "generic"
    SLACK = "slack"
    TEAMS = "teams"


@dataclass(frozen=True, slots=True)
class Channel:
    """Where notifications go; `secret` is None where they are not signed."""

    name: str
    shape: Shape
    address: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    kinds: frozenset[Kind] = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Failed:
    """Instances that failed alike, in Azure's words."""

    instance_ids: tuple[str, ...]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing to tell, without secrets.

    `message_id` is the same for the same happening, however often it is sent. `step` is None
    before the first, `batch` where there is none, `exit_code` while the Run goes on. `commands`
    are what to type next.
    """

    message_id: str
    kind: Kind
    at: datetime
    run: str
    plan: str
    scale_set: str
    scale_set_id: str
    digest: str
    message: str
    is_resumed: bool
    is_way_back: bool
    step: int | None
    steps: int
    batch: int | None
    exit_code: ExitCode | None
    reason: str
    recap: Recap
    floor: int
    failures: tuple[Failed, ...]
    advice: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt; `status` is None when there was no answer, `why` then says why."""

    status: int | None
    why: str = ""
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's

    def __str__(self) -> str:
        """Say it, for a warning: no address, nothing of what was answered."""
        return self.why or f"HTTP {self.status}"


class Courier(Protocol):
    """Carries one notification to one address, once; never raises for what may go wrong there."""

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it, and return what came of it."""
        ...
