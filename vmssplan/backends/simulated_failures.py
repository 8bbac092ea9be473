"""What a simulated world refuses, in our errors, by status as the wire doors do."""

from __future__ import annotations

from contextlib import contextmanager
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
    from collections.abc import Iterator


@contextmanager
def translated(*, is_read: bool, when_forbidden: str | None = None) -> Iterator[None]:
    """Turn what the world raises into our errors; a read whose fate is unknown did no harm."""
    try:
        yield
    except ArmError as error:
        raise _refused(error, is_read=is_read, when_forbidden=when_forbidden) from error
    except ConnectionBroken as error:
        kind = ServiceUnavailable if is_read else OutcomeUnknown
        raise kind("ConnectionLost", str(error)) from error


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
