"""Sends the first request of a long-running operation, and tells where its status is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError

from vmssplan.backends.azure.answers import Heard
from vmssplan.backends.azure.failures import translated
from vmssplan.ports import OperationHandle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_ACCEPTED = 202


async def started(
    begin: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any
) -> OperationHandle | None:
    """Send the first request of a long-running operation; None when it was done at once."""
    heard = Heard()
    with translated(is_read=False):
        try:
            await begin(*arguments, polling=False, raw_response_hook=heard, **options)
        except HttpResponseError as error:
            # The SDK takes only 200 for a PATCH, the service has also answered 202.
            if error.status_code != _ACCEPTED:
                raise
    headers = heard.last_headers()
    address = headers.get("Azure-AsyncOperation") or headers.get("Location")
    if not address:
        return None
    return OperationHandle(urlsplit(address).path.rpartition("/")[2], address)
