"""Azure's errors -> ours, in one place: by status, and by whether a request may have been done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
)

from vmssplan.backends.azure.answers import retry_after_of
from vmssplan.errors import (
    Conflict,
    EtagChanged,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
    UsageInvalid,
    VmssplanError,
)
from vmssplan.permissions import CHECK

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def translated(*, is_read: bool, when_forbidden: str | None = None) -> Iterator[None]:
    """Turn what azure raises into our errors; a read whose fate is unknown did no harm.

    `when_forbidden` is the hint for a permission that is missing.
    """
    try:
        yield
    except HttpResponseError as error:
        raise _refused(error, is_read=is_read, when_forbidden=when_forbidden) from error
    except ServiceRequestError as error:
        if isinstance(error.__cause__, aiohttp.ClientSSLError):
            raise UsageInvalid(
                f"the server's certificate is not trusted: {error.message}",
                hint="give its certificate authority with --ca-file",
            ) from error
        kind = ServiceUnavailable if is_read or _was_never_sent(error) else OutcomeUnknown
        raise kind("ConnectionFailed", error.message) from error
    except AzureError as error:
        kind = ServiceUnavailable if is_read else OutcomeUnknown
        raise kind("ConnectionLost", error.message) from error


def _was_never_sent(error: ServiceRequestError) -> bool:
    """Tell whether no byte of the request can have left.

    azure-core also reports a connection that breaks later as a request error.
    """
    return isinstance(error, ServiceRequestTimeoutError) or isinstance(
        error.__cause__, aiohttp.ClientConnectorError
    )


def _refused(
    error: HttpResponseError, *, is_read: bool, when_forbidden: str | None
) -> VmssplanError:
    """Return our error for an answer with an error status, by that status."""
    code, message = _code_and_message(error)
    answer: Any = error.response
    retry_after = retry_after_of(answer.headers) if answer is not None else None
    if isinstance(error, ClientAuthenticationError):
        # The service refused the token, or no credential works here, whatever its status.
        return NotPermitted(f"{code}: {message}", hint="log in, for example with: az login")
    match error.status_code:
        case 401 | 403:
            return NotPermitted(f"{code}: {message}", hint=when_forbidden or CHECK)
        case 404:
            return NotFound(f"{code}: {message}")
        case 409:
            return Conflict(code, message, retry_after=retry_after)
        case 412:
            return EtagChanged(code, message)
        case 429:
            return Throttled(code, message, retry_after=retry_after)
        case int() as status if 400 <= status < 500:  # noqa: PLR2004 - HTTP's client errors
            return RequestRejected(code, message)
        case _:
            kind = ServiceUnavailable if is_read else OutcomeUnknown
            return kind(code, message, retry_after=retry_after)


def _code_and_message(error: HttpResponseError) -> tuple[str, str]:
    """Return Azure's own code and text, from the ARM error body where there is one."""
    inner = error.error
    if inner is not None and inner.code:
        return str(inner.code), str(inner.message or "")
    return error.reason or "Unknown", error.message
