"""The one error the simulated service raises: an Azure Resource Manager error.

Every door turns it into what its client sees: an HTTP error body over the wire, the same
code and message for a direct caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One entry of an ARM error's `details`: Azure's code, text, and what it is about."""

    code: str
    message: str
    target: str | None = None


class ArmError(Exception):
    """A request refused by the service, with the HTTP status and ARM error code it answers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: tuple[ErrorDetail, ...] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = details
        self.retry_after = retry_after

    @property
    def detail(self) -> ErrorDetail:
        """The same, as what makes an operation fail that was let in already."""
        return ErrorDetail(self.code, self.message)


class ScenarioError(Exception):
    """A scenario file that cannot be used; the message says where and what was expected."""


class ConnectionBroken(Exception):
    """The client gets no whole answer (a fault), and cannot tell what became of its request."""


class RequestLost(ConnectionBroken):
    """The request was not carried out: it never arrived."""


class ReplyLost(ConnectionBroken):
    """The request was carried out, but its reply never reaches the client, or not whole."""
