"""What a simulated world refuses, in our errors, by status as the wire doors do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_simulator.errors import ArmError, ConnectionBroken
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
    VmssplanError,
)
from vmssplan.permissions import CHECK

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(slots=True)
class translated:  # noqa: N801 - used like a function
    """Turns what the world raises into our errors; a read whose fate is unknown did no harm."""

    is_read: bool
    when_forbidden: str | None = None

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise what the error is in our words, if it is the world's."""
        if isinstance(error, ArmError):
            raise _refused(
                error, is_read=self.is_read, when_forbidden=self.when_forbidden
            ) from error
        if isinstance(error, ConnectionBroken):
            unknown = ServiceUnavailable if self.is_read else OutcomeUnknown
            raise unknown("ConnectionLost", str(error)) from error


def _refused(error: ArmError, *, is_read: bool, when_forbidden: str | None) -> VmssplanError:
    """Return our error for an ARM error, by status as the wire doors do.

    A write that ends in a server error may have been carried out all the same.
    """
    match error.status:
        case 401 | 403:
            return NotPermitted(f"{error.code}: {error.message}", hint=when_forbidden or CHECK)
        case 404:
            return NotFound(f"{error.code}: {error.message}")
        case 409:
            return Conflict(error.code, error.message, retry_after=error.retry_after)
        case 412:
            return EtagChanged(error.code, error.message)
        case 429:
            return Throttled(error.code, error.message, retry_after=error.retry_after)
        case status if status >= 500:  # noqa: PLR2004 - server errors
            kind = ServiceUnavailable if is_read else OutcomeUnknown
            return kind(error.code, error.message, retry_after=error.retry_after)
        case _:
            return RequestRejected(error.code, error.message)
